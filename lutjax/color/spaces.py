"""Colour spaces: linear RGB, XYZ and Lab, and the matrices between them.

`srgb` is encoded, `linear` is linear sRGB (the primaries of Rec.709 too), other
linear RGB is named by its space; `xyz` has Y = 1 at white and `lab` has L from 0
to 100. Constants are float64 numpy arrays, functions compute in the dtype of the
colours. No matrix product runs on a matrix unit, so accelerators cannot round it.

Lab of sRGB rests on the matrix `SRGB_TO_XYZ` and the white `D65` below; libraries
use other digits of both and differ from it by up to 0.02. Conversions between RGB
spaces are derived from chromaticities instead, whose D65 (0.3127, 0.3290) is
another in the fourth digit.
"""

import functools
import types
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax.color import matrices, transfer
from lutjax.types import Array

SRGB_TO_XYZ = np.array(
  [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
  ]
)
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)

# White points as XYZ. D65 is the sum of the columns of SRGB_TO_XYZ; D50 is the
# white of ProPhoto.
D65 = np.array([0.95047, 1.0, 1.08883])
D50 = np.array([0.3457, 0.3585, 1.0 - 0.3457 - 0.3585]) / 0.3585

# Where the cube root of Lab meets its tangent.
_BEND = 6 / 29


class RgbSpace(NamedTuple):
  """An RGB colour space.

  Attributes:
    primaries: `[3, 2]`, the xy chromaticities of red, green and blue.
    white: `[2]`, the xy chromaticity of (1, 1, 1).
    curve: Its transfer function.
  """

  primaries: np.ndarray
  white: np.ndarray
  curve: transfer.Curve


_REC709_PRIMARIES = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])

SPACES: Mapping[str, RgbSpace] = types.MappingProxyType(
  {
    'srgb': RgbSpace(_REC709_PRIMARIES, matrices.D65_XY, transfer.SRGB),
    'rec709': RgbSpace(_REC709_PRIMARIES, matrices.D65_XY, transfer.REC709),
    'prophoto': RgbSpace(
      np.array([[0.734699, 0.265301], [0.159597, 0.840403], [0.036598, 0.000105]]),
      matrices.D50_XY,
      transfer.ROMM,
    ),
    'display_p3': RgbSpace(
      np.array([[0.680, 0.320], [0.265, 0.690], [0.150, 0.060]]),
      matrices.D65_XY,
      transfer.SRGB,
    ),
    'adobe_rgb': RgbSpace(
      np.array([[0.64, 0.33], [0.21, 0.71], [0.15, 0.06]]),
      matrices.D65_XY,
      transfer.ADOBE_RGB,
    ),
    'rec2020': RgbSpace(
      np.array([[0.708, 0.292], [0.170, 0.797], [0.131, 0.046]]),
      matrices.D65_XY,
      transfer.REC2020,
    ),
  }
)


def srgb_to_lab(srgb: Array) -> Array:
  """Takes sRGB to Lab (D65), by `SRGB_TO_XYZ`; see `linear_to_lab`.

  Args:
    srgb: `[..., 3]` float, any range.

  Returns:
    `[..., 3]`: L, a, b.
  """
  return linear_to_lab(transfer.srgb_to_linear(srgb))


def lab_to_srgb(lab: Array) -> Array:
  """Takes Lab (D65) to sRGB, unclipped: the inverse of `srgb_to_lab`.

  Args:
    lab: `[..., 3]` float.

  Returns:
    `[..., 3]`, outside [0, 1] where the colour is outside the gamut.
  """
  return transfer.linear_to_srgb(xyz_to_linear(lab_to_xyz(lab)))


def linear_to_lab(linear: Array) -> Array:
  """Takes linear sRGB to Lab (D65), dividing by white within the matrix."""
  return _relative_to_lab(matrices.apply(SRGB_TO_XYZ / D65[:, None], linear))


def linear_to_xyz(linear: Array) -> Array:
  """Takes linear sRGB to XYZ by `SRGB_TO_XYZ`; `[..., 3]` both."""
  return matrices.apply(SRGB_TO_XYZ, linear)


def xyz_to_linear(xyz: Array) -> Array:
  """Takes XYZ to linear sRGB, unclipped, by `XYZ_TO_SRGB`; `[..., 3]` both."""
  return matrices.apply(XYZ_TO_SRGB, xyz)


