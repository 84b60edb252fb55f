"""Scoring models that restore pictures: folders in, tables and pictures out."""

import os
import pathlib
from collections.abc import Callable

from lutjax import errors, experiment
from lutjax.commands import scorecard, selection
from lutjax.data import listing
from lutjax.report import canvas
from lutjax.restoration import evaluation, image_sets, score_plots, score_table

# Of what is written beside X.json and X.md.
_CSV, _PARTS, _SIZES = '.csv', '-parts.png', '-sizes.png'


def check_out(out: str | os.PathLike, *, overwrite: bool = False) -> None:
  """Raises an error, before any work is done, if `write` would replace a file.

  Args:
    out: `X.json`, or a folder; see `scorecard.check_out`.
    overwrite: Whether files that are there may be replaced.

  Raises:
    InputError: when one is there.
  """
  endings = (_CSV, _PARTS, _SIZES)
  scorecard.check_out(out, endings=endings, overwrite=overwrite)


def evaluate(
  model: str,
  config: evaluation.Config,
  sources: experiment.Sources,
  *,
  say: Callable[[str], None] = print,
) -> evaluation.Evaluation:
  """Scores a model that restores pictures, beside rivals that do.

  Args:
    model: See `selection.open_models`.
    config: What is scored.
    sources: Its `images` are folders of originals; or its `pairs` LR,HR folders.
    say: Told what is skipped or converted.

  Returns:
    Figures, a line for all that could not be scored, and pictures.

  Raises:
    InputError: when nothing could be scored, or a flag does not fit.
  """
  if bool(sources.images) == bool(sources.pairs):
    raise errors.InputError(
      f'--model={model}, which restores pictures: expected one of --images=HR, which '
      'is degraded here, and --pairs=LR,HR'
    )
  paths = [model, *listing.split(config.rivals)]
  opened = [selection.find_restorer(path) for path in paths]
  if len({item.path.resolve() for item in opened}) < len(opened):
    raise errors.InputError(
      f'--set=rivals={config.rivals}: found a model twice, expected others'
    )
  names = [selection.name_of(item) for item in opened]
  taken = {*evaluation.TAKEN, *(name for name in names if names.count(name) > 1)}
  ours, *rivals = (
    evaluation.Method(path if name in taken else name, 'rival' if i else 'ours', item)
    for i, (path, name, item) in enumerate(zip(paths, names, opened))
  )
  pairs = bool(sources.pairs)
  first, *_ = evaluation.degradations_of(ours, config, pairs=pairs)
  if pairs:
    sets, problems = image_sets.of_pairs(sources.pairs, first.scale, say)
  else:
    sets, problems = image_sets.of_originals(sources.images, say)
  found = evaluation.evaluate(ours, rivals, config, sets, pairs=pairs, say=say)
  return found._replace(problems=[*problems, *found.problems])


def write(
  found: evaluation.Evaluation,
  text: str,
  out: str | os.PathLike,
  *,
  overwrite: bool = False,
) -> pathlib.Path:
  """Writes figures as JSON, Markdown and CSV, and pictures.

  Args:
    found: From `evaluate`.
    text: The figures as Markdown.
    out: See `check_out`.
    overwrite: Whether files that are there may be replaced.

  Returns:
    The path of the JSON file.
  """
  more = {
    _CSV: score_table.to_csv(found.figures).encode(),
    _PARTS: canvas.to_png(score_plots.parts(found.shown)),
    _SIZES: canvas.to_png(score_plots.sizes(found.figures)),
  }
  figures = score_table.finite(found.figures)
  return scorecard.write(figures, text, out, more=more, overwrite=overwrite)
