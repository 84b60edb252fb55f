"""Putting a payload into an image file and finding it again.

Where a format allows it, the payload is stored twice: in a field of the format
(PNG text, JPEG comment, TIFF image resource) and in EXIF, since tools that drop
the one often keep the other. Pixels, profiles and other metadata stay byte for byte.

The places are those that exiftool, exiv2 and ImageMagick keep when they edit
something else. Earlier versions wrote a private PNG chunk, a private TIFF tag
and the EXIF maker note; they are read, and replaced by a new payload.
"""

import base64
import binascii
import struct
import zlib

from lutjax import errors
from lutjax.codec import fields, metadata
from lutjax.codec import payload as payload_lib

# Keyword of the PNG text, base64 as text holds no bytes; and the former chunk.
_KEYWORD = b'lutjax payload\0'
_FORMER_CHUNK = b'gmLp'
_MAX_TEXT = payload_lib.MAX_BYTES // 3 * 4
_COMMENT, _APP0, _APP1 = 0xFE, 0xE0, 0xE1
_EXIF = b'Exif\0\0'
# The largest payload that a JPEG file holds.
SEGMENT_BYTES = 65533
_WEBP_EXIF_FLAG, _WEBP_ALPHA_FLAG = 0x08, 0x10


def embed(content: bytes, blob: bytes, source: str = 'image') -> bytes:
  """Puts a payload into a PNG, JPEG, TIFF or WebP file.

  A payload that is there already is replaced.

  Args:
    content: The file.
    blob: From `payload.pack`.
    source: Named in errors.

  Returns:
    The new file.

  Raises:
    ImageError: if the file is of another kind or damaged, or the payload is
      larger than a JPEG segment.
  """
  if content.startswith(metadata.PNG_SIGNATURE):
    return _embed_png(content, blob, source)
  if content.startswith(b'\xff\xd8'):
    return _embed_jpeg(content, blob, source)
  if content[:4] in (b'II*\0', b'MM\0*'):
    return fields.with_exif_field(fields.with_resource(content, blob), blob)
  if content[:4] == b'RIFF' and content[8:12] == b'WEBP':
    return _embed_webp(content, blob, source)
  raise errors.ImageError(
    f'{source}: found content that starts with {content[:4].hex()}, expected a PNG, '
    'JPEG, TIFF or WebP file to put a payload into'
  )


def extract(content: bytes, source: str = 'image') -> bytes | None:
  """Finds a payload in an image file.

  Args:
    content: The file, trusted in nothing.
    source: Named in errors.

  Returns:
    The first whole payload, or None if the file carries none.

  Raises:
    ArtefactError: if it carries payloads, but none that is whole.
    ImageError: if the file itself is cut short or damaged.
  """
  problem = None
  for blob in _candidates(content, source):
    if blob[:4] != payload_lib.MAGIC:
      continue
    try:
      payload_lib.unpack(blob, source)
    except errors.ArtefactError as error:
      problem = problem or error
    else:
      return blob
  if problem is not None:
    raise problem
  return None


def is_own(chunk: metadata.Chunk) -> bool:
  """Tells whether a PNG chunk holds a payload."""
  text = chunk.kind in (b'tEXt', b'zTXt') and bytes(chunk.data).startswith(_KEYWORD)
  return text or chunk.kind == _FORMER_CHUNK


def _candidates(content: bytes, source: str) -> list[bytes]:
  if content.startswith(metadata.PNG_SIGNATURE):
    chunks = metadata.png_to_chunks(content, source)
    own = [_from_text(chunk) for chunk in chunks if is_own(chunk)]
    return own + fields.blobs(metadata.png_exif(chunks) or b'')
  if content.startswith(b'\xff\xd8'):
    segments, _ = metadata.jpeg_to_segments(content, source)
    own = [data for marker, data in segments if marker == _COMMENT]
    return own + fields.blobs(metadata.jpeg_exif(segments) or b'')
  if content[:4] == b'RIFF' and content[8:12] == b'WEBP':
    chunks = metadata.webp_to_chunks(content, source)
    return [b for kind, data in chunks if kind == b'EXIF' for b in _exif_blobs(data)]
  return fields.blobs(content)


def _exif_blobs(data: bytes) -> list[bytes]:
  return fields.blobs(data.removeprefix(_EXIF))


