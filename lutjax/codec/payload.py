"""The payload of an image, a block of bytes: `LJXG`, version 1.

All numbers are little-endian and there are no offsets, so the block can be stored
anywhere:

| bytes | field |
|---|---|
| 4 | `LJXG` |
| 1 | version |
| 1 | flags |
| 2 | length of this header |
| 1, 1 | wide space and its transfer function |
| 1 | codec |
| 1 | precision of the codec's numbers |
| 4 | seed |
| 4, 4 | width and height of the picture |
| 4 | length of the body |
| 4 | CRC-32 of the decoded 8-bit pixels |
| 4 | CRC-32 of the header up to here and the body |

then the body, which belongs to the codec.
"""

import struct
import zlib
from typing import NamedTuple

import numpy as np

from lutjax import errors

MAGIC = b'LJXG'
VERSION = 1
# No payload is read beyond this, whatever it claims.
MAX_BYTES = 1 << 26
_FIXED = struct.Struct('<4sBBHBBBBIIIII')
_CHECK = struct.Struct('<I')
HEADER_BYTES = _FIXED.size + _CHECK.size
_MAX_SIDE = 1 << 20


class Payload(NamedTuple):
  """The fields of a payload.

  Attributes:
    codec: Number of the codec.
    width: Of the picture, pixels.
    height: Of the picture, pixels.
    pixel_check: `check_pixels` of the decoded 8-bit picture.
    body: What the codec wrote.
    seed: Of the codec's random numbers, 32 bits.
    precision: The codec's own mark.
    space: Of the recovered colours; 0 is ProPhoto.
    transfer: Of the recovered colours; 0 is linear.
    flags: Reserved, 0.
  """

  codec: int
  width: int
  height: int
  pixel_check: int
  body: bytes
  seed: int = 0
  precision: int = 0
  space: int = 0
  transfer: int = 0
  flags: int = 0


def check_pixels(codes: np.ndarray) -> int:
  """Returns the CRC-32 of 8-bit pixels `[H, W, 3]`, in raster order."""
  return zlib.crc32(np.ascontiguousarray(codes, np.uint8).data)


def pack(payload: Payload) -> bytes:
  """Returns the block."""
  fixed = _FIXED.pack(
    MAGIC,
    VERSION,
    payload.flags,
    HEADER_BYTES,
    payload.space,
    payload.transfer,
    payload.codec,
    payload.precision,
    payload.seed,
    payload.width,
    payload.height,
    len(payload.body),
    payload.pixel_check,
  )
  return fixed + _CHECK.pack(zlib.crc32(payload.body, zlib.crc32(fixed))) + payload.body


def unpack(content: bytes, source: str = 'payload') -> Payload:
  """Reads and checks a block.

  Args:
    content: The block and nothing else.
    source: Named in errors.

  Returns:
    The payload.

  Raises:
    ArtefactError: if the block is foreign, of a later version, cut short, too
      long, altered, or claims what cannot be.
  """
  if content[:4] != MAGIC:
    raise errors.ArtefactError(
      f'{source}: found a payload that starts with {content[:4].hex() or "nothing"}, '
      f'expected {MAGIC.hex()}: it is not ours'
    )
  if len(content) > 4 and content[4] > VERSION:
    raise errors.ArtefactError(
      f'{source}: found a payload of version {content[4]}, expected {VERSION} or '
      'earlier: a newer lutjax wrote it'
    )
  if len(content) < HEADER_BYTES:
    raise errors.ArtefactError(
      f'{source}: found {len(content)} bytes of payload, expected at least '
      f'{HEADER_BYTES}: it is cut short'
    )
  fields = _FIXED.unpack_from(content)
  _, version, flags, header, space, curve, codec, precision, *rest = fields
  seed, width, height, length, pixel_check = rest
  if length > MAX_BYTES or header + length != len(content):
    raise errors.ArtefactError(
      f'{source}: found {len(content)} bytes of payload where its header claims '
      f'{header + length}: it is cut short or damaged'
    )
  body = content[HEADER_BYTES:]
  (check,) = _CHECK.unpack_from(content, _FIXED.size)
  found = zlib.crc32(body, zlib.crc32(content[: _FIXED.size]))
  if check != found or version != VERSION or header != HEADER_BYTES:
    raise errors.ArtefactError(
      f'{source}: found a payload with checksum {found:08x}, expected {check:08x}: it '
      'is damaged'
    )
  if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE) or space or curve:
    raise errors.ArtefactError(
      f'{source}: found a payload for {width} x {height} pixels in space {space}, '
      f'expected sides up to {_MAX_SIDE} in linear ProPhoto'
    )
  return Payload(
    codec, width, height, pixel_check, body, seed, precision, space, curve, flags
  )
