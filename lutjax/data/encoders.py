"""The writers behind `data.images`: pixels to bytes of one format.

Each takes `(pixels, icc, exif, quality)`; whether the format holds that depth
has been checked by then.
"""

import io
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

from lutjax.codec import exif as exif_codec
from lutjax.codec import metadata

# Run-length matching behind the Paeth filter: on photographs smaller than the
# default at level 6, in a fifth of its time.
_PNG_OPTIONS = {
  'level': 1,
  'strategy': imagecodecs.PNG.STRATEGY.RLE,
  'filter': imagecodecs.PNG.FILTER.PAETH,
}


def to_png(
  pixels: np.ndarray, icc: bytes | None, exif: bytes | None, quality: int
) -> bytes:
  """Encodes exactly, at 8 or 16 bits."""
  del quality
  content = imagecodecs.png_encode(np.ascontiguousarray(pixels), **_PNG_OPTIONS)
  return metadata.png_with(bytes(content), icc=icc, exif=exif)


def to_tiff(
  pixels: np.ndarray, icc: bytes | None, exif: bytes | None, quality: int
) -> bytes:
  """Encodes exactly, at 8 or 16 bits or as float, deflated with a predictor.

  The file takes the byte order of the EXIF stream, so that its values can be
  moved without knowing what they mean.
  """
  del quality
  order = exif_codec.byte_order(exif or b'')
  buffer = io.BytesIO()
  tifffile.imwrite(
    buffer,
    pixels,
    byteorder=order or '<',
    photometric='rgb',
    planarconfig='contig',
    extrasamples=['unassalpha'] if pixels.shape[2] == 4 else None,
    compression='adobe_deflate',
    predictor=True,
    iccprofile=icc,
    software=False,
    metadata=None,
  )
  content = buffer.getvalue()
  if exif is None or order is None:
    return content
  return exif_codec.tiff_with_exif(content, exif)


def to_jpeg(
  pixels: np.ndarray, icc: bytes | None, exif: bytes | None, quality: int
) -> bytes:
  """Encodes with colour at full resolution."""
  return _by_pillow(
    pixels,
    'JPEG',
    quality=quality,
    icc_profile=icc,
    exif=b'' if exif is None else b'Exif\0\0' + exif,
    subsampling=0,
    optimize=True,
  )


def to_webp(
  pixels: np.ndarray, icc: bytes | None, exif: bytes | None, quality: int
) -> bytes:
  """Encodes exactly at quality 100, else with loss."""
  return _by_pillow(
    pixels,
    'WEBP',
    quality=quality,
    icc_profile=icc,
    exif=exif or b'',
    lossless=quality == 100,
    exact=True,
  )


def _by_pillow(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
  buffer = io.BytesIO()
  PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **options)
  return buffer.getvalue()
