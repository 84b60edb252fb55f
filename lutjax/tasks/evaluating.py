"""Reprinting every figure of saved artefacts against their sources."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tqdm

from lutjax import config as config_lib
from lutjax import errors, files, models
from lutjax.data import images
from lutjax.fit import fleet, runs
from lutjax.tasks import experiment, fitting, gamut, looks, pairs, scoring, shipping

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


# Statistics over all looks, with their headings.
SUMMARY = {
  'mean_of_means': 'mean of means',
  'mean_of_medians': 'mean of medians',
  'p95_of_means': 'p95 of means',
  'max_of_means': 'worst mean',
  'max_of_maxima': 'max',
}


def task_config(
  model: str, assignments: Sequence[str], sources: experiment.Sources
) -> Any:
  """Returns the task that a model's run was given, or the usual one.

  A model that was fitted to LUTs can be scored on pictures, and the other way
  round.

  Args:
    model: Run folder, or an artefact in one or anywhere.
    assignments: `key=value` overrides.
    sources: LUTs, or pictures.

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
  if sources.pairs:
    found = pairs.from_looks(found)
  elif isinstance(found, pairs.Config):
    found = looks.Config(together=found.together)
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
    extra = list(record['looks'])[len(names) :]
    for name, stats in zip([*names, *extra], record['looks'].values()):
      found[name] = stats | {'size_bytes': item.size_bytes / len(names)}
  if not found:
    raise errors.InputError(
      f'--model={model}: none of its looks is among the sources: {problems[-1]}'
    )
  figures = {
    'model': model,
    'size_bytes': sum(item.size_bytes for item in opened),
    'names_bytes': sum(_names_bytes(item) for item in opened),
    'looks': found,
  }
  return figures, problems


def render(figures: Mapping[str, Any]) -> str:
  """Returns the figures as Markdown, looks sorted worst first."""
  if 'images' in figures:
    return gamut.render(figures)
  found = figures['looks']
  records = list(found.values())
  columns = [c for c in _COLUMNS if all(c[0] in record for record in records)]
  everywhere = all('nodes_cie76_mean' in record for record in records)
  lines = [
    f'{len(found)} looks, {figures["size_bytes"]:,} bytes, of which '
    f'{figures["names_bytes"]:,} hold the names',
    '',
    *([*_summary(records), ''] if everywhere else []),
    f'{"Uniform random colours" if everywhere else "The pixels"}, worst look first:',
    '',
    '| look | ' + ' | '.join(head for _, head, _ in columns) + ' |',
    '|---' * (len(columns) + 1) + '|',
  ]
  ranked = sorted(found.items(), key=lambda item: -item[1]['cie76_mean'])
  for name, stats in ranked:
    cells = [f'{stats[key]:.{digits}f}' for key, _, digits in columns]
    lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
  means = [
    f'{sum(stats[key] for stats in found.values()) / len(found):.{digits}f}'
    for key, _, digits in columns
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


def _summary(records: Sequence[Mapping[str, Any]]) -> list[str]:
  """Returns the statistics over all looks, a row for each set of colours."""
  sets = {'uniform colours': '', 'lattice nodes': 'nodes_', "a photo's": 'photo_'}
  lines = [
    '| over looks | ' + ' | '.join(SUMMARY.values()) + ' |',
    '|---' * (len(SUMMARY) + 1) + '|',
  ]
  for measure, label in (('cie76', 'CIE76'), ('ciede2000', 'CIEDE2000')):
    for name, prefix in sets.items():
      summary = scoring.summarize(records, f'{prefix}{measure}')
      cells = [f'{getattr(summary, key):.3f}' for key in SUMMARY]
      lines.append(f'| {label}, {name} | ' + ' | '.join(cells) + ' |')
  return lines


def _names_bytes(item: shipping.Model) -> int:
  """Returns what the names take in an artefact that tells, else nothing."""
  module = models.module_of(item.loaded.config)
  if not hasattr(module, 'names_bytes'):
    return 0
  return module.names_bytes(item.loaded.config)


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
