"""BMP, GIF and PPM, which hold pixels and nothing that `apply` would keep."""

import re
from typing import BinaryIO

import numpy as np
import PIL.Image
from PIL import BmpImagePlugin, GifImagePlugin

from lutjax import errors
from lutjax.data import decoders

_GAP = rb'(?:\s|#[^\n]*\n)+'
_PPM = re.compile(_GAP.join([rb'(P[56])', rb'(\d+)', rb'(\d+)', rb'(\d+)\s']))


def from_bmp(file: BinaryIO, source: str, say: decoders.Say) -> decoders.Decoded:
  """Decodes by Pillow.

  Args:
    file: The file.
    source: Named in errors.
    say: Not used.
  """
  del say
  decoder = BmpImagePlugin.BmpImageFile(file)
  decoders.check_size(decoder.height, decoder.width, source)
  return _in_rgb(decoder)


def from_gif(file: BinaryIO, source: str, say: decoders.Say) -> decoders.Decoded:
  """Decodes the first frame by Pillow.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read.
  """
  decoder = GifImagePlugin.GifImageFile(file)
  decoders.check_size(decoder.height, decoder.width, source)
  if decoder.is_animated:
    say(f'{source}: animated, only the first frame is read')
  return _in_rgb(decoder)


def from_ppm(file: BinaryIO, source: str, say: decoders.Say) -> decoders.Decoded:
  """Decodes binary PPM and PGM of 8 or 16 bits.

  Args:
    file: The file.
    source: Named in errors.
    say: Told of a scale that is none of 8 or 16 bits.
  """
  content = file.read()
  head = _PPM.match(content)
  if head is None:
    raise errors.ImageError(f'{source}: found no header of a binary PPM')
  kind, width, height, top = head.group(1), *map(int, head.groups()[1:])
  decoders.check_size(height, width, source)
  if not 0 < top < 1 << 16:
    raise errors.ImageError(f'{source}: found a maximum of {top}, expected 1 to 65535')
  channels, stored = (3 if kind == b'P6' else 1), ('>u2' if top > 255 else 'u1')
  count = height * width * channels
  if (len(content) - head.end()) // np.dtype(stored).itemsize < count:
    raise errors.ImageError(f'{source}: found a PPM that is cut short')
  pixels = np.frombuffer(content, stored, count, head.end())
  kept = np.dtype(np.uint16 if top > 255 else np.uint8)
  whole = np.iinfo(kept).max
  if top != whole:
    say(f'{source}: its codes go to {top}, scaled to {whole}')
    wide = np.minimum(pixels.astype(np.uint32), top)
    pixels = (wide * np.uint32(whole) + top // 2) // top
  pixels = pixels.astype(kept).reshape(height, width, channels)
  colours = 'rgb' if channels == 3 else 'grey'
  return decoders.Decoded(pixels, colours, None, None, lossless=True)


def _in_rgb(decoder: PIL.Image.Image) -> decoders.Decoded:
  """Returns pixels with palettes looked up."""
  if decoder.mode in ('RGB', 'RGBA', 'L'):
    colours = 'grey' if decoder.mode == 'L' else 'rgb'
    return decoders.Decoded(np.array(decoder), colours, None, None, lossless=True)
  mode = 'RGBA' if 'transparency' in decoder.info else 'RGB'
  pixels = np.array(decoder.convert(mode))
  return decoders.Decoded(pixels, 'palette', None, None, lossless=True)
