"""The readers behind `data.images`: files of one format to pixels.

Each takes `(file, source, say)`, a file at its start, and gives a `Decoded`; sizes
are checked before anything is allocated for pixels. Decoders may raise anything on
broken content; `images.decode` turns that into one line.
"""

import contextlib
import io
import logging
import math
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import AvifImagePlugin, JpegImagePlugin, WebPImagePlugin

from lutjax import errors, files
from lutjax.codec import annotations as annotations_lib
from lutjax.codec import exif as exif_codec
from lutjax.codec import (
  jpeg_annotations,
  metadata,
  png_annotations,
)
from lutjax.codec import resolution as resolution_lib
from lutjax.color import profiles
from lutjax.data import avif, png, tiff_annotations

MAX_PIXELS = 300_000_000
_TIFF_COLOURS: Mapping[int, str] = {
  tifffile.PHOTOMETRIC.RGB: 'rgb',
  tifffile.PHOTOMETRIC.MINISBLACK: 'grey',
  tifffile.PHOTOMETRIC.MINISWHITE: 'inverted grey',
  tifffile.PHOTOMETRIC.PALETTE: 'indexed',
  tifffile.PHOTOMETRIC.SEPARATED: 'cmyk',
  tifffile.PHOTOMETRIC.YCBCR: 'YCbCr',
  tifffile.PHOTOMETRIC.CIELAB: 'Lab',
}
_PILLOW_COLOURS = {'RGB': 'rgb', 'RGBA': 'rgb', 'L': 'grey', 'CMYK': 'cmyk'}
_TIFF_ICC = 34675
# Of strips or tiles that are read in one go.
_SEGMENT_BYTES = 1 << 20
# Of a plane that is read in one go.
_ROWS = 64
_JPEG = tifffile.COMPRESSION.JPEG
_LOSSY = frozenset({_JPEG, tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.WEBP})

Say = Callable[[str], None]


class Decoded(NamedTuple):
  """What a file holds.

  Attributes:
    pixels: `[H, W]` or `[H, W, C]` uint8, uint16 or float32.
    colours: What the channels mean: `rgb` (with straight alpha when C = 4),
      one of `CONVERTERS`, or the name of something else.
    icc: The ICC profile.
    exif: The EXIF stream.
    annotations: What else the file says.
    lossless: Whether its format stores pixels without loss.
    compressed: Whether its pixels are compressed.
  """

  pixels: np.ndarray
  colours: str
  icc: bytes | None
  exif: bytes | None
  annotations: annotations_lib.Annotations = annotations_lib.Annotations()
  lossless: bool = False
  compressed: bool = True


def from_png(file: BinaryIO, source: str, say: Say) -> Decoded:
  """Decodes by libpng, which keeps 16 bits; chunks are read here.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read, such as further frames.
  """
  content = file.read()
  chunks = metadata.png_to_chunks(content, source)
  head = png.read_head(chunks, source)
  check_size(head.height, head.width, source)
  if any(kind == b'acTL' for kind, _ in chunks):
    say(f'{source}: animated, only the first frame is read')
  pixels = png.to_pixels(content, chunks, head, source)
  found = png_annotations.read(chunks, source)
  colours = png.COLOURS[head.colour]
  return Decoded(pixels, colours, found.icc, found.exif, found.annotations, True)


