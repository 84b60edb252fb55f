"""Colour histograms, which can be stored in place of a folder of photos.

A histogram is `counts` `[N, N, N]`, indexed `[r, g, b]`: how many of the pixels
seen lie in each cell of the unit cube. On disk it is an `.npz` with that one
array.
"""

import io
import os
import zipfile

import numpy as np

from lutjax import errors, files

SUFFIX = '.npz'
_LARGEST = 256


def of_colours(rgb: np.ndarray, size: int = 32) -> np.ndarray:
  """Counts colours.

  Args:
    rgb: `[..., 3]` float in [0, 1].
    size: Cells per axis, N.

  Returns:
    `[N, N, N]` uint32.
  """
  cells = np.clip((rgb.reshape(-1, 3) * size).astype(np.int64), 0, size - 1)
  flat = np.ravel_multi_index(tuple(cells.T), (size,) * 3)
  counts = np.bincount(flat, minlength=size**3)
  return counts.reshape((size,) * 3).astype(np.uint32)


def draw(rng: np.random.Generator, counts: np.ndarray, count: int) -> np.ndarray:
  """Draws colours as often as they were counted, evenly within a cell.

  Args:
    rng: Draws.
    counts: `[N, N, N]`, not negative, not all zero.
    count: Colours.

  Returns:
    `[count, 3]` float32 in [0, 1].
  """
  shares = counts.ravel().astype(np.float64)
  flat = rng.choice(shares.size, count, p=shares / shares.sum())
  cells = np.stack(np.unravel_index(flat, counts.shape), axis=-1)
  return ((cells + rng.uniform(size=cells.shape)) / len(counts)).astype(np.float32)


def write(path: str | os.PathLike, counts: np.ndarray) -> None:
  """Writes a histogram to a file, atomically.

  Args:
    path: Of the file; replaced if it exists.
    counts: `[N, N, N]` integers.
  """
  content = io.BytesIO()
  np.savez_compressed(content, counts=counts)
  files.write_bytes(path, content.getvalue())


def read(path: str | os.PathLike) -> np.ndarray:
  """Reads a histogram `[N, N, N]`.

  Raises:
    InputError: when the file is missing, damaged or holds no histogram.
  """
  content = files.read_bytes(path, error=errors.InputError)
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
      counts = archive.get('counts')
  except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
    raise errors.InputError(f'{path}: cannot be read: {error}') from error
  expected = f'counts [N, N, N] of 2 to {_LARGEST} cells per axis, none negative'
  if counts is None:
    raise errors.InputError(f'{path}: found no counts, expected {expected}')
  shape = counts.shape
  if len(shape) != 3 or len(set(shape)) > 1 or not 2 <= shape[0] <= _LARGEST:
    raise errors.InputError(f'{path}: found counts {list(shape)}, expected {expected}')
  real = counts.dtype.kind in 'uif'
  if not real or not np.isfinite(counts).all() or counts.min() < 0 or not counts.any():
    raise errors.InputError(
      f'{path}: found {counts.dtype} counts that are negative, not finite or all '
      f'zero, expected {expected}'
    )
  return counts
