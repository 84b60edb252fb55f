"""Reprinting every figure of saved artefacts against their sources."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tqdm

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.data import images
from lutjax.fit import fleet, runs
from lutjax.tasks import experiment, fitting, gamut, looks, shipping

# Columns of the printed table: statistic, heading, decimals.
_COLUMNS = (
  ('psnr', 'PSNR dB', 2),
  ('cie76_mean', 'CIE76 mean', 3),
  ('cie76_median', 'median', 3),
  ('cie76_p90', 'p90', 3),
  ('cie76_max', 'max', 2),
  ('ciede2000_mean', 'CIEDE2000 mean', 3),
  ('ciede2000_max', 'max', 2),
  ('grid_cie76_mean', 'grid of equal bytes, CIE76 mean', 3),
)


def task_config(model: str, assignments: Sequence[str]) -> Any:
  """Returns the task that a model's run was given, or the usual one.

  Args:
    model: Run folder, or an artefact in one or anywhere.
    assignments: `key=value` overrides.

  Raises:
    InputError: when `run.json` is damaged or an assignment does not fit.
  """
  path = pathlib.Path(model)
  found: Any = looks.Config()
  if path.suffix.lower() in images.EXTENSIONS:
    found = gamut.Config()
  for folder in (path, path.parent, path.parent.parent):
    if (folder / runs.RECORD).is_file():
      record = runs.read_record(folder)
      source = str(folder / runs.RECORD)
      found = config_lib.from_dict(record['config'].get('task'), source)
      if not dataclasses.is_dataclass(found):
        raise errors.InputError(f'{source}: found no task, expected that of a run')
      break
  return config_lib.override(found, assignments)


def evaluate(
  model: str,
  config: Any,
  sources: experiment.Sources,
  *,
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], Sequence[str]]:
  """Scores artefacts against the looks that they were fitted to.

  Args:
    model: Artefact or run folder.
    config: Of the task.
    sources: The looks, matched by name; one look serves one model whatever
      its name.
    say: Told what is skipped.

  Returns:
    The figures, and one line for each look without a source.

  Raises:
    InputError: when nothing matches.
  """
  task = fitting.task_of(config)
  if hasattr(task, 'evaluate'):
    return task.evaluate(model, config, sources, say=say)
  gathered = task.gather(config, sources, say)
  opened = shipping.find_models(model)
  score = task.scorer(config, gathered)
  found, problems = {}, [*gathered.problems]
  for item in tqdm.tqdm(opened, unit='model', disable=len(opened) < 2):
    names = [label.name for label in item.loaded.config.looks]
    job, missing = _job_for(item, gathered, alone=len(opened) == 1)
    if job is None:
      problems.append(f'{item.path}: no source for {", ".join(missing)}')
      continue
    sources_of = gathered.labels[job.name]
    if [s.domain for s in sources_of] != [o.domain for o in item.loaded.config.looks]:
      problems.append(f'{item.path}: found a source of another domain')
      continue
    record = score(item.path.read_bytes(), job)
    for name, stats in zip(names, record['looks'].values()):
      found[name] = stats | {'size_bytes': item.size_bytes / len(names)}
  if not found:
    raise errors.InputError(
      f'--model={model}: none of its looks is among the sources: {problems[-1]}'
    )
  total = sum(item.size_bytes for item in opened)
  return {'model': model, 'size_bytes': total, 'looks': found}, problems


def render(figures: Mapping[str, Any]) -> str:
  """Returns the figures as Markdown, looks sorted worst first."""
  if 'images' in figures:
    return gamut.render(figures)
  found = figures['looks']
  heads = [head for _, head, _ in _COLUMNS]
  lines = [
    f'{len(found)} looks, {figures["size_bytes"]:,} bytes; uniform random colours',
    '',
    '| look | ' + ' | '.join(heads) + ' |',
    '|---' * (len(heads) + 1) + '|',
  ]
  ranked = sorted(found.items(), key=lambda item: -item[1]['cie76_mean'])
  for name, stats in ranked:
    cells = [f'{stats[key]:.{digits}f}' for key, _, digits in _COLUMNS]
    lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
  means = [
    f'{sum(stats[key] for stats in found.values()) / len(found):.{digits}f}'
    for key, _, digits in _COLUMNS
  ]
  lines.append('| **mean over looks** | ' + ' | '.join(means) + ' |')
  return '\n'.join(lines) + '\n'


def write(
  figures: Mapping[str, Any], out: str | os.PathLike, *, overwrite: bool = False
) -> pathlib.Path:
  """Writes the figures as JSON and Markdown.

  Args:
    figures: From `evaluate`.
    out: `X.json` gets X.md beside it; any other name is a folder that gets
      `evaluate.json` and `evaluate.md`.
    overwrite: Whether files that are there may be replaced.

  Returns:
    The path of the JSON file.
  """
  path = pathlib.Path(out)
  if path.suffix != '.json':
    path = path / 'evaluate.json'
  content = json.dumps(figures, indent=1, ensure_ascii=False) + '\n'
  files.write_text(path, content, overwrite=overwrite)
  files.write_text(path.with_suffix('.md'), render(figures), overwrite=overwrite)
  return path


def _job_for(
  item: shipping.Model, gathered: experiment.Gathered, *, alone: bool
) -> tuple[fleet.Job | None, Sequence[str]]:
  """Returns the job that holds the looks of a model, and what lacks a source."""
  names = [label.name for label in item.loaded.config.looks]
  for job in gathered.jobs:
    if [label.name for label in gathered.labels[job.name]] == names:
      return job, []
  if alone and len(gathered.jobs) == 1 and len(names) == 1:
    return gathered.jobs[0], []
  return None, [name for name in names if name not in gathered.context]
