"""The report on looks: scores of all, and pictures of the best and the worst."""

import functools
import os
import pathlib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax.report import canvas, comparison, page, plots

COLUMNS = (
  page.Column('psnr', 'PSNR dB', higher_is_better=True),
  page.Column('cie76_mean', 'CIE76 mean'),
  page.Column('cie76_median', 'CIE76 median'),
  page.Column('cie76_p90', 'CIE76 p90'),
  page.Column('cie76_max', 'CIE76 max'),
  page.Column('ciede2000_mean', 'CIEDE2000 mean'),
  page.Column('ciede2000_max', 'CIEDE2000 max'),
  page.Column('size_bytes', 'Bytes', digits=0),
  page.Column('seconds', 'Seconds'),
)
RANK = 'cie76_mean'

Measure = Callable[..., comparison.Measured]

_DIFFERENCES = {'CIE76': 'cie76', 'CIEDE2000': 'ciede2000'}


class LookPage(NamedTuple):
  """A look and the model of it.

  Attributes:
    name: Any text.
    scores: By the keys of the columns.
    lattices: Returns the look and its model, `[N, N, N, 3]` float each; called
      for the looks that are drawn, so that the rest need not be decoded.
    failure: Why there is no model; empty when there is one.
    grade: Puts a photo `[H, W, 3]` float32 in [0, 1] through the look and its model,
      `[H, W, 6]`, where the lattices are only samples of them.
  """

  name: str
  scores: Mapping[str, float]
  lattices: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
  failure: str = ''
  grade: Callable[[np.ndarray], np.ndarray] | None = None


def write(
  folder: str | os.PathLike,
  *,
  title: str,
  facts: Mapping[str, str],
  pages: Sequence[LookPage],
  photo: np.ndarray,
  columns: Sequence[page.Column] = COLUMNS,
  rank: str = RANK,
  tables: Sequence[page.Table] = (),
  figures: Sequence[page.Figure] = (),
  problems: Sequence[str] = (),
  pictures: str = 'auto',
  colours: str = 'uniform random colours',
  links: Mapping[str, str] = types.MappingProxyType({}),
  measure: Measure = comparison.measure,
  progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> pathlib.Path:
  """Writes the report of a fit; `page.write` says more of the arguments.

  Args:
    folder: Gets `report.html` and the pictures under `report/`.
    title: Of the page.
    facts: What was done, by name.
    pages: One per look, in any order.
    photo: `[H, W, C]` uint8, uint16 or float in [0, 1]; its middle is shown.
    columns: Of the table.
    rank: Key of the column that says which look is worse.
    tables: Figures over all looks; by default what `summary` makes.
    figures: More pictures, after the histograms of the looks' means.
    problems: Lines on inputs that are no look.
    pictures: `auto`, `all` or `none`.
    colours: What the scores of the columns were measured on.
    links: Files beside the page that it points to, by what they are.
    measure: `comparison.measure`, best handed over under `jit`.
    progress: Wraps the looks that are drawn.

  Returns:
    The path of the page.
  """
  photo = canvas.fit_to(photo, *comparison.PHOTO)
  entries = [
    page.Entry(
      look.name,
      look.scores,
      look.failure,
      functools.partial(_draw, look, look.lattices, photo, measure, columns, colours)
      if look.lattices
      else None,
    )
    for look in pages
  ]
  scores = [look.scores for look in pages if not look.failure]
  return page.write(
    folder,
    title=title,
    facts=facts,
    columns=columns,
    entries=entries,
    rank=rank,
    tables=tables or [summary(scores, caption=f'Over all looks, on {colours}')],
    figures=[*_histograms(scores, colours), *figures],
    problems=problems,
    pictures=pictures,
    links=links,
    remark=f'Scores are on {colours}.',
    progress=progress,
  )


def summary(
  scores: Sequence[Mapping[str, float]], *, caption: str = 'Over all looks'
) -> page.Table:
  """Returns the table of both colour differences over all looks.

  Args:
    scores: Per look: `NAME_mean`, `NAME_median` and `NAME_max`, with NAME one
      of `cie76` and `ciede2000`; what is missing everywhere shows as a dash.
    caption: Which colours were compared.
  """
  header = ('', 'mean of means', 'mean of medians', 'p90 of means', 'p99 of means')
  header += ('worst mean', 'max')
  rows = []
  for label, name in _DIFFERENCES.items():
    means = _finite(scores, f'{name}_mean')
    medians = _finite(scores, f'{name}_median')
    largest = _finite(scores, f'{name}_max')
    p90, p99 = np.quantile(means, (0.9, 0.99)) if means.size else (np.nan, np.nan)
    mean = means.mean() if means.size else np.nan
    median = medians.mean() if medians.size else np.nan
    worst = means.max() if means.size else np.nan
    most = largest.max() if largest.size else np.nan
    rows.append((label, mean, median, p90, p99, worst, most))
  return page.Table(caption, header, rows)


def _histograms(
  scores: Sequence[Mapping[str, float]], colours: str
) -> list[page.Figure]:
  figures = []
  for label, name in _DIFFERENCES.items():
    means = _finite(scores, f'{name}_mean')
    if means.size > 1:
      caption = f'{label} of {means.size} looks, each its mean on {colours}.'
      pixels = plots.histogram(means, metric=f'{label}, mean of a look', count='looks')
      figures.append(page.Figure(f'histogram {name}', caption, pixels))
  return figures


def _finite(scores: Sequence[Mapping[str, float]], key: str) -> np.ndarray:
  values = np.array([score.get(key, np.nan) for score in scores], np.float64)
  return values[np.isfinite(values)]


def _draw(
  look: LookPage,
  lattices: Callable[[], tuple[np.ndarray, np.ndarray]],
  photo: np.ndarray,
  measure: Measure,
  columns: Sequence[page.Column],
  colours: str,
) -> page.Picture:
  truth, model = (np.asarray(lattice, np.float32) for lattice in lattices())
  pixels = photo.astype(np.float32) / 255
  graded = None if look.grade is None else look.grade(pixels)
  shown = measure(truth, model, pixels, graded)
  note = ' · '.join(
    f'{column.label} {page.text_of(look.scores[column.key], column.digits)}'
    for column in columns
    if column.key in look.scores
  )
  return comparison.draw(
    look.name, truth, model, photo, shown, note=f'On {colours}: {note}'
  )
