"""Lattices on pixels of the host: numpy in, numpy out, nothing compiled by JAX."""

import functools
from collections.abc import Callable

import numpy as np

from lutjax.lut import lattice as lattice_lib
from lutjax.native import library


def mapper(
  lut: lattice_lib.Lut,
  *,
  method: str,
  strength: float = 1.0,
  threads: int = 1,
  in_place: bool = False,
) -> Callable[[np.ndarray], np.ndarray] | None:
  """Returns what maps pixels of their own type through a LUT by a kernel.

  Args:
    lut: Any; kernels read lattices `[N1, N2, N3, 3]` without knots, curves in front
      of them, and curves alone.
    method: A name in `interpolate.METHODS`; kernels are of two. Curves alone are read
      linearly by all but `nearest`.
    strength: 0 keeps the colours, 1 gives the look, in between mixes.
    threads: How many share a large picture, the calling one included.
    in_place: Whether the result may take the place of the pixels, which it does where
      they are contiguous and writable.

  Returns:
    `[..., 3]` or, with alpha, which is kept, `[..., 4]` of float32, uint8 or uint16
    to pixels of the same type; codes are colours from 0 to 1, clamped and
    rounded to the nearest. None where no kernel does it.
  """
  if not library.targets() or lut.knots is not None:
    return None
  table, domain = np.asarray(lut.table), np.asarray(lut.domain)
  options = {'strength': strength, 'threads': threads}
  shaper = None
  if lut.shaper is not None:
    shaper = np.asarray(lut.shaper.table), np.asarray(lut.shaper.domain)
    if not library.fits_curves(shaper[0].shape, shaper[0].dtype):
      return None
  if shaper is not None and method != 'nearest' and lattice_lib.is_curves(lut):
    kernel = functools.partial(library.curves, *shaper, **options)
  elif method in library.METHODS and library.fits(table.shape, table.dtype):
    kernel = functools.partial(
      library.interpolate, table, domain, method=method, shaper=shaper, **options
    )
  else:
    return None

  def mapped(pixels: np.ndarray) -> np.ndarray:
    given = np.ascontiguousarray(pixels)
    return kernel(given, given if in_place and given.flags.writeable else None)

  return mapped
