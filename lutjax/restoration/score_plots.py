"""Figures of `evaluation` as pictures: quality against size, and parts of pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lutjax.report import crops, plots
from lutjax.restoration import evaluation, scores

_MEAN = 'mean'
_ORDER = ('baseline', 'published', 'rival', 'ours')


def sizes(figures: Mapping[str, Any]) -> np.ndarray:
  """Draws quality against bytes, with what was published of the same sets.

  Args:
    figures: From `evaluation.evaluate`.

  Returns:
    Pixels: for each degradation a plot of each set with published figures, or of the
    mean over sets where there is none; one below the other.
  """
  drawn = []
  for table in figures['tables']:
    published = [row for row in table['rows'] if row['role'] == 'published']
    names = [
      name for name in table['pictures'] if any(name in r['sets'] for r in published)
    ]
    drawn += [_plot(table, name) for name in names or [_MEAN]]
  return _stacked(drawn)


def parts(shown: Sequence[evaluation.Shown]) -> np.ndarray:
  """Draws parts of pictures, enlarged: without a model, rivals, the model, original.

  Args:
    shown: From `evaluation.evaluate`.

  Returns:
    Pixels; one degradation below the other.
  """
  return _stacked(
    [crops.draw(one.title, one.panels, note=one.note).pixels for one in shown]
  )


def _plot(table: Mapping[str, Any], name: str) -> np.ndarray:
  measure = scores.MAIN[table['kind']]
  series: dict[str, list[plots.Point]] = {}
  # What is drawn last lies above the rest.
  for row in sorted(table['rows'], key=lambda row: _ORDER.index(row['role'])):
    found = row['mean'] if name == _MEAN else row['sets'].get(name, {})
    if measure not in found or row['table_bytes'] is None:
      continue
    point = plots.Point(row['table_bytes'], found[measure], row['name'])
    if row['role'] == 'published':
      series.setdefault('published, in memory', []).append(point)
      continue
    series[f'{row["name"]}, in memory'] = [point]
    series[f'{row["name"]}, shipped'] = [point._replace(size_bytes=row['size_bytes'])]
  return plots.rate_distortion(
    series,
    metric=f'{scores.HEADINGS[measure]}, dB',
    title=f'{table["degradation"]}, {name}',
    loose=series,
    across='Size',
  )


def _stacked(sheets: Sequence[np.ndarray]) -> np.ndarray:
  """Puts sheets below each other, white beside narrow ones."""
  width = max(sheet.shape[1] for sheet in sheets)
  padded = [
    np.pad(sheet, ((0, 0), (0, width - sheet.shape[1]), (0, 0)), constant_values=255)
    for sheet in sheets
  ]
  return np.concatenate(padded)
