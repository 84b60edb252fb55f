"""Pictures of LUTJAX_DATA that the benchmarks of restoration read."""

import os
import pathlib
from collections.abc import Iterator

import imageio.v3 as iio
import numpy as np


def folder() -> pathlib.Path:
  """Returns the folder of restoration sets, or stops with a line that says so."""
  found = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'restoration'
  if not found.is_dir():
    raise SystemExit(f'{found}: missing; set LUTJAX_DATA')
  return found


def set5() -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields the pictures of Set5 four times smaller, and as they are, `[H, W, 3]`."""
  for path in sorted(folder().glob('set5/HR/*.png')):
    low = iio.imread(path.parent.parent / 'LR_x4' / path.name)
    yield _rgb(low), _rgb(iio.imread(path))


def _rgb(pixels: np.ndarray) -> np.ndarray:
  return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
