"""Reading and writing image files at their own bit depth.

Pixels are `[H, W, C]`, C = 3 (red, green, blue) or 4 (with straight alpha),
uint8, uint16 or float32, as stored: no gamma, no rotation by the EXIF
orientation (which is kept, so viewers still turn the picture).

PNG and JPEG pixels go through libpng and libjpeg (imagecodecs) and TIFF through
tifffile, because Pillow drops 16-bit colour to 8 bits and copies pixels; WebP goes
through Pillow, EXR through its own bindings. AVIF, JPEG XL, BMP, GIF and PPM are read
but not written.
"""

import contextlib
import io
import os
import pathlib
from collections.abc import Callable, Generator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from lutjax import errors, files, urls
from lutjax.codec import annotations as annotations_lib
from lutjax.codec import exif as exif_codec
from lutjax.codec import exif_cleaning, fields, payload
from lutjax.data import decoders, encoders, exr, jxl, listing, plain_pictures

# Format by extension.
EXTENSIONS = {
  '.png': 'PNG',
  '.tif': 'TIFF',
  '.tiff': 'TIFF',
  '.jpg': 'JPEG',
  '.jpeg': 'JPEG',
  '.webp': 'WebP',
  '.avif': 'AVIF',
  '.jxl': 'JPEG XL',
  '.exr': 'OpenEXR',
  '.bmp': 'BMP',
  '.gif': 'GIF',
  '.ppm': 'PPM',
  '.pgm': 'PPM',
}
MAX_PIXELS = decoders.MAX_PIXELS
# Bits per channel that each format that is written holds; 32 is float.
BITS = {
  'PNG': (8, 16),
  'TIFF': (8, 16, 32),
  'JPEG': (8,),
  'WebP': (8,),
  'OpenEXR': (32,),
}
_DECODERS = {
  'PNG': decoders.from_png,
  'TIFF': decoders.from_tiff,
  'JPEG': decoders.from_jpeg,
  'WebP': decoders.from_webp,
  'AVIF': decoders.from_avif,
  'JPEG XL': jxl.from_jxl,
  'OpenEXR': exr.from_exr,
  'BMP': plain_pictures.from_bmp,
  'GIF': plain_pictures.from_gif,
  'PPM': plain_pictures.from_ppm,
}
_ENCODERS = {
  'PNG': encoders.to_png,
  'TIFF': encoders.to_tiff,
  'JPEG': encoders.to_jpeg,
  'WebP': encoders.to_webp,
  'OpenEXR': exr.to_exr,
}
# Brands of what AVIF shares its container with end before.
_HEAD_BYTES = 256
# Channels that are rounded together: their doubles stay in the cache.
_ROUNDED_AT_ONCE = 1 << 15
# Rows whose floats are checked together.
_ROWS_AT_ONCE = 64
# How files start; the kinds beyond `_DECODERS` are there to be named in errors.
_SIGNATURES = (
  (b'\x89PNG\r\n\x1a\n', 'PNG'),
  (b'\xff\xd8\xff', 'JPEG'),
  (b'II*\0', 'TIFF'),
  (b'MM\0*', 'TIFF'),
  (b'II+\0', 'TIFF'),
  (b'MM\0+', 'TIFF'),
  (b'GIF8', 'GIF'),
  (b'BM', 'BMP'),
  (b'8BPS', 'Photoshop'),
  (b'v/1\x01', 'OpenEXR'),
  (b'P5', 'PPM'),
  (b'P6', 'PPM'),
  (jxl.CODESTREAM, 'JPEG XL'),
  (jxl.CONTAINER, 'JPEG XL'),
)


class Image(NamedTuple):
  """An image file's content.

  Attributes:
    pixels: `[H, W, 3|4]` uint8, uint16 or float32.
    icc: The ICC profile.
    exif: The EXIF stream, starting with its byte order mark.
    annotations: What else the file says: colour chunks, text, XMP, IPTC, resolution.
    lossless: Whether it comes from a file without loss and is to stay exact
      wherever the format can.
    compressed: Whether its pixels are compressed; a TIFF file that is not stays so.
  """

  pixels: np.ndarray
  icc: bytes | None = None
  exif: bytes | None = None
  annotations: annotations_lib.Annotations = annotations_lib.Annotations()
  lossless: bool = False
  compressed: bool = True


