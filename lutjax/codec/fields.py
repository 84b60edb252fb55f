"""Adding one blob to a TIFF stream, be it EXIF or a TIFF file.

The stream is only appended to, and one or two pointers in it are updated: offsets
that other programs wrote into it (camera maker notes) stay valid. The places are
those that exiftool, exiv2 and ImageMagick keep when they edit something else: a
private field of the Exif directory, and in a TIFF file an image resource.
"""

import struct

from lutjax.codec import exif as exif_lib

# The private field of the Exif directory; no tool that we know names this number.
PRIVATE = 65301
# Where earlier versions put the blob: the maker note, which exiftool wants to
# parse, and a number that Camera Raw uses. Both are still read.
_FORMER = (0x927C, 65100)
# Image resources of a TIFF file, and ours among them, in the range for plug-ins.
_RESOURCES, _RESOURCE = 34377, 4460
_RESOURCE_HEAD = struct.Struct('>4sHHI')
_EXIF_POINTER = 0x8769
_UNDEFINED, _LONG = 7, 4
_EMPTY = b'II*\0\x08\0\0\0\0\0\0\0\0\0'
_MAX_FIELDS = 4096

# Twelve raw bytes by tag.
_Entries = dict[int, bytes]


def with_resource(stream: bytes, blob: bytes) -> bytes:
  """Puts a blob among the image resources of a TIFF file.

  Args:
    stream: A classic TIFF stream.
    blob: The value; one that starts alike is replaced.

  Returns:
    The longer stream.

  Raises:
    ValueError: if `stream` is no classic TIFF stream.
  """
  order, entries, following = _main(stream)
  others = _value(stream, entries.get(_RESOURCES), order) or b''
  for at, end, value in _resources(others):
    if value[:4] == blob[:4]:
      others = others[:at] + others[end:]
      break
  # In front, since what stands behind may be no whole resource.
  head = _RESOURCE_HEAD.pack(b'8BIM', _RESOURCE, 0, len(blob))
  resources = head + blob + b'\0' * (len(blob) % 2) + others
  stream, _ = _without(stream, entries, order, blob[:4])
  stream = _appended(stream, entries, order, _RESOURCES, resources)
  return _with_main(stream, order, entries, following)


def with_exif_field(exif: bytes | None, blob: bytes) -> bytes:
  """Puts a blob in the private field of an EXIF stream's Exif directory.

  Args:
    exif: An EXIF stream, or None for a new one.
    blob: The value; fields that start alike are replaced, wherever they are.

  Returns:
    The longer stream.
  """
  stream = exif if exif and exif_lib.byte_order(exif) else _EMPTY
  order, entries, following = _main(stream)
  below = _exif_directory(stream, entries, order)
  stream, _ = _without(stream, below, order, blob[:4])
  stream = _appended(stream, below, order, PRIVATE, blob)
  return _with_exif_directory(stream, order, entries, below, following)


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
  below = _exif_directory(exif, entries, order)
  stream, found = _without(exif, below, order, magic)
  if not found:
    return exif
  return _with_exif_directory(stream, order, entries, below, following)


def blobs(stream: bytes) -> list[bytes]:
  """Returns the values in our fields of a TIFF or EXIF stream, unchecked.

  Args:
    stream: Anything.

  Returns:
    The image resource, the private field of the Exif directory, and the places
    of earlier versions, where they are there.
  """
  if exif_lib.byte_order(stream) is None:
    return []
  order, entries, _ = _main(stream)
  below = _exif_directory(stream, entries, order)
  resources = _value(stream, entries.get(_RESOURCES), order) or b''
  found: list[bytes | None] = [value for _, _, value in _resources(resources)]
  found += [_value(stream, below.get(tag), order) for tag in (PRIVATE, *_FORMER)]
  found += [_value(stream, entries.get(tag), order) for tag in _FORMER]
  return [blob for blob in found if blob]


def _resources(resources: bytes) -> list[tuple[int, int, bytes]]:
  """Returns where image resources of our number start and end, and their values."""
  found, at = [], 0
  while resources[at : at + 4] == b'8BIM' and at + 8 <= len(resources):
    number, name = struct.unpack_from('>HB', resources, at + 4)
    start = at + 6 + (name + 2) // 2 * 2 + 4
    end = start + int.from_bytes(resources[start - 4 : start], 'big')
    value = resources[start:end]
    end += end % 2 != at % 2
    if number == _RESOURCE:
      found.append((at, end, value))
    at = end
  return found


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


def _exif_directory(stream: bytes, entries: _Entries, order: str) -> _Entries:
  if _EXIF_POINTER not in entries:
    return {}
  (offset,) = struct.unpack(f'{order}I', entries[_EXIF_POINTER][8:])
  return _directory(stream, offset, order)[0]


def _value(stream: bytes, entry: bytes | None, order: str) -> bytes | None:
  if entry is None:
    return None
  _, kind, count, offset = struct.unpack(f'{order}HHII', entry)
  if kind not in (1, _UNDEFINED):
    return None
  if count <= 4:
    return entry[8 : 8 + count]
  return stream[offset : offset + count]


def _without(
  stream: bytes, entries: _Entries, order: str, magic: bytes
) -> tuple[bytes, bool]:
  """Drops what starts with `magic` from `entries`, and blanks it in the stream."""
  found = False
  for tag in (PRIVATE, *_FORMER):
    value = _value(stream, entries.get(tag), order)
    if value is not None and value.startswith(magic):
      if len(value) > 4:
        (at,) = struct.unpack(f'{order}I', entries[tag][8:])
        stream = stream[:at] + b'\0' * len(value) + stream[at + len(value) :]
      del entries[tag]
      found = True
  return stream, found


def _appended(
  stream: bytes, entries: _Entries, order: str, tag: int, value: bytes
) -> bytes:
  """Appends a value of five bytes or more, and points to it in `entries`."""
  stream = stream + b'\0' * (len(stream) % 2)
  entries[tag] = struct.pack(f'{order}HHII', tag, _UNDEFINED, len(value), len(stream))
  return stream + value + b'\0' * (len(value) % 2)


def _with_exif_directory(
  stream: bytes, order: str, entries: _Entries, below: _Entries, following: int
) -> bytes:
  stream = stream + b'\0' * (len(stream) % 2)
  pointer = struct.pack(f'{order}HHII', _EXIF_POINTER, _LONG, 1, len(stream))
  stream += _to_bytes(below, order, 0)
  return _with_main(stream, order, {**entries, _EXIF_POINTER: pointer}, following)


def _to_bytes(entries: _Entries, order: str, following: int) -> bytes:
  body = b''.join(entries[tag] for tag in sorted(entries))
  count = struct.pack(f'{order}H', len(entries))
  return count + body + struct.pack(f'{order}I', following)


def _with_main(stream: bytes, order: str, entries: _Entries, following: int) -> bytes:
  stream = stream + b'\0' * (len(stream) % 2)
  head = stream[:4] + struct.pack(f'{order}I', len(stream))
  return head + stream[8:] + _to_bytes(entries, order, following)
