"""Wide-gamut sources, brought to ROMM-encoded ProPhoto.

A 16-bit or float image without a profile is ProPhoto, as is one with a ProPhoto
profile; one of another matrix profile (Adobe RGB, Display P3, Rec. 2020, sRGB, a
camera's) is converted. Colours beyond ProPhoto are clipped to it.

Images of 8 bits, as phones and cameras write them, must have a profile that
reaches beyond sRGB. They are coarse: their values are off by up to half a code,
which is reported as a PSNR, since scores against them do not include it. What
JPEG, WebP and AVIF lose in addition cannot be found from the file.
"""

import functools
import pathlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.color import profile_reading, profiles, transfer
from lutjax.data import images
from lutjax.systems.gamut_mlp import recovery

Space = Literal['auto', 'prophoto', 'display_p3', 'adobe_rgb', 'rec2020', 'srgb']
# Rows are converted this many pixels at a time.
_BLOCK = 1 << 20
# Of linear sRGB, by which a profile must exceed it; makers of sRGB profiles who adapt
# white in other ways differ by up to 0.014.
_WIDER = 0.03
# Steps over which the error of rounding is averaged.
_STEPS = 16


class Source(NamedTuple):
  """A source.

  Attributes:
    image: `[H, W, 3|4]` uint16 or float32, ROMM-encoded ProPhoto.
    space: What its colours were before.
    rounding: PSNR in linear ProPhoto, dB, that the rounding to 8 bits alone leaves;
      None for deeper images.
  """

  image: images.Image
  space: str
  rounding: float | None = None


def read(path: pathlib.Path, space: Space = 'auto') -> Source:
  """Reads a source.

  Args:
    path: The file.
    space: What its colours are, whatever its profile says; `auto` asks the
      profile.

  Returns:
    The source.

  Raises:
    ImageError: if it cannot be read, has a profile that cannot be converted, or
      8 bits or AVIF's code points and no profile wider than sRGB.
  """
  image = images.read(path)
  coarse = image.pixels.dtype == np.uint8
  # Only formats that photographers hand on deep and bare may lack a profile.
  bare = image.icc is None and not coarse and path.suffix.lower() != '.avif'
  if not coarse and (space == 'prophoto' or (space == 'auto' and bare)):
    return Source(image, 'ProPhoto RGB')
  if space == 'auto' and image.icc is None:
    kind = '8-bit pixels' if coarse else 'AVIF colours'
    raise errors.ImageError(
      f'{path}: found {kind} without a profile, expected 16-bit or float wide-gamut '
      'colours, or a profile wider than sRGB; --set space=... names their space'
    )
  try:
    found = _named(space) if space != 'auto' else profile_reading.read(image.icc or b'')
  except ValueError as error:
    raise errors.ImageError(
      f'{path}: found an ICC profile that {error}, expected one of a matrix and '
      'curves; --set space=prophoto takes the colours as ProPhoto'
    ) from error
  if coarse and not is_wide(found):
    raise errors.ImageError(
      f'{path}: found 8-bit pixels of "{found.name}", which reaches no further than '
      'sRGB, expected 16-bit or float colours, or a profile wider than sRGB'
    )
  rounding = _rounding(image.pixels, found) if coarse else None
  if not profile_reading.is_prophoto(found):
    image = image._replace(pixels=_converted(image.pixels, found))
  elif coarse:
    image = image._replace(pixels=image.pixels * np.uint16(257))
  return Source(image, found.name, rounding)


def is_wide(profile: profile_reading.RgbProfile) -> bool:
  """Tells whether a profile holds colours that sRGB does not."""
  corners = np.asarray(recovery.prophoto_to_linear(jnp.asarray(profile.matrix.T)))
  return bool(corners.min() < -_WIDER or corners.max() > 1 + _WIDER)


def describe_rounding(roundings: Iterable[float | None]) -> str:
  """Returns a line on the sources that have 8 bits, nothing where there are none."""
  known = [rounding for rounding in roundings if rounding is not None]
  if not known:
    return ''
  ends = dict.fromkeys(f'{end:.1f}' for end in (min(known), max(known)))
  return (
    f'8-bit sources: {len(known)}; their own rounding, half a code at most, is '
    f'{" to ".join(ends)} dB in linear ProPhoto; figures are against the files as they '
    'are'
  )


@functools.lru_cache
def _named(space: str) -> profile_reading.RgbProfile:
  return profile_reading.read(profiles.icc_profile(space))


def _converted(pixels: np.ndarray, profile: profile_reading.RgbProfile) -> np.ndarray:
  """Returns uint16 or float32, with the colours in ROMM-encoded ProPhoto."""
  whole = pixels.dtype.kind == 'u'
  out = np.empty(pixels.shape, np.uint16 if whole else np.float32)
  out[..., 3:] = pixels[..., 3:]
  if pixels.dtype == np.uint8:
    out[..., 3:] *= 257
  tables = None
  if whole:
    codes = np.linspace(0.0, 1.0, np.iinfo(pixels.dtype).max + 1)
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
    bits = 8 * out.dtype.itemsize
    out[start : start + step, :, :3] = images.from_float(encoded, bits)
  return out


def _rounding(pixels: np.ndarray, profile: profile_reading.RgbProfile) -> float:
  """Returns the PSNR that rounding alone leaves, colours spread evenly in each code."""
  codes = np.arange(256)[:, None]
  within = (np.arange(_STEPS) + 0.5) / _STEPS - 0.5
  spread = ((codes + within) / 255).clip(0.0, 1.0)
  means = np.empty(3)
  for i, curve in enumerate(profile.curves):
    squares = np.square(curve(spread) - curve(codes / 255)).mean(axis=1)
    counts = np.bincount(pixels[..., i].ravel(), minlength=256)
    means[i] = counts @ squares / counts.sum()
  square = (np.square(profile.matrix) @ means).mean()
  return float(-10 * np.log10(max(square, 1e-12)))


def _to_romm(linear: np.ndarray) -> np.ndarray:
  curve = transfer.ROMM
  return np.where(
    linear <= curve.cut, curve.slope * linear, linear ** np.float32(1 / curve.gamma)
  )