def _embed_png(content: bytes, blob: bytes, source: str) -> bytes:
  chunks = metadata.png_to_chunks(content, source)
  exif = fields.with_exif_field(metadata.png_exif(chunks), blob)
  rest = [c for c in chunks[1:] if c.kind != b'eXIf' and not is_own(c)]
  text = _KEYWORD + b'\0' + zlib.compress(base64.b64encode(blob), 9)
  own = [metadata.Chunk(b'eXIf', exif), metadata.Chunk(b'zTXt', text)]
  first = next(i for i, c in enumerate(rest) if c.kind in (b'IDAT', b'IEND'))
  return metadata.chunks_to_png([chunks[0], *rest[:first], *own, *rest[first:]])


def _from_text(chunk: metadata.Chunk) -> bytes:
  """Returns the payload in a chunk of ours, or nothing if its text is damaged."""
  data = bytes(chunk.data)
  if chunk.kind == _FORMER_CHUNK:
    return data
  text = data.removeprefix(_KEYWORD)
  try:
    if chunk.kind == b'zTXt':
      text = zlib.decompressobj().decompress(text[1:], _MAX_TEXT)
    return base64.b64decode(text)
  except (zlib.error, binascii.Error):
    return b''


def _embed_jpeg(content: bytes, blob: bytes, source: str) -> bytes:
  if len(blob) > SEGMENT_BYTES:
    raise errors.ImageError(
      f'{source}: found a payload of {len(blob)} bytes, expected at most '
      f'{SEGMENT_BYTES} for a JPEG file'
    )
  segments, scans = metadata.jpeg_to_segments(content, source)
  exif = _EXIF + fields.with_exif_field(metadata.jpeg_exif(segments), blob)
  own = [metadata.Segment(_COMMENT, blob)]
  if len(exif) <= SEGMENT_BYTES:
    segments = [s for s in segments if s[0] != _APP1 or not s[1].startswith(_EXIF)]
    own.insert(0, metadata.Segment(_APP1, exif))
  magic = payload_lib.MAGIC
  segments = [s for s in segments if s[0] != _COMMENT or not s[1].startswith(magic)]
  head = 1 if segments and segments[0].marker == _APP0 else 0
  kept = [*segments[:head], *own, *segments[head:]]
  return metadata.segments_to_jpeg(kept, content[scans:])


def _embed_webp(content: bytes, blob: bytes, source: str) -> bytes:
  chunks = metadata.webp_to_chunks(content, source)
  if chunks[0][0] != b'VP8X':
    chunks.insert(0, (b'VP8X', _webp_header(chunks, source)))
  header = bytearray(chunks[0][1])
  header[0] |= _WEBP_EXIF_FLAG
  old = next((data for kind, data in chunks if kind == b'EXIF'), b'')
  exif = fields.with_exif_field(old.removeprefix(_EXIF), blob)
  rest = [chunk for chunk in chunks[1:] if chunk[0] != b'EXIF']
  after = [chunk for chunk in rest if chunk[0] == b'XMP ']
  before = [chunk for chunk in rest if chunk[0] != b'XMP ']
  parts = [b'WEBP']
  for kind, data in [(b'VP8X', bytes(header)), *before, (b'EXIF', exif), *after]:
    parts += [kind, struct.pack('<I', len(data)), data, b'\0' * (len(data) % 2)]
  body = b''.join(parts)
  return b'RIFF' + struct.pack('<I', len(body)) + body


def _webp_header(chunks: list[tuple[bytes, bytes]], source: str) -> bytes:
  """Makes the extended header that a plain WebP file lacks."""
  kind, data = chunks[0]
  if kind == b'VP8L' and len(data) >= 5:
    bits = int.from_bytes(data[1:5], 'little')
    width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
  elif kind == b'VP8 ' and len(data) >= 10:
    width, height = (v & 0x3FFF for v in struct.unpack_from('<HH', data, 6))
    width, height, alpha = width - 1, height - 1, 0
  else:
    raise errors.ImageError(f'{source}: found no WebP picture, expected VP8 or VP8L')
  flags = _WEBP_ALPHA_FLAG if alpha else 0
  sides = width.to_bytes(3, 'little') + height.to_bytes(3, 'little')
  return bytes([flags, 0, 0, 0]) + sides
