"""The structure of image files: chunks of PNG and WebP, segments of JPEG.

These formats are lists of tagged records. Reading them needs neither a decoder
nor an encoder, so profiles and EXIF are kept where those would drop them.
EXIF here is the bare TIFF stream, starting with its byte order mark.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from lutjax import errors

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# A compressed profile may not grow beyond this; real ones stay below 4 MB.
_MAX_PROFILE_BYTES = 1 << 26
_EXIF = b'Exif\0\0'
_ICC = b'ICC_PROFILE\0'
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Start-of-frame markers; the gaps are tables (DHT, JPG, DAC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Chunk(NamedTuple):
  """A PNG chunk: its four-letter `kind` and its `data`, pixels as a view."""

  kind: bytes
  data: bytes | memoryview


class Segment(NamedTuple):
  """A JPEG segment: its `marker` (the byte after 0xFF) and its `data`."""

  marker: int
  data: bytes


def png_to_chunks(content: bytes, source: str) -> list[Chunk]:
  """Splits a PNG file, checking every length and checksum.

  Args:
    content: The file, starting with the signature.
    source: Named in errors.

  Returns:
    The chunks from IHDR to IEND; what follows IEND is no part of the image.

  Raises:
    ImageError: if a chunk is cut short or altered, or one of the ends missing.
  """
  chunks = []
  offset = len(PNG_SIGNATURE)
  while not chunks or chunks[-1].kind != b'IEND':
    if offset + 12 > len(content):
      raise errors.ImageError(
        f'{source}: found the end of the file at byte {len(content)}, '
        'expected a PNG chunk: the file is cut short'
      )
    length, kind = struct.unpack_from('>I4s', content, offset)
    end = offset + 12 + length
    name = errors.printable(kind)
    if end > len(content):
      raise errors.ImageError(
        f'{source}: found {len(content) - offset - 12} bytes of PNG chunk {name} '
        f'at byte {offset}, expected {length}: the file is cut short'
      )
    found = zlib.crc32(memoryview(content)[offset + 4 : end - 4])
    if found != int.from_bytes(content[end - 4 : end], 'big'):
      raise errors.ImageError(
        f'{source}: found a wrong checksum in PNG chunk {name} at byte {offset}: '
        'the file is damaged'
      )
    # Pixels may be most of the memory that there is.
    held = memoryview(content) if kind == b'IDAT' else content
    chunks.append(Chunk(kind, held[offset + 8 : end - 4]))
    offset = end
  if chunks[0].kind != b'IHDR' or len(chunks[0].data) != 13:
    raise errors.ImageError(f'{source}: found no PNG header, expected chunk IHDR')
  return chunks


def chunks_to_png(chunks: Sequence[Chunk]) -> bytes:
  """Joins chunks to a PNG file."""
  parts = [PNG_SIGNATURE]
  for kind, data in chunks:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    parts += [struct.pack('>I', len(data)), kind, data, struct.pack('>I', checksum)]
  return b''.join(parts)


def png_icc(chunks: Sequence[Chunk], source: str) -> bytes | None:
  """Returns the profile of chunk iCCP.

  Args:
    chunks: Of a PNG file.
    source: Named in errors.

  Raises:
    ImageError: if it does not inflate, or to more than 64 MiB.
  """
  for kind, data in chunks:
    if kind == b'iCCP':
      packed = bytes(data)[bytes(data).find(b'\0') + 2 :]
      inflater = zlib.decompressobj()
      try:
        profile = inflater.decompress(packed, _MAX_PROFILE_BYTES)
      except zlib.error as error:
        raise errors.ImageError(
          f'{source}: found an ICC profile that does not inflate: {error}'
        ) from error
      if not inflater.eof:
        raise errors.ImageError(
          f'{source}: found an ICC profile that is cut short or over '
          f'{_MAX_PROFILE_BYTES} bytes'
        )
      return profile
  return None


def png_exif(chunks: Sequence[Chunk]) -> bytes | None:
  """Returns the EXIF stream of chunk eXIf."""
  for kind, data in chunks:
    if kind == b'eXIf':
      return bytes(data).removeprefix(_EXIF)
  return None


def png_text(chunk: Chunk) -> bytes | None:
  """Returns the text of a chunk tEXt or zTXt (Latin-1) or iTXt (UTF-8).

  Returns:
    The text, or None if it is damaged or inflates to more than 64 MiB.
  """
  _, _, rest = bytes(chunk.data).partition(b'\0')
  packed = chunk.kind == b'zTXt'
  if packed:
    rest = rest[1:]
  elif chunk.kind == b'iTXt':
    packed = rest[:1] == b'\1'
    parts = rest[2:].split(b'\0', 2)
    if len(parts) < 3:
      return None
    rest = parts[2]
  if not packed:
    return rest
  inflater = zlib.decompressobj()
  try:
    text = inflater.decompress(rest, _MAX_PROFILE_BYTES)
  except zlib.error:
    return None
  return text if inflater.eof else None


def png_bare(chunks: Sequence[Chunk]) -> list[Chunk]:
  """Returns the chunks that decide the pixels: the critical ones and tRNS."""
  return [c for c in chunks if c.kind[:1].isupper() or c.kind == b'tRNS']


def png_with(content: bytes, extra: Sequence[Chunk]) -> bytes:
  """Puts chunks behind the header of a PNG file.

  Args:
    content: A PNG file.
    extra: Chunks to insert after chunk IHDR.
  """
  head = len(PNG_SIGNATURE) + 25  # IHDR has 13 bytes of data.
  inserted = chunks_to_png(extra)[len(PNG_SIGNATURE) :]
  return content[:head] + inserted + content[head:]


def jpeg_to_segments(content: bytes, source: str) -> tuple[list[Segment], int]:
  """Splits the head of a JPEG file.

  Args:
    content: The file, starting with 0xFFD8.
    source: Named in errors.

  Returns:
    The segments before the first scan, and the offset of that scan's marker.

  Raises:
    ImageError: if a segment is cut short, or the scan or its end is missing.
  """
  segments = []
  offset = 2
  while True:
    while content[offset : offset + 2] == b'\xff\xff':  # Fill bytes.
      offset += 1
    if offset + 4 > len(content) or content[offset] != 0xFF:
      raise errors.ImageError(
        f'{source}: found no JPEG marker at byte {offset} of {len(content)}: '
        'the file is cut short or damaged'
      )
    marker = content[offset + 1]
    if marker == 0xDA:
      break
    end = offset + 2 + int.from_bytes(content[offset + 2 : offset + 4], 'big')
    if end > len(content) or end < offset + 4:
      raise errors.ImageError(
        f'{source}: found {len(content) - offset - 2} bytes of JPEG segment '
        f'{marker:02X} at byte {offset}, expected {end - offset - 2}'
      )
    segments.append(Segment(marker, content[offset + 4 : end]))
    offset = end
  if content.rfind(b'\xff\xd9') < offset:
    raise errors.ImageError(
      f'{source}: found no end-of-image marker: the JPEG file is cut short'
    )
  return segments, offset


def segments_to_jpeg(segments: Sequence[Segment], scans: bytes) -> bytes:
  """Joins segments and the scans that follow them to a JPEG file.

  Args:
    segments: Marker and content of each, content without its length.
    scans: The bytes after the last segment, to the end of the file.
  """
  parts = [b'\xff\xd8']
  for marker, data in segments:
    parts += [struct.pack('>BBH', 0xFF, marker, len(data) + 2), data]
  return b''.join(parts) + scans


def jpeg_frame(segments: Sequence[Segment], source: str) -> tuple[int, int, int]:
  """Returns bits per sample, height and width as the frame header claims them.

  Args:
    segments: Of a JPEG file.
    source: Named in errors.

  Raises:
    ImageError: if there is no frame header.
  """
  for marker, data in segments:
    if marker in _FRAMES and len(data) >= 6:
      bits, height, width = struct.unpack_from('>BHH', data)
      return bits, height, width
  raise errors.ImageError(f'{source}: found no JPEG frame header')


def jpeg_icc(segments: Sequence[Segment]) -> bytes | None:
  """Returns the profile that the APP2 segments hold in numbered parts."""
  parts = [
    (data[len(_ICC)], data[len(_ICC) + 2 :])
    for marker, data in segments
    if marker == _APP2 and data.startswith(_ICC) and len(data) > len(_ICC) + 2
  ]
  return b''.join(part for _, part in sorted(parts)) or None


def jpeg_exif(segments: Sequence[Segment]) -> bytes | None:
  """Returns the EXIF stream of the first APP1 segment that holds one."""
  for marker, data in segments:
    if marker == _APP1 and data.startswith(_EXIF):
      return data.removeprefix(_EXIF)
  return None


def jpeg_bare(segments: Sequence[Segment]) -> list[Segment]:
  """Returns the segments that decide the pixels.

  JFIF and Adobe markers stay, since they tell the colour transform.
  """
  return [
    segment
    for segment in segments
    if segment.marker in (_APP0, _APP14) or not 0xE0 <= segment.marker <= 0xFE
  ]


def webp_to_chunks(content: bytes, source: str) -> list[tuple[bytes, bytes]]:
  """Splits a WebP file into kinds and contents of its chunks.

  Args:
    content: A WebP file.
    source: Named in errors.

  Raises:
    ImageError: if a chunk is cut short, or if there is none.
  """
  end = min(len(content), 8 + int.from_bytes(content[4:8], 'little'))
  chunks, offset = [], 12
  while offset + 8 <= end:
    kind, length = struct.unpack_from('<4sI', content, offset)
    if offset + 8 + length > end:
      raise errors.ImageError(
        f'{source}: found {end - offset - 8} bytes of WebP chunk at byte {offset}, '
        f'expected {length}: the file is cut short'
      )
    chunks.append((kind, content[offset + 8 : offset + 8 + length]))
    offset += 8 + length + length % 2
  if not chunks:
    raise errors.ImageError(f'{source}: found no WebP chunk: the file is cut short')
  return chunks
