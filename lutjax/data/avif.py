"""Depth and colour space of AVIF files, from their boxes.

Pillow and imagecodecs decode the pixels, but return neither the depth nor the
code points (ITU-T H.273) by which most AVIF files name their colour space instead
of an ICC profile.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lutjax import errors

# Where the properties of pictures are.
_PATH = (b'meta', b'iprp', b'ipco')
_SRGB_PRIMARIES, _P3_PRIMARIES, _REC2020_PRIMARIES = 1, 12, 9
_UNSPECIFIED, _SRGB_CURVE = 2, 13
# Of Rec. 709 and Rec. 2020, all the same curve.
_BROADCAST_CURVES = (1, 6, 14, 15)


class Head(NamedTuple):
  """What was found of the picture.

  Attributes:
    bits: Per channel: 8, 10 or 12.
    primaries: Code point of the primaries.
    transfer: Code point of the transfer function.
  """

  bits: int
  primaries: int = _UNSPECIFIED
  transfer: int = _UNSPECIFIED


def read_head(content: bytes, source: str) -> Head:
  """Reads the first picture's properties.

  Args:
    content: The file, trusted in nothing.
    source: Named in errors.

  Raises:
    ImageError: if the file does not say how deep its pixels are.
  """
  start, end = 0, len(content)
  for name in _PATH:
    boxes = _boxes(content, start, end)
    found = next((box for box in boxes if box[0] == name), None)
    if found is None:
      raise errors.ImageError(
        f'{source}: found no box {name.decode()}, expected one in an AVIF file'
      )
    _, start, end = found
    start += 4 if name == b'meta' else 0
  depth, points = 0, (_UNSPECIFIED, _UNSPECIFIED)
  for kind, at, stop in reversed(list(_boxes(content, start, end))):
    body = content[at : min(stop, at + 16)]
    if kind == b'av1C' and len(body) >= 3:
      depth = 12 if body[2] & 0x20 else 10
      depth = depth if body[2] & 0x40 else 8
    if kind == b'colr' and body.startswith(b'nclx') and len(body) >= 8:
      points = struct.unpack_from('>HH', body, 4)
  if not depth:
    raise errors.ImageError(f'{source}: found no box av1C, expected one in AVIF')
  return Head(depth, *points)


def space_of(head: Head) -> str | None:
  """Returns the colour space of box `colr`, as in `spaces.SPACES`, or None."""
  if head.primaries in (_SRGB_PRIMARIES, _UNSPECIFIED):
    plain = (_UNSPECIFIED, _SRGB_CURVE, *_BROADCAST_CURVES)
    return 'srgb' if head.transfer in plain else None
  if head.primaries == _P3_PRIMARIES and head.transfer == _SRGB_CURVE:
    return 'display_p3'
  if head.primaries == _REC2020_PRIMARIES and head.transfer in _BROADCAST_CURVES:
    return 'rec2020'
  return None


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
  """Yields kind, start and end of the bodies of boxes that follow each other."""
  while start + 8 <= end:
    size, kind = struct.unpack_from('>I4s', content, start)
    head = 8
    if size == 1 and start + 16 <= end:
      (size,) = struct.unpack_from('>Q', content, start + 8)
      head = 16
    stop = end if size == 0 else start + size
    if size and (size < head or stop > end):
      return
    yield kind, start + head, stop
    start = stop
