"""Lattices laid out as pictures.

A Hald picture of level L is L^3 pixels high and wide and holds a lattice of
size L^2: its pixels, row after row, are the nodes with red fastest, then
green, then blue. A look applied to the identity picture by any image editor
turns that picture into the LUT of the look.

Pictures here are float arrays; the caller chooses the bit depth of a file.
"""

import numpy as np

from lutjax import errors
from lutjax.lut import lattice
from lutjax.types import Array

LEVELS = range(2, 17)

# How far a look goes along an axis, in mean distances between two of its colours:
# of 512 looks 0.9 to 6.3 (half of them below 1.6), of their pictures in another
# layout 11 and more, of photos 12 and more.
MOST_TRAVEL = 8.0
# Sizes from which on that tells a look from a photo.
FEWEST_NODES = 16


def identity(level: int) -> np.ndarray:
  """Returns the identity as a Hald picture.

  Args:
    level: L, from 2 to 16.

  Returns:
    `[L^3, L^3, 3]` float32.

  Raises:
    LutError: on any other level.
  """
  if level not in LEVELS:
    raise errors.LutError(f'found Hald level {level}, expected 2 to {LEVELS[-1]}')
  return np.asarray(from_lattice(lattice.identity(level**2)))


def from_lattice(table: Array | np.ndarray) -> Array | np.ndarray:
  """Lays a lattice out as a picture.

  Args:
    table: `[N, N, N, C]`, N the square of a level from 2 to 16.

  Returns:
    `[L^3, L^3, C]`, the values as they are, neither rounded nor clipped.

  Raises:
    LutError: on any other shape; names the sizes that fit.
  """
  size = table.shape[0]
  level = next((level for level in LEVELS if level**2 == size), None)
  if level is None or table.ndim != 4 or table.shape[:3] != (size,) * 3:
    sizes = ', '.join(str(level**2) for level in LEVELS)
    raise errors.LutError(
      f'found a lattice {table.shape}, expected [N, N, N, 3] with N of {sizes}'
    )
  side = level**3
  return table.transpose(2, 1, 0, 3).reshape(side, side, table.shape[3])


def travel(table: np.ndarray) -> float:
  """Returns the way along the axis where it is longest, see `MOST_TRAVEL`.

  Args:
    table: `[N, N, N, 3]`, of any type.
  """
  colours = table.reshape(-1, 3)
  first, second = np.random.default_rng(0).integers(0, len(colours), (2, 1 << 15))
  spread = np.abs(colours[first].astype(np.float64) - colours[second]).mean()
  if spread == 0.0:
    return 0.0
  signed = table.astype(np.int32) if table.dtype.kind == 'u' else table
  steps = [np.abs(np.diff(signed, axis=axis)).mean() for axis in range(3)]
  return float((len(table) - 1) * max(steps) / spread)


def to_lattice(image: Array | np.ndarray, *, source: str = '') -> Array | np.ndarray:
  """Reads the lattice from a picture.

  Args:
    image: `[L^3, L^3, 3]`, L from 2 to 16.
    source: The file, for messages.

  Returns:
    `[L^2, L^2, L^2, 3]`, the values as they are.

  Raises:
    LutError: on any other shape.
  """
  prefix = f'{source}: found' if source else 'found'
  if image.ndim != 3 or image.shape[2] != 3:
    raise errors.LutError(f'{prefix} an image {image.shape}, expected [H, W, 3]')
  height, width = image.shape[:2]
  level = next((level for level in LEVELS if level**3 == width), None)
  if level is None or height != width:
    sides = ', '.join(str(level**3) for level in LEVELS)
    raise errors.LutError(
      f'{prefix} {width} x {height} pixels, expected a Hald picture: a square '
      f'with sides of {sides}'
    )
  size = level**2
  return image.reshape(size, size, size, 3).transpose(2, 1, 0, 3)
