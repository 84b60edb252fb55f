"""Adding one field to a TIFF stream, be it EXIF or a TIFF file.

The stream is only appended to, and a pointer or two in it renewed: offsets
that other programs hid in it (camera maker notes) stay right.
"""

import struct

from lutjax.codec import exif as exif_lib

MAKER_NOTE = 0x927C
# Private tags: ours in a TIFF file, and in EXIF where a camera left a maker note.
PRIVATE = 65100
_EXIF_POINTER = 0x8769
_UNDEFINED, _LONG = 7, 4
_EMPTY = b'II*\0\x08\0\0\0\0\0\0\0\0\0'
_MAX_FIELDS = 4096

# Twelve raw bytes by tag.
_Entries = dict[int, bytes]


def with_private_field(stream: bytes, blob: bytes) -> bytes:
  """Sets the private field of the main directory of a TIFF file.

  Args:
    stream: A classic TIFF stream.
    blob: The value.

  Returns:
    The longer stream.

  Raises:
    ValueError: if `stream` is no classic TIFF stream.
  """
  order, entries, following = _main(stream)
  stream = stream + b'\0' * (len(stream) % 2)
  entries[PRIVATE] = _entry(order, PRIVATE, _UNDEFINED, len(blob), len(stream), blob)
  stream += blob + b'\0' * (len(blob) % 2)
  return _with_main(stream, order, entries, following)


def with_maker_note(exif: bytes | None, blob: bytes) -> bytes:
  """Puts a blob in an EXIF stream, as its maker note if there is none yet.

  A camera's own maker note is left alone: the blob then goes to a private
  field beside it.

  Args:
    exif: An EXIF stream, or None for a new one.
    blob: The value.

  Returns:
    The longer stream.
  """
  stream = exif if exif and exif_lib.byte_order(exif) else _EMPTY
  order, entries, following = _main(stream)
  below: _Entries = {}
  if _EXIF_POINTER in entries:
    (offset,) = struct.unpack(f'{order}I', entries[_EXIF_POINTER][8:])
    below, _ = _directory(stream, offset, order)
  note = _value(stream, below.get(MAKER_NOTE), order)
  taken = note is not None and note[:4] != blob[:4]
  tag = PRIVATE if taken else MAKER_NOTE
  stream = stream + b'\0' * (len(stream) % 2)
  below[tag] = _entry(order, tag, _UNDEFINED, len(blob), len(stream), blob)
  stream += blob + b'\0' * (len(blob) % 2)
  entries[_EXIF_POINTER] = struct.pack(
    f'{order}HHII', _EXIF_POINTER, _LONG, 1, len(stream)
  )
  stream += _to_bytes(below, order, 0)
  return _with_main(stream, order, entries, following)


def without_blob(exif: bytes, magic: bytes) -> bytes:
  """Takes our field out of an EXIF stream.

  Args:
    exif: An EXIF stream.
    magic: How the value of the field starts.

  Returns:
    A stream in which no directory mentions the field; its place is blanked.
  """
  if exif_lib.byte_order(exif) is None:
    return exif
  order, entries, following = _main(exif)
  if _EXIF_POINTER not in entries:
    return exif
  (offset,) = struct.unpack(f'{order}I', entries[_EXIF_POINTER][8:])
  below, _ = _directory(exif, offset, order)
  stream = exif
  for tag in (MAKER_NOTE, PRIVATE):
    value = _value(stream, below.get(tag), order)
    if value is not None and value.startswith(magic):
      stream = stream.replace(value, b'\0' * len(value))
      del below[tag]
  if stream == exif:
    return exif
  stream += b'\0' * (len(stream) % 2)
  entries[_EXIF_POINTER] = struct.pack(
    f'{order}HHII', _EXIF_POINTER, _LONG, 1, len(stream)
  )
  stream += _to_bytes(below, order, 0)
  return _with_main(stream, order, entries, following)


def blobs(stream: bytes) -> list[bytes]:
  """Returns the values of our fields in a TIFF or EXIF stream, untrusted.

  Args:
    stream: Anything.

  Returns:
    The private field of the main directory, the maker note, and the private
    field beside it, where they are there.
  """
  if exif_lib.byte_order(stream) is None:
    return []
  order, entries, _ = _main(stream)
  found = [_value(stream, entries.get(PRIVATE), order)]
  if _EXIF_POINTER in entries:
    (offset,) = struct.unpack(f'{order}I', entries[_EXIF_POINTER][8:])
    below, _ = _directory(stream, offset, order)
    found += [_value(stream, below.get(tag), order) for tag in (MAKER_NOTE, PRIVATE)]
  return [blob for blob in found if blob]


def _main(stream: bytes) -> tuple[str, _Entries, int]:
  order = exif_lib.byte_order(stream)
  if order is None:
    raise ValueError(f'Expected a classic TIFF stream, got {stream[:4]!r}.')
  (offset,) = struct.unpack_from(f'{order}I', stream.ljust(8, b'\0'), 4)
  return order, *_directory(stream, offset, order)


def _directory(stream: bytes, offset: int, order: str) -> tuple[_Entries, int]:
  """Reads raw entries and the offset of the directory that follows."""
  if offset + 2 > len(stream):
    return {}, 0
  (count,) = struct.unpack_from(f'{order}H', stream, offset)
  count = min(count, _MAX_FIELDS, (len(stream) - offset - 2) // 12)
  end = offset + 2 + 12 * count
  raw = [stream[at : at + 12] for at in range(offset + 2, end, 12)]
  entries = {struct.unpack_from(f'{order}H', entry)[0]: entry for entry in raw}
  following = stream[end : end + 4]
  return entries, struct.unpack(f'{order}I', following)[0] if len(following) == 4 else 0


def _value(stream: bytes, entry: bytes | None, order: str) -> bytes | None:
  if entry is None:
    return None
  _, kind, count, offset = struct.unpack(f'{order}HHII', entry)
  if kind not in (1, _UNDEFINED):
    return None
  if count <= 4:
    return entry[8 : 8 + count]
  return stream[offset : offset + count]


def _entry(
  order: str, tag: int, kind: int, count: int, offset: int, blob: bytes
) -> bytes:
  if count <= 4:
    return struct.pack(f'{order}HHI', tag, kind, count) + blob.ljust(4, b'\0')
  return struct.pack(f'{order}HHII', tag, kind, count, offset)


def _to_bytes(entries: _Entries, order: str, following: int) -> bytes:
  body = b''.join(entries[tag] for tag in sorted(entries))
  count = struct.pack(f'{order}H', len(entries))
  return count + body + struct.pack(f'{order}I', following)


def _with_main(stream: bytes, order: str, entries: _Entries, following: int) -> bytes:
  stream = stream + b'\0' * (len(stream) % 2)
  head = stream[:4] + struct.pack(f'{order}I', len(stream))
  return head + stream[8:] + _to_bytes(entries, order, following)
