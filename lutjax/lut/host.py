"""Lattices on pixels of the host: numpy in, numpy out, nothing compiled by JAX."""

from collections.abc import Callable

import numpy as np

from lutjax.lut import lattice as lattice_lib
from lutjax.native import library


def mapper(
  lut: lattice_lib.Lut, *, method: str, strength: float = 1.0
) -> Callable[[np.ndarray], np.ndarray] | None:
  """Returns what maps pixels of their own type through a LUT by a kernel.

  Args:
    lut: Any; kernels read lattices `[N1, N2, N3, 3]` without knots or shaper.
    method: A name in `interpolate.METHODS`; kernels are of two.
    strength: 0 keeps the colours, 1 gives the look, in between mixes.

  Returns:
    `[..., 3]` or, with alpha, which is kept, `[..., 4]` of float32, uint8 or uint16
    to new pixels of the same type; codes are colours from 0 to 1, clamped and
    rounded to the nearest. None where no kernel does it.
  """
  table = np.asarray(lut.table)
  if (
    method not in library.METHODS
    or lut.knots is not None
    or lut.shaper is not None
    or not library.fits(table.shape, table.dtype)
    or not library.targets()
  ):
    return None
  domain = np.asarray(lut.domain)

  def mapped(pixels: np.ndarray) -> np.ndarray:
    given = np.ascontiguousarray(pixels)
    return library.interpolate(table, domain, given, method=method, strength=strength)

  return mapped
