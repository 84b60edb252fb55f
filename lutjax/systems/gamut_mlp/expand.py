"""Making wide-gamut images from sRGB files that carry a payload."""

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors, files, progress
from lutjax.codec import carriers
from lutjax.codec import payload as payload_lib
from lutjax.color import profiles, spaces
from lutjax.data import images
from lutjax.systems.gamut_mlp import codecs, decoding
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.types import Array

SPACES = ('prophoto', 'display_p3', 'adobe_rgb', 'rec2020')
_WRITTEN = {'.png': (16,), '.tif': (16, 32), '.tiff': (16, 32)}


class Opened(NamedTuple):
  """An sRGB file and what it carries.

  Attributes:
    image: The decoded file.
    payload: Its payload, or None.
    problem: Why the payload cannot be used, or nothing.
    size_bytes: Of the payload.
  """

  image: images.Image
  payload: payload_lib.Payload | None
  problem: str
  size_bytes: int


def open_image(path: pathlib.Path) -> Opened:
  """Reads a file and checks its payload against its pixels.

  Args:
    path: The file.

  Returns:
    The image; where the payload is missing, damaged or was made for other
    pixels, `problem` says so in one line.

  Raises:
    ImageError: if the file itself cannot be read.
  """
  content = files.read_bytes(path, error=errors.ImageError)
  image = images.decode(content, str(path))
  if image.pixels.dtype != np.uint8:
    raise errors.ImageError(
      f'{path}: found {image.pixels.dtype} pixels, expected an 8-bit sRGB file'
    )
  try:
    blob = carriers.extract(content, str(path))
    if blob is None:
      return Opened(image, None, f'{path}: carries no payload', 0)
    payload = payload_lib.unpack(blob, str(path))
    codecs.unpack(payload, str(path))
  except errors.ArtefactError as error:
    return Opened(image, None, str(error), 0)
  height, width = image.pixels.shape[:2]
  problem = ''
  if (width, height) != (payload.width, payload.height):
    problem = (
      f'{path}: found {width} x {height} pixels, expected {payload.width} x '
      f'{payload.height}: the file was resized or cropped after it got its payload'
    )
  elif payload_lib.check_pixels(image.pixels[..., :3]) != payload.pixel_check:
    problem = (
      f'{path}: found other pixels than those the payload was made for: the file was '
      'edited or encoded again'
    )
  return Opened(image, payload, problem, len(blob))


def expand_images(
  patterns: Sequence[str],
  out: str | os.PathLike,
  *,
  space: str = 'prophoto',
  on_mismatch: str = 'warn',
  bits: int | None = None,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Writes the wide-gamut image of each sRGB file.

  Args:
    patterns: Files, folders, globs.
    out: A folder, which gets the relative path of each image, PNG or (for
      TIFF) TIFF; or a `.png` or `.tif` file when there is one image.
    space: Of the output, a name in `SPACES`; its ICC profile is embedded.
    on_mismatch: `warn` falls back to the clip expansion where a payload is
      missing, damaged or made for other pixels; `refuse` fails the image.
    bits: 16 (default), or 32 for float TIFF.
    overwrite: Whether files that are there may be replaced.
    say: Told of what is skipped, and of each fallback.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when there is no image, or a flag does not fit.
  """
  found = images.find_images(patterns, say=say)
  out = pathlib.Path(out)
  as_file = out.suffix.lower() in images.EXTENSIONS and not out.is_dir()
  if as_file and len(found) > 1:
    raise errors.InputError(
      f'--out={out}: found {len(found)} images, expected a folder for them'
    )
  if bits not in (None, 16, 32):
    raise errors.InputError(f'--bits={bits}: expected 16 or 32')
  programs = gamut_programs.Programs(say)
  failed = []
  for source, relative in progress.bar(found, unit='image'):
    suffix = '.tif' if relative.suffix.lower() in ('.tif', '.tiff') else '.png'
    target = out if as_file else out / relative.with_suffix(suffix)
    try:
      _check_target(source, target, bits or 16, overwrite)
      opened = open_image(source)
      if opened.problem:
        if on_mismatch == 'refuse':
          raise errors.ImageError(opened.problem)
        say(f'{opened.problem}; the clip expansion is written')
      image = _expanded(programs, opened, space, bits or 16, str(source))
      images.write(target, image, overwrite=overwrite, say=say)
    except errors.InputError as error:
      failed.append(str(error))
  return failed


def describe(path: str) -> Iterator[str]:
  """Yields lines that say what a file carries, for `--info`."""
  opened = open_image(pathlib.Path(path))
  height, width = opened.image.pixels.shape[:2]
  yield f'{path}: {width} x {height} pixels'
  if opened.payload is None:
    yield f'payload: none ({opened.problem.removeprefix(f"{path}: ")})'
    return
  payload = opened.payload
  model = codecs.unpack(payload, path)
  yield f'payload: {opened.size_bytes} bytes, linear ProPhoto, codec {model.codec}'
  if model.waves is not None:
    yield f'seeded waves: {model.waves.waves}, seed {payload.seed}'
  if model.network is not None:
    network = model.network
    yield (
      f'network: {network.hidden_layers} x {network.width} {network.activation}, '
      f'{network.octaves} octaves, {network.precision}, mode {model.mode}'
    )
  if model.picture is not None:
    picture = model.picture
    yield (
      f'residual picture: {picture.kind} at 1/{picture.scale}, {picture.planes} '
      f'plane(s), {len(picture.coded)} bytes'
    )
  yield f'pixels: {opened.problem or "as they were when the payload was made"}'


def _check_target(
  source: pathlib.Path, target: pathlib.Path, bits: int, overwrite: bool
) -> None:
  held = _WRITTEN.get(target.suffix.lower(), ())
  if bits not in held:
    raise errors.InputError(
      f'{target}: expected .png (16 bits) or .tif (16 or 32) for {bits} bits'
    )
  if target.resolve() == source.resolve():
    raise errors.InputError(f'{source}: --out would replace the image itself')
  if target.exists() and not overwrite:
    raise errors.InputError(f'{target}: exists already; --overwrite replaces it')


def _expanded(
  programs: gamut_programs.Programs, opened: Opened, space: str, bits: int, source: str
) -> images.Image:
  codes = np.ascontiguousarray(opened.image.pixels[..., :3])
  model = codecs.Model()
  if opened.payload is not None and not opened.problem:
    model = codecs.unpack(opened.payload, source)
  decoder = decoding.Decoder(programs, model, codes, source)
  channels = opened.image.pixels.shape[2]
  dtype = np.uint16 if bits == 16 else np.float32
  pixels = np.empty((*codes.shape[:2], channels), dtype)
  for start, stop in decoder.bands():
    flat = decoder.band(start, stop).reshape(-1, 3)

    def encode(prophoto: Array) -> Array:
      converted = spaces.convert(prophoto, 'prophoto', space)
      return spaces.encode(converted.clip(0.0, 1.0), space)

    block = gamut_programs.BLOCK
    encoded = programs.in_blocks(('encode', space), encode, (), (flat,), block)
    colours = images.from_float(encoded, bits, source=source)
    pixels[start:stop, :, :3] = colours.reshape(stop - start, -1, 3)
  if channels == 4:
    alpha = images.to_float(opened.image.pixels[..., 3:])
    pixels[..., 3:] = images.from_float(alpha, bits)
  return images.recoloured(opened.image, pixels, profiles.icc_profile(space))
