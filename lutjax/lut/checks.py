"""What may be wrong with a lattice, as figures.

Lattices are `[N, N, N, 3]`, indexed `[r, g, b]`, N at least 2, held in numpy; figures
are computed in float64. Inputs are the nodes from 0 to 1, whatever domain they stand
for; outputs are displayed from 0 to 1. `looks.checks` says what is too much.
"""

import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate

# Determinants, as fractions of the identity's, below which a tetrahedron is reversed,
# and up to which it is flat. A file's six decimals turn flat ones over by some 1e-4;
# upright ones are as small as 1e-8 where a curve starts steeply bent at black.
_REVERSED, _FLAT = -1e-3, 1e-9
# How near to 0 or 1 a value is clipped: sums of weights are rounded in float32.
_AT_END = 1e-6
# Uniform colours per axis: the centres of as many cells.
_COLOURS = 40


class Folding(NamedTuple):
  """Shares of the tetrahedra of a lattice whose determinant is not positive.

  Attributes:
    reversed: It is negative: colours come out in mirrored order. Where others do not,
      the look folds, and some outputs have several inputs.
    flat: It is 0, or as good as: neighbouring colours have the same output.
  """

  reversed: float
  flat: float


class Clipping(NamedTuple):
  """Shares of colours whose output is at 0 or 1, or outside, in some channel.

  Attributes:
    nodes: Of the nodes, for channels whose own input is between its ends: red at 1 is
      no loss where red comes in at 1.
    colours: Of colours spread evenly through the cube, read tetrahedrally.
  """

  nodes: float
  colours: float


class Bends(NamedTuple):
  """Second differences of neighbouring nodes along the axes, as values.

  Attributes:
    largest: The largest of all nodes, axes and channels.
    p99: Their 99th percentile.
  """

  largest: float
  p99: float


def folding(table: np.ndarray) -> Folding:
  """Measures the six tetrahedra of each cell by which colours are interpolated.

  Each goes from the darkest node of a cell to the lightest, one axis after the other,
  in one of six orders. Its edges are the columns of the Jacobian.

  Args:
    table: `[N, N, N, 3]`.
  """
  table = _checked(table)
  last = len(table) - 1
  reversed_count = flat_count = 0
  for order in itertools.permutations(range(3)):
    place = [0, 0, 0]
    edges: list[np.ndarray] = [table] * 3
    before = _corner(table, place)
    for axis in order:
      place[axis] = 1
      after = _corner(table, place)
      edges[axis] = (after - before) * last
      before = after
    determinant = np.sum(edges[0] * np.cross(edges[1], edges[2]), axis=-1)
    turned = determinant < _REVERSED
    reversed_count += int(np.count_nonzero(turned))
    flat_count += int(np.count_nonzero(~turned & (determinant <= _FLAT)))
  count = 6 * last**3
  return Folding(reversed_count / count, flat_count / count)


def falls(table: np.ndarray) -> np.ndarray:
  """How far each channel falls where its own input rises.

  Many small steps count as the fall that they add up to.

  Args:
    table: `[N, N, N, 3]`.

  Returns:
    `[3]`, the largest distance below an earlier value on the same line; 0 where a
    channel never falls.
  """
  table = _checked(table)
  return np.array([largest_fall(table[..., axis], axis) for axis in range(3)])


def largest_fall(values: np.ndarray, axis: int = 0) -> float:
  """Returns how far values fall at most below what they were earlier on their line.

  Args:
    values: Any shape.
    axis: Along which they are compared.
  """
  return float(np.max(np.maximum.accumulate(values, axis=axis) - values))


def clipping(table: np.ndarray) -> Clipping:
  """Measures where a lattice leaves nothing to tell colours apart by.

  Args:
    table: `[N, N, N, 3]`.
  """
  table = _checked(table)
  ended = _at_end(table)
  inner = np.zeros(ended.shape, bool)
  for axis in range(3):
    inside = tuple(slice(1, -1) if i == axis else slice(None) for i in range(3))
    inner[(*inside, axis)] = ended[(*inside, axis)]
  centres = (np.arange(_COLOURS) + 0.5) / _COLOURS
  rgb = np.stack(np.meshgrid(*[centres] * 3, indexing='ij'), axis=-1)
  found = interpolate.tetrahedral(
    jnp.asarray(table, jnp.float32), jnp.asarray(rgb.reshape(-1, 3), jnp.float32)
  )
  colours = _at_end(np.asarray(found)).any(axis=-1)
  return Clipping(float(inner.any(axis=-1).mean()), float(colours.mean()))


def bends(table: np.ndarray) -> Bends:
  """Measures how much neighbouring steps along an axis differ.

  A curve of slope 1 that turns flat at a node bends by 1 / (N - 1) there.

  Args:
    table: `[N, N, N, 3]`; N = 2 has no bend.
  """
  table = _checked(table)
  if len(table) == 2:
    return Bends(0.0, 0.0)
  found = np.stack([np.diff(np.moveaxis(table, i, 0), n=2, axis=0) for i in range(3)])
  found = np.abs(found, out=found)
  return Bends(float(found.max()), float(np.percentile(found, 99)))


def _checked(table: np.ndarray) -> np.ndarray:
  """Returns a lattice in float64, or raises ValueError."""
  size = len(table)
  if table.shape != (size, size, size, 3) or size < 2:
    raise ValueError(f'Expected lattice [N, N, N, 3], N >= 2, got {table.shape}.')
  return np.asarray(table, np.float64)


def _corner(table: np.ndarray, place: list[int]) -> np.ndarray:
  """Returns one corner `[N-1, N-1, N-1, 3]` of all cells."""
  last = len(table) - 1
  r, g, b = (slice(start, start + last) for start in place)
  return table[r, g, b]


def _at_end(values: np.ndarray) -> np.ndarray:
  return (values <= _AT_END) | (values >= 1 - _AT_END)
