"""Sums of table rows, and the levels that they are rounded to, in 16-bit integers.

Rows are those of `folding`: uint16, tables one after another, each beginning `spacing`
rows after the one before, with `folding.WINDOW` rows from the last on. Levels are
uint8 and count from 0. Two ways give the same bits: looking rows up, and multiplying
matrices of 8 bits by one-hot levels, for machines that are slow at looking up.
"""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from lutjax.systems.tinylut import folding
from lutjax.types import Array

Backend = Literal['gather', 'one_hot']
# `(offset_dims, collapsed_slice_dims, start_index_map)`: whole rows, single entries.
_ROWS = jax.lax.GatherDimensionNumbers((1,), (0,), (0,))
_ENTRIES = jax.lax.GatherDimensionNumbers((), (0,), (0,))


def by_row(
  rows: Array, spacing: int, levels: Sequence[Array], *, backend: Backend = 'gather'
) -> Array:
  """Adds one row of each table for each pixel.

  Args:
    rows: `[(T - 1) spacing + WINDOW, lanes]` uint16, T tables.
    spacing: From one table to the next, 1 to 256.
    levels: T of `[P]` uint8, below `spacing`.
    backend: How it is done.

  Returns:
    `[P, lanes]` uint16, modulo 2^16.
  """
  if backend == 'one_hot':
    hot = _one_hot(jnp.stack(levels, axis=1), spacing)
    hot = hot.reshape(len(hot), -1)
    return _product(hot, rows[: hot.shape[1]], (((1,), (0,)), ((), ())))
  sizes = (1, rows.shape[1])
  total: Any = 0
  for i, places in enumerate(levels):
    # Written out, XLA makes one vectorised loop of it; and no place of 8 bits is out of
    # bounds in a window, so that LLVM leaves the check out, which took half the time.
    window = rows[i * spacing :][: folding.WINDOW]
    total = total + _gathered(window, places, _ROWS, sizes)
  return total


def by_channel(
  rows: Array, spacing: int, levels: Sequence[Array], *, backend: Backend = 'gather'
) -> Array:
  """Adds one entry of each table for each pixel and channel.

  Args:
    rows: `[(T - 1) spacing + WINDOW, lanes]` uint16, T tables.
    spacing: From one table to the next, 1 to 256.
    levels: T of `[P, lanes]` uint8, below `spacing`: which row each lane asks.
    backend: How it is done.

  Returns:
    `[P, lanes]` uint16, modulo 2^16.
  """
  lanes = rows.shape[1]
  if backend == 'one_hot':
    hot = _one_hot(jnp.stack(levels, axis=1), spacing)
    tables = rows[: len(levels) * spacing].reshape(len(levels), spacing, lanes)
    return _product(hot, tables, (((1, 3), (0, 1)), ((2,), (2,)))).T
  lane = jax.lax.broadcasted_iota(jnp.int32, levels[0].shape, 1)
  total: Any = 0
  for i, places in enumerate(levels):
    window = rows[i * spacing :][: folding.WINDOW].reshape(-1)
    entry = places.astype(jnp.int32) * lanes + lane
    total = total + _gathered(window, entry, _ENTRIES, (1,))
  return total


def level(total: Array, how: folding.Divisor) -> Array:
  """Divides sums, rounds halves to even and clips.

  Args:
    total: `[...]` uint16 sums: `how.parts` times (`how.offset` + a quotient), plus half
      of the parts where these are odd; `folding.ODD` adds one to the quotient where
      they are even.
    how: The divisor and the range.

  Returns:
    `[...]` uint8, 0 for the lowest level.
  """
  quotient = _quotient(total, how.parts)
  lowest = how.offset + how.lowest
  above = quotient - jnp.minimum(quotient, lowest)
  return jnp.minimum(above, how.highest - how.lowest).astype(jnp.uint8)


def _quotient(total: Array, parts: int) -> Array:
  if parts % 2:
    return total // parts
  odd = total >> 15
  total = total & (folding.ODD - 1)
  half = parts // 2
  if parts & (parts - 1) == 0:
    shift = parts.bit_length() - 1
    return ((total + (half - 1) + ((total >> shift) & 1)) >> shift) + odd
  up = (total + half) // parts
  tie = (up * parts == total + half).astype(jnp.uint16)
  return up - (up & tie) + odd


def _gathered(table: Array, places: Array, numbers: Any, sizes: tuple) -> Array:
  return jax.lax.gather(
    table,
    places[..., None],
    numbers,
    sizes,
    mode=jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS,
  )


def _one_hot(levels: Array, count: int) -> Array:
  return (levels[..., None] == jnp.arange(count, dtype=jnp.uint8)).astype(jnp.int8)


def _product(hot: Array, rows: Array, numbers: Any) -> Array:
  """Multiplies by rows of 16 bits, as two of 8 bits, in sums of 32."""
  whole = rows.astype(jnp.int32)
  low = _signed(whole)
  # 256 times 128 and -128 are the same modulo 2^16.
  high = _signed((whole - low) >> 8)
  sums = [
    jax.lax.dot_general(hot, half, numbers, preferred_element_type=jnp.int32)
    for half in (low, high)
  ]
  return ((sums[0] + 256 * sums[1]) & 0xFFFF).astype(jnp.uint16)


def _signed(values: Array) -> Array:
  """Returns the last 8 bits, as int8."""
  return (((values + 128) & 255) - 128).astype(jnp.int8)
