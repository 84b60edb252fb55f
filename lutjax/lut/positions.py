"""Positions of colours on the axes of a lattice: nodes and fractions.

Everything here works on one channel at a time, `[...]` float. NaN stays NaN,
in the fraction; infinities are clamped.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.types import Array

# The lower 12 of the 24 bits of a float32.
_HALF = (1 << 12) - 1


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
  i (or 1 in the last cell). Other fractions are those of the exact product with
  N - 1, rounded once: neighbours of a steep lattice may be far apart, so what a
  float32 product loses above its fraction would be seen. For N - 1 a power of two
  both are so by themselves.

  Args:
    position: `[...]` float in [0, 1].
    size: N, the number of nodes, >= 2.

  Returns:
    The place of each position.
  """
  cells = size - 1
  scaled = position * cells
  if cells & (cells - 1) == 0:
    node = _cell(scaled, size)
    return Place(node.astype(jnp.int32), scaled - node)
  whole = jnp.round(scaled)
  # What a node's own position is off by, rounded as it is.
  own = jnp.abs(_product_above(position, cells, whole)) <= whole * 2.0**-24
  node = _cell(jnp.where(own, whole, scaled), size)
  fraction = _product_above(position, cells, node)
  # Slopes pass as if nothing had moved.
  fraction += jax.lax.stop_gradient(jnp.where(own, whole - node - fraction, 0.0))
  # A product that was rounded up to a node lies in the cell below.
  below = fraction < 0.0
  node = jnp.where(below, node - 1, node)
  return Place(node.astype(jnp.int32), jnp.where(below, fraction + 1.0, fraction))


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


def _cell(scaled: Array, size: int) -> Array:
  """Returns the node below, as float; for the last node the one before."""
  node = jnp.floor(scaled)
  return jnp.where(node > size - 2, size - 2, node)


def _product_above(x: Array, factor: int, node: Array) -> Array:
  """Returns `x * factor - node`, with the product as it is before rounding.

  Halves of 12 bits have products that float32 holds, and all but the last of
  these sums cancel without a rest.
  """
  high = jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=11)
  coarse, fine = factor & ~_HALF, factor & _HALF
  return (high * coarse - node) + high * fine + (x - high) * factor
