"""The look-up table as a value.

A `Lut` maps colours of D channels (1 to 5) to colours of C channels in three
steps: an optional shaper (one curve per input channel), the domain (a linear
map of each channel to [0, 1]), and the lattice. A lattice is
`[N1, ..., ND, C]`, its axes in the order of the input channels, so that a 3D
lattice is `[N, N, N, 3]` indexed `[r, g, b]`. Nodes are evenly spaced from 0
to 1 unless `knots` says where they lie.

Leaves are numpy or jax arrays; what is built from numpy stays numpy, so that
reading a file starts no device.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax.types import Array

MAX_DIMENSIONS = 5


class Shaper(NamedTuple):
  """One curve per input channel, sampled evenly and read linearly.

  Attributes:
    table: `[S, D]` float32, S >= 2; column d is the curve of channel d.
    domain: `[2, D]` float32; the inputs of the first and of the last row.
  """

  table: Array | np.ndarray
  domain: Array | np.ndarray


class Lut(NamedTuple):
  """A map of colours, held as samples; a pytree of float32 leaves.

  A 1D table is a `Shaper` in front of an identity lattice of size 2 whose
  domain spans what the curves put out (`from_shaper`).

  Attributes:
    table: `[N1, ..., ND, C]`, each N >= 2; the lattice.
    domain: `[2, D]`; what reaches the lattice at its first and last nodes.
    knots: Per axis `[Nd]`, rising from 0 to 1 over the domain; None for even
      spacing.
    shaper: Curves that come before the domain, or None.
  """

  table: Array | np.ndarray
  domain: Array | np.ndarray
  knots: tuple[Array | np.ndarray, ...] | None = None
  shaper: Shaper | None = None


def identity(size: int) -> np.ndarray:
  """Returns the identity lattice: each node holds its own colour.

  Each entry is i / (N - 1) rounded once to float32: the colours at which the
  interpolations of `interpolate` return nodes exactly.

  Args:
    size: N, the nodes per axis, >= 2.

  Returns:
    `[N, N, N, 3]` float32.

  Raises:
    ValueError: on a size below 2.
  """
  return nodes((size,) * 3)


def nodes(sizes: Sequence[int], *, knots: Sequence[Any] | None = None) -> Any:
  """Returns the place of each node of a lattice of any dimension in the unit cube.

  Args:
    sizes: Nodes per axis, each >= 2.
    knots: Where they lie, `[Nd]` per axis; None for even spacing.

  Returns:
    `[N1, ..., ND, D]` float32.

  Raises:
    ValueError: on a size below 2, or knots of other sizes.
  """
  small = [size for size in sizes if size < 2]
  if small:
    raise ValueError(f'Expected a size of 2 or more, got {small[0]}.')
  if knots is None:
    axes = [(np.arange(size) / (size - 1)).astype(np.float32) for size in sizes]
  else:
    axes = _checked_knots(knots, sizes)
  xp = axes[0].__array_namespace__()
  return xp.stack(xp.meshgrid(*axes, indexing='ij'), axis=-1)


def from_table(
  table: Any,
  domain: Any = None,
  shaper: Shaper | None = None,
  *,
  knots: Sequence[Any] | None = None,
) -> Lut:
  """Returns the `Lut` of a lattice, after checking that the shapes agree.

  Args:
    table: `[N1, ..., ND, C]`, D from 1 to 5, each N >= 2.
    domain: `[2, D]`, rows minimum and maximum; [0, 1] when None.
    shaper: Curves in front, D channels.
    knots: D vectors `[Nd]` rising from 0 to 1.

  Raises:
    ValueError: on shapes that do not fit together.
  """
  table = _float32(table)
  dimensions = table.ndim - 1
  sizes = table.shape[:-1]
  if not 1 <= dimensions <= MAX_DIMENSIONS or min(sizes) < 2:
    raise ValueError(
      'Expected a lattice [N1, ..., ND, C] of 1 to 5 dimensions and sizes '
      f'of 2 or more, got {table.shape}.'
    )
  if domain is None:
    domain = np.stack([np.zeros(dimensions), np.ones(dimensions)])
  domain = _float32(domain)
  _check_domain(domain, dimensions)
  if knots is not None:
    knots = _checked_knots(knots, sizes)
  if shaper is not None:
    shaper = _checked_shaper(shaper, dimensions)
  return Lut(table, domain, knots, shaper)


def from_shaper(shaper: Shaper) -> Lut:
  """Returns the 3D `Lut` that applies curves only.

  Args:
    shaper: Curves of three channels with finite values.

  Raises:
    ValueError: if the shaper is not `[S, 3]` with a `[2, 3]` domain.
  """
  shaper = _checked_shaper(shaper, 3)
  xp = shaper.table.__array_namespace__()
  low, high = shaper.table.min(axis=0), shaper.table.max(axis=0)
  # A constant curve spans nothing; any width keeps its value.
  high = xp.where(high > low, high, low + xp.maximum(abs(low), 1.0))
  nodes = low + identity(2) * (high - low)
  return from_table(nodes, xp.stack([low, high]), shaper)


def input_domain(lut: Lut) -> Any:
  """Returns `[2, D]`, the inputs that the table distinguishes.

  That is the domain of the shaper where there is one, else of the lattice; what
  lies outside is clamped to it.
  """
  return lut.domain if lut.shaper is None else lut.shaper.domain


def is_curves(lut: Lut) -> bool:
  """Returns whether the lattice is the identity behind the shaper."""
  if lut.shaper is None or lut.knots is not None:
    return False
  curves = from_shaper(lut.shaper)
  same_table = np.array_equal(lut.table, curves.table)
  return same_table and np.array_equal(lut.domain, curves.domain)


def _float32(array: Any) -> Any:
  """Returns `array` in float32, numpy unless it is a jax array."""
  if not hasattr(array, '__array_namespace__'):
    array = np.asarray(array)
  return array.astype(np.float32, copy=False)


def _checked_knots(knots: Sequence[Any], sizes: Sequence[int]) -> tuple[Any, ...]:
  """Returns `knots` in float32, or raises ValueError."""
  axes = tuple(_float32(axis) for axis in knots)
  shapes = [axis.shape for axis in axes]
  if shapes != [(size,) for size in sizes]:
    raise ValueError(f'Expected knots of sizes {tuple(sizes)}, got shapes {shapes}.')
  return axes


def _checked_shaper(shaper: Shaper, dimensions: int) -> Shaper:
  """Returns `shaper` in float32, or raises ValueError."""
  shaper = Shaper(_float32(shaper.table), _float32(shaper.domain))
  shape = shaper.table.shape
  if len(shape) != 2 or shape[0] < 2 or shape[1] != dimensions:
    raise ValueError(f'Expected a shaper [S, {dimensions}], S >= 2, got {shape}.')
  _check_domain(shaper.domain, dimensions)
  return shaper


def _check_domain(domain: Any, dimensions: int) -> None:
  """Raises ValueError unless `domain` is `[2, dimensions]`."""
  if domain.shape != (2, dimensions):
    raise ValueError(f'Expected a domain [2, {dimensions}], got {domain.shape}.')
