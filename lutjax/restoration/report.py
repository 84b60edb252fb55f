"""The report on a restoration model, drawn from what its run folder holds."""

import functools
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lutjax import artefacts, experiment, progress
from lutjax.data import pictures
from lutjax.fit import runs
from lutjax.report import crops, page, plots
from lutjax.restoration import preparing
from lutjax.types import Loaded

# Pictures of which a part is drawn.
_DRAWN = 6

_COLUMNS = (
  page.Column('psnr', 'PSNR (dB)', 3, higher_is_better=True, hint='all planes, whole'),
  page.Column('baseline_psnr', 'without a model (dB)', 3, higher_is_better=True),
  page.Column('gain', 'gain (dB)', 3, higher_is_better=True),
)


def write(finished: experiment.Finished) -> pathlib.Path:
  """Writes `report.html` and its pictures.

  Args:
    finished: The run.

  Returns:
    The path of the page.
  """
  settings, folder, records, gathered, problems, load = finished
  task, context = settings.task, gathered.context
  steps = runs.read_segments(folder)
  opened = functools.cache(functools.partial(_open, folder, load))
  process = functools.cache(lambda: _process_of(opened()))
  entries = []
  record = records[0] if records else {}
  for i, picture in enumerate(context.held):
    scores = record.get('pictures', {}).get(picture.name)
    if scores is None:
      why = 'not measured: see the problems' if not record else 'the file has changed'
      entries.append(page.Entry(picture.name, {}, failure=why))
      continue
    draw = None
    if i < _DRAWN:
      draw = functools.partial(_draw, task, picture, scores, process)
    entries.append(page.Entry(picture.name, _row(scores), draw=draw))
  return page.write(
    folder,
    title=f'lutjax: {gathered.system} for {task.degradation}',
    facts=_facts(settings, record, gathered, steps),
    columns=_COLUMNS,
    entries=entries,
    rank='gain',
    figures=[*_curves(steps), *(_levels(opened()) if record else [])],
    problems=problems,
    pictures=settings.pictures,
    noun='pictures',
    remark='Pictures that were held out, restored by the tables that are shipped.'
    if context.trained and len(gathered.inputs) > 1
    else 'The one picture that was trained on.',
    progress=functools.partial(progress.bar, desc='pictures', unit='picture'),
  )


def _facts(
  settings: experiment.Experiment,
  record: Mapping[str, Any],
  gathered: experiment.Gathered,
  steps: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
  task, fit, context = settings.task, settings.fit, gathered.context
  facts = {
    'System': gathered.system,
    'Restores': str(task.degradation),
    'Pictures': f'{context.trained} to train on, {len(context.held)} held out',
    'Planes': f'{task.planes}{", of pictures halved" if task.halve else ""}; '
    f'{context.pool}',
    'Steps and batch': f'{fit.steps} x {fit.batch_size} patches of {task.patch} x '
    f'{task.patch}',
    'Optimizer': f'{fit.optimizer}, {fit.learning_rate:g}, {fit.schedule}',
    'Training': f'{sum(event.get("seconds", 0.0) for event in steps):.0f} s, without '
    'compiling and measuring',
  }
  if record:
    psnr, plain = (_decibels(record[key]) for key in ('psnr', 'baseline_psnr'))
    facts |= {
      'Bytes': f'{record["size_bytes"]:,} shipped, {record["table_bytes"]:,} of tables '
      'in memory',
      'PSNR': f'{psnr}, {plain} without a model; means over whole pictures',
    }
    if 'compared_pixels' in record:
      facts['Network and tables'] = (
        f'{record["differing_pixels"]} of {record["compared_pixels"]:,} pixels differ'
      )
  return facts


def _decibels(value: float | None) -> str:
  return 'no finite value' if value is None else f'{value:.2f} dB'


def _row(scores: Mapping[str, float | None]) -> dict[str, float]:
  known = {key: math.nan if v is None else v for key, v in scores.items()}
  return known | {'gain': known['psnr'] - known['baseline_psnr']}


def _curves(steps: Sequence[Mapping[str, Any]]) -> list[page.Figure]:
  """Draws loss and validation along the steps."""
  if not steps:
    return []

  points = functools.partial(runs.points, steps)
  validation = plots.curves(
    {'model': points('psnr'), 'without a model': points('baseline_psnr')},
    across='step',
    metric='PSNR of held-out patches, dB',
  )
  loss = plots.curves(
    {'mean over a segment': points('loss')}, across='step', metric='mean squared error'
  )
  return [
    page.Figure('validation', 'Patches of pictures that are held out.', validation),
    page.Figure('loss', 'Loss in training, in codes of 8 bits.', loss),
  ]


def _open(folder: pathlib.Path, load: Callable[[bytes, str], Loaded]) -> Loaded:
  path = folder / f'model{artefacts.SUFFIX}'
  return load(path.read_bytes(), str(path))


def _process_of(loaded: Loaded) -> Callable[[np.ndarray], np.ndarray]:
  restorer = preparing.restorer_of(loaded)
  return restorer.process(loaded.config, loaded.variables)


def _levels(loaded: Loaded) -> list[page.Figure]:
  """Draws how many levels each channel uses, where the model tells."""
  restorer = preparing.restorer_of(loaded)
  if restorer.levels is None:
    return []
  levels = restorer.levels(loaded.config, loaded.variables)
  if not levels:
    return []
  series = {name: list(enumerate(counts)) for name, counts in levels.items()}
  pixels = plots.curves(series, across='channel', metric='levels', loose=series)
  return [page.Figure('levels', 'Levels that each channel uses of a table.', pixels)]


def _draw(
  task: preparing.Config,
  picture: pictures.Picture,
  scores: Mapping[str, float | None],
  process: Callable[[], Callable[[np.ndarray], np.ndarray]],
) -> page.Picture:
  """Draws a part of a picture without a model, with it, and as it was."""
  (one,) = preparing.measured(task, [picture])
  restored = process()(one.low)
  before = 'bicubic' if task.degradation.kind == 'bicubic' else 'degraded'
  return crops.draw(
    picture.name,
    {
      f'{before}, {_decibels(scores["baseline_psnr"])}': one.plain,
      f'restored, {_decibels(scores["psnr"])}': restored,
      'original': one.high,
    },
    note=f'{task.degradation}; {one.high.shape[1]} x {one.high.shape[0]} pixels',
  )
