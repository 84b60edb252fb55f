"""The report on maps of colours and settings, drawn from what a run folder holds."""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, experiment, progress
from lutjax.data import maps, synthetic
from lutjax.looks import decoding, scoring, settings
from lutjax.report import canvas, page, plots
from lutjax.types import Array, Loaded, Model, Variables

# Values of a setting that are shown, and that of the others meanwhile.
_VALUES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MIDDLE = 0.5
_PHOTO = (160, 240)
_WIDTH = 1440

_COLUMNS = (
  page.Column('psnr', 'PSNR dB', higher_is_better=True),
  page.Column('cie76_mean', 'CIE76 mean'),
  page.Column('cie76_p90', 'CIE76 p90'),
  page.Column('cie76_max', 'CIE76 max'),
  page.Column('ciede2000_mean', 'CIEDE2000 mean'),
  page.Column('ciede2000_max', 'CIEDE2000 max'),
  page.Column(
    'grid_cie76_mean',
    'Lattice, CIE76 mean',
    hint='of a lattice of as many bytes: even nodes, 8 bits, read multilinearly',
  ),
  page.Column('identity_cie76_mean', 'Identity, CIE76 mean'),
  page.Column('size_bytes', 'Bytes', digits=0),
  page.Column('seconds', 'Seconds'),
)
# What is compared with the maps, by the prefix of its statistics.
_COMPARED = {'network': '', 'lattice of equal bytes': 'grid_', 'identity': 'identity_'}
_SUMMARY = {
  'mean_of_means': 'mean of means',
  'mean_of_medians': 'mean of medians',
  'p95_of_means': 'p95 of means',
  'max_of_means': 'worst mean',
  'max_of_maxima': 'max',
}


def write(finished: experiment.Finished) -> pathlib.Path:
  """Writes `report.html`, and a picture of each map and its model.

  Args:
    finished: The run.

  Returns:
    The path of the page.
  """
  run, folder, records, gathered, problems, _ = finished
  entries = []
  for record in records:
    names = [label.name for label in gathered.labels[record['name']]]
    shares = {key: record[key] / len(names) for key in ('size_bytes', 'seconds')}
    opened = functools.cache(functools.partial(_open, finished, record['name']))
    for i, name in enumerate(names):
      scores = record['looks'][name]
      draw = functools.partial(
        _draw, opened, i, gathered.context[name], scores['along']
      )
      entries.append(page.Entry(name, {**scores, **shares}, draw=draw))
  tables = _tables([entry.scores for entry in entries])
  done = {record['name'] for record in records}
  entries += [
    page.Entry(job.name, {}, failure='see the problems')
    for job in gathered.jobs
    if job.name not in done
  ]
  sizes = [record['size_bytes'] for record in records]
  return page.write(
    folder,
    title=f'lutjax: {len(entries)} map{"s" if len(entries) != 1 else ""} with settings',
    facts={
      'System': gathered.system,
      'Steps and batch': f'{run.fit.steps} x {run.fit.batch_size}',
      'Optimizer': f'{run.fit.optimizer}, {run.fit.learning_rate:g}, '
      f'{run.fit.schedule}',
      'Artefacts': f'{len(sizes)}, {sum(sizes):,} bytes in all',
      'Truth': 'the files, multilinear between nodes',
      'Scored on': f'{run.task.places} uniform places: a colour and settings',
    },
    columns=_COLUMNS,
    entries=entries,
    rank='cie76_mean',
    tables=tables,
    problems=problems,
    pictures=run.pictures,
    noun='maps',
    remark='Scores are on uniform places.',
    progress=functools.partial(progress.bar, desc='pictures', unit='map'),
  )


def strip(
  loaded: Loaded, index: int, one: maps.Map, photo: np.ndarray, axis: int
) -> np.ndarray:
  """Draws a photo under values of one setting: by the map, and below by its model.

  Args:
    loaded: The model.
    index: Of the map in it.
    one: The map.
    photo: `[H, W, 3]` float32 in [0, 1].
    axis: Of the setting, from 0; others stay in the middle.

  Returns:
    Pixels of the sheet.
  """
  labels = one.label.settings
  weights = np.eye(len(loaded.config.looks), dtype=np.float32)[index]
  rows: dict[str, list[np.ndarray]] = {'map': [], 'model': []}
  for value in _VALUES:
    fixed = np.full((*photo.shape[:-1], len(labels)), _MIDDLE, np.float32)
    fixed[..., axis] = value
    places = np.concatenate([photo, fixed], axis=-1)
    config = decoding.unlabelled(loaded.config)
    shown = _shown(loaded.model, config, loaded.variables, weights, one.table, places)
    for drawn, pixels in zip(rows.values(), shown):
      drawn.append(np.asarray(pixels))
  names = [f'{row}, {labels[axis].name} {value:g}' for row in rows for value in _VALUES]
  images = [image for drawn in rows.values() for image in drawn]
  return plots.strip(images, names, columns=len(_VALUES), width=_WIDTH)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _shown(
  model: Model,
  config: Any,
  variables: Variables,
  weights: Array,
  table: Array,
  places: Array,
) -> tuple[Array, Array]:
  """Returns what a map gives for places, and what its model does."""
  truth = settings.of_lattice({'table': table}, places)
  fitted = settings.at(Loaded(model, config, variables), places, weights)
  return truth, jnp.clip(fitted, 0.0, 1.0)


def _open(finished: experiment.Finished, name: str) -> Loaded:
  path = finished.folder / f'model{artefacts.SUFFIX}'
  if not path.is_file():
    path = finished.folder / f'models/{name}{artefacts.SUFFIX}'
  return finished.load(path.read_bytes(), str(path))


def _draw(
  opened: Any, index: int, one: maps.Map, along: Mapping[str, Mapping[str, Any]]
) -> page.Picture:
  """Draws each setting: a photo under its values, and the error over its span."""
  loaded, photo = opened(), synthetic.photo(0, *_PHOTO)
  return page.Picture(_sheet(loaded, index, one, photo, along))


@canvas.one_at_a_time
def _sheet(
  loaded: Loaded,
  index: int,
  one: maps.Map,
  photo: np.ndarray,
  along: Mapping[str, Mapping[str, Any]],
) -> np.ndarray:
  parts = []
  # The error of the identity would leave no room for those of the others.
  for axis, setting in enumerate(one.label.settings):
    parts.append(strip(loaded, index, one, photo, axis))
    means = along[setting.name]
    parts.append(
      plots.curves(
        {
          name: [*zip(means['at'], means[f'{prefix}cie76_mean'])]
          for name, prefix in _COMPARED.items()
          if name != 'identity'
        },
        across=setting.name,
        metric='CIE76, mean over uniform places',
        title=f'Error against {setting.name}',
        width=_WIDTH,
      )
    )
  return np.concatenate(parts)


def _tables(scores: Sequence[Mapping[str, Any]]) -> list[page.Table]:
  """Sums up all maps: the network, and what it is compared with."""
  if not scores:
    return []
  return [
    page.Table(
      caption=f'{label} over {len(scores)} maps, on uniform places',
      header=('', *_SUMMARY.values()),
      rows=[
        (name, *_summary(scores, f'{prefix}{measure}'))
        for name, prefix in _COMPARED.items()
      ],
    )
    for measure, label in (('cie76', 'CIE76'), ('ciede2000', 'CIEDE2000'))
  ]


def _summary(scores: Sequence[Mapping[str, Any]], key: str) -> tuple[float, ...]:
  summary = scoring.summarize(scores, key)
  return tuple(getattr(summary, name) for name in _SUMMARY)
