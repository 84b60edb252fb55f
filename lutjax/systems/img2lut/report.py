"""The report on a model that looks at pictures: what it gains, and over what."""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lutjax import artefacts, errors, experiment, progress
from lutjax.data import grid
from lutjax.fit import runs
from lutjax.report import canvas, page, plots
from lutjax.systems.img2lut import photos, sampling, scoring
from lutjax.types import Loaded

# Pictures of the contact sheet, and of the plots of lattices.
_SHEET, _PLOTTED = 24, 4

_NAMES = {
  'identity': 'picture as it is',
  'constant': 'one lattice for all pictures',
  'classical': 'classical estimator, of the picture',
  'ours': 'img2lut',
  'oracle': 'best lattice of each picture',
}
_COLUMNS = (
  page.Column('cie76', 'CIE76', hint='mean over the pixels of the picture'),
  page.Column('ciede2000', 'CIEDE2000', hint='mean over the pixels of the picture'),
  page.Column('psnr', 'PSNR dB', higher_is_better=True),
  page.Column('ssim', 'SSIM', 4, higher_is_better=True),
  page.Column('identity', 'As it is, CIE76'),
  page.Column('constant', 'One lattice for all, CIE76'),
  page.Column('classical', 'Classical, CIE76'),
  page.Column('oracle', 'Its best lattice, CIE76'),
)


def render(figures: Mapping[str, Any]) -> str:
  """Returns figures of an evaluation as Markdown.

  Args:
    figures: Of `task.evaluate`.
  """
  rows = _rows(figures['methods'])
  lines = [
    f'task {figures["task"]}, {len(figures["pictures"])} test pictures; means over '
    'pictures',
    '',
    '| ' + ' | '.join(_HEADER) + ' |',
    '|' + ' --- |' * len(_HEADER),
    *['| ' + ' | '.join(row) + ' |' for row in rows],
    '',
    f'gap closed: {_share(figures["gap_closed"])} in CIE76, '
    f'{_share(figures.get("gap_closed_db"))} in dB',
  ]
  return '\n'.join(lines)


def write(finished: experiment.Finished) -> pathlib.Path:
  """Writes `report.html` and its pictures.

  Args:
    finished: The run.

  Returns:
    The path of the page.
  """
  settings, folder, records, gathered, problems, load = finished
  context = gathered.context
  record = records[0] if records else {}
  steps = runs.read_segments(folder)
  opened = functools.cache(lambda: _open(folder, load))
  entries = [
    _entry(settings.task, source, record, context.looks, opened)
    for source in context.test
  ]
  return page.write(
    folder,
    title=f'lutjax: img2lut for {settings.task.task.replace("_", " ")}',
    facts=_facts(settings, record, context, steps),
    columns=_COLUMNS,
    entries=entries,
    rank='cie76',
    tables=_tables(record),
    figures=_figures(settings, gathered, record, steps, opened),
    problems=problems,
    pictures=settings.pictures,
    noun='pictures',
    remark='Test pictures, which were never trained on, at full size.',
    progress=functools.partial(progress.bar, desc='pictures', unit='picture'),
  )


_HEADER = (
  'method',
  'CIE76',
  'CIEDE2000',
  'PSNR dB',
  'SSIM',
  'visited CIE76',
  'unvisited CIE76',
)


