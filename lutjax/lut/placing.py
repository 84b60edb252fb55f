"""Where colours lie on the axes of a lattice.

Everything here works on one channel at a time, `[...]` float. NaN stays NaN,
in the fraction; infinities are clamped.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.types import Array


class Place(NamedTuple):
  """Where colours lie along one axis.

  Attributes:
    node: `[...]` int32, the node below.
    fraction: `[...]` in [0, 1], the way to the node above.
  """

  node: Array
  fraction: Array


def normalize(x: Array, limits: Array) -> Array:
  """Maps a domain to [0, 1]; what lies outside is clamped.

  Args:
    x: `[...]` float.
    limits: `[2]` float, minimum and maximum of the domain.

  Returns:
    `[...]` in [0, 1].
  """
  low, high = limits
  return (clamp(x, low, high) - low) / (high - low)


def clamp(x: Array, low: Array | float, high: Array | float) -> Array:
  """Clamps by comparison, which keeps NaN and the slope on the boundary.

  Args:
    x: `[...]` float.
    low: Scalar, what smaller values become.
    high: Scalar, what larger values become.

  Returns:
    `[...]`.
  """
  return jnp.where(x < low, low, jnp.where(x > high, high, x))


def evenly(position: Array, size: int) -> Place:
  """Places positions among evenly spaced nodes.

  A node's own position i / (N - 1), rounded to float32, has fraction 0 in cell
  i (or 1 in the last cell). For N - 1 a power of two that is so by itself.

  Args:
    position: `[...]` float in [0, 1].
    size: N, the number of nodes, >= 2.

  Returns:
    The place of each position.
  """
  scaled = position * (size - 1)
  if (size - 1) & (size - 2):
    scaled = _snapped(scaled)
  node = jnp.floor(scaled)
  node = jnp.where(node > size - 2, size - 2, node)
  return Place(node.astype(jnp.int32), scaled - node)


def among(position: Array, knots: Array) -> Place:
  """Places positions among unevenly spaced nodes.

  Args:
    position: `[...]` float, clamped to the first and last knot.
    knots: `[N]` float, rising; a cell of no width has fraction 0.

  Returns:
    The place of each position.
  """
  position = clamp(position, knots[0], knots[-1])
  above = jnp.searchsorted(knots, position, side='right', method='compare_all')
  node = jnp.clip(above.astype(jnp.int32) - 1, 0, knots.shape[0] - 2)
  low = jnp.take(knots, node, mode='clip')
  width = jnp.take(knots, node + 1, mode='clip') - low
  return Place(node, (position - low) / jnp.where(width > 0, width, 1.0))


@jax.custom_jvp
def _snapped(scaled: Array) -> Array:
  """Moves a position that misses an integer by rounding alone onto it.

  A node's colour is off by half a unit in the last place, its product by
  another half: 2^-23 of the integer at most. Slopes pass as if nothing had
  moved.
  """
  whole = jnp.round(scaled)
  return jnp.where(jnp.abs(scaled - whole) <= whole * 2.0**-23, whole, scaled)


_snapped.defjvps(lambda tangent, _, scaled: tangent)
