"""Running TinyLUT tables, in integers: exactly what training saw.

A picture with its margin lies in one row, its lines one after another: a place beside
a pixel is then a step along the row, whatever the width. Layers go over the row chunk
by chunk, the ends of lines included, in each of four rotations, whose tables are turned
(`folding`) instead of the picture. Widths and lengths are traced, so one program
restores pictures of all sizes.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.systems.tinylut import folding, rounding, row_sums, structure
from lutjax.types import Array, PyTree

# Pixels at a time. A loop keeps XLA from computing a sum of rows again in each of its
# users, and what it reads and writes at a time stays in the cache.
CHUNK = 1024


class _Row(NamedTuple):
  """The row of pixels, and how it is gone over; see `restore_flat`."""

  config: structure.Config
  stride: Array
  count: Array
  chunk: int
  backend: row_sums.Backend


def restore_plane(
  config: structure.Config,
  program: PyTree,
  plane: Array,
  *,
  backend: row_sums.Backend = 'gather',
) -> Array:
  """Restores one channel, mirrored beyond its edges (`mirrored`).

  Args:
    config: The structure.
    program: From `folding.prepare`.
    plane: `[H, W]` uint8.
    backend: How rows are summed.

  Returns:
    `[s H, s W]` uint8: what `forward.forward` gives of the mirrored picture, clipped.

  Raises:
    ValueError: when the plane is not uint8 `[H, W]`, or is empty.
  """
  if plane.ndim != 2 or plane.dtype != jnp.uint8 or not plane.size:
    raise ValueError(f'Expected a plane uint8 [H, W], got {plane.dtype} {plane.shape}.')
  margin, _ = structure.margins(config)
  height, width = plane.shape
  rows, columns = mirrored(height, margin), mirrored(width, margin)
  codes = plane[rows][:, columns].reshape(-1)
  stride = len(columns)
  restored = restore_flat(
    config,
    program,
    jnp.pad(codes, (0, CHUNK)),
    stride,
    (height - 1) * stride + width,
    backend=backend,
  )
  scale = config.restores.scale
  grid = restored[: height * stride].reshape(height, stride, scale, scale)[:, :width]
  return grid.transpose(0, 2, 1, 3).reshape(height * scale, width * scale)


def mirrored(side: int, margin: int) -> np.ndarray:
  """Returns the pixels of a line with its margins, `[side + 2 margin]`.

  Mirrored without repeating the edge, as numpy's `reflect`, as often as it takes: a
  line of one pixel repeats it.

  Args:
    side: Pixels of a line, at least 1.
    margin: Of each side.
  """
  period = max(1, 2 * (side - 1))
  places = np.arange(-margin, side + margin) % period
  return np.minimum(places, period - places) if side > 1 else places


def restore_flat(
  config: structure.Config,
  program: PyTree,
  codes: Array,
  stride: Array | int,
  count: Array | int,
  *,
  chunk: int = CHUNK,
  backend: row_sums.Backend = 'gather',
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
    backend: How rows are summed.

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
  state = jnp.zeros((codes.size, folding.width(config.channels)), jnp.uint8)
  states = {branch: [state, state] for branch in structure.chained(config)}
  total = jnp.zeros((codes.size, folding.width(config.outputs)), jnp.uint16)
  (total, _), _ = jax.lax.scan(
    functools.partial(_rotation, row, streams),
    (total, states),
    (program, folding.corners(config)),
  )
  # Each rotation has added the offset, as a pixel has it once.
  extra = (folding.TURNS - 1) * rounding.OFFSET
  if config.low == 'fused':
    begin = structure.margins(config)[0] * (row.stride + 1)
    rest = _rest(config, _part(_twice(codes), (begin,), codes.shape))
    result = jnp.clip(total.astype(jnp.int16) - extra + rest[:, None], 0, 255)
  else:
    # Flat, or XLA writes the loop over sub-pixels out, not vectorised.
    flat = total.reshape(-1)
    result = jnp.minimum(flat - jnp.minimum(flat, extra), 255).reshape(total.shape)
  return result[:, : config.outputs].astype(jnp.uint8)


def _streams(row: _Row, branch: structure.Branch, codes: Array) -> list[Array]:
  """Returns `[N]` uint8 for each group of a window: its levels, as one."""
  config = row.config
  bits = folding.levels(config, branch).bit_length() - 1
  plane = codes >> (8 - bits) if branch == 'high' else codes & (2**bits - 1)
  streams = []
  for group in folding.groups(config, branch):
    stream = jnp.zeros_like(plane)
    for i, position in enumerate(group):
      place = _step(row, position)
      stream |= _part(_twice(plane), (place,), plane.shape) << (i * bits)
    streams.append(stream)
  return streams


def _twice(codes: Array) -> Array:
  """Repeats a row: what comes round is beyond the margin of all that counts."""
  return jnp.concatenate([codes, codes])


def _step(row: _Row, position: int) -> Array:
  """Returns how far along the row a position of a window is."""
  down, right = divmod(position, row.config.kernel)
  return down * row.stride + right


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
  layers = structure.layers(row.config)
  begin = corner[0] * row.stride + corner[1]
  # Lines below, and columns beside, that later layers see.
  reach = sum(_reach(row.config, layer) for layer in layers)
  # Two arrays take turns. Were they to change places, XLA would copy both.
  states = {branch: list(pair) for branch, pair in states.items()}
  for branch, pair in states.items():
    look = functools.partial(_spatial, row, program, streams, branch, begin)
    pair[0] = _over(row, reach, look, pair[0])
  for i, layer in enumerate(layers[:-1]):
    reach -= _reach(row.config, layer)
    source, target = i % 2, 1 - i % 2
    for branch, pair in states.items():
      held = program[branch]['layers'][i]
      look = functools.partial(_layer, row, branch, layer, held, pair[source])
      pair[target] = _over(row, reach, look, pair[target])
  source = (len(layers) - 1) % 2

  def last(start: Array) -> Array:
    parts = [
      _layer(
        row, branch, layers[-1], program[branch]['layers'][-1], pair[source], start
      )
      for branch, pair in states.items()
    ]
    # Branches are added and clipped, less the offset of all but one.
    both = sum(part.astype(jnp.uint16) for part in parts)
    above = rounding.OFFSET * (len(parts) - 1)
    both = jnp.minimum(both - jnp.minimum(both, above), 255)
    return both + _part(total, (start, 0), both.shape)

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
  fused = config.low == 'fused'
  total: Any = 0
  for one in structure.branches(config) if fused else (branch,):
    looked = [_part(s, (begin + start,), (row.chunk,)) for s in streams[one]]
    total = total + row_sums.by_row(
      program[one]['spatial'],
      folding.spacing(config, one),
      looked,
      backend=row.backend,
    )
  if folding.ready(config, branch):
    return total.astype(jnp.uint8)
  return row_sums.level(total, folding.divisor(config, branch, None))


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
  if layer.kind == 'depthwise':
    look, lanes = row_sums.by_channel, state.shape[1]
    places = [(start + _step(row, i), 0) for i in range(config.kernel**2)]
    looked = [_part(state, place, (row.chunk, lanes)) for place in places]
  else:
    look = row_sums.by_row
    places = [(start, lane) for lane in range(config.channels)]
    if config.shift_radius:
      centre = config.shift_radius * (row.stride + 1)
      steps = held['shift'][:, 0] * row.stride + held['shift'][:, 1]
      places = [(start + step, lane) for lane, step in enumerate(steps)]
      places += [(start + centre, lane) for lane in range(layer.outputs)]
    looked = [_part(state, place, (row.chunk, 1))[:, 0] for place in places]
  total = look(
    held['rows'], folding.levels(config, branch), looked, backend=row.backend
  )
  return row_sums.level(total, folding.divisor(config, branch, layer))


def _part(values: Array, place: tuple, shape: tuple[int, ...]) -> Array:
  return jax.lax.dynamic_slice(values, place, shape, allow_negative_indices=False)
