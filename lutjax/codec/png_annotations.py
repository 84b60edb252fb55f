"""Annotations of PNG files: from chunks and to chunks.

Tools older than chunk eXIf, and all of them for IPTC, write profiles as text: keyword
`Raw profile type NAME`, then a name, a length and hexadecimal digits.
"""

import binascii
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from lutjax import errors
from lutjax.codec import annotations as annotations_lib
from lutjax.codec import carriers, metadata, photoshop
from lutjax.codec import resolution as resolution_lib

# The spellings of the drafts of PNG's third edition are still about.
COLOUR = (b'cICP', b'gAMA', b'cHRM', b'sRGB', b'mDCV', b'mDCv', b'cLLI', b'cLLi')
_TEXT = (b'tEXt', b'zTXt', b'iTXt')
_XMP = b'XML:com.adobe.xmp'
_JPEG_XMP, _EXIF = b'http://ns.adobe.com/xap/1.0/\0', b'Exif\0\0'
_RAW = b'Raw profile type '
_PROFILES = (b'exif', b'app1', b'xmp', b'iptc', b'8bim', b'icc', b'icm')
# Read elsewhere, or about storage: profile, EXIF, transparency, significant bits, and
# the frames of animations, which the reader names.
_KNOWN = (b'iCCP', b'eXIf', b'tRNS', b'sBIT', b'acTL', b'fcTL', b'fdAT', b'hIST')


class Found(NamedTuple):
  """What the chunks of a PNG file hold.

  Attributes:
    annotations: Colour, text, XMP, IPTC, resolution.
    icc: The ICC profile.
    exif: The EXIF stream.
  """

  annotations: annotations_lib.Annotations
  icc: bytes | None
  exif: bytes | None


def read(chunks: Sequence[metadata.Chunk], source: str) -> Found:
  """Reads the annotations of a PNG file.

  Args:
    chunks: The file's.
    source: Named in errors.

  Returns:
    What was found.

  Raises:
    ImageError: see `metadata.png_icc`.
  """
  texts, lost, xmp, resolution = [], [], None, None
  raw: dict[bytes, bytes] = {}
  for chunk in chunks:
    kind, data = chunk
    name = bytes(data[:80]).partition(b'\0')[0] if kind in _TEXT else b''
    if carriers.is_own(chunk):
      lost.append(annotations_lib.PAYLOAD)
    elif name == _XMP:
      xmp = metadata.png_text(chunk)
    elif name.startswith(_RAW):
      profile = name.removeprefix(_RAW).lower()
      raw[profile] = _from_hexadecimal(chunk) if profile in _PROFILES else b''
    elif kind in _TEXT:
      texts.append(chunk)
    elif kind == b'pHYs':
      resolution = resolution_lib.from_png(bytes(data))
    elif kind[:1].islower() and kind not in (*COLOUR, *_KNOWN):
      lost.append(errors.printable(kind))
  exif, xmp, resources, unread = _from_raw(raw, metadata.png_exif(chunks), xmp)
  icc = metadata.png_icc(chunks, source) or raw.get(b'icc') or raw.get(b'icm')
  annotations = annotations_lib.Annotations(
    colour=tuple(chunk for chunk in chunks if chunk.kind in COLOUR),
    text=tuple(texts),
    resources=resources,
    resolution=resolution or resolution_lib.from_exif(exif or b''),
    lost=tuple(dict.fromkeys(lost + unread)),
  )
  return Found(annotations_lib.with_xmp(annotations, xmp), icc, exif)


def to_chunks(
  annotations: annotations_lib.Annotations, icc: bytes | None, exif: bytes | None
) -> list[metadata.Chunk]:
  """Makes the chunks that go between the header and the pixels.

  Args:
    annotations: From `annotations.fit`, for PNG.
    icc: Profile, or None.
    exif: EXIF stream, or None.
  """
  chunks = list(annotations.colour)
  if icc is not None:
    chunks.append(metadata.Chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(icc, 9)))
  if annotations.resolution is not None:
    chunks.append(
      metadata.Chunk(b'pHYs', resolution_lib.to_png(annotations.resolution) or b'')
    )
  if exif is not None:
    chunks.append(metadata.Chunk(b'eXIf', exif))
  if annotations.xmp is not None:
    chunks.append(metadata.Chunk(b'iTXt', _XMP + b'\0\0\0\0\0' + annotations.xmp))
  if annotations.resources:
    chunks.append(_to_hexadecimal(b'iptc', photoshop.join(annotations.resources)))
  return chunks + list(annotations.text)


def _from_raw(
  raw: dict[bytes, bytes], exif: bytes | None, xmp: bytes | None
) -> tuple[bytes | None, bytes | None, tuple[photoshop.Resource, ...], list[str]]:
  """Sorts raw profiles; chunks of their own come first."""
  resources: tuple[photoshop.Resource, ...] = ()
  unread = []
  for name, data in raw.items():
    if name in (b'exif', b'app1') and not data.startswith(_JPEG_XMP) and data:
      exif = exif or data.removeprefix(_EXIF)
    elif name in (b'xmp', b'app1') and data:
      xmp = xmp or data.removeprefix(_JPEG_XMP)
    elif name in (b'iptc', b'8bim') and data:
      found, payloads = annotations_lib.split_resources(data)
      unread += payloads
      if data.startswith(b'\x1c'):
        found = photoshop.with_iptc((), data)
      resources += tuple(r for r in found if r not in resources)
    elif name not in (b'icc', b'icm') or not data:
      unread.append(f'raw profile "{errors.printable(name)}"')
  return exif, xmp, resources, unread


def _from_hexadecimal(chunk: metadata.Chunk) -> bytes:
  """Returns the profile that a text holds, or nothing if it is damaged."""
  _, *lines = (metadata.png_text(chunk) or b'').strip().split(b'\n')
  try:
    data = binascii.unhexlify(b''.join(b''.join(lines[1:]).split()))
    return data if len(data) == int(lines[0]) else b''
  except (ValueError, IndexError):
    return b''


def _to_hexadecimal(name: bytes, data: bytes) -> metadata.Chunk:
  digits = binascii.hexlify(data)
  lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
  text = b'\n%s\n%8d\n%s\n' % (name, len(data), b'\n'.join(lines))
  return metadata.Chunk(b'zTXt', _RAW + name + b'\0\0' + zlib.compress(text, 9))
