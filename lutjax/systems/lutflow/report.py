"""The report on looks that share one network: bytes against error on top."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import experiment, metrics
from lutjax.looks import normalized, scoring
from lutjax.looks import report as look_report
from lutjax.lut import interpolate, lattice
from lutjax.report import page, plots
from lutjax.types import Array, PyTree

_GRIDS = (2, 3, 4, 5, 6, 7)
_COLOURS = 1024
# Of arXiv 2412.15438, for 512 looks of its own: bytes a look, and the mean CIE76
# that it stays under.
_PUBLISHED = (485, 2.0)


def write(finished: experiment.Finished) -> pathlib.Path:
  """Writes the report of a run; see `looks.report.write`."""
  figures = [rate(record, finished.gathered) for record in finished.records]
  return look_report.write(finished, figures)


def rate(record: Mapping[str, Any], gathered: experiment.Gathered) -> page.Figure:
  """Plots an artefact and the errors at other sizes for the same looks.

  Args:
    record: Of the model, as `metrics.jsonl` has it; `curve`, where there is one,
      holds bytes and mean CIE76 at nodes for other budgets.
    gathered: From the task.
  """
  scores = [stats['cie76_mean'] for stats in record['looks'].values()]
  count, size_bytes = len(scores), record['size_bytes']
  here = plots.Point(size_bytes, float(np.mean(scores)), f'{size_bytes:,} B')
  series = {'this artefact': [here]}
  if record.get('curve'):
    series['other budgets'] = [plots.Point(*point) for point in record['curve']]
  grids = grid_errors(list(gathered.context.values()))
  series['grids of 8 bits'] = [
    plots.Point(3 * size**3 * count, error, f'{size}^3')
    for size, error in grids.items()
  ]
  each, error = _PUBLISHED
  series['as published, other looks'] = [plots.Point(each * count, error, f'{each} B')]
  pixels = plots.rate_distortion(
    series,
    metric='CIE76, mean of the looks\N{RIGHT SINGLE QUOTATION MARK} means',
    title=f'{count} looks in one file',
    log_value=True,
  )
  caption = (
    f'Bytes of all {count} looks together against CIE76. This artefact and grids: '
    'uniform random colours; other budgets: the same network corrected with more or '
    'fewer bytes, estimated at lattice nodes; published: the claim of arXiv '
    '2412.15438 for 512 looks of its own.'
  )
  return page.Figure('rate', caption, pixels)


def grid_errors(looks: Sequence[normalized.NormalizedLook]) -> dict[int, float]:
  """Returns the mean CIE76 of grids of 8 bits, read trilinearly, by their size."""
  rgb = metrics.uniform_colours(jax.random.key(0), _COLOURS)
  return {
    size: float(
      np.mean(
        [
          _grid_error(
            size, normalized.truth_of(look), rgb, np.array(look.label.range, np.float32)
          )
          for look in looks
        ]
      )
    )
    for size in _GRIDS
  }


@jax.jit
def _grid_error(size: Array, data: PyTree, rgb: Array, span: Array) -> Array:
  """Returns the error of a grid that fills a corner of the largest one's table."""
  scale = (size - 1) / (_GRIDS[-1] - 1)
  nodes = jnp.minimum(jnp.asarray(lattice.identity(_GRIDS[-1])) / scale, 1.0)

  def truth(rgb: Array) -> Array:
    return normalized.truth(data, rgb, 'trilinear')

  coded = jnp.round(truth(nodes) * 255.0) / 255.0
  grid = scoring.in_range(lambda rgb: interpolate.trilinear(coded, rgb * scale), span)
  look = scoring.in_range(truth, span)
  return metrics.colour_errors(grid(rgb), look(rgb)).cie76.mean()