def from_tiff(file: BinaryIO, source: str, say: Say) -> Decoded:
  """Decodes the first page by tifffile, at 8 or 16 bits or as float.

  Nothing of the file is held beside its pixels, be they of gigabytes.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read, such as further pages.
  """
  messages: list[str] = []
  with _listening(messages), tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    _check_tiff(page, files.size_of(file), source)
    if len(tiff.pages) > 1:
      say(f'{source}: {len(tiff.pages)} pages, only the first is read')
    colours = _tiff_colours(page)
    icc = page.tags.valueof(_TIFF_ICC)
    exif = exif_codec.tiff_to_exif(file)
    annotations = tiff_annotations.read(page, file)
    lossless = page.compression not in _LOSSY
    compressed = page.compression != tifffile.COMPRESSION.NONE
    pixels = _tiff_pixels(page)
  if messages:
    say(f'{source}: {messages[0]} ({len(messages)} such remarks)')
  if pixels.dtype == np.float16:
    pixels = pixels.astype(np.float32)
  if pixels.dtype.name not in ('uint8', 'uint16', 'float32'):
    raise errors.ImageError(
      f'{source}: found {pixels.dtype} samples, expected 8 or 16 bits or float'
    )
  pixels = pixels.astype(pixels.dtype.newbyteorder('='), copy=False)
  return Decoded(pixels, colours, icc, exif, annotations, lossless, compressed)


def from_jpeg(file: BinaryIO, source: str, say: Say) -> Decoded:
  """Decodes by libjpeg; segments are read here.

  Args:
    file: The file.
    source: Named in errors.
    say: Not used.
  """
  del say
  content = file.read()
  segments, scan = metadata.jpeg_to_segments(content, source)
  bits, height, width = metadata.jpeg_frame(segments, source)
  check_size(height, width, source)
  if bits != 8:
    raise errors.ImageError(f'{source}: found a {bits}-bit JPEG, expected 8 bits')
  # Pillow parses, and warns about, EXIF that is none of its business here.
  bare = metadata.segments_to_jpeg(metadata.jpeg_bare(segments), content[scan:])
  decoder = JpegImagePlugin.JpegImageFile(io.BytesIO(bare))
  colours = _PILLOW_COLOURS.get(decoder.mode, decoder.mode)
  icc, exif = metadata.jpeg_icc(segments), metadata.jpeg_exif(segments)
  annotations = jpeg_annotations.read(segments, exif)
  # The same library and pixels as by Pillow, which copies them twice; it alone turns
  # the inks that Adobe stores.
  direct = decoder.mode == 'RGB'
  pixels = imagecodecs.jpeg8_decode(bare) if direct else np.array(decoder)
  return Decoded(pixels, colours, icc, exif, annotations)


def from_webp(file: BinaryIO, source: str, say: Say) -> Decoded:
  """Decodes by libwebp.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read, such as further frames.
  """
  content = file.read()
  decoder = WebPImagePlugin.WebPImageFile(io.BytesIO(content))
  check_size(decoder.height, decoder.width, source)
  if decoder.is_animated:
    say(f'{source}: animated, only the first frame is read')
  colours = _PILLOW_COLOURS.get(decoder.mode, decoder.mode)
  icc, exif, annotations = from_info(decoder.info)
  chunks = metadata.webp_to_chunks(content, source)
  # A frame of an animation has a header of 16 bytes before its own chunks.
  kinds = [data[16:20] if kind == b'ANMF' else kind for kind, data in chunks]
  return Decoded(np.array(decoder), colours, icc, exif, annotations, b'VP8L' in kinds)