def _rows(found: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
  keys = {
    'cie76': 3,
    'ciede2000': 3,
    'psnr': 2,
    'ssim': 4,
    'visited': 2,
    'unvisited': 2,
  }
  rows = []
  for name, scores in found.items():
    cells = [f'{scores[key]:.{n}f}' if key in scores else '' for key, n in keys.items()]
    rows.append([_NAMES[name], *cells])
  return rows


def _share(value: float | None) -> str:
  return 'no gap' if value is None else f'{value:.1%}'


def _facts(
  settings: experiment.Experiment,
  record: Mapping[str, Any],
  context: Any,
  steps: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
  form, task, fit = settings.model, settings.task, settings.fit
  facts = {
    'Task': task.task,
    'Pictures': f'{len(context.training)} to train on, {len(context.validation)} for '
    f'validation, {len(context.test)} for the test',
    'Network': f'sees {form.side} x {form.side} pixels; blocks of '
    f'{", ".join(map(str, form.network.widths))}, norm {form.network.norm}',
    'Head': f'{form.head.kind}, {form.head.size} nodes per axis',
    'Loss': form.loss,
    'Steps and batch': f'{fit.steps} x {fit.batch_size}',
    'Optimizer': f'{fit.optimizer}, {fit.learning_rate:g}, {fit.schedule}',
    'Training': f'{sum(event.get("seconds", 0.0) for event in steps):.0f} s, without '
    'compiling and measuring',
  }
  if record:
    facts |= {
      'Parameters and bytes': f'{record["parameters"]:,}, {record["size_bytes"]:,} '
      f'shipped as {form.precision}',
      'Cost of the precision': f'{record["rounding_cie76"]:.3g} mean CIE76',
      'Gap closed': f'{_share(record["gap_closed"])} in CIE76, '
      f'{_share(record.get("gap_closed_db"))} in dB: (constant - img2lut) / (constant '
      '- best lattice of each picture)',
    }
  return facts


def _tables(record: Mapping[str, Any]) -> list[page.Table]:
  if not record.get('methods'):
    return []
  return [
    page.Table(
      'Means over test pictures. Visited: colours of the cube whose cell the picture '
      'has, and those whose cell it has not.',
      _HEADER,
      _rows(record['methods']),
    )
  ]


def _entry(
  task: sampling.Config,
  source: photos.Source,
  record: Mapping[str, Any],
  looks: np.ndarray | None,
  opened: Any,
) -> page.Entry:
  name = source.picture.name
  scores = record.get('pictures', {}).get(name)
  if scores is None:
    return page.Entry(name, {}, failure='not measured: see the problems')
  row = {key: scores['ours'].get(key, math.nan) for key in scoring.MEASURES}
  row |= {method: scores[method]['cie76'] for method in scores if method != 'ours'}
  draw = functools.partial(_draw, task, source, scores, looks, opened)
  return page.Entry(name, row, draw=draw)


def _draw(
  task: sampling.Config,
  source: photos.Source,
  scores: Mapping[str, Mapping[str, float]],
  looks: np.ndarray | None,
  opened: Any,
) -> page.Picture:
  """Draws a test picture as it was given, wanted and made."""
  pair, table = _predicted(task, source, looks, opened())
  made = scoring.apply_lattice(table, pair.before)
  labels = {
    f'before, CIE76 {scores["identity"]["cie76"]:.2f}': pair.before,
    f'img2lut, CIE76 {scores["ours"]["cie76"]:.2f}': made,
    'wanted': pair.after,
  }
  sheet = plots.strip(
    [canvas.to_uint8(of) for of in labels.values()], list(labels), width=1500
  )
  return page.Picture(sheet, canvas.fit_to(canvas.to_uint8(made), 108, 72))


def _predicted(
  task: sampling.Config,
  source: photos.Source,
  looks: np.ndarray | None,
  loaded: Loaded,
) -> tuple[scoring.Pair, np.ndarray]:
  pixels = photos.measured(photos.read(source, lambda line: None))
  pair = scoring.pair_of(task, source, pixels, looks)
  seen = grid.sample(pair.before, loaded.config.side)
  table = scoring.predictor(loaded.config)(loaded.variables, seen)
  return pair, np.asarray(table)


def _open(folder: pathlib.Path, load: Any) -> Loaded:
  path = folder / f'model{artefacts.SUFFIX}'
  return load(path.read_bytes(), str(path))


def _figures(
  settings: experiment.Experiment,
  gathered: experiment.Gathered,
  record: Mapping[str, Any],
  steps: Sequence[Mapping[str, Any]],
  opened: Any,
) -> list[page.Figure]:
  made = _curves(steps)
  if record:
    made += _plots_of_lattices(settings.task, gathered.context, opened())
  made.append(contact_sheet(gathered.jobs[0].data, settings.task))
  return made


def _curves(steps: Sequence[Mapping[str, Any]]) -> list[page.Figure]:
  if not steps:
    return []

  points = functools.partial(runs.points, steps)
  validation = plots.curves(
    {'img2lut': points('cie76'), 'pictures as they are': points('identity_cie76')},
    across='step',
    metric='mean CIE76, pictures for validation',
  )
  loss = plots.curves(
    {'mean over a segment': points('loss')}, across='step', metric='loss in training'
  )
  return [
    page.Figure('validation', 'Pictures that are not trained on.', validation),
    page.Figure(
      'loss', 'Error of the pictures in training, in the unit of the loss.', loss
    ),
  ]


def _plots_of_lattices(
  task: sampling.Config, context: Any, loaded: Loaded
) -> list[page.Figure]:
  """Draws what lattices of several pictures do with greys and single channels."""
  series = {}
  for source in context.test[:_PLOTTED]:
    try:
      _, table = _predicted(task, source, context.looks, loaded)
    except errors.InputError:
      continue
    greys = np.arange(len(table))
    levels = greys / (len(table) - 1)
    line = table[greys, greys, greys]
    for channel, letter in enumerate('RGB'):
      name = f'{source.picture.name[:18]} {letter}'
      series[name] = list(zip(levels, line[:, channel]))
  if not series:
    return []
  pixels = plots.curves(
    series, across='grey that goes in', metric='channel that comes out'
  )
  caption = 'What the lattices of some test pictures do with greys.'
  return [page.Figure('greys', caption, pixels)]


def contact_sheet(data: Mapping[str, Any], task: sampling.Config) -> page.Figure:
  """Draws pictures as training sees them: given beside wanted.

  Args:
    data: Of the job; see `sampling.sampler`.
    task: Complete.
  """
  whole = dataclasses.replace(task, pixels=0)
  draw = jax.jit(sampling.sampler(whole), static_argnums=2)
  given = {name: leaf for name, leaf in data.items() if not name.startswith('probe_')}
  batch = draw(jax.random.key(0), given, _SHEET // 2)
  images: list[np.ndarray] = []
  labels: list[str] = []
  for i, image in enumerate(np.asarray(batch['image'])):
    target = np.asarray(batch['target'][i]).reshape(image.shape)
    images += [canvas.to_uint8(image), canvas.to_uint8(target)]
    labels += ['given', 'wanted']
  sheet = plots.strip(images, labels, columns=8)
  return page.Figure('data', 'Pictures as a step of training draws them.', sheet)
