"""Photoshop's image resources, the block that holds IPTC.

JPEG has it in APP13, TIFF in a field, PNG as text in hexadecimal. Each resource is
`8BIM`, a number, a name padded to even length, and its data, padded likewise.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

IPTC = 1028
# Thumbnails, and copies of what lies elsewhere: ICC, EXIF (twice), XMP.
_LEFT_OUT = frozenset({1033, 1036, 1039, 1058, 1059, 1060})
_SIGNATURE = b'8BIM'


class Resource(NamedTuple):
  """A resource: its number, its name and its data."""

  number: int
  name: bytes
  data: bytes


def split(block: bytes) -> tuple[Resource, ...]:
  """Splits a block, up to the first damage.

  Thumbnails, which would show the picture as it was, and second copies of profile,
  EXIF and XMP are left out.

  Args:
    block: Anything.

  Returns:
    The resources.
  """
  found, at = [], 0
  while block[at : at + 4] == _SIGNATURE and at + 7 <= len(block):
    number, length = struct.unpack_from('>HB', block, at + 4)
    name = block[at + 7 : at + 7 + length]
    at += 6 + (1 + length + 1) // 2 * 2
    if at + 4 > len(block):
      break
    (size,) = struct.unpack_from('>I', block, at)
    data = block[at + 4 : at + 4 + size]
    if len(data) < size:
      break
    at += 4 + size + size % 2
    if number not in _LEFT_OUT:
      found.append(Resource(number, name, data))
  return tuple(found)


def join(resources: Sequence[Resource]) -> bytes:
  """Joins resources to a block."""
  parts = []
  for number, name, data in resources:
    parts += [_SIGNATURE, struct.pack('>HB', number, len(name)), name]
    parts += [b'\0' * (1 - len(name) % 2), struct.pack('>I', len(data)), data]
    parts.append(b'\0' * (len(data) % 2))
  return b''.join(parts)


def with_iptc(resources: Sequence[Resource], iptc: bytes) -> tuple[Resource, ...]:
  """Returns the resources with IPTC added, unless they hold some.

  Args:
    resources: Photoshop image resources.
    iptc: Content of the IPTC resource.
  """
  if any(resource.number == IPTC for resource in resources):
    return tuple(resources)
  return (Resource(IPTC, b'', iptc), *resources)


def iptc(resources: Sequence[Resource]) -> bytes | None:
  """Returns the IPTC record."""
  return next((r.data for r in resources if r.number == IPTC), None)