def read(
  path: str | os.PathLike, *, convert: bool = False, say: Callable[[str], None] = print
) -> Image:
  """Reads an image file.

  Args:
    path: The file; its extension must tell its format.
    convert: Whether grey, palette, CMYK and premultiplied images are turned
      into RGB with straight alpha (with a message) instead of refused.
    say: Gets one line for each thing that is converted or left out.

  Returns:
    The image.

  Raises:
    ImageError: one line, if the file is missing, damaged, of another kind,
      larger than `MAX_PIXELS`, or holds NaN or infinity.
  """
  path = urls.path(path)
  want = _format_of(path, str(path))
  with (
    files.opened(path, error=errors.ImageError) as file,
    _naming(str(path), 'cannot be read', OSError),
  ):
    return _decode(file, str(path), want=want, convert=convert, say=say)


def decode(
  content: bytes,
  source: str = 'image',
  *,
  want: str | None = None,
  convert: bool = False,
  say: Callable[[str], None] = print,
) -> Image:
  """Decodes the content of an image file.

  Args:
    content: The file.
    source: Named in errors.
    want: The format to insist on, a value of `EXTENSIONS`.
    convert: See `read`.
    say: See `read`.

  Returns:
    The image.

  Raises:
    ImageError: see `read`.
  """
  file = io.BytesIO(content)
  return _decode(file, source, want=want, convert=convert, say=say)


def _decode(
  file: BinaryIO,
  source: str,
  *,
  want: str | None,
  convert: bool,
  say: Callable[[str], None],
) -> Image:
  found = _kind_of(files.read_at(file, 0, _HEAD_BYTES))
  file.seek(0)
  if found not in _DECODERS or want not in (None, found):
    raise errors.ImageError(
      f'{source}: found {found} content, expected {want or ", ".join(_DECODERS)}'
    )
  # On broken content the decoders raise whatever comes to their minds.
  with _naming(source, f'found {found} content that does not decode', Exception):
    decoded = _without_payload(_DECODERS[found](file, source, say))
    decoded = decoders.to_rgb(decoded, source, convert=convert, say=say)
  if decoded.pixels.ndim != 3 or decoded.pixels.shape[2] not in (3, 4):
    raise errors.ImageError(
      f'{source}: found pixels {decoded.pixels.shape}, expected 3 or 4 channels'
    )
  _check_finite(decoded.pixels, source)
  return Image(
    decoded.pixels,
    decoded.icc,
    decoded.exif,
    decoded.annotations,
    decoded.lossless,
    decoded.compressed,
  )


def write(
  path: str | os.PathLike,
  image: Image,
  *,
  quality: int = 95,
  overwrite: bool = True,
  say: Callable[[str], None] = print,
) -> None:
  """Writes an image file, whole or not at all.

  Args:
    path: The file; its extension gives the format.
    image: What to write; no colour is rounded or dropped to make it fit.
    quality: See `encode`.
    overwrite: Whether a file that is there may be replaced.
    say: See `encode`.

  Raises:
    ImageError: if the format cannot hold the image; `InputError` if the file
      cannot be written.
  """
  path = pathlib.Path(path)
  kind = _format_of(path, str(path))
  content, dropped = _checked(image, kind, str(path))
  with (
    files.replacing(path, overwrite=overwrite) as temporary,
    open(temporary, 'w+b') as file,
  ):
    _put(content, kind, file, quality, image.lossless, str(path))
  _tell_dropped(dropped, str(path), say)


def encode(
  image: Image,
  kind: str,
  source: str = 'image',
  *,
  quality: int = 95,
  say: Callable[[str], None] = print,
) -> bytes:
  """Encodes an image.

  PNG and TIFF are exact. JPEG keeps full colour resolution (4:4:4); WebP is
  exact at quality 100, and at any for an image that is `lossless`.

  Thumbnails and previews, which show other colours, are taken out of EXIF, XMP and
  IPTC without a word; fields of EXIF that describe the storage are renewed.

  Args:
    image: What to encode.
    kind: The format, a key of `BITS`.
    source: Named in errors.
    quality: Of JPEG and WebP, 1 to 100.
    say: Gets one line that names what the format cannot hold beside the pixels.

  Returns:
    The content of a file.

  Raises:
    ImageError: if the format cannot hold the depth, the alpha channel or the
      size, or if a float is NaN or infinite.
  """
  content, dropped = _checked(image, kind, source)
  file = io.BytesIO()
  _put(content, kind, file, quality, image.lossless, source)
  _tell_dropped(dropped, source, say)
  return file.getvalue()