def from_avif(file: BinaryIO, source: str, say: Say) -> Decoded:
  """Decodes by libavif; 10 and 12 bits are scaled to 16.

  Without an ICC profile, the code points of Display P3 or Rec. 2020 give one.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read or changed.
  """
  content = file.read()
  decoder = AvifImagePlugin.AvifImageFile(io.BytesIO(content))
  check_size(decoder.height, decoder.width, source)
  if decoder.is_animated:
    say(f'{source}: animated, only the first frame is read')
  head = avif.read_head(content, source)
  icc, exif, annotations = from_info(decoder.info)
  space = avif.space_of(head)
  if icc is None and space is None:
    say(
      f'{source}: its colours are primaries {head.primaries} and transfer '
      f'{head.transfer} of H.273; they are taken as they are, without a profile'
    )
    if max(head.primaries, head.transfer) < 256:
      points = bytes([head.primaries, head.transfer, 0, 1])  # RGB, full range.
      annotations = annotations._replace(colour=(metadata.Chunk(b'cICP', points),))
  elif icc is None and space != 'srgb':
    icc = profiles.icc_profile(str(space))
  pixels = imagecodecs.avif_decode(content, index=0)
  if pixels.dtype == np.uint16:
    say(f'{source}: {head.bits} bits, scaled to 16')
    whole = (1 << head.bits) - 1
    pixels = ((pixels * np.uint32(65535) + whole // 2) // whole).astype(np.uint16)
  colours = 'rgb' if pixels.ndim == 3 and pixels.shape[2] > 2 else 'grey'
  return Decoded(pixels, colours, icc, exif, annotations)


def to_rgb(found: Decoded, source: str, *, convert: bool, say: Say) -> Decoded:
  """Converts to RGB, or names colours that cannot be converted.

  Grey is repeated; CMYK is mixed as `(1 - ink) (1 - black)`, without colour
  management; premultiplied colours are divided by their alpha.

  Args:
    found: What a decoder gave.
    source: Named in errors.
    convert: Whether to convert or to refuse.
    say: Gets a line about the conversion.

  Returns:
    Pixels `[H, W, 3|4]` with colours `rgb`.

  Raises:
    ImageError: if it is not RGB and must not or cannot be converted.
  """
  if found.colours == 'rgb':
    return found
  if found.colours not in CONVERTERS or not convert:
    raise errors.ImageError(
      f'{source}: found {found.colours} pixels, expected RGB with or without alpha'
    )
  icc = found.icc
  if icc is not None and icc[16:20] != b'RGB ':
    icc = None
  lost = '' if icc == found.icc else '; its ICC profile does not apply and is dropped'
  say(f'{source}: converted from {found.colours} to RGB{lost}')
  pixels = CONVERTERS[found.colours](found.pixels)
  return found._replace(pixels=pixels, colours='rgb', icc=icc)


def from_info(
  info: Mapping[str | tuple[int, int], Any],
) -> tuple[bytes | None, bytes | None, annotations_lib.Annotations]:
  """Returns profile, EXIF and the rest of what Pillow hands out of a picture.

  Args:
    info: Of a decoder of Pillow.
  """
  exif = info.get('exif', b'').removeprefix(b'Exif\0\0') or None
  resolution = resolution_lib.from_exif(exif or b'')
  annotations = annotations_lib.Annotations(resolution=resolution)
  annotations = annotations_lib.with_xmp(annotations, info.get('xmp'))
  return info.get('icc_profile'), exif, annotations


def check_size(height: int, width: int, source: str) -> None:
  """Refuses pictures without pixels, or with more than `MAX_PIXELS`.

  Args:
    height: Of the picture.
    width: Of the picture.
    source: Named in errors.
  """
  if not 0 < height * width <= MAX_PIXELS:
    raise errors.ImageError(
      f'{source}: found {width} x {height} pixels, expected 1 to {MAX_PIXELS}'
    )


def _check_tiff(page: tifffile.TiffPage, size_bytes: int, source: str) -> None:
  check_size(page.imagelength, page.imagewidth, source)
  if page.imagedepth != 1 or page.bitspersample not in (8, 16, 32):
    raise errors.ImageError(
      f'{source}: found {page.bitspersample} bits per sample and depth '
      f'{page.imagedepth}, expected 8, 16 or 32 bits and depth 1'
    )
  parts, want = list(zip(page.dataoffsets, page.databytecounts)), page.chunked
  if len(parts) != math.prod(want):
    raise errors.ImageError(
      f'{source}: found {len(parts)} strips or tiles, expected {math.prod(want)}'
    )
  if any(not count or at + count > size_bytes for at, count in parts):
    raise errors.ImageError(f'{source}: found TIFF data that is cut short')


def _tiff_pixels(page: tifffile.TiffPage) -> np.ndarray:
  """Reads pixels into one array, a few strips or tiles at a time."""
  planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
  if not planar or page.samplesperpixel == 1 or page.dtype is None:
    return page.asarray(buffersize=_SEGMENT_BYTES)
  shape = page.imagelength, page.imagewidth, page.samplesperpixel
  pixels = np.empty(shape, page.dtype)

  def put(part: np.ndarray, plane: int, row: int, column: int) -> None:
    room = pixels[row:, column:, plane]
    height, width = np.minimum(part.shape, room.shape)
    room[:height, :width] = part[:height, :width]

  def put_decoded(decoded: tuple[np.ndarray | None, tuple[int, ...], Any]) -> None:
    segment, (plane, _, row, column, _), _ = decoded
    if segment is None:
      raise ValueError('a strip or tile is missing')
    put(segment[0, ..., 0], plane, row, column)

  if not page.is_final:
    for _ in page.segments(func=put_decoded, buffersize=_SEGMENT_BYTES):
      pass
    return pixels
  # A plane may be a single strip.
  file, stored = page.parent.filehandle, page.dtype.newbyteorder(page.parent.byteorder)
  file.seek(page.dataoffsets[0])
  for plane in range(page.samplesperpixel):
    for row in range(0, page.imagelength, _ROWS):
      size = min(_ROWS, page.imagelength - row), page.imagewidth
      part = file.read_array(stored, size[0] * size[1])
      put(part.reshape(size), plane, row, 0)
  return pixels


@contextlib.contextmanager
def _listening(messages: list[str]) -> Generator[None]:
  """Collects what tifffile logs on this thread, which else goes to stderr."""
  thread = threading.get_ident()

  def keep(record: logging.LogRecord) -> bool:
    if record.thread == thread:
      messages.append(' '.join(record.getMessage().split()))
    return record.thread != thread

  logger = logging.getLogger('tifffile')
  logger.addFilter(keep)
  try:
    yield
  finally:
    logger.removeFilter(keep)


def _tiff_colours(page: tifffile.TiffPage) -> str:
  colours = _TIFF_COLOURS.get(page.photometric, f'photometric {page.photometric}')
  if page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression == _JPEG:
    colours = 'rgb'  # The JPEG decoder has converted it.
  extra = tuple(page.extrasamples)
  if len(extra) > 1 or (extra and colours not in ('rgb', 'grey')):
    return f'{colours} with {len(extra)} extra channels'
  if extra == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
    return 'premultiplied' if colours == 'rgb' else 'premultiplied grey'
  return colours


def _grey_to_rgb(pixels: np.ndarray) -> np.ndarray:
  channels = pixels.reshape((*pixels.shape[:2], -1))
  return np.concatenate([channels[..., :1]] * 3 + [channels[..., 1:]], axis=-1)


def _cmyk_to_rgb(pixels: np.ndarray) -> np.ndarray:
  full = _full_scale(pixels)
  bright = full - pixels.astype(np.float32)
  rgb = bright[..., :3] * (bright[..., 3:] / full)
  return _round_to(pixels.dtype, rgb)


def _premultiplied_to_rgb(pixels: np.ndarray) -> np.ndarray:
  alpha = pixels[..., 3:].astype(np.float32)
  rgb = pixels[..., :3] * (_full_scale(pixels) / np.where(alpha > 0, alpha, 1.0))
  return np.concatenate([_round_to(pixels.dtype, rgb), pixels[..., 3:]], axis=-1)


def _full_scale(pixels: np.ndarray) -> np.float32:
  whole = pixels.dtype.kind == 'u'
  return np.float32(np.iinfo(pixels.dtype).max if whole else 1.0)


def _round_to(dtype: np.dtype, values: np.ndarray) -> np.ndarray:
  if dtype.kind == 'u':
    values = np.rint(np.clip(values, 0, np.iinfo(dtype).max))
  return values.astype(dtype)


# Colours that have a plain RGB meaning.
CONVERTERS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
  'grey': _grey_to_rgb,
  'palette': lambda pixels: pixels,  # The decoder has looked it up.
  'cmyk': _cmyk_to_rgb,
  'premultiplied': _premultiplied_to_rgb,
}
