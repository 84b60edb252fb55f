"""Running TinyLUT tables, in integers: exactly what training saw.

A picture with its margin lies in one row, its lines one after another: a place beside
a pixel is then a step along the row, whatever the width. Layers go over the row chunk
by chunk, the ends of lines included, in each of four rotations, whose tables are turned
(`folding`) instead of the picture. Widths and lengths are traced, so one program
restores pictures of all sizes.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from lutjax.systems.tinylut import folding, rounding, structure
from lutjax.types import Array, PyTree

Backend = Literal['gather', 'one_hot']
# Pixels at a time. A loop keeps XLA from computing a sum of rows again in each of its
# users, and what it reads and writes at a time stays in the cache.
CHUNK = 1024
_IN_BOUNDS = jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS


class _Row(NamedTuple):
  """The row of pixels, and how it is gone over; see `restore_flat`."""

  config: structure.Config
  stride: Array
  count: Array
  chunk: int
  backend: Backend


def restore_flat(
  config: structure.Config,
  program: PyTree,
  codes: Array,
  stride: Array | int,
  count: Array | int,
  *,
  chunk: int = CHUNK,
  backend: Backend = 'gather',
) -> Array:
  """Restores pixels that lie in a row.

  Args:
    config: The structure.
    program: From `folding.prepare`.
    codes: `[N]` uint8, the lines of a picture with its margin m, then anything; N is at
      least `count + 2 m (stride + 1) + chunk`.
    stride: Of a line, margins included.
    count: Pixels from the first to the last that is wanted, the ends of lines between
      them included.
    chunk: Pixels at a time.
    backend: `one_hot` multiplies matrices of 8 bits instead of looking rows up, for
      machines that are slow at looking up; the result is the same.

  Returns:
    `[N, s s]` uint8, the sub-pixels of `count` pixels, the first of which is the first
    that has a whole margin; at the ends of lines and from `count` on they mean nothing.

  Raises:
    ValueError: when codes are not uint8 `[N]`.
  """
  if codes.ndim != 1 or codes.dtype != jnp.uint8:
    raise ValueError(f'Expected codes uint8 [N], got {codes.dtype} {codes.shape}.')
  row = _Row(config, jnp.int32(stride), jnp.int32(count), chunk, backend)
  streams: dict[str, list[Array]] = {
    branch: _streams(row, branch, codes) for branch in structure.branches(config)
  }
  state = jnp.zeros((codes.size, config.channels), jnp.uint8)
  states = dict.fromkeys(structure.chained(config), (state, state))
  total = jnp.zeros((codes.size, config.outputs), jnp.uint16)
  (total, _), _ = jax.lax.scan(
    functools.partial(_rotation, row, streams),
    (total, states),
    (program, folding.corners(config)),
  )
  # Each rotation has added the offset, as a pixel has it once.
  result = total.astype(jnp.int16) - (folding.TURNS - 1) * rounding.OFFSET
  if config.low == 'fused':
    begin = structure.margins(config)[0] * (row.stride + 1)
    twice = jnp.concatenate([codes, codes])
    result += _rest(config, _part(twice, (begin,), codes.shape))[:, None]
  return jnp.clip(result, 0, 255).astype(jnp.uint8)


def _streams(row: _Row, branch: structure.Branch, codes: Array) -> list[Array]:
  """Returns `[N]` uint8 for each group of a window: its levels, as one."""
  config = row.config
  bits = folding.levels(config, branch).bit_length() - 1
  plane = codes >> (8 - bits) if branch == 'high' else codes & (2**bits - 1)
  # What comes round from the start is beyond the margin of every pixel that counts.
  twice = jnp.concatenate([plane, plane])
  streams = []
  for group in folding.groups(config, branch):
    stream = jnp.zeros_like(plane)
    for i, position in enumerate(group):
      down, right = divmod(position, config.kernel)
      place = down * row.stride + right
      stream |= _part(twice, (place,), plane.shape) << (i * bits)
    streams.append(stream)
  return streams


def _rest(config: structure.Config, codes: Array) -> Array:
  """Returns what four skips of the high branch leave of a pixel, int16."""
  bits = config.msb_bits
  high = (codes >> (8 - bits)).astype(jnp.int16) - 2 ** (bits - 1)
  return codes.astype(jnp.int16) - rounding.OFFSET - folding.TURNS * high


def _rotation(
  row: _Row, streams: dict[str, list[Array]], carry: tuple, given: tuple
) -> tuple[tuple, None]:
  """Adds a rotation's sub-pixels, 0 to 255, to the total that is carried."""
  total, states = carry
  program, corner = given
  config = row.config
  begin = corner[0] * row.stride + corner[1]
  layers = structure.layers(config)
  # Lines below, and columns beside, that later layers see.
  reach = sum(_reach(config, layer) for layer in layers)
  for branch, (state, other) in states.items():
    look = functools.partial(_spatial, row, program, streams, branch, begin)
    states = states | {branch: (_over(row, reach, look, state), other)}
  for i, layer in enumerate(layers[:-1]):
    reach -= _reach(config, layer)
    for branch, (state, other) in states.items():
      held = program[branch]['layers'][i]
      look = functools.partial(_layer, row, branch, layer, held, state)
      states = states | {branch: (_over(row, reach, look, other), state)}

  def last(start: Array) -> Array:
    parts = [
      _layer(row, branch, layers[-1], program[branch]['layers'][-1], state, start)
      for branch, (state, _) in states.items()
    ]
    # Branches are added and clipped, less the offset of all but one.
    both = sum(part.astype(jnp.uint16) for part in parts)
    above = rounding.OFFSET * (len(parts) - 1)
    both = jnp.minimum(both - jnp.minimum(both, above), 255)
    return both + _part(total, (start, 0), (row.chunk, config.outputs))

  return (_over(row, 0, last, total), states), None


