"""JPEG XL pictures, by libjxl; profile and EXIF through Pillow's plugin (extra `jxl`).

The plugin gives eight bits only and decodes when it opens, therefore pixels come from
imagecodecs, and size and orientation from the header, before anything is decoded
(ISO/IEC 18181-1, size header and image metadata; 18181-2, boxes).
"""

import io
import struct
from typing import BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import PIL.Image

from lutjax import errors
from lutjax.data import decoders

CODESTREAM = b'\xff\x0a'
CONTAINER = b'\0\0\0\x0cJXL \r\n\x87\n'
_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_HEAD = 32  # Bytes; more than size and orientation take.
_ORIENTATION = 274


class Head(NamedTuple):
  """What a picture says before its pixels.

  Attributes:
    height: Of the pixels as stored.
    width: Of the pixels as stored.
    orientation: 1 to 8, as in EXIF; pixels are to be shown turned by it.
  """

  height: int
  width: int
  orientation: int


def from_jxl(file: BinaryIO, source: str, say: decoders.Say) -> decoders.Decoded:
  """Decodes the first frame; integers of other depths are scaled to 8 or 16 bits.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not kept.
  """
  content = file.read()
  try:
    import pillow_jxl  # noqa: F401 (registers itself with Pillow)
  except ImportError as error:
    raise errors.ImageError(
      f'{source}: reading JPEG XL needs the extra jxl: pip install pillow-jxl-plugin'
    ) from error
  head = read_head(content, source)
  decoders.check_size(head.height, head.width, source)
  with PIL.Image.open(io.BytesIO(content), formats=['JXL']) as decoder:
    icc, exif, annotations = decoders.from_info(decoder.info)
  found = PIL.Image.Exif()
  found.load(exif or b'')
  exif_says = int(found.get(_ORIENTATION, 1))
  # Stored pixels and the EXIF's orientation belong together, as in other formats.
  stored = head.orientation == exif_says
  if not stored:
    say(f'{source}: turned by its orientation {head.orientation}')
    if exif_says != 1:
      say(f'{source}: its EXIF has another orientation, {exif_says}, and is dropped')
      exif = None
  pixels = imagecodecs.jpegxl_decode(content, index=0, keeporientation=stored)
  pixels = np.atleast_3d(pixels)
  colours = 'rgb' if pixels.shape[2] > 2 else 'grey'
  if colours == 'grey' and pixels.shape[2] == 1:
    pixels = pixels[..., 0]
  return decoders.Decoded(pixels, colours, icc, exif, annotations)


def read_head(content: bytes, source: str) -> Head:
  """Returns size and orientation.

  Args:
    content: The file, a container or a bare codestream.
    source: Named in errors.

  Returns:
    The head.

  Raises:
    ImageError: if the file has no codestream, or ends before it has said them.
  """
  start = content
  if content.startswith(CONTAINER):
    start = _codestream(content, source)
  if not start.startswith(CODESTREAM):
    raise errors.ImageError(f'{source}: found no codestream, expected JPEG XL')
  if len(start) < len(CODESTREAM) + 4:
    raise errors.ImageError(f'{source}: found JPEG XL that is cut short')
  # Bits are counted from the lowest.
  left = int.from_bytes(start[len(CODESTREAM) : _HEAD], 'little')

  def take(bits: int) -> int:
    nonlocal left
    value = left & (1 << bits) - 1
    left >>= bits
    return value

  def side(of_eights: int) -> int:
    return (take(5) + 1) * 8 if of_eights else 1 + take(_BITS[take(2)])

  of_eights = take(1)
  height = side(of_eights)
  ratio = take(3)
  if ratio:
    over, under = _RATIOS[ratio - 1]
    width = height * over // under
  else:
    width = side(of_eights)
  default = take(1)
  orientation = 1 if default or not take(1) else 1 + take(3)
  return Head(height, width, orientation)


def _codestream(content: bytes, source: str) -> bytes:
  """Returns the start of the codestream in a container's boxes."""
  at = 0
  while at + 8 <= len(content):
    size, kind = struct.unpack_from('>I4s', content, at)
    body = at + 8
    if size == 1 and at + 16 <= len(content):
      (size,) = struct.unpack_from('>Q', content, body)
      body += 8
    if kind == b'jxlc':
      return content[body : body + _HEAD]
    if kind == b'jxlp':
      return content[body + 4 : body + 4 + _HEAD]  # Behind the part's number.
    if size < body - at:
      break
    at += size
  raise errors.ImageError(f'{source}: found no box with a codestream in JPEG XL')
