"""A LUT over images and folders of images."""

import collections
import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, progress
from lutjax.data import images
from lutjax.lut import interpolate, lattice

# Pixels per device program: one program for images of every size.
_BLOCK = 1 << 19


def applier(
  lut: lattice.Lut, *, interpolation: str, strength: float
) -> Callable[[np.ndarray], np.ndarray]:
  """Returns the function that maps the pixels of one image.

  Args:
    lut: 3D.
    interpolation: Name in `interpolate.METHODS`.
    strength: 0 keeps the image, 1 gives the look, in between mixes.

  Returns:
    `[H, W, 3]` float32 to the same, through one compiled program for images
    of all sizes.

  Raises:
    InputError: on a strength that is no number of 0 or more.
  """
  if not 0.0 <= strength < float('inf'):
    raise errors.InputError(f'--strength={strength}: expected a number of 0 or more')

  @jax.jit
  def block(lut: lattice.Lut, rgb: jax.Array) -> jax.Array:
    mapped = interpolate.apply(lut, rgb, method=interpolation)
    return mapped if strength == 1.0 else rgb + strength * (mapped - rgb)

  placed = jax.tree.map(jnp.asarray, lut)

  def whole(rgb: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(rgb, np.float32).reshape(-1, 3)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _BLOCK):
      part = flat[start : start + _BLOCK]
      padded = np.pad(part, [(0, _BLOCK - len(part)), (0, 0)])
      out[start : start + _BLOCK] = np.asarray(block(placed, padded))[: len(part)]
    return out.reshape(rgb.shape)

  return whole


def apply_to_images(
  lut: lattice.Lut,
  patterns: Sequence[str],
  out: str | os.PathLike,
  *,
  interpolation: str = 'tetrahedral',
  strength: float = 1.0,
  bits: int | None = None,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Applies a LUT to images and writes them under their own names.

  Alpha passes through; the ICC profile, EXIF and the bit depth are kept where
  the format can.

  Args:
    lut: 3D.
    patterns: Files, folders, globs.
    out: A folder, which gets the relative path of each image; or a file with
      the extension of an image when there is one image.
    interpolation: Name in `interpolate.METHODS`.
    strength: See `applier`.
    bits: 8 or 16; None keeps the depth of each image.
    overwrite: Whether files that are there may be replaced.
    say: Told of what is skipped.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when there is no image, or a flag does not fit.
  """
  if bits not in (None, 8, 16):
    raise errors.InputError(f'--bits={bits}: expected 8 or 16')
  if not patterns:
    raise errors.InputError('--images: found nothing, expected files or folders')
  found = images.find_images(patterns, say=say)
  sources = {source.resolve() for source, _ in found}
  counts = collections.Counter(relative for _, relative in found)
  out = pathlib.Path(out)
  as_file = out.suffix.lower() in images.EXTENSIONS and not out.is_dir()
  if as_file and len(found) > 1:
    raise errors.InputError(
      f'--out={out}: found {len(found)} images, expected a folder for them'
    )
  function = applier(lut, interpolation=interpolation, strength=strength)

  def one(item: tuple[pathlib.Path, pathlib.Path]) -> str:
    source, relative = item
    target = out if as_file else out / relative
    try:
      if target.resolve() == source.resolve():
        raise errors.InputError(f'{source}: --out would replace the image itself')
      if counts[relative] > 1 or target.resolve() in sources:
        raise errors.InputError(
          f"{source}: {target} is another image's, expected a folder of its own"
        )
      if target.exists() and not overwrite:
        raise errors.InputError(f'{target}: exists already; --overwrite replaces it')
      image = images.read(source, convert=True, say=say)
      images.write(target, _mapped(image, function, bits), overwrite=overwrite)
    except errors.InputError as error:
      return str(error)
    return ''

  with concurrent.futures.ThreadPoolExecutor(2) as pool:
    lines = progress.bar(
      pool.map(one, found), total=len(found), unit='image', disable=len(found) < 2
    )
    return [line for line in lines if line]


def _mapped(
  image: images.Image, function: Callable[[np.ndarray], np.ndarray], bits: int | None
) -> images.Image:
  pixels: Any = image.pixels
  mapped = function(images.to_float(pixels[..., :3]))
  if pixels.dtype == np.float32 and bits is None:
    colours: np.ndarray = mapped
  else:
    colours = images.from_float(mapped, bits or pixels.dtype.itemsize * 8)
  if pixels.shape[-1] == 4:
    alpha = pixels[..., 3:]
    if alpha.dtype != colours.dtype:
      alpha = images.from_float(images.to_float(alpha), bits or 16)
    colours = np.concatenate([colours, alpha], axis=-1)
  return image._replace(pixels=colours)
