"""Annotations of TIFF files: from the fields of the first page."""

from fractions import Fraction
from typing import BinaryIO

import tifffile

from lutjax import files
from lutjax.codec import annotations as annotations_lib
from lutjax.codec import exif as exif_codec
from lutjax.codec import photoshop
from lutjax.codec import resolution as resolution_lib

_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_RESOLUTION = frozenset({282, 283, 296})
# Pictures of other sizes and layers: left out like thumbnails, but named.
_PICTURES = frozenset({330, 37724})


def read(page: tifffile.TiffPage, file: BinaryIO) -> annotations_lib.Annotations:
  """Reads the annotations of a TIFF page, and names the fields that are not kept.

  Args:
    page: By tifffile.
    file: Where it is.

  Returns:
    XMP, IPTC, resolution, and names of the fields that are lost.
  """

  def raw(code: int) -> bytes:
    tag = page.tags.get(code)
    if tag is None:
      return b''
    return files.read_at(file, tag.valueoffset, tag.valuebytecount)

  resources, lost = annotations_lib.split_resources(raw(_PHOTOSHOP))
  iptc = raw(_IPTC).rstrip(b'\0')
  if iptc:
    resources = photoshop.with_iptc(resources, iptc)
  held = exif_codec.STORAGE | _RESOLUTION
  if exif_codec.byte_order(files.read_at(file, 0, 4)) is not None:
    held |= exif_codec.DESCRIPTIVE
  for tag in page.tags:
    if tag.code not in held and annotations_lib.is_payload(raw(tag.code)):
      lost.append(annotations_lib.PAYLOAD)
    elif tag.code in _PICTURES or tag.code not in held:
      lost.append(tag.name if not tag.name.isdigit() else f'TIFF field {tag.code}')
  annotations = annotations_lib.Annotations(
    resources=resources,
    resolution=_resolution(page),
    lost=tuple(dict.fromkeys(lost)),
  )
  return annotations_lib.with_xmp(annotations, raw(_XMP))


def _resolution(page: tifffile.TiffPage) -> resolution_lib.Resolution | None:
  x, y, unit = (page.tags.valueof(code) for code in sorted(_RESOLUTION))
  try:
    inch = resolution_lib.INCH
    return resolution_lib.make(Fraction(*x), Fraction(*y), int(unit or inch))
  except (TypeError, ValueError, ZeroDivisionError):
    return None