def _checked(
  image: Image, kind: str, source: str
) -> tuple[encoders.Content, list[str]]:
  """Returns what a format holds of an image, and the names of what it does not."""
  if kind not in BITS:
    raise errors.ImageError(
      f'{source}: {kind} is read but not written, expected {", ".join(BITS)}'
    )
  pixels = image.pixels
  if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or not pixels.size:
    raise ValueError(f'Expected pixels [H, W, 3 or 4], got {pixels.shape}.')
  bits = {'uint8': 8, 'uint16': 16, 'float32': 32}.get(pixels.dtype.name)
  if bits not in BITS[kind]:
    held = ' or '.join(map(str, BITS[kind]))
    raise errors.ImageError(
      f'{source}: found {pixels.dtype} pixels, expected {held} bits for {kind}'
    )
  if kind == 'JPEG' and pixels.shape[2] == 4:
    raise errors.ImageError(
      f'{source}: found an alpha channel, which JPEG cannot hold, expected PNG, TIFF '
      'or WebP'
    )
  _check_finite(pixels, source)
  with _naming(source, f'cannot be encoded as {kind}', ValueError):
    return _fitted(image, kind)


def _put(
  content: encoders.Content,
  kind: str,
  file: BinaryIO,
  quality: int,
  lossless: bool,
  source: str,
) -> None:
  with _naming(source, f'cannot be encoded as {kind}', ValueError):
    try:
      _ENCODERS[kind](content, file, quality, lossless)
    except OSError as error:
      if error.errno is not None:
        raise  # What the system says of the file; encoders give no number.
      raise ValueError(str(error)) from error


def _tell_dropped(
  dropped: Sequence[str], source: str, say: Callable[[str], None]
) -> None:
  if dropped:
    say(f'{source}: dropped: {annotations_lib.listed(dropped)}')


def recoloured(image: Image, pixels: np.ndarray, icc: bytes) -> Image:
  """Returns the same picture in another colour space.

  Args:
    image: The picture as it was read.
    pixels: Its pixels in the new space.
    icc: The profile of that space, which takes the place of colour chunks.

  Returns:
    The picture with its EXIF, text, XMP, IPTC and resolution; without a payload, whose
    colours it either has got or has not.
  """
  lost = tuple(
    name for name in image.annotations.lost if name != annotations_lib.PAYLOAD
  )
  annotations = image.annotations._replace(colour=(), lost=lost)
  return Image(pixels, icc, image.exif, annotations)


def to_float(pixels: np.ndarray) -> np.ndarray:
  """Returns float32 in [0, 1] for integers of full scale, floats as they are."""
  if pixels.dtype.kind == 'f':
    return pixels.astype(np.float32)
  return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_float(pixels: np.ndarray, bits: int, *, source: str = 'image') -> np.ndarray:
  """Rounds colours to codes, the exact inverse of `to_float` on them.

  Args:
    pixels: Float, any shape; 0 and 1 are the ends of the scale.
    bits: 8 or 16 (clamped and rounded to the nearest code), or 32 (kept).
    source: Named in errors.

  Returns:
    uint8, uint16 or float32.

  Raises:
    ValueError: on other bits.
    ImageError: if there is a NaN to round.
  """
  if bits == 32:
    return pixels.astype(np.float32)
  if bits not in (8, 16):
    raise ValueError(f'Expected 8, 16 or 32 bits, got {bits}.')
  if np.isnan(pixels).any():
    raise errors.ImageError(
      f'{source}: found NaN in colours, expected numbers to round to {bits} bits'
    )
  codes = np.empty(pixels.size, np.uint8 if bits == 8 else np.uint16)
  flat = pixels.reshape(-1)
  top = 2.0**bits - 1.0
  # In double, since a float32 product may be rounded onto a half.
  scaled = np.empty(min(flat.size, _ROUNDED_AT_ONCE))
  for start in range(0, flat.size, _ROUNDED_AT_ONCE):
    part = flat[start : start + _ROUNDED_AT_ONCE]
    held = scaled[: part.size]
    np.multiply(part, top, out=held, dtype=np.float64)
    np.rint(np.clip(held, 0.0, top, out=held), out=held)
    np.copyto(codes[start : start + part.size], held, casting='unsafe')
  return codes.reshape(pixels.shape)


