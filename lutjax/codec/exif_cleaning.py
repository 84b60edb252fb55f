"""EXIF for a new file: without thumbnails, and with correct storage fields.

The stream is changed in place: values stay where they are, since camera maker notes
hold offsets that nobody else can renumber.
"""

import struct
from collections.abc import Collection
from typing import NamedTuple

from lutjax import errors
from lutjax.codec import exif as exif_codec
from lutjax.codec import metadata
from lutjax.codec import resolution as resolution_lib

_EXIF_POINTER = 0x8769
_COMPONENTS, _COMPRESSED_BITS = 0x9101, 0x9102
_YCBCR_POSITIONING = 531
_WIDTH, _HEIGHT = 0xA002, 0xA003
_STRIPS, _STRIP_BYTES, _JPEG, _JPEG_BYTES = 273, 279, 0x201, 0x202
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_POINTERS = (_EXIF_POINTER, 0x8825, 0xA005)
_SHORT, _LONG = 3, 4
_EMPTY = b'II*\0\x08\0\0\0\0\0\0\0\0\0'
_JPEG_START = b'\xff\xd8\xff'
_MAX_FIELDS, _MAX_PREVIEWS = 4096, 64


class _Directory(NamedTuple):
  offset: int
  end: int
  entries: dict[int, bytes]  # Twelve raw bytes by tag.
  following: int


def clean(exif: bytes, *, kind: str, height: int, width: int) -> bytes:
  """Makes an EXIF stream valid for a new picture.

  The directory of the thumbnail is removed and its pixels are blanked; so is every
  other JPEG file inside, the previews that cameras put in their maker notes. Fields of
  storage go, and the sizes are put right. A thumbnail at the end is cut off.

  Args:
    exif: A classic TIFF stream; others come back as they are.
    kind: The format of the new file: `JPEG`, `PNG`, `TIFF` or `WebP`.
    height: Of the picture, in pixels.
    width: Of the picture, in pixels.

  Returns:
    The stream.
  """
  order = exif_codec.byte_order(exif)
  if order is None:
    return exif
  (offset,) = struct.unpack_from(f'{order}I', exif.ljust(8, b'\0'), 4)
  main = _directory(exif, offset, order)
  stream = bytearray(exif)
  thumbnails = [*_thumbnails(exif, main, order), *_jpegs(exif)]
  for start, stop in thumbnails:
    stream[start:stop] = bytes(stop - start)
  if main.following > main.end:
    below = _directory(exif, main.following, order)
    stream[below.offset : below.end] = bytes(below.end - below.offset)
  # JPEG files without it are incomplete by the book.
  placed = {_YCBCR_POSITIONING} if kind == 'JPEG' else set()
  _put(stream, main, exif_codec.STORAGE - placed, order)
  if _EXIF_POINTER in main.entries:
    (offset,) = struct.unpack(f'{order}I', main.entries[_EXIF_POINTER][8:])
    below = _directory(exif, offset, order)
    for tag, side in ((_WIDTH, width), (_HEIGHT, height)):
      if tag in below.entries:
        below.entries[tag] = struct.pack(f'{order}HHII', tag, _LONG, 1, side)
    gone = (_COMPRESSED_BITS,) if kind == 'JPEG' else (_COMPRESSED_BITS, _COMPONENTS)
    _put(stream, below, gone, order)
  used = _used(exif, main, order, 0)
  for start, stop in thumbnails:
    if start >= used and stop + 1 >= len(exif):
      del stream[start:]
  return bytes(stream)


def with_resolution(exif: bytes | None, resolution: resolution_lib.Resolution) -> bytes:
  """Adds a resolution to an EXIF stream that has none.

  Args:
    exif: A classic TIFF stream, or None for a new one.
    resolution: What to add.

  Returns:
    The stream; its main directory now lies at the end.
  """
  stream = exif or _EMPTY
  order = exif_codec.byte_order(stream) or '<'
  if resolution_lib.from_exif(stream) is not None:
    return stream
  (offset,) = struct.unpack_from(f'{order}I', stream.ljust(8, b'\0'), 4)
  main = _directory(stream, offset, order)
  stream += b'\0' * (len(stream) % 2)
  entries = dict(main.entries)
  for tag, kind, count, value in resolution_lib.exif_fields(resolution, order):
    if len(value) > 4:
      value, stream = struct.pack(f'{order}I', len(stream)), stream + value
    entries[tag] = struct.pack(f'{order}HHI', tag, kind, count) + value.ljust(4, b'\0')
  head = stream[:4] + struct.pack(f'{order}I', len(stream))
  return head + stream[8:] + _to_bytes(entries, order, main.following)


