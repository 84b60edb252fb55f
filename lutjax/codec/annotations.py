"""Metadata of image files beside profile and EXIF, in one form for all formats.

What only one format has is kept as records of that format: colour and text are PNG
chunks. `fit` removes what another format cannot hold, and names it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from lutjax import errors
from lutjax.codec import metadata, photoshop
from lutjax.codec import payload as payload_lib
from lutjax.codec import resolution as resolution_lib

# Names in one line.
_MAX_NAMED = 20
# A packet with more of them than this is no work of a program that means well.
_MAX_LEFT_OUT = 16
# The keyword of a PNG text that a JPEG file holds as its comment.
COMMENT = b'Comment'
PAYLOAD = 'wide-gamut payload'
# What is left of a JPEG segment behind the header of its kind.
JPEG_EXIF_BYTES, JPEG_XMP_BYTES, JPEG_COMMENT_BYTES = 65527, 65504, 65533
# Pictures inside XMP show the ungraded one; of a longer XMP the first part is kept.
_XMP_LEFT_OUT = re.compile(
  rb'<(\w+:Thumbnails)\b[^>]*(?:/>|>.*?</\1\s*>)'
  rb'|\s\w+:HasExtendedXMP\s*=\s*(?:"[^"]*"|\'[^\']*\')'
  rb'|<(\w+:HasExtendedXMP)\b.*?</\2\s*>',
  re.DOTALL,
)
# Sizes in pixels that XMP states, as attributes or elements.
_XMP_WIDTH, _XMP_HEIGHT = (
  re.compile(rb'\b(%s)(\s*=\s*["\']|>)\s*\d+' % names)
  for names in (
    b'tiff:ImageWidth|exif:PixelXDimension',
    b'tiff:ImageLength|exif:PixelYDimension',
  )
)


class Annotations(NamedTuple):
  """Metadata of an image file other than its profile and EXIF.

  Attributes:
    colour: The PNG chunks that say what the codes mean, but for iCCP.
    text: PNG chunks tEXt, zTXt and iTXt.
    xmp: The XMP packet.
    resources: Photoshop's image resources, IPTC among them.
    resolution: Pixels per inch or centimetre.
    lost: Names of what was found and cannot be kept in any format.
  """

  colour: tuple[metadata.Chunk, ...] = ()
  text: tuple[metadata.Chunk, ...] = ()
  xmp: bytes | None = None
  resources: tuple[photoshop.Resource, ...] = ()
  resolution: resolution_lib.Resolution | None = None
  lost: tuple[str, ...] = ()


def fit(
  found: Annotations, exif: bytes | None, kind: str
) -> tuple[Annotations, bytes | None, list[str]]:
  """Removes what a format cannot hold.

  Args:
    found: What a file holds.
    exif: Its EXIF stream.
    kind: The format to write, `PNG`, `JPEG`, `TIFF` or `WebP`.

  Returns:
    What can be written; the EXIF stream, or None if it is too long; and the names of
    what is lost.
  """
  dropped = list(found.lost)
  kept = found
  if kind != 'PNG' and found.colour:
    dropped += [chunk.kind.decode('ascii') for chunk in found.colour]
    kept = kept._replace(colour=())
  if kind != 'PNG':
    comments = [c for c in found.text if kind == 'JPEG' and _is_comment(c)]
    others = [chunk for chunk in found.text if chunk not in comments]
    dropped += [f'text "{keyword(chunk)}"' for chunk in others]
    kept = kept._replace(text=tuple(comments))
  if kind == 'WebP' and found.resources:
    numbers = {resource.number for resource in found.resources}
    dropped += ['IPTC'] * (photoshop.IPTC in numbers)
    dropped += ['Photoshop resources'] * bool(numbers - {photoshop.IPTC})
    kept = kept._replace(resources=())
  if kind == 'JPEG' and len(found.xmp or b'') > JPEG_XMP_BYTES:
    dropped.append(f'XMP ({len(found.xmp or b"")} bytes)')
    kept = kept._replace(xmp=None)
  if kind == 'JPEG' and len(exif or b'') > JPEG_EXIF_BYTES:
    dropped.append(f'EXIF ({len(exif or b"")} bytes)')
    exif = None
  if found.resolution is not None:
    makers = {'PNG': resolution_lib.to_png, 'JPEG': resolution_lib.to_jfif}
    if kind in makers and makers[kind](found.resolution) is None:
      dropped.append('resolution')
      kept = kept._replace(resolution=None)
  return kept, exif, dropped


def with_xmp(annotations: Annotations, xmp: bytes | None) -> Annotations:
  """Adds an XMP packet, without its thumbnails and its references to other packets.

  Args:
    annotations: What is added to.
    xmp: The packet; None or empty adds nothing.
  """
  if not xmp:
    return annotations
  if max(xmp.count(b':Thumbnails'), xmp.count(b':HasExtendedXMP')) > _MAX_LEFT_OUT:
    return annotations._replace(lost=(*annotations.lost, 'XMP'))
  return annotations._replace(xmp=_XMP_LEFT_OUT.sub(b'', xmp) or None)


def with_size(annotations: Annotations, height: int, width: int) -> Annotations:
  """Puts right the size in pixels that XMP states, where it does.

  Args:
    annotations: Of a picture that had another size.
    height: Its pixels down.
    width: Its pixels across.
  """
  xmp = annotations.xmp
  if xmp is None:
    return annotations
  for pattern, count in ((_XMP_WIDTH, width), (_XMP_HEIGHT, height)):
    xmp = pattern.sub(rb'\1\g<2>%d' % count, xmp)
  return annotations._replace(xmp=xmp)


def keyword(chunk: metadata.Chunk) -> str:
  """Returns the keyword of a text chunk, made printable."""
  return errors.printable(bytes(chunk.data[:80]).partition(b'\0')[0])


def listed(names: Sequence[str]) -> str:
  """Returns names in one line, the first twenty."""
  more = len(names) - _MAX_NAMED
  return ', '.join(names[:_MAX_NAMED]) + f' and {more} more' * (more > 0)


def comment_to_text(comment: bytes) -> metadata.Chunk:
  """Makes a PNG text of a JPEG comment."""
  comment = comment.rstrip(b'\0').replace(b'\0', b' ')
  try:
    comment.decode('ascii')
    return metadata.Chunk(b'tEXt', COMMENT + b'\0' + comment)
  except UnicodeDecodeError:
    pass
  try:
    comment.decode('utf-8')
    return metadata.Chunk(b'iTXt', COMMENT + b'\0\0\0\0\0' + comment)
  except UnicodeDecodeError:
    return metadata.Chunk(b'tEXt', COMMENT + b'\0' + comment)


def split_resources(
  block: bytes,
) -> tuple[tuple[photoshop.Resource, ...], list[str]]:
  """Splits image resources; names the payload, which is made for other pixels."""
  found = photoshop.split(block)
  kept = tuple(resource for resource in found if not is_payload(resource.data))
  return kept, [PAYLOAD] * (len(kept) < len(found))


def is_payload(data: bytes) -> bool:
  """Tells whether a record is a payload of wide-gamut colours."""
  return data.startswith(payload_lib.MAGIC)


def _is_comment(chunk: metadata.Chunk) -> bool:
  if keyword(chunk).encode('latin-1') != COMMENT:
    return False
  comment = metadata.png_text(chunk)
  return comment is not None and len(comment) <= JPEG_COMMENT_BYTES
