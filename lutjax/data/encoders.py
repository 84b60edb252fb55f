"""The writers behind `data.images`: pixels to files of one format.

Each takes `(content, file, quality, lossless)` and writes to an empty file that can be
read, too; whether the format holds the content has been checked by then.
"""

from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

from lutjax.codec import annotations as annotations_lib
from lutjax.codec import exif as exif_codec
from lutjax.codec import (
  exif_cleaning,
  jpeg_annotations,
  metadata,
  photoshop,
  png_annotations,
)
from lutjax.data import png

# Fields of TIFF and the types that other programs expect of them.
_XMP, _IPTC, _PHOTOSHOP = (700, 1), (33723, 7), (34377, 1)

# On photographs smaller than at level 6, in two thirds of its time.
_TIFF_OPTIONS: Mapping[str, Any] = {
  'compression': 'adobe_deflate',
  'predictor': True,
  'compressionargs': {'level': 1},
  'buffersize': 1 << 24,  # Of pixels that are compressed in one go.
}

# Programs read no longer ones, though the format counts up to 65535.
_JPEG_SIDE = 65500

# Of a strip that is not compressed.
_ROWS = 64


class Content(NamedTuple):
  """What goes into a file.

  Attributes:
    pixels: `[H, W, 3|4]` uint8, uint16 or float32.
    icc: The ICC profile.
    exif: The EXIF stream.
    annotations: What else the file says, all of which the format holds.
    compressed: Whether TIFF is.
  """

  pixels: np.ndarray
  icc: bytes | None
  exif: bytes | None
  annotations: annotations_lib.Annotations
  compressed: bool = True


def to_png(content: Content, file: BinaryIO, quality: int, lossless: bool) -> None:
  """Encodes exactly, at 8 or 16 bits.

  Args:
    content: Pixels uint8 or uint16, and metadata.
    file: What is written to.
    quality: Not used.
    lossless: Not used: PNG is always lossless.
  """
  del quality, lossless
  encoded = png.encode(content.pixels)
  chunks = png_annotations.to_chunks(content.annotations, content.icc, content.exif)
  file.write(metadata.png_with(encoded, chunks))


def to_tiff(content: Content, file: BinaryIO, quality: int, lossless: bool) -> None:
  """Encodes exactly, at 8 or 16 bits or as float, deflated unless told otherwise.

  The file takes the byte order of the EXIF stream, so that its values can be
  moved without knowing what they mean.

  Args:
    content: Pixels uint8, uint16 or float32, and metadata.
    file: What is written to.
    quality: Not used.
    lossless: Not used: this TIFF is always lossless.
  """
  del quality, lossless
  pixels, annotations = content.pixels, content.annotations
  order = exif_codec.byte_order(content.exif or b'') or '<'
  iptc = photoshop.iptc(annotations.resources)
  others = photoshop.join(
    [r for r in annotations.resources if r.number != photoshop.IPTC]
  )
  options: Mapping[str, Any] = _TIFF_OPTIONS
  if not content.compressed:
    # Room for the pixels, which are written below.
    shape, dtype = pixels.shape, pixels.dtype
    options = {'shape': shape, 'dtype': dtype, 'rowsperstrip': _ROWS}
  blobs = ((_XMP, annotations.xmp), (_IPTC, iptc), (_PHOTOSHOP, others))
  place = tifffile.imwrite(
    file,
    pixels if content.compressed else None,
    byteorder=order,
    photometric='rgb',
    planarconfig='contig',
    extrasamples=['unassalpha'] if pixels.shape[2] == 4 else None,
    **options,
    iccprofile=content.icc,
    software=False,
    metadata=None,
    extratags=[(tag, kind, len(b), b, True) for (tag, kind), b in blobs if b],
    returnoffset=True,
  )
  if place is not None:
    file.seek(place[0])
    # Whole pictures would be copied at once where their bytes are to be turned.
    stored = pixels.dtype.newbyteorder(order)
    for start in range(0, len(pixels), _ROWS):
      file.write(np.ascontiguousarray(pixels[start : start + _ROWS], stored).data)
  exif = content.exif
  if annotations.resolution is not None:
    exif = exif_cleaning.with_resolution(exif, annotations.resolution)
  if exif is not None:
    exif_codec.add_to_tiff(file, exif)


def to_jpeg(content: Content, file: BinaryIO, quality: int, lossless: bool) -> None:
  """Encodes with colour at full resolution.

  Args:
    content: Pixels uint8, and metadata.
    file: What is written to.
    quality: 1 to 100.
    lossless: Not used: JPEG is always lossy.
  """
  del lossless
  side = max(content.pixels.shape[:2])
  if side > _JPEG_SIDE:
    raise ValueError(f'found a side of {side} pixels, expected {_JPEG_SIDE} at most')
  # The same library and bytes as by Pillow, which copies the pixels first.
  pixels = np.ascontiguousarray(content.pixels)
  encoded = bytes(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling='444'))
  annotations = content.annotations
  file.write(jpeg_annotations.put(encoded, annotations, content.icc, content.exif))


def to_webp(content: Content, file: BinaryIO, quality: int, lossless: bool) -> None:
  """Encodes exactly at quality 100 or where asked for, else with loss.

  Args:
    content: Pixels uint8, and metadata.
    file: What is written to.
    quality: 1 to 100.
    lossless: Whether to encode exactly at any quality.
  """
  exif = content.exif
  if content.annotations.resolution is not None:
    exif = exif_cleaning.with_resolution(exif, content.annotations.resolution)
  PIL.Image.fromarray(np.ascontiguousarray(content.pixels)).save(
    file,
    'WEBP',
    quality=quality,
    icc_profile=content.icc,
    exif=exif or b'',
    xmp=content.annotations.xmp or b'',
    lossless=lossless or quality == 100,
    exact=True,
  )
