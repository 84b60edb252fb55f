"""Scoring a model that predicts lattices of pictures."""

from collections.abc import Callable, Sequence
from typing import Any

from lutjax import config as config_lib
from lutjax import errors, experiment
from lutjax.commands import selection
from lutjax.fit import runs
from lutjax.looks import matching


def evaluate(
  model: str,
  assignments: Sequence[str],
  sources: experiment.Sources,
  *,
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], str, Sequence[str]]:
  """Scores a model beside what does not look at pictures, and what knows them.

  Args:
    model: See `selection.open_models`.
    assignments: `key=value`, fields of the task: that of the run folder that the model
      is in, or the usual one.
    sources: Pictures, as the task takes them.
    say: Told what is skipped.

  Returns:
    The figures; the same as Markdown; a line for each picture that cannot be measured.

  Raises:
    InputError: when nothing can be scored, or a flag does not fit.
  """
  opened = selection.find_grader(model)
  grader = opened.loaded.model.grader
  if grader is None:
    raise ValueError(f'Expected a model with a grader, got {opened.loaded.model.name}.')
  task = grader.task
  folder = matching.run_of(opened.path)
  if folder is not None:
    source = str(folder / runs.RECORD)
    task = config_lib.from_dict(runs.read_record(folder)['config'].get('task'), source)
    if type(task) is not type(grader.task):
      raise errors.InputError(
        f'{source}: found another task than that of {opened.loaded.model.name}'
      )
  task = config_lib.override(task, assignments)
  figures, problems = grader.evaluate(opened.loaded, task, sources, say)
  figures |= {'model': model, 'size_bytes': opened.size_bytes}
  return figures, grader.render(figures), problems
