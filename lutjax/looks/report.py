"""The report on fitted looks, drawn from what a run folder holds."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, experiment, progress
from lutjax.data import synthetic
from lutjax.looks import decoding, live, normalized, scoring
from lutjax.lut import lattice
from lutjax.report import comparison, page
from lutjax.report import looks as look_pages
from lutjax.types import Loaded
from lutjax.viewer import page as viewer_page
from lutjax.viewer import photos

# The page that shows the looks live, beside the report.
LIVE = 'looks.html'

# Nodes per axis of the lattices that are drawn.
_SIZE = 33

# Statistics over all looks, with their headings.
_SUMMARY = {
  'mean_of_means': 'mean of means',
  'mean_of_medians': 'mean of medians',
  'p90_of_means': 'p90 of means',
  'p95_of_means': 'p95 of means',
  'max_of_means': 'worst mean',
  'max_of_maxima': 'max',
}


def write(
  finished: experiment.Finished, figures: Sequence[page.Figure] = ()
) -> pathlib.Path:
  """Writes `report.html` and its pictures, and `looks.html`, which shows the looks.

  Args:
    finished: The run.
    figures: Pictures beside those of the looks.

  Returns:
    The path of the page.
  """
  settings, folder, records, gathered, problems, load = finished
  pages = []
  for record in records:
    labels = gathered.labels[record['name']]
    shares = {
      'size_bytes': record['size_bytes'] / len(labels),
      'seconds': record['seconds'] / len(labels),
    }
    open_model = functools.cache(functools.partial(_open, folder, record['name'], load))
    for i, label in enumerate(labels):
      look = gathered.context[label.name]
      shown = (open_model, i, look, settings.task.interpolation)
      curved = look.lut is not None
      pages.append(
        look_pages.LookPage(
          label.name,
          {**record['looks'][label.name], **shares},
          functools.partial(_lattices, *shown),
          grade=functools.partial(_graded, *shown) if curved else None,
        )
      )
  done = {record['name'] for record in records}
  for job in gathered.jobs:
    if job.name not in done:
      pages.append(look_pages.LookPage(job.name, {}, failure='see the problems'))
  title = f'lutjax: {len(pages)} look{"s" if len(pages) != 1 else ""}'
  links = {}
  notes: list[str] = []
  models = [_shown(folder, record, load, notes.append) for record in records]
  live_facts = {'Live page': '; '.join(notes)} if notes else {}
  if models:
    viewer_page.write(folder / LIVE, title, models, photos.made_up())
    links['The looks live, on a photo of yours'] = LIVE
  return look_pages.write(
    folder,
    title=title,
    facts=_facts(settings, records, gathered.system) | live_facts,
    pages=pages,
    photo=synthetic.photo(0, 373, 560),
    tables=_tables([p.scores for p in pages if not p.failure]),
    figures=figures,
    problems=problems,
    pictures=settings.pictures,
    links=links,
    measure=jax.jit(comparison.measure),
    progress=functools.partial(progress.bar, desc='pictures', unit='look'),
  )


def means_of(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
  """Returns the mean differences of the looks of a model, by their names.

  Args:
    record: What its run says of the model; some say nothing of looks.
  """
  return {
    name: {'cie76': scores['cie76_mean'], 'ciede2000': scores['ciede2000_mean']}
    for name, scores in record.get('looks', {}).items()
    if {'cie76_mean', 'ciede2000_mean'} <= set(scores)
  }


def _shown(
  folder: pathlib.Path,
  record: Mapping[str, Any],
  load: Callable[[bytes, str], Loaded],
  say: Callable[[str], None],
) -> viewer_page.Model:
  """Returns a model as a page carries it."""
  path = _path_of(folder, record['name'])
  content = path.read_bytes()
  carried = live.of_model(content, load(content, str(path)), path.name, say)
  return viewer_page.Model(carried, means_of(record))


def _path_of(folder: pathlib.Path, name: str) -> pathlib.Path:
  single = folder / f'model{artefacts.SUFFIX}'
  return single if single.is_file() else folder / f'models/{name}{artefacts.SUFFIX}'


def _open(
  folder: pathlib.Path, name: str, load: Callable[[bytes, str], Loaded]
) -> Loaded:
  path = _path_of(folder, name)
  return load(path.read_bytes(), str(path))


def _lattices(
  open_model: Any, index: int, look: normalized.NormalizedLook, interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
  fitted = normalized.nodes_of(_decoded(open_model, index), _SIZE, 'tetrahedral')
  return normalized.table_of(look, _SIZE, interpolation), fitted


def _graded(
  open_model: Any,
  index: int,
  look: normalized.NormalizedLook,
  interpolation: str,
  photo: np.ndarray,
) -> np.ndarray:
  """Returns a photo under a look and under its decoded model, `[H, W, 6]`."""
  at = jnp.asarray(photo)
  truth = normalized.read(normalized.lut_of(look), at, interpolation)
  fitted = normalized.read(_decoded(open_model, index), at, 'tetrahedral')
  return np.concatenate([truth, fitted], axis=-1)


def _decoded(open_model: Any, index: int) -> lattice.Lut:
  loaded = open_model()
  weights = np.eye(len(loaded.config.looks), dtype=np.float32)[index]
  return decoding.decode(loaded, weights, _SIZE)


def _facts(
  settings: experiment.Experiment,
  records: Sequence[Mapping[str, Any]],
  system: str,
) -> dict[str, str]:
  sizes = [record['size_bytes'] for record in records]
  return {
    'System': system,
    'Steps and batch': f'{settings.fit.steps} x {settings.fit.batch_size}',
    'Optimizer': f'{settings.fit.optimizer}, {settings.fit.learning_rate:g}, '
    f'{settings.fit.schedule}',
    'Artefacts': f'{len(sizes)}, {sum(sizes):,} bytes in all',
    'Truth': f'the files, {settings.task.interpolation} between nodes, curves and all',
    'Scored on': f'{settings.task.random_colours} uniform colours, '
    f'{settings.task.nodes}^3 nodes, {settings.task.photo_colours} colours of a photo',
  }


def _tables(scores: Sequence[Mapping[str, float]]) -> list[page.Table]:
  """Sums up all looks: the network on three sets of colours, and a plain grid."""
  if not scores:
    return []
  sets = {
    'network, uniform colours': '',
    'network, lattice nodes': 'nodes_',
    "network, photo's colours": 'photo_',
    'grid of equal bytes, uniform colours': 'grid_',
  }
  return [
    page.Table(
      caption=f'{label} over {len(scores)} looks',
      header=('', *_SUMMARY.values()),
      rows=[
        (name, *_summary(scores, f'{prefix}{measure}')) for name, prefix in sets.items()
      ],
    )
    for measure, label in (('cie76', 'CIE76'), ('ciede2000', 'CIEDE2000'))
  ]


def _summary(scores: Sequence[Mapping[str, float]], key: str) -> tuple[float, ...]:
  summary = scoring.summarize(scores, key)
  return tuple(getattr(summary, name) for name in _SUMMARY)
