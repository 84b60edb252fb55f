"""Lattices laid out as a row or a square of tiles, as games and phones have them.

A tile is `N x N` pixels for one blue; red runs to the right in it, green down or up.
A strip has all N tiles in a row: 256 x 16 pixels of Unreal and ReShade, 1024 x 32 of
Unity. A square has `sqrt(N) x sqrt(N)` of them, row after row: the 512 x 512 of
GPUImage, 8 x 8 tiles of 64. Hald pictures are a third layout of the same sizes as
squares; the right one is that in which neighbours in the lattice are alike, and in
which green goes along its axis as red does along its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors
from lutjax.lut import hald

LAYOUTS = ('hald', 'strip', 'strip_up', 'tiles', 'tiles_up')
# Nodes per axis of strips.
_SIZES = range(4, 129)


class Reading(NamedTuple):
  """A picture read as a lattice.

  Attributes:
    layout: One of `LAYOUTS`; `_up` where green 0 is at the bottom.
    table: `[N, N, N, C]`, the values as they are.
  """

  layout: str
  table: np.ndarray


def from_lattice(table: np.ndarray, layout: str) -> np.ndarray:
  """Lays a lattice out as a picture.

  Args:
    table: `[N, N, N, C]`; N a square for tiles, and of a level for a Hald.
    layout: One of `LAYOUTS`.

  Returns:
    `[H, W, C]`.

  Raises:
    LutError: on a size that the layout does not have.
  """
  if layout == 'hald':
    return np.asarray(hald.from_lattice(table))
  size = len(table)
  across = size
  if layout.startswith('tiles'):
    across = round(size**0.5)
    if across * across != size:
      raise errors.LutError(
        f'found {size} nodes per axis, expected a square for tiles: 4, 9, 16, 25, 36, '
        '49, 64, 81, 100, 121'
      )
  if size not in _SIZES:
    raise errors.LutError(
      f'found {size} nodes per axis, expected {_SIZES[0]} to {_SIZES[-1]} for a picture'
    )
  if layout.endswith('_up'):
    table = table[:, ::-1]
  down = size // across
  # Blue is which tile; in it, green is the row and red the column.
  parts = table.transpose(2, 1, 0, 3).reshape(down, across, size, size, -1)
  return parts.transpose(0, 2, 1, 3, 4).reshape(down * size, across * size, -1)


def to_lattice(image: np.ndarray, layout: str, *, source: str = '') -> np.ndarray:
  """Reads a picture in one layout.

  Args:
    image: `[H, W, 3]`.
    layout: One of `LAYOUTS`.
    source: The file, for messages.

  Returns:
    `[N, N, N, 3]`.

  Raises:
    LutError: when the picture has not the size of that layout.
  """
  if layout == 'hald':
    return np.asarray(hald.to_lattice(image, source=source))
  size = _size(image.shape, layout)
  if size is None:
    prefix = f'{source}: found' if source else 'found'
    expected = 'N x N^2' if layout.startswith('strip') else 'L^3 x L^3'
    raise errors.LutError(
      f'{prefix} {image.shape[1]} x {image.shape[0]} pixels, expected {layout}: a '
      f'height and width of {expected}'
    )
  down, across = image.shape[0] // size, image.shape[1] // size
  parts = image.reshape(down, size, across, size, 3).transpose(0, 2, 1, 3, 4)
  table = parts.reshape(size, size, size, 3).transpose(2, 1, 0, 3)
  return table[:, ::-1] if layout.endswith('_up') else table


def recognise(image: np.ndarray, *, source: str = '') -> Reading:
  """Reads a picture in the layout that its content shows.

  Args:
    image: `[H, W, 3]`.
    source: The file, for messages.

  Raises:
    LutError: when it is no lattice in any layout.
  """
  height, width = image.shape[:2]
  fitting = [name for name in ('strip', 'tiles') if _size(image.shape, name)]
  if not fitting:
    prefix = f'{source}: found' if source else 'found'
    raise errors.LutError(
      f'{prefix} {width} x {height} pixels, expected a Hald picture or tiles (a square '
      f'with sides of {", ".join(str(level**3) for level in hald.LEVELS)}) or a strip '
      f'(N x N^2, N from {_SIZES[0]} to {_SIZES[-1]})'
    )
  if 'tiles' in fitting:
    fitting.insert(0, 'hald')
  tables = [to_lattice(image, name, source=source) for name in fitting]
  travels = [hald.travel(table) for table in tables]
  # Of two, the first unless the other is clearly smoother.
  best = 1 if len(travels) > 1 and travels[0] > 2.0 * travels[1] else 0
  layout, table = fitting[best], tables[best]
  prefix = f'{source}: found' if source else 'found'
  if len(table) >= hald.FEWEST_NODES and travels[best] > hald.MOST_TRAVEL:
    raise errors.LutError(
      f'{prefix} an ordinary picture of {width} x {height} pixels, expected a look '
      f'laid out as {" or ".join(fitting)}'
    )
  if layout != 'hald' and _is_up(table):
    layout, table = f'{layout}_up', table[:, ::-1]
  return Reading(layout, table)


def _size(shape: Sequence[int], layout: str) -> int | None:
  """Returns the nodes per axis of a picture in a layout, if it has one."""
  height, width = shape[:2]
  if layout.startswith('strip'):
    return height if width == height**2 and height in _SIZES else None
  level = next((level for level in hald.LEVELS if level**3 == width), None)
  return None if level is None or height != width else level**2


def _is_up(table: np.ndarray) -> bool:
  """Returns whether green goes the other way than red does.

  A negative turns both, a layout green alone.
  """
  ways = []
  for axis in (0, 1):
    ends = (table.take(i, axis=axis).astype(np.float64) for i in (0, -1))
    first, last = (end.mean(axis=(0, 1)) for end in ends)
    own = float(last[axis] - first[axis])
    ways.append(own if own else float((last - first).sum()))
  return ways[0] * ways[1] < 0
