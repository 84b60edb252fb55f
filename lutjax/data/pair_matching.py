"""Pictures before and after, brought to one orientation, colour space and size.

Nothing is rounded in between, and each step reports what it changed.
"""

import io
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageCms

from lutjax import errors
from lutjax.color import profile_reading, profiles
from lutjax.data import images

Say = Callable[[str], None]

_ORIENTATION = 274
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
  2: lambda pixels: pixels[:, ::-1],
  3: lambda pixels: pixels[::-1, ::-1],
  4: lambda pixels: pixels[::-1],
  5: lambda pixels: pixels.swapaxes(0, 1),
  6: lambda pixels: np.rot90(pixels, -1),
  7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
  8: lambda pixels: np.rot90(pixels),
}
# Profiles of one space, from different makers, differ by less: a tenth of a code
# of 8 bits.
_SAME = 4e-4
# Codes by which a curve is turned round.
_CODES = 1 << 16
_BLOCK = 1 << 20


class Picture(NamedTuple):
  """A picture in display orientation.

  Attributes:
    path: The file.
    rgb: `[H, W, 3]` float32 in [0, 1].
    opaque: `[H, W]` bool, the pixels that are not transparent at all.
    icc: Its profile; without one it is sRGB.
  """

  path: pathlib.Path
  rgb: np.ndarray
  opaque: np.ndarray
  icc: bytes | None


def read(path: pathlib.Path, say: Say) -> Picture:
  """Reads a picture of any colour type, and applies its EXIF orientation.

  Args:
    path: The file.
    say: Told what is converted, turned or clipped.

  Raises:
    ImageError: when it cannot be read.
  """
  image = images.read(path, convert=True, say=say)
  pixels = image.pixels
  orientation = _orientation(image.exif)
  if orientation in _TURNS:
    say(f'--pairs: {path}: turned by its EXIF orientation {orientation}')
    pixels = _TURNS[orientation](pixels)
  rgb = images.to_float(pixels)
  opaque = np.ones(rgb.shape[:2], bool)
  if rgb.shape[-1] == 4:
    opaque = rgb[..., 3] >= 1.0
  rgb = rgb[..., :3]
  if rgb.min() < 0.0 or rgb.max() > 1.0:
    beyond = np.any((rgb < 0.0) | (rgb > 1.0), axis=-1).mean()
    say(
      f'--pairs: {path}: {beyond:.2%} of the pixels lie beyond [0, 1] (from '
      f'{rgb.min():.3g} to {rgb.max():.3g}) and are clipped'
    )
    rgb = np.clip(rgb, 0.0, 1.0)
  return Picture(path, np.ascontiguousarray(rgb), opaque, image.icc)


def to_space_of(picture: Picture, other: Picture, say: Say) -> Picture:
  """Converts a picture to the colour space of another one.

  Args:
    picture: What is converted, unless both have one space.
    other: Whose profile counts; without one it is sRGB.
    say: Told of the conversion, and of colours beyond the other's gamut.

  Returns:
    The picture under the profile of `other`.

  Raises:
    ImageError: with both names, when the profiles differ and one of them is not
      RGB of a matrix and curves that rise.
  """
  if picture.icc == other.icc:
    return picture
  source, target = (_profile(one, picture, other) for one in (picture, other))
  if _alike(source, target):
    return picture._replace(icc=other.icc)
  inverses = [_inverse(curve) for curve in target.curves]
  matrix = np.linalg.solve(target.matrix, source.matrix)
  flat = picture.rgb.reshape(-1, 3)
  out, clipped, most = np.empty_like(flat), 0, 0.0
  for start in range(0, len(flat), _BLOCK):
    block = flat[start : start + _BLOCK].astype(np.float64)
    linear = np.stack([f(c) for f, c in zip(source.curves, block.T)], axis=-1)
    linear = linear @ matrix.T
    beyond = np.maximum(-linear, linear - 1.0).max(axis=-1)
    clipped += int(np.count_nonzero(beyond > _SAME))
    most = max(most, float(beyond.max()))
    encoded = [f(np.clip(c, 0.0, 1.0)) for f, c in zip(inverses, linear.T)]
    out[start : start + _BLOCK] = np.stack(encoded, axis=-1)
  line = f'--pairs: {picture.path}: converted from {source.name} to {target.name}'
  if clipped:
    line += (
      f'; {clipped / len(flat):.2%} of the pixels lie beyond it, by up to {most:.3f} '
      'of linear light, and are clipped'
    )
  say(line)
  return picture._replace(rgb=out.reshape(picture.rgb.shape), icc=other.icc)