def find_images(
  patterns: Sequence[str], *, say: Callable[[str], None] = print
) -> list[listing.Found]:
  """Lists image files by name, folder or glob (see `listing.find`).

  Args:
    patterns: Files, folders and globs.
    say: Told what is skipped.
  """
  return listing.find(patterns, EXTENSIONS, error=errors.ImageError, say=say)


def _format_of(path: pathlib.Path, source: str) -> str:
  kind = EXTENSIONS.get(path.suffix.lower())
  if kind is None:
    raise errors.ImageError(
      f'{source}: found extension {path.suffix!r}, expected one of '
      f'{" ".join(EXTENSIONS)}'
    )
  return kind


def _kind_of(content: bytes) -> str:
  if not content:
    return 'no'
  if content[:4] == b'RIFF' and content[8:12] == b'WEBP':
    return 'WebP'
  if content[4:8] == b'ftyp':
    brands = content[8 : min(int.from_bytes(content[:4], 'big'), 256)]
    return 'AVIF' if b'avif' in brands else 'HEIF'
  kinds = (kind for signature, kind in _SIGNATURES if content.startswith(signature))
  return next(kinds, 'foreign')


def _without_payload(found: decoders.Decoded) -> decoders.Decoded:
  """Takes the payload of wide-gamut colours out of EXIF and names it."""
  if found.exif is None:
    return found
  exif = fields.without_blob(found.exif, payload.MAGIC)
  if exif == found.exif:
    return found
  lost = tuple(dict.fromkeys((*found.annotations.lost, annotations_lib.PAYLOAD)))
  return found._replace(exif=exif, annotations=found.annotations._replace(lost=lost))


def _fitted(image: Image, kind: str) -> tuple[encoders.Content, list[str]]:
  """Returns what a format holds of an image, and names of what it does not."""
  if kind == 'OpenEXR':
    held = (image.icc, 'ICC profile'), (image.exif, 'EXIF')
    names = [name for part, name in held if part is not None]
    found = image.annotations
    rest = (found.colour, found.text, found.xmp, found.resources, found.resolution)
    names += ['text, XMP, IPTC, resolution or colour chunks'] * any(rest)
    names += found.lost
    empty = annotations_lib.Annotations()
    return encoders.Content(image.pixels, None, None, empty), names
  exif, unread = image.exif, []
  if exif is not None and exif_codec.byte_order(exif) is None:
    exif, unread = None, ['EXIF (damaged)']
  height, width = image.pixels.shape[:2]
  if exif is not None:
    exif = exif_cleaning.clean(exif, kind=kind, height=height, width=width)
  annotations, exif, dropped = annotations_lib.fit(image.annotations, exif, kind)
  content = encoders.Content(
    image.pixels, image.icc, exif, annotations, image.compressed
  )
  return content, unread + dropped


@contextlib.contextmanager
def _naming(source: str, problem: str, *kinds: type[Exception]) -> Generator[None]:
  try:
    yield
  except errors.InputError:
    raise
  except kinds as error:
    reason = ' '.join(str(error).split())[:120] or type(error).__name__
    raise errors.ImageError(f'{source}: {problem}: {reason}') from error


def _check_finite(pixels: np.ndarray, source: str) -> None:
  if pixels.dtype.kind != 'f':
    return
  parts = (
    pixels[at : at + _ROWS_AT_ONCE] for at in range(0, len(pixels), _ROWS_AT_ONCE)
  )
  if not all(np.isfinite(part).all() for part in parts):
    finite = np.isfinite(pixels)
    row, column, channel = np.unravel_index(np.argmin(finite), pixels.shape)
    raise errors.ImageError(
      f'{source}: found {pixels[row, column, channel]} at row {row}, column {column} '
      f'and {finite.size - np.count_nonzero(finite)} such values in all, expected '
      'finite colours'
    )
