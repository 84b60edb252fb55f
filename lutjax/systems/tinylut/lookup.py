"""Looking activations up in the tables of a layer, with the gradient of a network.

A network of one input that is only ever asked at a few integers is a table. It is
evaluated once a step at those integers, and pixels are looked up: table gradients are
sums over the pixels of each level, gradients of the inputs come from the network's
derivative at the same integers. Both are exact.
"""

import functools

import jax
import jax.numpy as jnp

from lutjax.types import Array

# Pixels at a time: what a chunk reads and writes stays in the cache, and a loop keeps
# XLA from computing a sum of rows again in each of its users (20 times the time).
CHUNK = 2048


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def lookup(tables: Array, slopes: Array | None, levels: Array, lowest: int) -> Array:
  """Sums what the table of each channel says.

  Args:
    tables: `[C, L, O]` float32.
    slopes: `[C, L, O]` float32, derivatives of the tables by the level, for the
      gradient of `levels`; gets no gradient itself. None where levels are pixels,
      which need none.
    levels: `[..., C]` float32 integers, from `lowest` to `lowest + L - 1`.
    lowest: The level of the first row.

  Returns:
    `[..., O]` float32, the sum over channels.
  """
  return _forward(tables, slopes, levels, lowest)[0]


def _forward(
  tables: Array, slopes: Array | None, levels: Array, lowest: int
) -> tuple[Array, tuple]:
  rows = (levels - lowest).astype(jnp.uint8)
  total = jax.lax.map(functools.partial(_sum_of_rows, tables), _chunks(rows))
  return _whole(total, levels), (jnp.zeros_like(tables), slopes, rows)


def _backward(
  lowest: int, kept: tuple, cotangent: Array
) -> tuple[Array, None, Array | None]:
  del lowest
  zeros, slopes, rows = kept

  def step(tables: Array, chunk: tuple[Array, Array]) -> tuple[Array, Array | None]:
    columns = chunk[0].T.astype(jnp.int32)
    upstream = chunk[1]

    def table(given: tuple[Array, Array]) -> Array:
      return given[0].at[given[1]].add(upstream, mode='promise_in_bounds')

    tables = jax.lax.map(table, (tables, columns))
    if slopes is None:
      return tables, None
    # By output, so that the gradient of a level is a sum of whole vectors.
    by_output = upstream.T

    def slope(given: tuple[Array, Array]) -> Array:
      plane, column = given
      total = jnp.zeros(column.shape, upstream.dtype)
      for output in range(plane.shape[0]):
        total += jnp.take(plane[output], column, mode='clip') * by_output[output]
      return total

    return tables, jax.lax.map(slope, (slopes.transpose(0, 2, 1), columns)).T

  tables, by_level = jax.lax.scan(step, zeros, (_chunks(rows), _chunks(cotangent)))
  if by_level is None:
    return tables, None, jnp.zeros(rows.shape, cotangent.dtype)
  return tables, None, _whole(by_level, rows)


lookup.defvjp(_forward, _backward)


def _sum_of_rows(tables: Array, rows: Array) -> Array:
  """Adds channel by channel, written out: XLA makes one vectorised loop of it."""
  columns = rows.astype(jnp.int32)
  total: Array = jnp.take(tables[0], columns[:, 0], axis=0, mode='clip')
  for c in range(1, rows.shape[1]):
    total = total + jnp.take(tables[c], columns[:, c], axis=0, mode='clip')
  return total


def _chunks(values: Array) -> Array:
  """Returns `[..., C]` as `[n, CHUNK, C]`, padded with zeros; n is at least 2."""
  flat = values.reshape(-1, values.shape[-1])
  count = max(2, -(-len(flat) // CHUNK))
  missing = count * CHUNK - len(flat)
  if missing:
    flat = jnp.pad(flat, [(0, missing), (0, 0)])
  return flat.reshape(count, CHUNK, -1)


def _whole(chunks: Array, like: Array) -> Array:
  """Takes the padding of `_chunks` off, and gives the shape of `like`."""
  flat = chunks.reshape(-1, chunks.shape[-1])
  count = like.size // like.shape[-1]
  return flat[:count].reshape(*like.shape[:-1], -1)
