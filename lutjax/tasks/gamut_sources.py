"""Wide-gamut sources: 16-bit or float images, brought to ROMM-encoded ProPhoto.

An image without a profile is ProPhoto, as is one with a ProPhoto profile; one of
another matrix profile (Adobe RGB, Display P3, Rec. 2020, sRGB, a camera's) is
converted. Colours beyond ProPhoto are clipped to it.
"""

import functools
import pathlib
from typing import Literal, NamedTuple

import numpy as np

from lutjax import errors
from lutjax.color import profile_reading, profiles, transfer
from lutjax.data import images

Space = Literal['auto', 'prophoto', 'display_p3', 'adobe_rgb', 'rec2020', 'srgb']
# Rows are converted this many pixels at a time.
_BLOCK = 1 << 20


class Source(NamedTuple):
  """A source.

  Attributes:
    image: `[H, W, 3|4]` uint16 or float32, ROMM-encoded ProPhoto.
    space: What its colours were before.
  """

  image: images.Image
  space: str


def read(path: pathlib.Path, space: Space = 'auto') -> Source:
  """Reads a source.

  Args:
    path: The file.
    space: What its colours are, whatever its profile says; `auto` asks the
      profile.

  Returns:
    The source.

  Raises:
    ImageError: if it cannot be read, has 8 bits, or has a profile that cannot
      be converted.
  """
  image = images.read(path)
  if image.pixels.dtype == np.uint8:
    raise errors.ImageError(
      f'{path}: found 8-bit pixels, expected 16-bit or float wide-gamut colours'
    )
  if space == 'prophoto' or (space == 'auto' and image.icc is None):
    return Source(image, 'ProPhoto RGB')
  try:
    found = _named(space) if space != 'auto' else profile_reading.read(image.icc or b'')
  except ValueError as error:
    raise errors.ImageError(
      f'{path}: found an ICC profile that {error}, expected one of a matrix and '
      'curves; --set space=prophoto takes the colours as ProPhoto'
    ) from error
  if profile_reading.is_prophoto(found):
    return Source(image, found.name)
  return Source(image._replace(pixels=_converted(image.pixels, found)), found.name)


@functools.lru_cache
def _named(space: str) -> profile_reading.RgbProfile:
  return profile_reading.read(profiles.icc_profile(space))


def _converted(pixels: np.ndarray, profile: profile_reading.RgbProfile) -> np.ndarray:
  """Returns pixels of the same kind, with the colours in ROMM-encoded ProPhoto."""
  out = np.empty_like(pixels)
  out[..., 3:] = pixels[..., 3:]
  tables = None
  if pixels.dtype == np.uint16:
    codes = np.arange(1 << 16) / 65535.0
    tables = [curve(codes).astype(np.float32) for curve in profile.curves]
  step = max(1, _BLOCK // pixels.shape[1])
  for start in range(0, len(pixels), step):
    rows = pixels[start : start + step, :, :3]
    channels = [rows[..., i] for i in range(3)]
    if tables is not None:
      linear = [table[channel] for table, channel in zip(tables, channels)]
    else:
      linear = [curve(c) for curve, c in zip(profile.curves, channels)]
    prophoto = np.stack(linear, axis=-1) @ profile.matrix.T
    encoded = _to_romm(prophoto.clip(0.0, 1.0).astype(np.float32))
    bits = 8 * pixels.dtype.itemsize
    out[start : start + step, :, :3] = images.from_float(encoded, bits)
  return out


def _to_romm(linear: np.ndarray) -> np.ndarray:
  curve = transfer.ROMM
  return np.where(
    linear <= curve.cut, curve.slope * linear, linear ** np.float32(1 / curve.gamma)
  )
