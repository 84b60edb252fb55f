"""Cubic interpolation of a lattice, which has no edges where cells meet.

After Catmull and Rom, "A class of local interpolating splines" (1974): along each
axis a cubic between two nodes takes them on with slopes that are half the difference
of their neighbours. Beyond an end the line through the last two nodes goes on, so
that affine maps are reproduced everywhere. Results overshoot where nodes bend, by up
to an eighth of a step per axis, and are not clamped.

It reads 4^D nodes, 64 in three dimensions, where `interpolate.trilinear` reads 8; no
colour engine that we know does so, and neither do our commands: it is for asking what
the choice of interpolation is worth.
"""

import functools
import operator

import jax.numpy as jnp

from lutjax.lut import positions
from lutjax.types import Array


def catmull_rom(lattice: Array, rgb: Array) -> Array:
  """Interpolates by cubics along each axis in turn; nodes are exact.

  Args:
    lattice: `[N1, ..., ND, C]` float, each N >= 2.
    rgb: `[..., D]` float; what lies outside [0, 1] is clamped to it.

  Returns:
    `[..., C]`, of a colour with a NaN channel NaN.

  Raises:
    ValueError: on any other shape.
  """
  *sizes, channels = lattice.shape
  if not sizes or min(sizes) < 2 or rgb.shape[-1:] != (len(sizes),):
    raise ValueError(
      f'Expected a lattice [N1, ..., ND, C] and colours [..., D], got {lattice.shape} '
      f'and {rgb.shape}.'
    )
  rows, shares = [], []
  stride = 1
  for axis in reversed(range(len(sizes))):
    node, share = _along(rgb[..., axis], sizes[axis])
    # An axis of four for each dimension, behind those of the colours.
    spread = (*rgb.shape[:-1], *(4 if i == axis else 1 for i in range(len(sizes))))
    rows.append((node * stride).reshape(spread))
    shares.append(share.reshape(spread))
    stride *= sizes[axis]
  row = functools.reduce(operator.add, rows)
  share = functools.reduce(operator.mul, shares)
  values = jnp.take(jnp.asarray(lattice).reshape(-1, channels), row, axis=0)
  around = tuple(range(rgb.ndim - 1, rgb.ndim - 1 + len(sizes)))
  return jnp.sum(values * share[..., None], axis=around)


def _along(x: Array, size: int) -> tuple[Array, Array]:
  """Returns the four nodes around positions on one axis, and what they weigh.

  Args:
    x: `[...]`.
    size: N.

  Returns:
    `[..., 4]` int32 and `[..., 4]` float. A node beyond an end weighs nothing.
  """
  place = positions.evenly(positions.clamp(x, 0.0, 1.0), size)
  t = place.fraction
  before = t * (-0.5 + t * (1.0 - 0.5 * t))
  low = 1.0 + t * t * (-2.5 + 1.5 * t)
  high = t * (0.5 + t * (2.0 - 1.5 * t))
  after = t * t * (-0.5 + 0.5 * t)
  # The node before the first is 2 v0 - v1, and so on.
  first, last = place.node == 0, place.node == size - 2
  low, high = (
    low + jnp.where(first, 2.0 * before, 0.0) - jnp.where(last, after, 0.0),
    high - jnp.where(first, before, 0.0) + jnp.where(last, 2.0 * after, 0.0),
  )
  before, after = jnp.where(first, 0.0, before), jnp.where(last, 0.0, after)
  nodes = place.node[..., None] + jnp.arange(-1, 3, dtype=jnp.int32)
  shares = jnp.stack([before, low, high, after], axis=-1)
  return jnp.clip(nodes, 0, size - 1), shares
