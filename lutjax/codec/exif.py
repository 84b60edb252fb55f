"""EXIF in TIFF files, where it is part of the file's own directory.

Elsewhere EXIF is a TIFF stream of its own. Moving it between the two means
copying directory entries and renumbering their offsets; the values are kept as
they are, in the byte order of the stream. Offsets hidden inside a maker note
are left alone, as other tools do.
"""

import io
import struct
from collections.abc import Collection
from typing import BinaryIO, Literal, NamedTuple

from lutjax import files

# Bytes per value of each TIFF field type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_LONG = 4
# Fields that point to a directory of their own: EXIF, GPS, interoperability.
_POINTERS = frozenset({0x8769, 0x8825, 0xA005})
# Fields of the main directory that describe the picture, not its storage: names of
# document and page, description, make, model, orientation, resolution, software, date,
# artist, host, white and primaries, rating, copyright, and what Windows adds.
DESCRIPTIVE = (
  _POINTERS
  | {269, 270, 271, 272, 274, 282, 283, 285, 296, 305, 306, 315, 316, 318, 319}
  | {18246, 18249, 33432, *range(40091, 40096)}
)
# Fields of the main directory that describe how pixels are stored, or that hold what
# has a place of its own (XMP, IPTC, ICC, other pictures, layers).
STORAGE = frozenset(
  {*range(254, 260), 262, 263, 264, 265, 266, 273, *range(277, 282), 284}
  | {*range(288, 294), 317, *range(320, 326), 330, *range(332, 335), *range(338, 348)}
  | {*range(512, 522), *range(529, 533), 559, 700, 33723, 34377, 34675, 37724}
)
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _NO_UNIT = 282, 283, 296, 1
_RESOLUTION = frozenset({_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT})
_MAX_DEPTH = 3
# Values of one directory together; forged fields may overlap endlessly.
_MAX_BYTES = 1 << 24
_ORDERS: dict[bytes, Literal['<', '>']] = {b'II*\0': '<', b'MM\0*': '>'}


class _Field(NamedTuple):
  tag: int
  kind: int
  count: int
  value: bytes
  children: 'tuple[_Field, ...] | None' = None


def byte_order(exif: bytes) -> Literal['<', '>'] | None:
  """Returns `<` or `>` for a classic TIFF stream, None for anything else."""
  return _ORDERS.get(exif[:4])


def main_values(stream: bytes, tags: Collection[int]) -> dict[int, bytes]:
  """Returns the values of some fields of the main directory, as they are stored.

  Args:
    stream: EXIF, from its byte order mark on.
    tags: Numbers of the fields to return; fields that are missing are left out.
  """
  return {field.tag: field.value for field in _main(io.BytesIO(stream), tags)}


def tiff_to_exif(file: BinaryIO) -> bytes | None:
  """Collects the descriptive fields of a TIFF file.

  Args:
    file: A classic TIFF file, of which only those fields are read; others give None.

  Returns:
    A TIFF stream without pixels, or None if no field describes the picture.
  """
  mark = files.read_at(file, 0, 4)
  order = byte_order(mark)
  if order is None:
    return None
  kept = _main(file, DESCRIPTIVE)
  values = {field.tag: field.value for field in kept}
  no_unit = values.get(_RESOLUTION_UNIT) == struct.pack(f'{order}H', _NO_UNIT)
  if no_unit and values.get(_X_RESOLUTION) == values.get(_Y_RESOLUTION):
    kept = tuple(field for field in kept if field.tag not in _RESOLUTION)
  if not kept:
    return None
  return mark + struct.pack(f'{order}I', 8) + _to_bytes(kept, 8, order)


def add_to_tiff(file: BinaryIO, exif: bytes) -> None:
  """Adds an EXIF stream's fields to a TIFF file, all but those of storage.

  A directory that holds the fields of both is appended and takes the place of
  the first one; nothing that is there moves or is copied, be it of gigabytes.

  Args:
    file: A classic TIFF file with one image, open to be read and written, which is
      changed where the stream holds something to add.
    exif: A stream of the same byte order.

  Raises:
    ValueError: if the byte orders differ.
  """
  mark = files.read_at(file, 0, 4)
  order = byte_order(mark)
  if order is None or byte_order(exif) != order:
    raise ValueError(
      f'Expected TIFF streams of one byte order, got {mark!r} and {exif[:4]!r}.'
    )
  added = {f.tag: f for f in _main(io.BytesIO(exif)) if f.tag not in STORAGE}
  if not added:
    return
  own = {field.tag: field for field in _main(file)}
  fields = tuple(sorted({**own, **added}.values(), key=lambda field: field.tag))
  end = files.size_of(file)
  file.write(b'\0' * (end % 2))
  end += end % 2
  file.write(_to_bytes(fields, end, order))
  file.seek(4)
  file.write(struct.pack(f'{order}I', end))


def _main(file: BinaryIO, tags: Collection[int] | None = None) -> tuple[_Field, ...]:
  """Reads fields of the main directory, of all tags or some; none of a foreign file."""
  head = files.read_at(file, 0, 8).ljust(8, b'\0')
  order = byte_order(head)
  if order is None:
    return ()
  (offset,) = struct.unpack_from(f'{order}I', head, 4)
  return _read(file, offset, order, tags)


def _read(
  file: BinaryIO,
  offset: int,
  order: str,
  tags: Collection[int] | None = None,
  depth: int = 0,
) -> tuple[_Field, ...]:
  """Reads a directory; repeated fields and those outside are left out."""
  end = files.size_of(file)
  if depth > _MAX_DEPTH or offset + 2 > end:
    return ()
  (count,) = struct.unpack(f'{order}H', files.read_at(file, offset, 2))
  entries = files.read_at(file, offset + 2, 12 * count)
  fields: dict[int, _Field] = {}
  room = max(_MAX_BYTES, end) if depth == 0 else _MAX_BYTES
  for start in range(0, len(entries) - 11, 12):
    tag, kind, length = struct.unpack_from(f'{order}HHI', entries, start)
    size = _SIZES.get(kind, 0) * length
    at = offset + 2 + start + 8
    if size > 4:
      (at,) = struct.unpack_from(f'{order}I', entries, start + 8)
    if not size or at + size > end or size > room or tag in fields:
      continue
    if tags is not None and tag not in tags:
      continue
    room -= size
    value = files.read_at(file, at, size)
    children = None
    if tag in _POINTERS:
      if size != 4:
        continue
      (below,) = struct.unpack(f'{order}I', value)
      children = _read(file, below, order, depth=depth + 1)
    fields[tag] = _Field(tag, kind, length, value, children)
  return tuple(fields.values())


def _to_bytes(fields: tuple[_Field, ...], offset: int, order: str) -> bytes:
  """Writes a directory that will lie at `offset`, its values behind it."""
  entries = struct.pack(f'{order}H', len(fields))
  tail = b''
  start = offset + 2 + 12 * len(fields) + 4
  for field in fields:
    at = start + len(tail)
    if field.children is not None:
      tail += _to_bytes(field.children, at, order)
      kind, count, value = _LONG, 1, struct.pack(f'{order}I', at)
    elif len(field.value) > 4:
      tail += field.value
      kind, count, value = field.kind, field.count, struct.pack(f'{order}I', at)
    else:
      kind, count, value = field.kind, field.count, field.value.ljust(4, b'\0')
    tail += b'\0' * (len(tail) % 2)
    entries += struct.pack(f'{order}HHI', field.tag, kind, count) + value
  return entries + b'\0' * 4 + tail
