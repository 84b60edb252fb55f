"""Restoring whole pictures of any size, tile by tile, with one compiled program.

Tiles of all shapes lie in rows of one length (`inference.restore_flat`), and tables are
arguments: nothing is compiled anew for another picture, or another model of the same
structure. Memory beside the picture and the result does not grow with them.
"""

import concurrent.futures
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from lutjax.data import degradations
from lutjax.fit import mesh
from lutjax.systems.tinylut import folding, inference, structure
from lutjax.types import Array, Variables

# Pixels of a tile with its margin. More leave the cache of a core.
_TILE = 19 * inference.CHUNK
# Margins to a side of a tile, at least.
_MARGINS = 12
# The same for other machines, which take a tile at once. Not measured.
_WHOLE_TILE = 1 << 18


class _Tile(NamedTuple):
  """A part of some channels of a picture; places without the margin."""

  channels: range
  top: int
  left: int
  height: int
  width: int


def process(
  config: structure.Config, variables: Variables
) -> Callable[[np.ndarray], np.ndarray]:
  """Returns what restores whole pictures.

  Args:
    config: The structure.
    variables: Entries, from `tables.to_tables`.

  Returns:
    `pixels -> pixels`, uint8 `[H, W, C]` to uint8 `[s H, s W, C]`, each channel on its
    own: what `inference.restore_plane` gives of the whole channel.
  """
  margin = max(structure.margins(config))
  scale = config.restores.scale
  on_cpu = jax.default_backend() == 'cpu'
  room = _room(margin, on_cpu)
  restore = functools.partial(
    _restore,
    _form(config),
    jax.device_put(folding.prepare(config, variables)),
    chunk=inference.CHUNK if on_cpu else room,
  )
  space = room + (inference.CHUNK if on_cpu else room)

  def restore_picture(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or not pixels.size:
      raise ValueError(
        f'Expected pixels uint8 [H, W, C], got {pixels.dtype} {list(pixels.shape)}.'
      )
    height, width, channels = pixels.shape
    rows = inference.mirrored(height, margin)
    columns = inference.mirrored(width, margin)
    planes = pixels.transpose(2, 0, 1)[:, rows][:, :, columns]
    result = np.empty((scale * height, scale * width, channels), np.uint8)
    fill = functools.partial(_fill, restore, planes, result, margin, scale, space)
    tiles = list(_tiles(planes.shape, margin, room))
    if len(tiles) == 1:
      fill(tiles[0])
    else:
      # XLA runs what one thread asks for in turn.
      with concurrent.futures.ThreadPoolExecutor(mesh.host_cores()) as pool:
        for _ in pool.map(fill, tiles):
          pass
    return result

  return restore_picture


# Compiled once for all models of one form.
_restore = jax.jit(
  inference.restore_flat, static_argnums=0, static_argnames=('chunk', 'backend')
)


def _form(config: structure.Config) -> structure.Config:
  """Returns what programs depend on: configs that differ in the rest share one."""
  return structure.Config(
    restores=degradations.Degradation('bicubic', config.restores.scale),
    channels=config.channels,
    kernel=config.kernel,
    pointwise=config.pointwise,
    pairs=config.pairs,
    msb_bits=config.msb_bits,
    low=config.low,
    shift_radius=config.shift_radius,
  )


def _room(margin: int, on_cpu: bool) -> int:
  """Returns how many pixels a tile may have, margins included."""
  least = max(_TILE if on_cpu else _WHOLE_TILE, (_MARGINS * margin) ** 2)
  return -(-least // inference.CHUNK) * inference.CHUNK


def _tiles(shape: tuple[int, ...], margin: int, room: int) -> Iterator[_Tile]:
  """Yields tiles of about equal sizes that cover planes `[C, H + 2 m, W + 2 m]`."""
  channels, height, width = shape[0], shape[1] - 2 * margin, shape[2] - 2 * margin
  side = math.isqrt(room)
  widest = room // min(shape[1], side) - 2 * margin
  across = _even(width, widest)
  down = _even(height, room // (across + 2 * margin) - 2 * margin)
  together = room // ((down + 2 * margin) * (across + 2 * margin))
  for top, left, first in itertools.product(
    range(0, height, down), range(0, width, across), range(0, channels, together)
  ):
    yield _Tile(
      range(first, min(first + together, channels)),
      top,
      left,
      min(down, height - top),
      min(across, width - left),
    )


def _even(side: int, most: int) -> int:
  """Returns the side of the fewest equal parts of at most so many pixels."""
  return -(-side // -(-side // most))


def _fill(
  restore: Callable[..., Array],
  planes: np.ndarray,
  result: np.ndarray,
  margin: int,
  scale: int,
  space: int,
  tile: _Tile,
) -> None:
  """Restores a tile, and writes it where it belongs."""
  stride, lines = tile.width + 2 * margin, tile.height + 2 * margin
  part = planes[tile.channels.start : tile.channels.stop, tile.top :, tile.left :]
  codes = np.zeros(space, np.uint8)
  window = codes[: len(part) * lines * stride].reshape(-1, lines, stride)
  window[...] = part[:, :lines, :stride]
  count = (len(part) * lines - 2 * margin - 1) * stride + tile.width
  restored = restore(codes, np.int32(stride), np.int32(count))
  # A line of a pixel's grid is moved as one word where there is a word that long.
  word = np.dtype(f'u{scale}') if scale in (1, 2, 4) else np.dtype(np.uint8)
  words = scale // word.itemsize
  grid = np.asarray(restored).view(word)
  plane = np.empty((tile.height, scale, tile.width, words), word)
  whole = plane.view(np.uint8).reshape(tile.height * scale, tile.width * scale)
  target = result[scale * tile.top :, scale * tile.left :]
  target = target[: len(whole), : whole.shape[1]]
  for i, channel in enumerate(tile.channels):
    lattice = grid[i * lines * stride :][: tile.height * stride]
    lattice = lattice.reshape(tile.height, stride, scale, words)[:, : tile.width]
    plane[...] = lattice.transpose(0, 2, 1, 3)
    target[..., channel] = whole
