"""The forward pass in training, on float32 that holds the integers of inference.

A patch is looked at in four rotations, in all of which the window ends at the pixel;
the outputs are turned back and added, each trained to give a quarter.
"""

from typing import Any

import jax
import jax.numpy as jnp

from lutjax.systems.tinylut import lookup, rounding, structure
from lutjax.types import Array, PyTree

_TURNS = 4


def forward(
  config: structure.Config, tables: PyTree, slopes: PyTree, patches: Array
) -> Array:
  """Restores patches, less the margin around them.

  Args:
    config: The structure.
    tables: Entries, float32 integers, from `networks.entries`.
    slopes: Of their rows, likewise.
    patches: `[B, P, P]` float32 codes, integers from 0 to 255.

  Returns:
    `[B, s (P - 2 m), s (P - 2 m)]` float32 codes for scale s and the margin m, the
    larger of `structure.margins`; integers, not clipped at 0 and 255.

  Raises:
    ValueError: if patches are not square, or smaller than the margin asks for.
  """
  before, after = structure.margins(config)
  side = patches.shape[-1]
  if patches.ndim != 3 or patches.shape[1] != side or side <= 2 * before:
    raise ValueError(
      f'Expected square patches [B, P, P], P over {2 * before}, got {patches.shape}.'
    )
  turned = jnp.concatenate(
    [jnp.rot90(patches, turn, axes=(1, 2)) for turn in range(_TURNS)]
  )
  seen = side - before + after
  summed = _quarter(config, tables, slopes, turned[:, :seen, :seen])
  pictures = _shuffled(summed, config.restores.scale)
  quarters = jnp.split(pictures, _TURNS)
  back = [jnp.rot90(q, -turn, axes=(1, 2)) for turn, q in enumerate(quarters)]
  total = jnp.sum(jnp.stack(back), axis=0)
  if config.low == 'fused':
    inner = patches[:, before : side - before, before : side - before]
    total += _repeated(_rest(config, inner), config.restores.scale)
  return total + rounding.OFFSET


def _quarter(
  config: structure.Config, tables: PyTree, slopes: PyTree, patches: Array
) -> Array:
  """Returns `[B, N, N, outputs]`, what one rotation adds."""
  high, low = rounding.split(patches, config.msb_bits)
  planes = {'high': high, 'low': low}
  sums = {
    branch: _spatial(config, branch, tables[branch]['spatial'], planes[branch])
    for branch in structure.branches(config)
  }
  if config.low == 'fused' and 'low' in sums:
    sums['high'] += sums['low']
  total: Any = 0.0
  for branch in structure.chained(config):
    lowest, highest = structure.level_range(config, branch)
    reach = config.kernel - 1
    centre = planes[branch][:, reach:, reach:, None]
    mean = rounding.ste_round(sums[branch] / config.kernel**2)
    state = rounding.clip(mean + centre, lowest, highest)
    for kind, layer, slope in zip(
      structure.layers(config), tables[branch]['layers'], slopes[branch]
    ):
      state = _layer(config, branch, kind, layer, slope, state)
    total = total + state
  return rounding.clip(total, rounding.LOW, rounding.HIGH)


def _spatial(
  config: structure.Config, branch: structure.Branch, table: Array, plane: Array
) -> Array:
  """Returns the sums over a window, `[B, N, N, C]`, of `[B, M, M]` levels."""
  windows = jnp.stack(_windows(plane, config), axis=-1)
  lowest, _ = structure.level_range(config, branch)
  return lookup.lookup(table, None, jax.lax.stop_gradient(windows), lowest)


def _layer(
  config: structure.Config,
  branch: structure.Branch,
  kind: structure.Layer,
  layer: PyTree,
  slope: Array,
  state: Array,
) -> Array:
  """Applies a layer and its skip connection to `[B, M, M, C]` levels."""
  lowest, highest = structure.level_range(config, branch)
  first, _ = structure.row_range(config, branch)
  state = rounding.clip(rounding.ste_round(state * layer['scale']), lowest, highest)
  if kind.kind == 'depthwise':
    total = _depthwise(config, layer['rows'], slope, state, first)
    mean = rounding.ste_round(total / config.kernel**2)
    reach = config.kernel - 1
    state = state[:, reach:, reach:]
  else:
    seen, state = state, state
    if config.shift_radius:
      radius = config.shift_radius
      shift = layer['shift']
      if not config.learn_shifts:
        shift = jax.lax.stop_gradient(shift)
      seen = moved(state, shift, radius)
      state = state[:, radius:-radius, radius:-radius]
    total = lookup.lookup(layer['rows'], slope, seen, first)
    mean = rounding.ste_round(total / config.channels)
  if kind.last:
    lowest, highest = rounding.LOW, rounding.HIGH
  return rounding.clip(mean + state[..., : kind.outputs], lowest, highest)