def _reach(config: structure.Config, layer: structure.Layer) -> int:
  """Returns how many lines a layer sees, less one."""
  return config.kernel - 1 if layer.kind == 'depthwise' else 2 * config.shift_radius


def _over(
  row: _Row, reach: int, look: Callable[[Array], Array], target: Array
) -> Array:
  """Fills a target with what chunks give, as far as later layers see."""
  length = row.count + reach * (row.stride + 1)

  def step(i: Array, target: Array) -> Array:
    start = i * row.chunk
    return jax.lax.dynamic_update_slice(
      target, look(start), (start, 0), allow_negative_indices=False
    )

  return jax.lax.fori_loop(0, (length + row.chunk - 1) // row.chunk, step, target)


def _spatial(
  row: _Row,
  program: PyTree,
  streams: dict[str, list[Array]],
  branch: structure.Branch,
  begin: Array,
  start: Array,
) -> Array:
  """Returns `[chunk, C]` uint8 levels of the spatial layer."""
  config = row.config
  both = config.low == 'fused' and 'low' in streams
  branches: tuple[structure.Branch, ...] = ('high', 'low') if both else (branch,)
  total: Any = 0
  for one in branches:
    looked = [_part(s, (begin + start,), (row.chunk,)) for s in streams[one]]
    spacing = folding.spacing(config, one)
    total = total + _sum_of_rows(row, program[one]['spatial'], spacing, looked)
  if folding.ready(config, branch):
    return total.astype(jnp.uint8)
  return _level(total, folding.divisor(config, branch, None))


def _layer(
  row: _Row,
  branch: structure.Branch,
  layer: structure.Layer,
  held: PyTree,
  state: Array,
  start: Array,
) -> Array:
  """Returns `[chunk, outputs]` uint8 levels of `[N, C]`, from a place on."""
  config = row.config
  how = folding.divisor(config, branch, layer)
  if layer.kind == 'depthwise':
    return _level(_sum_of_entries(row, branch, held['rows'], state, start), how)
  places = [start] * config.channels
  lanes = list(range(config.channels))
  if config.shift_radius:
    steps = held['shift'][:, 0] * row.stride + held['shift'][:, 1]
    centre = config.shift_radius * (row.stride + 1)
    places = [start + step for step in steps] + [start + centre] * layer.outputs
    lanes += range(layer.outputs)
  looked = [
    _part(state, (place, lane), (row.chunk, 1))[:, 0]
    for place, lane in zip(places, lanes)
  ]
  spacing = folding.levels(config, branch)
  return _level(_sum_of_rows(row, held['rows'], spacing, looked), how)


def _sum_of_rows(row: _Row, rows: Array, spacing: int, looked: list[Array]) -> Array:
  """Adds a row of each table, `[rows, O]`, for each pixel: `[chunk, O]` uint16."""
  if row.backend == 'one_hot':
    hot = jnp.stack(looked, axis=1)[..., None] == jnp.arange(spacing, dtype=jnp.uint8)
    hot = hot.reshape(row.chunk, -1)
    return _product(hot, rows[: hot.shape[1]], (((1,), (0,)), ((), ())))
  numbers = jax.lax.GatherDimensionNumbers((1,), (0,), (0,))
  total: Any = 0
  for i, levels in enumerate(looked):
    # Written out, XLA makes one vectorised loop of it.
    table = rows[i * spacing :][: folding.WINDOW]
    sizes = (1, rows.shape[1])
    total = total + jax.lax.gather(
      table, levels[:, None], numbers, sizes, mode=_IN_BOUNDS
    )
  return total


def _sum_of_entries(
  row: _Row, branch: structure.Branch, entries: Array, state: Array, start: Array
) -> Array:
  """Adds entries of each channel's own tables over a window: `[chunk, C]` uint16."""
  config = row.config
  shape = (row.chunk, config.channels)
  count = folding.levels(config, branch)
  looked = []
  for position in range(config.kernel**2):
    down, right = divmod(position, config.kernel)
    looked.append(_part(state, (start + down * row.stride + right, 0), shape))
  if row.backend == 'one_hot':
    hot = jnp.stack(looked, axis=1)[..., None] == jnp.arange(count, dtype=jnp.uint8)
    rows = entries[: len(looked) * count * shape[1]].reshape(len(looked), count, -1)
    return _product(hot, rows, (((1, 3), (0, 1)), ((2,), (2,)))).T
  numbers = jax.lax.GatherDimensionNumbers((), (0,), (0,))
  lanes = jax.lax.broadcasted_iota(jnp.int32, shape, 1)
  total: Any = 0
  for i, levels in enumerate(looked):
    table = entries[i * count * shape[1] :][: folding.WINDOW * shape[1]]
    places = levels.astype(jnp.int32) * shape[1] + lanes
    total = total + jax.lax.gather(
      table, places[..., None], numbers, (1,), mode=_IN_BOUNDS
    )
  return total


def _product(hot: Array, rows: Array, numbers: Any) -> Array:
  """Multiplies by rows of 16 bits, as two of 8 bits each, modulo 2^16."""
  whole = rows.astype(jnp.int16)
  low = whole.astype(jnp.int8)
  halves = low, ((whole - low) >> 8).astype(jnp.int8)
  sums = [
    jax.lax.dot_general(
      hot.astype(jnp.int8), half, numbers, preferred_element_type=jnp.int32
    )
    for half in halves
  ]
  return (sums[0] + 256 * sums[1]).astype(jnp.uint16)


def _level(total: Array, how: folding.Divisor) -> Array:
  """Returns uint8 levels from 0 of uint16 sums: divided, halves to even, clipped."""
  quotient = _quotient(total, how.parts)
  lowest = how.offset + how.lowest
  above = quotient - jnp.minimum(quotient, lowest)
  return jnp.minimum(above, how.highest - how.lowest).astype(jnp.uint8)


def _quotient(total: Array, parts: int) -> Array:
  if parts % 2:
    return total // parts
  odd = total >> 15
  total = total & (folding.ODD - 1)
  if parts & (parts - 1) == 0:
    shift = parts.bit_length() - 1
    return ((total + (parts // 2 - 1) + ((total >> shift) & 1)) >> shift) + odd
  up = (total + parts // 2) // parts
  tie = (up * parts == total + parts // 2).astype(jnp.uint16)
  return up - (tie & up) + odd


def _part(values: Array, place: tuple, shape: tuple[int, ...]) -> Array:
  return jax.lax.dynamic_slice(values, place, shape, allow_negative_indices=False)
