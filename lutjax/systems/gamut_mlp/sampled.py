"""The sampled baseline: colours of a grid of pixels, and a polynomial fit to them.

After the comparison of GamutMLP (CVPR 2023, table 1): wide-gamut colours are
stored at a uniform grid of pixels; the decoder fits a polynomial from the
clip-expanded colour to them, and maps every pixel by it. 150 x 150 colours of
16 bits are the paper's 135 KB.
"""

import struct

import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.types import Array

MAX_SIDE = 1024
_SIDE = struct.Struct('<H')


def positions(size: tuple[int, int], side: int) -> np.ndarray:
  """Returns the flat pixel numbers of the grid, `[side * side]` int64.

  Args:
    size: `(H, W)` of the image.
    side: Samples along a side of the grid.
  """
  row, column = (np.rint(np.linspace(0, n - 1, side)).astype(np.int64) for n in size)
  return (row[:, None] * size[1] + column).ravel()


def terms(rgb: Array) -> Array:
  """Returns the 20 monomials up to degree 3 of `[..., 3]` colours."""
  r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
  one = jnp.ones_like(r)
  second = [r * r, g * g, b * b, r * g, g * b, r * b]
  third = [r * r * r, g * g * g, b * b * b, r * g * b]
  third += [r * r * g, r * r * b, g * g * r, g * g * b, b * b * r, b * b * g]
  return jnp.stack([one, r, g, b, *second, *third], axis=-1)


def fit(rgb: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Fits the polynomial, by least squares in float64.

  Args:
    rgb: `[n, 3]` clip-expanded colours.
    target: `[n, 3]` wide-gamut colours.

  Returns:
    `[20, 3]` float32.
  """
  seen = np.asarray(terms(jnp.asarray(rgb)), np.float64)
  weight, *_ = np.linalg.lstsq(seen, target.astype(np.float64), rcond=1e-9)
  return weight.astype(np.float32)


def to_bytes(samples: np.ndarray) -> bytes:
  """Packs `[S, S, 3]` uint16 colours."""
  return _SIDE.pack(len(samples)) + samples.astype('<u2').tobytes()


def from_bytes(body: bytes, source: str) -> np.ndarray:
  """Unpacks what `to_bytes` packed.

  Args:
    body: From `to_bytes`.
    source: Named in errors.

  Raises:
    ArtefactError: if it is cut short or too long.
  """
  side = _SIDE.unpack(body[:2])[0] if len(body) >= 2 else 0
  if not 0 < side <= MAX_SIDE or len(body) != 2 + 6 * side * side:
    raise errors.ArtefactError(
      f'{source}: found {len(body)} bytes of sampled colours, {side} along a side, '
      f'expected {2 + 6 * side * side} and at most {MAX_SIDE}'
    )
  return np.frombuffer(body, '<u2', offset=2).reshape(side, side, 3).astype(np.uint16)
