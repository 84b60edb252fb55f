"""Running LUTs backwards: exact inverses of curves and of 3D lattices.

A curve is linear between its samples, a lattice in each tetrahedron between nodes
(`lattice_search`). Where several colours have the same output, one of them is
returned; where none has, one whose output is near.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.lut import interpolate, lattice, lattice_search, positions
from lutjax.types import Array

# How far a colour that was found may map from the one that was asked for, of the
# greater of 1 and the values of the look.
TOLERANCE = 1e-6


class Found(NamedTuple):
  """Colours that a LUT maps to what was asked for.

  Attributes:
    rgb: `[..., 3]`, in the domain of the LUT; the nearest found where `exact` is
      false, NaN where NaN was asked for.
    exact: `[...]` bool, whether the LUT maps `rgb` to what was asked for, within
      `TOLERANCE`.
  """

  rgb: Array
  exact: Array


def invert(prepared: lattice_search.Prepared, rgb: Array) -> Found:
  """Finds the colours that a LUT maps, tetrahedrally, to those given.

  Slopes in the colours and the table are those of the piece that was found; zero
  where nothing was.

  Args:
    prepared: By `lattice_search.prepare`.
    rgb: `[..., 3]` float32.

  Returns:
    What was found.

  Raises:
    ValueError: on another shape or dtype.
  """
  rgb = jnp.asarray(rgb)
  if rgb.shape[-1:] != (3,) or rgb.dtype != jnp.float32:
    raise ValueError(f'Expected float32 colours [..., 3], got {rgb.dtype} {rgb.shape}.')
  prepared = jax.tree.map(jnp.asarray, prepared)
  lut, wanted = prepared.lut, rgb.reshape(-1, 3)
  found = _to_domain(lut, lattice_search.find(prepared, wanted))
  if lut.shaper is not None:
    found = curves(lut.shaper, found)
  back = interpolate.sample(lut, found)
  exact = jnp.all(
    jnp.abs(back - wanted) <= TOLERANCE * lattice_search.scale(prepared), axis=-1
  )
  found = jnp.where(jnp.isnan(wanted).any(axis=-1, keepdims=True), jnp.nan, found)
  return Found(found.reshape(rgb.shape), exact.reshape(rgb.shape[:-1]))


def curves(shaper: lattice.Shaper, values: Array) -> Array:
  """Inverts curves, channel by channel.

  Args:
    shaper: Any curves, also such that rise and fall.
    values: `[..., D]` float.

  Returns:
    `[..., D]`, the least input at which a curve reaches the value; where it reaches
    its extreme, for what lies beyond.
  """
  table, domain = jnp.asarray(shaper.table), jnp.asarray(shaper.domain)
  channels = []
  for i in range(table.shape[-1]):
    samples, value = table[:, i], values[..., i]
    # Turned so that all that is asked for lies above the first sample.
    falls = value < samples[0]
    value = jnp.where(falls, -value, value)
    up, down = jax.lax.cummax(samples), jax.lax.cummax(-samples)
    value = positions.clamp(value, -jnp.inf, jnp.where(falls, down[-1], up[-1]))
    above = jnp.where(falls, jnp.searchsorted(down, value), jnp.searchsorted(up, value))
    above = jnp.clip(above, 1, len(samples) - 1)
    sign = jnp.where(falls, -1.0, 1.0)
    first, last = sign * samples[above - 1], sign * samples[above]
    rise = last - first
    fraction = jnp.where(
      rise > 0, (value - first) / jnp.where(rise > 0, rise, 1.0), 0.0
    )
    unit = (above - 1 + jnp.clip(fraction, 0.0, 1.0)) / (len(samples) - 1)
    low, high = domain[:, i]
    channels.append(low + unit * (high - low))
  return jnp.stack(channels, axis=-1)


def _to_domain(lut: lattice.Lut, point: Array) -> Array:
  """Returns what reaches the lattice at points in nodes."""
  channels = []
  for axis, size in enumerate(lut.table.shape[:3]):
    x = point[:, axis]
    if lut.knots is None:
      unit = x / (size - 1)
    else:
      knots = lut.knots[axis]
      node = jnp.clip(jnp.floor(x), 0, size - 2).astype(jnp.int32)
      unit = knots[node] + (x - node) * (knots[node + 1] - knots[node])
    low, high = lut.domain[:, axis]
    channels.append(low + unit * (high - low))
  return jnp.stack(channels, axis=-1)