def _directory(stream: bytes, offset: int, order: str) -> _Directory:
  if offset < 8 or offset + 2 > len(stream):
    return _Directory(len(stream), len(stream), {}, 0)
  (count,) = struct.unpack_from(f'{order}H', stream, offset)
  count = min(count, _MAX_FIELDS, (len(stream) - offset - 2) // 12)
  end = offset + 2 + 12 * count
  raw = [stream[at : at + 12] for at in range(offset + 2, end, 12)]
  entries = {struct.unpack_from(f'{order}H', entry)[0]: entry for entry in raw}
  if end + 4 > len(stream):
    return _Directory(offset, end, entries, 0)
  return _Directory(
    offset, end + 4, entries, *struct.unpack_from(f'{order}I', stream, end)
  )


def _put(
  stream: bytearray, directory: _Directory, gone: Collection[int], order: str
) -> None:
  """Writes a directory in its own place, as the last one."""
  kept = {tag: entry for tag, entry in directory.entries.items() if tag not in gone}
  room = directory.end - directory.offset
  content = _to_bytes(kept, order, 0).ljust(room, b'\0')[:room]
  stream[directory.offset : directory.end] = content


def _to_bytes(entries: dict[int, bytes], order: str, following: int) -> bytes:
  body = b''.join(entries[tag] for tag in sorted(entries))
  count = struct.pack(f'{order}H', len(entries))
  return count + body + struct.pack(f'{order}I', following)


def _thumbnails(exif: bytes, main: _Directory, order: str) -> list[tuple[int, int]]:
  """Returns where the pixels of the second directory lie."""
  entries = _directory(exif, main.following, order).entries
  spans = []
  for where, size in ((_JPEG, _JPEG_BYTES), (_STRIPS, _STRIP_BYTES)):
    starts = _numbers(exif, entries.get(where), order)
    counts = _numbers(exif, entries.get(size), order)
    spans += [(a, min(a + n, len(exif))) for a, n in zip(starts, counts) if a >= 8]
  return [(start, stop) for start, stop in spans if start < stop]


def _numbers(exif: bytes, entry: bytes | None, order: str) -> tuple[int, ...]:
  if entry is None:
    return ()
  _, kind, count, at = struct.unpack(f'{order}HHII', entry)
  size = {_SHORT: 2, _LONG: 4}.get(kind, 0) * count
  data = exif[at : at + size] if size > 4 else entry[8 : 8 + size]
  if not size or len(data) < size:
    return ()
  return struct.unpack(f'{order}{count}{"H" if kind == _SHORT else "I"}', data)


def _jpegs(exif: bytes) -> list[tuple[int, int]]:
  """Returns where whole JPEG files lie."""
  spans, start = [], exif.find(_JPEG_START)
  for _ in range(_MAX_PREVIEWS):
    if start < 0:
      break
    stop = start + 2
    try:
      _, scan = metadata.jpeg_to_segments(exif[start:], '')
      stop = exif.index(b'\xff\xd9', start + scan) + 2
      spans.append((start, stop))
    except (errors.ImageError, ValueError):
      pass
    start = exif.find(_JPEG_START, stop)
  return spans


def _used(exif: bytes, directory: _Directory, order: str, depth: int) -> int:
  """Returns the end of what a directory and those below it hold."""
  end = directory.end
  for tag, entry in directory.entries.items():
    _, kind, count, at = struct.unpack(f'{order}HHII', entry)
    size = _SIZES.get(kind, 0) * count
    if size > 4 and tag not in exif_codec.STORAGE:
      end = max(end, at + size)
    if tag in _POINTERS and depth < 2:
      below = _directory(exif, at, order)
      end = max(end, _used(exif, below, order, depth + 1))
  return min(end, len(exif))
