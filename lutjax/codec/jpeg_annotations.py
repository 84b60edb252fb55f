"""Annotations of JPEG files: from segments and to segments."""

from collections.abc import Sequence

from lutjax import errors
from lutjax.codec import annotations as annotations_lib
from lutjax.codec import metadata, photoshop
from lutjax.codec import resolution as resolution_lib

_APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_EXIF, _ICC, _JFIF = b'Exif\0\0', b'ICC_PROFILE\0', b'JFIF\0'
_XMP = b'http://ns.adobe.com/xap/1.0/\0'
_MORE_XMP = b'http://ns.adobe.com/xmp/extension/\0'
_PHOTOSHOP = b'Photoshop 3.0\0'
# What saving for the web leaves, about storage; and thumbnails of JFIF.
_SILENT = ((0xEC, b'Ducky'), (_APP0, b'JFXX\0'), (_APP0, _JFIF), (_APP14, b'Adobe'))
_PART_BYTES = 65000
# Of a profile; with its head, the most that a segment holds.
_PROFILE_BYTES = 65519


def read(
  segments: Sequence[metadata.Segment], exif: bytes | None
) -> annotations_lib.Annotations:
  """Reads the annotations of a JPEG file.

  Args:
    segments: The file's.
    exif: Its EXIF stream, which may hold the resolution.

  Returns:
    Comments as text, XMP, IPTC, resolution.
  """
  texts, lost, xmp, resolution, block = [], [], None, None, b''
  for marker, data in segments:
    if marker == _COMMENT and annotations_lib.is_payload(data):
      lost.append(annotations_lib.PAYLOAD)
    elif marker == _COMMENT:
      texts.append(annotations_lib.comment_to_text(data))
    elif marker == _APP1 and data.startswith(_XMP):
      xmp = xmp or data.removeprefix(_XMP)
    elif marker == _APP1 and data.startswith(_MORE_XMP):
      lost.append('extended XMP')
    elif marker == _APP13 and data.startswith(_PHOTOSHOP):
      block += data.removeprefix(_PHOTOSHOP)
    elif marker == _APP0 and data.startswith(_JFIF):
      resolution = resolution_lib.from_jfif(data)
    elif 0xE0 <= marker < 0xF0 and not _is_known(marker, data):
      lost.append(_name(marker, data))
  resources, payloads = annotations_lib.split_resources(block)
  annotations = annotations_lib.Annotations(
    text=tuple(texts),
    resources=resources,
    resolution=resolution or resolution_lib.from_exif(exif or b''),
    lost=tuple(dict.fromkeys(lost + payloads)),
  )
  return annotations_lib.with_xmp(annotations, xmp)


def put(
  content: bytes,
  annotations: annotations_lib.Annotations,
  icc: bytes | None,
  exif: bytes | None,
) -> bytes:
  """Writes annotations, profile and EXIF into a JPEG file that has none.

  Args:
    content: A file with a JFIF segment.
    annotations: What `annotations.fit` left for JPEG.
    icc: The ICC profile.
    exif: The EXIF stream.

  Returns:
    The new file.
  """
  segments, scans = metadata.jpeg_to_segments(content, 'image')
  head = segments[0]
  if annotations.resolution is not None:
    density = resolution_lib.to_jfif(annotations.resolution) or head.data[7:12]
    head = head._replace(data=head.data[:7] + density + head.data[12:])
  own = []
  if exif is not None:
    own.append(metadata.Segment(_APP1, _EXIF + exif))
  if annotations.xmp is not None:
    own.append(metadata.Segment(_APP1, _XMP + annotations.xmp))
  block = photoshop.join(annotations.resources)
  for at in range(0, len(block), _PART_BYTES):
    part = _PHOTOSHOP + block[at : at + _PART_BYTES]
    own.append(metadata.Segment(_APP13, part))
  comments = [metadata.png_text(chunk) or b'' for chunk in annotations.text]
  own += [metadata.Segment(_COMMENT, comment) for comment in comments]
  profile = icc or b''
  count = -(-len(profile) // _PROFILE_BYTES)
  for number in range(1, count + 1):
    part = profile[(number - 1) * _PROFILE_BYTES : number * _PROFILE_BYTES]
    own.append(metadata.Segment(_APP2, _ICC + bytes([number, count]) + part))
  return metadata.segments_to_jpeg([head, *own, *segments[1:]], content[scans:])


def _is_known(marker: int, data: bytes) -> bool:
  elsewhere = ((_APP1, _EXIF), (_APP2, _ICC))
  return any(
    marker == known and data.startswith(start) for known, start in elsewhere + _SILENT
  )


def _name(marker: int, data: bytes) -> str:
  word = errors.printable(data[:32].partition(b'\0')[0])
  return f'APP{marker - _APP0} {word}'.rstrip()