def to_one_size(pictures: Sequence[Picture], say: Say) -> list[Picture]:
  """Averages larger pictures down to the smallest one.

  Args:
    pictures: The first is the one that messages compare with.
    say: Told of each picture that is made smaller.

  Returns:
    Pictures of one size. A pixel is opaque where all that it is the mean of is.

  Raises:
    ImageError: when the shapes differ by more than the rounding of a size.
  """
  first = pictures[0].opaque.shape
  for picture in pictures[1:]:
    if not _same_shape(picture.opaque.shape, first):
      height, width = picture.opaque.shape
      raise errors.ImageError(
        f'{picture.path}: found {width} x {height} pixels, expected '
        f'{first[1]} x {first[0]} as in {pictures[0].path}, or the same shape'
      )
  size = min(picture.opaque.shape for picture in pictures)
  matched = []
  for picture in pictures:
    if picture.opaque.shape != size:
      height, width = picture.opaque.shape
      say(
        f'--pairs: {picture.path}: {width} x {height} pixels averaged to {size[1]} x '
        f'{size[0]} (means of areas, of the values as stored)'
      )
      opaque = area_mean(picture.opaque[..., None].astype(np.float32), size)[..., 0]
      picture = picture._replace(
        rgb=area_mean(picture.rgb, size), opaque=opaque > 1.0 - 1e-5
      )
    matched.append(picture)
  return matched


def area_mean(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns the means over the areas of larger pixels.

  An area may cover parts of pixels, which then count by the part (Pillow's box
  filter takes whole pixels only, and so shifts by up to half of one).

  Args:
    pixels: `[H, W, C]` float32.
    size: Height and width of the result, at most H and W.

  Returns:
    `[*size, C]` float32.
  """
  for axis in (0, 1):
    pixels = np.moveaxis(_means(np.moveaxis(pixels, axis, 0), size[axis]), 0, axis)
  return pixels


def _means(rows: np.ndarray, count: int) -> np.ndarray:
  """Returns means over `count` equal stretches of `[N, ...]`."""
  edges = np.arange(count + 1) * (len(rows) / count)
  edges[-1] = len(rows)
  whole = np.minimum(edges.astype(np.int64), len(rows) - 1)
  part = (edges - whole).reshape(-1, *[1] * (rows.ndim - 1))
  total = np.zeros((len(rows) + 1, *rows.shape[1:]))
  np.cumsum(rows, axis=0, out=total[1:])
  reached = total[whole] + part * rows[whole]
  return (np.diff(reached, axis=0) * (count / len(rows))).astype(np.float32)


def _same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
  """Tells whether one size is the other one scaled, with a side rounded."""
  if one[0] == other[0] or one[1] == other[1]:
    return one == other
  (height, width), (larger, wider) = sorted([one, other])
  return (
    abs(height - larger * width / wider) < 1.0
    or abs(width - wider * height / larger) < 1.0
  )


def _orientation(exif: bytes | None) -> int:
  found = PIL.Image.Exif()
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      found.load(exif or b'')
      return int(found.get(_ORIENTATION, 1))
  except Exception:
    # On broken EXIF Pillow raises whatever comes to its mind.
    return 1


def _profile(
  one: Picture, picture: Picture, other: Picture
) -> profile_reading.RgbProfile:
  """Reads the profile of `one` of two pictures, both named when it cannot be."""
  try:
    found = profile_reading.read(one.icc or profiles.icc_profile('srgb'))
    codes = np.linspace(0.0, 1.0, _CODES)
    if any(np.diff(curve(codes)).min() < 0.0 for curve in found.curves):
      raise ValueError(f'"{found.name}" has a curve that falls')
  except ValueError as error:
    raise errors.ImageError(
      f'--pairs: {picture.path}: found the ICC profile {_name_of(picture)}, which '
      f'cannot be converted to {_name_of(other)} of {other.path}, because that of '
      f'{one.path} {error}; expected one profile, or profiles of a matrix and curves'
    ) from error
  return found if one.icc else found._replace(name='sRGB (it has no profile)')


def _name_of(picture: Picture) -> str:
  if picture.icc is None:
    return 'none (so sRGB)'
  try:
    profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(picture.icc)).profile
    return f'"{(profile.profile_description or "nameless").strip()}"'
  except (OSError, PIL.ImageCms.PyCMSError):
    return 'of no name'


def _alike(one: profile_reading.RgbProfile, other: profile_reading.RgbProfile) -> bool:
  codes = np.linspace(0.0, 1.0, 256)
  gaps = [np.abs(a(codes) - b(codes)).max() for a, b in zip(one.curves, other.curves)]
  return max(*gaps, np.abs(one.matrix - other.matrix).max()) < _SAME


def _inverse(curve: profile_reading.Curve) -> profile_reading.Curve:
  codes = np.linspace(0.0, 1.0, _CODES)
  linear = curve(codes)
  return lambda values: np.interp(values, linear, codes)