def _depthwise(
  config: structure.Config, rows: Array, slopes: Array, state: Array, first: int
) -> Array:
  """Sums over a window, each channel in its own tables: `[B, N, N, C]`."""
  windows = jnp.stack(_windows(state, config))
  spread = jnp.moveaxis(windows, -1, 0)

  def channel(given: tuple[Array, Array, Array]) -> Array:
    table, slope, levels = given
    return lookup.lookup(
      table[..., None], slope[..., None], jnp.moveaxis(levels, 0, -1), first
    )[..., 0]

  by_channel = (jnp.moveaxis(rows, -1, 0), jnp.moveaxis(slopes, -1, 0), spread)
  return jnp.moveaxis(jax.lax.map(channel, by_channel), 0, -1)


def _windows(plane: Array, config: structure.Config) -> list[Array]:
  """Returns what each tap sees, `[B, N, N, ...]` of `[B, M, M, ...]`."""
  reach = config.kernel - 1
  height, width = plane.shape[1] - reach, plane.shape[2] - reach
  return [
    plane[:, reach + down :, reach + right :][:, :height, :width]
    for down, right in structure.taps(config)
  ]


@jax.custom_vjp
def _moved(state: Array, shift: Array, inner: Array) -> Array:
  """See `moved`; `inner` is any array of the shape of the output."""
  radius = (state.shape[1] - inner.shape[1]) // 2
  starts = radius + jnp.round(shift).astype(jnp.int32)
  planes = [
    jax.lax.dynamic_slice(
      state[..., c], (0, starts[c, 0], starts[c, 1]), inner.shape[:-1]
    )
    for c in range(state.shape[-1])
  ]
  return jnp.stack(planes, axis=-1)


def _moved_forward(state: Array, shift: Array, inner: Array) -> tuple[Array, tuple]:
  return _moved(state, shift, inner), (state, shift, inner)


def _moved_backward(kept: tuple, cotangent: Array) -> tuple[Array, Array, Array]:
  state, shift, inner = kept
  radius = (state.shape[1] - inner.shape[1]) // 2
  starts = radius + jnp.round(shift).astype(jnp.int32)
  back = []
  for c in range(state.shape[-1]):
    zeros = jnp.zeros(state.shape[:-1], state.dtype)
    place = (0, starts[c, 0], starts[c, 1])
    back.append(jax.lax.dynamic_update_slice(zeros, cotangent[..., c], place))

  # Central differences of what is moved; the slice stops at the rim by itself.
  def along(axis: int) -> Array:
    step = jnp.zeros_like(shift).at[:, axis].set(1.0)
    ahead, behind = (
      _moved(state, shift + step, inner),
      _moved(state, shift - step, inner),
    )
    return jnp.sum(cotangent * (ahead - behind) / 2, axis=(0, 1, 2))

  return jnp.stack(back, axis=-1), jnp.stack([along(0), along(1)], -1), inner * 0.0


_moved.defvjp(_moved_forward, _moved_backward)


def moved(state: Array, shift: Array, radius: int) -> Array:
  """Moves each channel by whole pixels; the gradient is that of the slope there.

  Args:
    state: `[B, M, M, C]` float32.
    shift: `[C, 2]` float32, down and right, within the radius; rounded.
    radius: What is taken off on every side.

  Returns:
    `[B, M - 2 radius, M - 2 radius, C]`.
  """
  inner = jax.lax.stop_gradient(state[:, radius:-radius, radius:-radius])
  return _moved(state, jnp.clip(shift, -radius, radius), inner)


def _rest(config: structure.Config, pixels: Array) -> Array:
  """Returns what four skips of the high branch leave of a pixel."""
  high, _ = rounding.split(pixels, config.msb_bits)
  return pixels - rounding.OFFSET - _TURNS * high


def _shuffled(channels: Array, scale: int) -> Array:
  """Makes `[B, N, M, s s]` sub-pixels a picture `[B, s N, s M]`."""
  batch, height, width, _ = channels.shape
  grid = channels.reshape(batch, height, width, scale, scale)
  return grid.transpose(0, 1, 3, 2, 4).reshape(batch, height * scale, width * scale)


def _repeated(pixels: Array, scale: int) -> Array:
  return jnp.repeat(jnp.repeat(pixels, scale, axis=1), scale, axis=2)
