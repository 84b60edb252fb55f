"""Reading ICC profiles of RGB colours: primaries, white and curves.

Profiles of a matrix and three curves (ICC.1:2022, 8.3.3) are read; those of lookup
tables are not. LittleCMS, through Pillow, reads the tags, but not the curves, so
`curv` and `para` are decoded here.
"""

import io
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import PIL.ImageCms

from lutjax.color import matrices, spaces

Curve = Callable[[np.ndarray], np.ndarray]

# Parameters of each function type of `para`.
_PARAMETERS = (1, 3, 4, 5, 7)
# A ProPhoto file of another maker may differ this much in matrix and curve.
_CLOSE = 2e-3


class RgbProfile(NamedTuple):
  """An RGB colour space.

  Attributes:
    name: What the profile calls itself.
    matrix: `[3, 3]` float64, its linear RGB to linear ProPhoto.
    curves: Of red, green and blue, encoded to linear on float arrays.
  """

  name: str
  matrix: np.ndarray
  curves: Sequence[Curve]


def read(icc: bytes) -> RgbProfile:
  """Reads a profile.

  White goes to white by CAT02 as in `spaces.convert`: what the profile did to
  bring its own white to D50 is inverted first, so that sRGB and its kin get the
  matrices of the house.

  Args:
    icc: The profile.

  Returns:
    The space.

  Raises:
    ValueError: in few words, if it is damaged, not RGB, or made of tables.
  """
  try:
    profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
  except (OSError, PIL.ImageCms.PyCMSError) as error:
    raise ValueError('is damaged') from error
  name = (profile.profile_description or 'nameless').strip()
  if profile.xcolor_space.strip() != 'RGB':
    raise ValueError(f'"{name}" is of {profile.xcolor_space.strip()} colours')
  colorants = (profile.red_colorant, profile.green_colorant, profile.blue_colorant)
  columns = np.array([pair[0] for pair in colorants if pair is not None]).T
  if not profile.is_matrix_shaper or columns.shape != (3, 3):
    raise ValueError(f'"{name}" has no matrix and curves')
  try:
    curves = [_curve(_tag(icc, tag)) for tag in (b'rTRC', b'gTRC', b'bTRC')]
  except (struct.error, IndexError, ZeroDivisionError) as error:
    raise ValueError(f'"{name}" has a damaged curve') from error
  return RgbProfile(name, _to_prophoto(columns, _adaptation(profile)), curves)


def is_prophoto(profile: RgbProfile) -> bool:
  """Tells whether a profile gives codes the meaning of ROMM-encoded codes.

  The widely used file has a bare power of 1.8; ROMM's short toe is not missed.
  """
  encoded = np.linspace(1 / 32, 1.0, 64)
  alike = [np.abs(curve(encoded) - encoded**1.8).max() for curve in profile.curves]
  off = np.abs(profile.matrix - np.eye(3)).max()
  return bool(off < _CLOSE and max(alike) < _CLOSE)


def find_tag(icc: bytes, name: bytes) -> bytes | None:
  """Returns the content of a tag of a profile, or None if it has none.

  Args:
    icc: The profile.
    name: Of the tag, 4 bytes.
  """
  (count,) = struct.unpack_from('>I', icc.ljust(132, b'\0'), 128)
  for at in range(132, min(132 + 12 * min(count, 1000), len(icc) - 11), 12):
    found, offset, size = struct.unpack_from('>4sII', icc, at)
    if found == name:
      return icc[offset : offset + size]
  return None


def _adaptation(profile: PIL.ImageCms.core.CmsProfile) -> np.ndarray:
  """Returns the matrix by which the profile brought XYZ to D50."""
  if profile.chromatic_adaptation is not None:
    return np.array(profile.chromatic_adaptation[0])
  white = np.array((profile.media_white_point or (spaces.D50, None))[0])
  return matrices.adaptation_matrix(white, spaces.D50, method='bradford')


def _to_prophoto(columns: np.ndarray, adaptation: np.ndarray) -> np.ndarray:
  native = np.linalg.solve(adaptation, columns)
  prophoto = spaces.SPACES['prophoto']
  target = matrices.xy_to_xyz(prophoto.white)
  adapt = matrices.adaptation_matrix(native.sum(axis=1), target)
  to_rgb = np.linalg.inv(matrices.primary_matrix(prophoto.primaries, prophoto.white))
  return to_rgb @ adapt @ native


def _tag(icc: bytes, name: bytes) -> bytes:
  content = find_tag(icc, name)
  if content is None:
    raise ValueError(f'has no tag {name.decode()}')
  return content


def _curve(data: bytes) -> Curve:
  kind = data[:4]
  if kind == b'curv':
    (count,) = struct.unpack_from('>I', data, 8)
    if count == 0:
      return lambda encoded: encoded
    values = np.array(struct.unpack_from(f'>{count}H', data, 12))
    if count == 1:
      return _parametric(0, (values[0] / 256,))
    places = np.linspace(0.0, 1.0, count)
    return lambda encoded: np.interp(encoded, places, values / 65535)
  if kind == b'para':
    (function,) = struct.unpack_from('>H', data, 8)
    numbers = struct.unpack_from(f'>{_PARAMETERS[function]}i', data, 12)
    return _parametric(function, tuple(number / 65536 for number in numbers))
  raise ValueError(f'has a curve of kind {kind!r}')


def _parametric(function: int, numbers: tuple[float, ...]) -> Curve:
  """Returns function 0 to 4 of `para`: a power above a cut, a line below."""
  gamma, a, b, c, d, e, f = (*numbers, *[0.0] * (7 - len(numbers)))
  if function == 0:
    a, d = 1.0, 0.0
  elif function in (1, 2):
    # Y = (aX + b)^g + c from -b/a on, and c below.
    c, d, e, f = 0.0, -b / a, c, c

  def decode(encoded: np.ndarray) -> np.ndarray:
    above = encoded >= d
    base = np.maximum(np.where(above, a * encoded + b, 0.0), 0.0)
    return np.where(above, base**gamma + e, c * encoded + f)

  return decode
