"""The pixels of PNG files, at 8 or 16 bits, by libpng."""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import imagecodecs
import numpy as np

from lutjax import errors
from lutjax.codec import metadata

# What the colour types mean; a colour table is looked up by the decoder.
COLOURS = {0: 'grey', 2: 'rgb', 3: 'palette', 4: 'grey', 6: 'rgb'}
# Samples per pixel and bits per sample that each colour type may have.
_LAYOUTS = {
  0: (1, (1, 2, 4, 8, 16)),
  2: (3, (8, 16)),
  3: (1, (1, 2, 4, 8)),
  4: (2, (8, 16)),
  6: (4, (8, 16)),
}
# First row, first column and their steps, for each pass of Adam7.
_PASSES = (
  (0, 0, 8, 8),
  (0, 4, 8, 8),
  (4, 0, 8, 4),
  (0, 2, 4, 4),
  (2, 0, 4, 2),
  (0, 1, 2, 2),
  (1, 0, 2, 1),
)
# Deflate cannot pack more than this many bytes into one.
_MAX_DEFLATE_RATIO = 1032
# Run-length matching behind the Paeth filter: on photographs smaller than the
# default at level 6, in a fifth of its time.
_OPTIONS = {
  'level': 1,
  'strategy': imagecodecs.PNG.STRATEGY.RLE,
  'filter': imagecodecs.PNG.FILTER.PAETH,
}


class Head(NamedTuple):
  """The header chunk, field by field."""

  width: int
  height: int
  bits: int
  colour: int
  packing: int
  filter: int
  interlace: int


def encode(pixels: np.ndarray) -> bytes:
  """Returns pixels as a PNG file that says nothing else.

  Args:
    pixels: `[H, W, C]` uint8 or uint16.
  """
  return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), **_OPTIONS))


def read_head(chunks: Sequence[metadata.Chunk], source: str) -> Head:
  """Reads chunk IHDR.

  Args:
    chunks: Of a PNG file, IHDR first.
    source: Named in errors.

  Raises:
    ImageError: if it claims what PNG does not know.
  """
  head = Head(*struct.unpack('>IIBBBBB', chunks[0].data))
  depths = _LAYOUTS[head.colour][1] if head.colour in _LAYOUTS else ()
  if head.bits not in depths or head.packing or head.filter or head.interlace > 1:
    raise errors.ImageError(
      f'{source}: found an unknown PNG header: {", ".join(map(str, head))}'
    )
  return head


def to_pixels(
  content: bytes, chunks: Sequence[metadata.Chunk], head: Head, source: str
) -> np.ndarray:
  """Decodes the pixels, palettes and transparent colours resolved.

  Args:
    content: The file.
    chunks: The file's, checked by `metadata.png_to_chunks`.
    head: From `read_head`.
    source: Named in errors.

  Returns:
    `[H, W]` or `[H, W, C]`, uint8 or uint16.

  Raises:
    ImageError: if there is not enough data; `imagecodecs.PngError` if it is
      damaged.
  """
  packed = sum(len(data) for kind, data in chunks if kind == b'IDAT')
  claimed = head.height * head.width * _pixel_bits(head) // 8
  if claimed > (packed + 8) * _MAX_DEFLATE_RATIO:
    raise errors.ImageError(
      f'{source}: found {packed} bytes of data, too few for the {head.width} x '
      f'{head.height} pixels that the header claims'
    )
  # libpng prints what it thinks of profiles; they are not its business here.
  bare = metadata.png_bare(chunks)
  if head.interlace:
    return _deinterlace(bare, head)
  if len(bare) < len(chunks):
    content = metadata.chunks_to_png(bare)
  return imagecodecs.png_decode(content)


def _deinterlace(chunks: Sequence[metadata.Chunk], head: Head) -> np.ndarray:
  """Decodes the passes of an interlaced PNG as images of their own.

  imagecodecs would decode it whole, but prints a remark each time.
  """
  packed = b''.join(data for kind, data in chunks if kind == b'IDAT')
  others = [chunk for chunk in chunks[1:-1] if chunk.kind != b'IDAT']
  # Each row of each pass starts with a filter and ends on a whole byte.
  limit = head.height * (head.width * _pixel_bits(head) // 8 + 4) + 64
  rows = zlib.decompressobj().decompress(packed, limit)
  pixels, offset = np.zeros(0), 0
  for top, left, down, right in _PASSES:
    height = len(range(top, head.height, down))
    width = len(range(left, head.width, right))
    if not height or not width:
      continue
    end = offset + height * (1 + (width * _pixel_bits(head) + 7) // 8)
    alone = head._replace(width=width, height=height, interlace=0)
    part = [
      metadata.Chunk(b'IHDR', struct.pack('>IIBBBBB', *alone)),
      *others,
      metadata.Chunk(b'IDAT', zlib.compress(rows[offset:end], 0)),
      metadata.Chunk(b'IEND', b''),
    ]
    decoded = imagecodecs.png_decode(metadata.chunks_to_png(part))
    if not pixels.size:
      pixels = np.zeros((head.height, head.width, *decoded.shape[2:]), decoded.dtype)
    pixels[top::down, left::right] = decoded
    offset = end
  return pixels


def _pixel_bits(head: Head) -> int:
  return _LAYOUTS[head.colour][0] * head.bits