def xyz_to_lab(xyz: Array, *, white: np.ndarray = D65) -> Array:
  """Takes XYZ to Lab as seen under a white (ISO/CIE 11664-4).

  Below the bend, negative values included, the cube root goes on as its tangent.

  Args:
    xyz: `[..., 3]` float.
    white: `[3]`, the XYZ that becomes (100, 0, 0).

  Returns:
    `[..., 3]`: L, a, b.
  """
  xyz = jnp.asarray(xyz)
  return _relative_to_lab(xyz / np.asarray(white).astype(xyz.dtype))


def lab_to_xyz(lab: Array, *, white: np.ndarray = D65) -> Array:
  """Takes Lab to XYZ, the inverse of `xyz_to_lab`.

  Args:
    lab: `[..., 3]` float.
    white: `[3]`, the XYZ of (100, 0, 0).

  Returns:
    `[..., 3]`.
  """
  lab = jnp.asarray(lab)
  lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
  middle = (lightness + 16.0) / 116.0
  roots = jnp.stack([middle + a / 500.0, middle, middle - b / 200.0], axis=-1)
  tangent = 3 * _BEND**2 * (roots - 4 / 29)
  relative = jnp.where(roots > _BEND, roots * roots * roots, tangent)
  return relative * np.asarray(white).astype(lab.dtype)


def convert(linear: Array | np.ndarray, source: str, target: str) -> Array:
  """Takes linear RGB of one space to linear RGB of another, unclipped.

  The white of one becomes the white of the other (CAT02); see
  `conversion_matrix`.

  Args:
    linear: `[..., 3]` float, linear in the source space.
    source: A name in `SPACES`.
    target: A name in `SPACES`.

  Returns:
    `[..., 3]`, linear in the target space.

  Raises:
    ValueError: on a name that is not in `SPACES`.
  """
  return matrices.apply(conversion_matrix(source, target), linear)


def encode(linear: Array | np.ndarray, space: str) -> Array:
  """Encodes linear RGB of a named space by its own curve; `transfer.encode`.

  Args:
    linear: `[..., 3]` float.
    space: Name, as in `SPACES`.
  """
  return transfer.encode(linear, _space(space).curve)


def decode(encoded: Array | np.ndarray, space: str) -> Array:
  """Decodes RGB of a named space to linear by its own curve; `transfer.decode`.

  Args:
    encoded: `[..., 3]` float.
    space: Name, as in `SPACES`.
  """
  return transfer.decode(encoded, _space(space).curve)


@functools.lru_cache
def conversion_matrix(source: str, target: str, *, method: str = 'cat02') -> np.ndarray:
  """Derives the matrix from linear RGB of one space to that of another.

  RGB to XYZ by the source's primaries, adaptation of its white to the target's,
  XYZ to RGB by the target's primaries. Rows sum to 1: white goes to white.

  Args:
    source: A name in `SPACES`.
    target: A name in `SPACES`.
    method: The cone space of the adaptation, a name in `matrices.CONES`.

  Returns:
    `[3, 3]` float64, not to be written to.

  Raises:
    ValueError: on a name that is not in `SPACES` or `matrices.CONES`.
  """
  before, after = _space(source), _space(target)
  adapt = matrices.adaptation_matrix(
    matrices.xy_to_xyz(before.white), matrices.xy_to_xyz(after.white), method=method
  )
  matrix = np.linalg.solve(
    matrices.primary_matrix(after.primaries, after.white),
    adapt @ matrices.primary_matrix(before.primaries, before.white),
  )
  matrix.flags.writeable = False
  return matrix


def _space(name: str) -> RgbSpace:
  if name not in SPACES:
    raise ValueError(f'Expected a space of {sorted(SPACES)}, got {name!r}.')
  return SPACES[name]


def _relative_to_lab(relative: Array) -> Array:
  """Takes XYZ divided by white, `[..., 3]`, to Lab."""
  bent = relative <= _BEND**3
  root = jnp.exp(jnp.log(jnp.where(bent, 1.0, relative)) / 3)
  root = jnp.where(bent, relative / (3 * _BEND**2) + 4 / 29, root)
  x, y, z = root[..., 0], root[..., 1], root[..., 2]
  return jnp.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)
