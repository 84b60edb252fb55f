"""Photos that a page of looks carries: small, since the page is sent by mail."""

import io
import pathlib
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from lutjax import errors
from lutjax.data import images
from lutjax.report import canvas
from lutjax.viewer import page

if TYPE_CHECKING:
  import PIL.Image

# Pixels of the longer side, at most. Photos share what they all take, where each has
# what shows a scene of 600 pixels; in a page that is full, one of 250.
_SIDE = 1440
_SHARED_BYTES, _GOOD_BYTES, _MOST_BYTES = 320_000, 40_000, 160_000
_LEAST_BYTES = 8_000
# What a page says of a photo, beside a character of its name.
_MARKUP_BYTES, _LETTER_BYTES = 100, 12
_QUALITIES = (90, 84, 78, 74, 70, 66, 62)
# Number of the field of EXIF.
_ORIENTATION = 0x0112
# Of the made-up photos, 640 x 960 pixels each, which take seconds to make.
SEEDS = {'Noon': 0, 'Evening': 3}


def made_up() -> list[page.Photo]:
  """Returns photographs of synthetic scenes (`data.synthetic.photo`, see `SEEDS`)."""
  folder = resources.files('lutjax.viewer').joinpath('pictures')
  return [
    page.Photo(name, 'image/webp', folder.joinpath(f'{name.lower()}.webp').read_bytes())
    for name in SEEDS
  ]


def from_files(
  patterns: Sequence[str],
  *,
  room: int = page.MOST_BYTES,
  say: Callable[[str], None] = print,
) -> list[page.Photo]:
  """Returns photos of files, upright in sRGB as browsers show them, and small.

  Args:
    patterns: Files, folders or globs.
    room: Bytes that the page has for them; what each needs at least may be more.
    say: Told of each photo that is made smaller, and of the size that it gets.

  Raises:
    InputError: when there is none, or one cannot be read.
  """
  found = images.find_images(patterns, say=say)
  wanted = _SHARED_BYTES // max(len(found), 1)
  wanted = min(max(wanted, _GOOD_BYTES), _MOST_BYTES)
  room -= sum(_MARKUP_BYTES + _LETTER_BYTES * len(item.path.stem) for item in found)
  made: list[page.Photo] = []
  for i, item in enumerate(found):
    # In the page they are text of four characters for three bytes; what one leaves
    # is for those that follow.
    share = room // (len(found) - i) // 4 * 3
    made.append(_from_file(item.path, max(min(wanted, share), _LEAST_BYTES), say))
    room -= -(-len(made[-1].content) // 3) * 4
  return made


def _from_file(
  path: pathlib.Path, limit: int, say: Callable[[str], None]
) -> page.Photo:
  """Reads a photo, of so many bytes in the page at most."""
  from PIL import Image

  stored = images.read(path, convert=True, say=say)
  pixels = np.ascontiguousarray(canvas.to_uint8(stored.pixels)[..., :3])
  photo = _upright(_in_srgb(Image.fromarray(pixels), stored.icc, path), stored.exif)
  was = photo.size
  photo.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
  made = _photo(path.stem, np.asarray(photo), limit)
  with Image.open(io.BytesIO(made.content)) as small:
    if small.size != was:
      width, height = small.size
      say(
        f'{path}: {was[0]} x {was[1]} pixels, {width} x {height} in the page, '
        f'{len(made.content):,} bytes'
      )
  return made


def _in_srgb(
  photo: 'PIL.Image.Image', icc: bytes | None, path: pathlib.Path
) -> 'PIL.Image.Image':
  """Takes a photo to sRGB from its profile."""
  from PIL import ImageCms

  if icc is None:
    return photo
  try:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    made = ImageCms.profileToProfile(photo, profile, ImageCms.createProfile('sRGB'))
  except (ImageCms.PyCMSError, OSError) as error:
    raise errors.ImageError(
      f'{path}: found a profile that cannot be used, expected one of RGB'
    ) from error
  return photo if made is None else made


def _upright(photo: 'PIL.Image.Image', exif: bytes | None) -> 'PIL.Image.Image':
  """Turns a photo as its EXIF orientation says."""
  from PIL import Image, ImageOps

  if exif is None:
    return photo
  fields = Image.Exif()
  fields.load(exif)
  photo.getexif()[_ORIENTATION] = fields.get(_ORIENTATION, 1)
  return ImageOps.exif_transpose(photo)


def _photo(name: str, pixels: np.ndarray, limit: int) -> page.Photo:
  """Returns a photo as the best WebP file within the limit, smaller where none is."""
  from PIL import Image

  photo = Image.fromarray(np.ascontiguousarray(canvas.to_uint8(pixels)))
  while True:
    for quality in _QUALITIES:
      stream = io.BytesIO()
      photo.save(stream, 'WEBP', quality=quality, method=4)
      if stream.tell() <= limit:
        return page.Photo(name, 'image/webp', stream.getvalue())
    smaller = (max(1, photo.width * 3 // 4), max(1, photo.height * 3 // 4))
    photo = photo.resize(smaller, Image.Resampling.LANCZOS)
