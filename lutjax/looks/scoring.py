"""Errors of a model against its look, as flat records of named statistics.

Statistics of uniform random colours carry no prefix; those of lattice nodes
and of a photo's colours begin with `nodes_` and `photo_`, those of the trivial
grid with `grid_`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import metrics
from lutjax.types import Array

ColourMap = Callable[[Array], Array]

# In dB, beyond what float32 tells apart: JSON has no infinity.
_MAX_PSNR = 200.0
# Per axis, of the cells that photos leave empty or not.
_CELLS = 16


class Colours(NamedTuple):
  """Where a look and its model are compared, in the unit cube.

  Attributes:
    random: `[M, 3]`, uniform.
    nodes: `[N^3, 3]`, an even lattice.
    photo: `[P, 3]`, of pixels.
  """

  random: Array
  nodes: Array
  photo: Array


class Gap(NamedTuple):
  """What is kept of one set of colours.

  Attributes:
    psnr: dB over all channels, peak 1.
    errors: CIE76 and CIEDE2000, `[M]` each.
  """

  psnr: Array | np.ndarray
  errors: metrics.ColourErrors


def colours(
  seed: int, random: int, nodes: int, photo: Array | np.ndarray, pixels: int
) -> Colours:
  """Draws the colours that all models of a run are compared on.

  Args:
    seed: Of the draws.
    random: M, uniform colours.
    nodes: N, nodes per axis.
    photo: `[H, W, 3]` float32 in [0, 1].
    pixels: P, of the photo.
  """
  random_key, photo_key = jax.random.split(jax.random.key(seed))
  return Colours(
    random=metrics.uniform_colours(random_key, random),
    nodes=jnp.asarray(metrics.node_colours(nodes)),
    photo=metrics.photo_colours(photo_key, jnp.asarray(photo), pixels),
  )


def colour_sets(pool: np.ndarray, count: int) -> dict[str, np.ndarray]:
  """Draws natural colours, and colours that occur in no photo.

  Args:
    pool: `[P, 3]` float32 colours of photos.
    count: M, of each set.

  Returns:
    `[M, 3]` float32 by the prefix of their statistics: `natural_`, of the pool;
    `outside_`, uniform in those of 16^3 cells where the pool has none, which is
    left out where there is no such cell.
  """
  rng = np.random.default_rng(1)
  seen = np.zeros((_CELLS,) * 3, bool)
  seen[tuple(np.minimum(pool * _CELLS, _CELLS - 1).astype(int).T)] = True
  sets = {'natural_': pool[rng.integers(0, len(pool), count)]}
  empty = np.argwhere(~seen)
  if len(empty):
    cell = empty[rng.integers(0, len(empty), count)]
    outside = (cell + rng.uniform(size=(count, 3))) / _CELLS
    sets['outside_'] = outside.astype(np.float32)
  return sets


def in_range(mapped: ColourMap, span: Array) -> ColourMap:
  """Returns a colour map whose outputs 0 and 1 are those of a range `[2]`.

  Args:
    mapped: A colour map with outputs in [0, 1].
    span: `[2]`, the outputs that 0 and 1 stand for.
  """
  return lambda rgb: span[0] + (span[1] - span[0]) * mapped(rgb)


def compare(model: ColourMap, look: ColourMap, rgb: Array) -> Gap:
  """Compares two colour maps; the caller may jit this.

  Args:
    model: `[M, 3]` colours of the unit cube to display-coded outputs.
    look: The same of what the model stands for.
    rgb: `[M, 3]`.
  """
  got, want = model(rgb), look(rgb)
  return Gap(metrics.psnr(got, want), metrics.colour_errors(got, want))


def split(got: Array, want: Array, counts: Mapping[str, int]) -> dict[str, Gap]:
  """Returns the gaps of several sets of colours that lie one behind the other.

  Args:
    got: `[M, 3]`, display-coded.
    want: `[M, 3]`.
    counts: Colours of each set, in order, by the prefix of its statistics.
  """
  # Else XLA fuses the network into each of its readers, and compiles for long.
  got, want = jax.lax.optimization_barrier((got, want))
  errors = metrics.colour_errors(got, want)
  gaps, start = {}, 0
  for prefix, count in counts.items():
    part = slice(start, start + count)
    each = jax.tree.map(lambda error, part=part: error[part], errors)
    gaps[prefix] = Gap(metrics.psnr(got[part], want[part]), each)
    start += count
  return gaps


def to_record(gaps: Mapping[str, Gap]) -> dict[str, float]:
  """Returns the statistics of several sets of colours, by prefixed name.

  Args:
    gaps: By prefix.

  Returns:
    Per prefix `psnr` (200 for equal colours), and of `cie76` and `ciede2000` the
    `mean`, `median`, `p90`, `p99` and `max` over the colours.
  """
  record = {}
  for prefix, gap in jax.device_get(dict(gaps)).items():
    record[f'{prefix}psnr'] = min(_rounded(gap.psnr), _MAX_PSNR)
    for measure, errors in gap.errors._asdict().items():
      statistics = metrics.lut_statistics(errors)._asdict()
      for name, value in statistics.items():
        record[f'{prefix}{measure}_{name}'] = _rounded(value)
  return record


def summarize(records: Sequence[Mapping[str, float]], key: str) -> metrics.Summary:
  """Sums up one difference over many looks.

  Args:
    records: From `to_record`.
    key: Prefix and measure, such as `nodes_cie76`.
  """
  fields = metrics.LutStatistics._fields
  return metrics.summarize(
    [
      metrics.LutStatistics(*(np.asarray(record[f'{key}_{name}']) for name in fields))
      for record in records
    ]
  )


def _rounded(value: Array | np.ndarray) -> float:
  return float(f'{float(value):.6g}')
