"""OpenEXR pictures, through the OpenEXR bindings (extra `exr`).

The first part with red, green and blue is read, other parts and channels are named.
Half floats become float32. Files hold colours that are multiplied by their alpha.
"""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from lutjax import errors
from lutjax.codec import annotations as annotations_lib
from lutjax.data import decoders, encoders

# Attributes of how a picture is stored and framed.
_STORAGE = frozenset(
  {'channels', 'chunkCount', 'compression', 'dataWindow', 'displayWindow', 'lineOrder'}
  | {'maxSamplesPerPixel', 'name', 'pixelAspectRatio', 'screenWindowCenter', 'tiles'}
  | {'screenWindowWidth', 'type', 'version', 'view', 'zipCompressionLevel'}
  | {'dwaCompressionLevel'}
)
_NAMED = 6


def from_exr(file: BinaryIO, source: str, say: decoders.Say) -> decoders.Decoded:
  """Decodes the first part with colours.

  Args:
    file: The file.
    source: Named in messages and errors.
    say: Told what is not read.
  """
  library = _library(source)
  with tempfile.TemporaryDirectory(prefix='lutjax') as folder:
    path = pathlib.Path(folder, 'picture.exr')
    path.write_bytes(file.read())
    with library.File(str(path), header_only=True) as head:
      windows = [part.header['dataWindow'] for part in head.parts]
    for low, high in windows:
      width, height = (int(value) + 1 for value in np.subtract(high, low))
      decoders.check_size(height, width, source)
    with library.File(str(path), separate_channels=True) as picture:
      parts = list(picture.parts)
      coloured = [part for part in parts if {'R', 'G', 'B'} <= set(part.channels)]
      if not coloured:
        names = ', '.join(name for part in parts for name in part.channels)
        raise errors.ImageError(
          f'{source}: found channels {names[:80]}, expected R, G and B'
        )
      part = coloured[0]
      left = [other.name() for other in parts if other is not part]
      left += [name for name in part.channels if name not in ('R', 'G', 'B', 'A')]
      if left:
        more = ', ...' if len(left) > _NAMED else ''
        say(f'{source}: not read: {", ".join(left[:_NAMED])}{more}')
      names = 'RGBA' if 'A' in part.channels else 'RGB'
      planes = [np.array(part.channels[name].pixels, np.float32) for name in names]
      lost = _lost(part.header)
  if len({plane.shape for plane in planes}) > 1:
    raise errors.ImageError(f'{source}: found channels of several sizes, expected one')
  colours = 'premultiplied' if len(names) == 4 else 'rgb'
  annotations = annotations_lib.Annotations(lost=lost)
  pixels = np.stack(planes, axis=-1)
  return decoders.Decoded(pixels, colours, None, None, annotations, lossless=True)


def to_exr(
  content: encoders.Content, file: BinaryIO, quality: int, lossless: bool
) -> None:
  """Encodes as float, without loss.

  Args:
    content: Pixels float32 with straight alpha.
    file: What is written to.
    quality: Not used.
    lossless: Not used.
  """
  del quality, lossless
  library = _library('OpenEXR')
  pixels = content.pixels
  if pixels.shape[2] == 4:
    pixels = np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], -1)
  name = 'RGB' if pixels.shape[2] == 3 else 'RGBA'
  header = {'compression': library.ZIP_COMPRESSION, 'type': library.scanlineimage}
  with tempfile.TemporaryDirectory(prefix='lutjax') as folder:
    path = pathlib.Path(folder, 'picture.exr')
    channels = {name: np.ascontiguousarray(pixels, np.float32)}
    with library.File(header, channels) as picture:
      picture.write(str(path))
    file.write(path.read_bytes())


def _lost(header: Mapping[str, Any]) -> tuple[str, ...]:
  """Names what a header says beside the storage, none of which is written."""
  lost = sorted(name for name in header if name not in _STORAGE)
  windows = (header.get(name) for name in ('dataWindow', 'displayWindow'))
  if len({str(np.asarray(window).tolist()) for window in windows}) > 1:
    lost.append('display window')
  if header.get('pixelAspectRatio', 1.0) != 1.0:
    lost.append('pixel aspect ratio')
  return tuple(f'EXR {name}' for name in lost)


def _library(source: str) -> Any:
  try:
    import OpenEXR  # pyrefly: ignore[missing-import]
  except ImportError as error:
    raise errors.ImageError(
      f'{source}: found no OpenEXR bindings, which read and write .exr; pip install '
      'OpenEXR (extra [exr]) brings them'
    ) from error
  return OpenEXR
