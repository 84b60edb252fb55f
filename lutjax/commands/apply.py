"""Applying a look to images and folders of images."""

import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, systems
from lutjax.commands import image_batch, look_files, look_parts, pixel_blocks, video
from lutjax.data import images, transfer_characteristics
from lutjax.fit import mesh
from lutjax.looks import decoding
from lutjax.lut import chain as chain_lib
from lutjax.lut import host, interpolate, lattice
from lutjax.types import Array

Mapped = Callable[[np.ndarray], np.ndarray]

# Pixels of an image that a lattice is compared with its network on, about.
_COLOURS = 1 << 16


def applier(lut: lattice.Lut, *, interpolation: str, strength: float) -> Mapped:
  """Returns the function that maps the pixels of one image through a LUT.

  Args:
    lut: 3D, read at its own nodes, curves and domain.
    interpolation: Name in `interpolate.METHODS`.
    strength: 0 keeps the image, 1 gives the look, in between mixes.

  Returns:
    `[H, W, 3]` float32 to the same, by a kernel, or else through one compiled program
    for images of all sizes and LUTs of one size.

  Raises:
    InputError: on curves alone to be read to the nearest.
  """
  if interpolation == 'nearest' and lattice.is_curves(lut):
    raise errors.InputError(
      '--interpolation=nearest: found curves alone, which are read linearly'
    )
  by_kernel = host.mapper(lut, method=interpolation, strength=strength)
  if by_kernel is not None:
    return by_kernel
  placed = jax.tree.map(jnp.asarray, lut)
  return _in_blocks(functools.partial(_graded, placed, method=interpolation), strength)


def exact_applier(network: Callable[[Array], Array], *, strength: float) -> Mapped:
  """Returns the function that evaluates a network at each pixel of an image.

  Args:
    network: `[P, 3]` to `[P, 3]` float32.
    strength: See `applier`.

  Returns:
    As `applier` does.
  """

  @jax.jit
  def block(rgb: Array, strength: Array) -> Array:
    # What a network holds for a chunk stays in the cache.
    parts = rgb.reshape(-1, interpolate.CHUNK, 3)
    return _mixed(rgb, jax.lax.map(network, parts).reshape(rgb.shape), strength)

  return _in_blocks(block, strength)


@functools.partial(jax.jit, static_argnames='method')
def _graded(lut: lattice.Lut, rgb: Array, strength: Array, *, method: str) -> Array:
  return _mixed(rgb, interpolate.apply(lut, rgb, method=method), strength)


def _mixed(rgb: Array, graded: Array, strength: Array) -> Array:
  mixed = rgb + strength * (graded - rgb)
  return jnp.where(strength == 1.0, graded, mixed)


def _in_blocks(block: Callable[[Any, Array], Array], strength: float) -> Mapped:
  """Returns what maps images of all sizes through one compiled program."""
  share = jnp.float32(strength)

  return lambda rgb: pixel_blocks.mapped(lambda part: block(part, share), rgb)


def apply_to_images(
  look: look_files.Look,
  patterns: Sequence[str],
  out: str | os.PathLike,
  *,
  interpolation: str = 'tetrahedral',
  strength: float = 1.0,
  decode: str = 'lattice',
  only: str | None = None,
  bits: int | None = None,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Applies a look to images and writes them under their own names.

  A LUT file is read at its own nodes; a chain of steps is exact. A model is decoded
  to a lattice of 65 nodes per axis, and what that is off the network on the colours of
  each image is said; or the network is asked for every pixel.

  Alpha passes through; the bit depth, the ICC profile, EXIF, XMP, IPTC, text and
  resolution are kept where the format can, and what cannot be kept is named.
  Lossless WebP stays lossless. Thumbnails, which show the ungraded picture, go.
  A picture that says that it is PQ, HLG or linear is graded as asked, and named.

  Args:
    look: From `selection.named_looks`.
    patterns: Files, folders, globs.
    out: A folder, which gets the relative path of each image; or a file with
      the extension of an image when there is one image.
    interpolation: Name in `interpolate.METHODS`.
    strength: See `applier`.
    decode: `lattice`, or `exact` for the network at every pixel.
    only: Of `look_parts.PARTS`, the part of the look that is taken; None is all of it.
    bits: 8 or 16; None keeps the depth of each image.
    overwrite: Whether files that are there may be replaced.
    say: Told of what is skipped, and of the error of a decoded lattice.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when there is no image, or a flag does not fit.
  """
  check_options(strength=strength, bits=bits)
  items = image_batch.find(patterns, out, say=say)
  function, network = _functions(look, interpolation, strength, decode, only)
  # A LUT file on pictures that keep their depth: no copy in float32.
  direct = None
  if look.own is not None and network is None and only is None:
    direct = host.mapper(
      look.own,
      method=interpolation,
      strength=strength,
      # Several pictures are graded beside each other.
      threads=mesh.host_cores() if len(items) == 1 else 1,
      in_place=True,
    )

  def grade(source: pathlib.Path, image: images.Image) -> image_batch.Changed:
    tell_transfer(source, image, say)
    if direct is not None and bits in (None, 8 * image.pixels.dtype.itemsize):
      return image_batch.Changed(image._replace(pixels=direct(image.pixels)))
    rgb = images.to_float(image.pixels[..., :3])
    graded = function(rgb)
    if only is not None:
      tell_outside(source, image, rgb, graded, bits, only, say)
    if network is not None:
      say(f'{source}: {_decoding_error(image, graded, network)}')
    return image_batch.Changed(with_colours(image, graded, bits))

  return image_batch.rewrite(items, grade, overwrite=overwrite, say=say)


def apply_to_video(
  look: look_files.Look,
  source: str,
  out: str,
  *,
  interpolation: str = 'tetrahedral',
  strength: float = 1.0,
  decode: str = 'lattice',
  only: str | None = None,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> None:
  """Applies a look to every frame of a video, see `video.grade`.

  Args:
    look: From `selection.named_looks`.
    source: The video.
    out: The video that is written.
    interpolation: Name in `interpolate.METHODS`.
    strength: See `applier`.
    decode: See `apply_to_images`.
    only: See `apply_to_images`.
    overwrite: Whether a file that is there may be replaced.
    say: Told what is assumed or changed.

  Raises:
    InputError: when the video cannot be read or written, or a flag does not fit.
  """
  check_options(strength=strength, bits=None)
  direct = None
  if look.own is not None and only is None:
    direct = host.mapper(look.own, method=interpolation, strength=strength)
  if direct is not None:
    video.grade(source, out, direct, overwrite=overwrite, say=say)
    return
  function, network = _functions(look, interpolation, strength, decode, only)
  outside = pixels = 0

  def change(frame: np.ndarray) -> np.ndarray:
    nonlocal outside, pixels, network
    rgb = images.to_float(frame)
    graded = function(rgb)
    if network is not None:
      first = _decoding_error(images.Image(frame), graded, network)
      say(f'{source}, first frame: {first}')
      network = None
    if only is not None:
      outside += look_parts.outside(rgb, graded)
      pixels += rgb.size // 3
    return images.from_float(graded, 16)

  video.grade(source, out, change, overwrite=overwrite, say=say)
  if only is not None:
    look_parts.tell_outside(source, outside, pixels, only, say)


def expand(
  patterns: Sequence[str], out: str | os.PathLike, *, space: str, **options: Any
) -> Sequence[str]:
  """Writes the wide-gamut images of sRGB files with a payload.

  Args:
    patterns: Files, folders, globs.
    out: See `apply_to_images`.
    space: Of the output, one of `types.ImageFiles.spaces`.
    **options: Of `types.ImageFiles.expand`.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when there is no image, or a flag does not fit.
  """
  held = systems.image_files()
  if held is None:
    raise errors.InputError('--expand: found no system that reads payloads')
  if space not in held.spaces:
    raise errors.InputError(
      f'--space={space}: expected one of {", ".join(held.spaces)}'
    )
  return held.expand(patterns, out, space=space, **options)


def check_options(*, strength: float, bits: int | None) -> None:
  """Raises an `InputError` where an image cannot be graded so.

  Args:
    strength: See `applier`; a number of 0 or more.
    bits: Of the images that are written: 8, 16, or None for their own.
  """
  if bits not in (None, 8, 16):
    raise errors.InputError(f'--bits={bits}: expected 8 or 16')
  if not 0.0 <= strength < float('inf'):
    raise errors.InputError(f'--strength={strength}: expected a number of 0 or more')


def tell_transfer(
  source: pathlib.Path, image: images.Image, say: Callable[[str], None]
) -> None:
  """Says where an image has other light than looks expect.

  Args:
    source: Its file.
    image: The image as it was read.
    say: Told, or not.
  """
  transfer = transfer_characteristics.describe(image)
  if transfer is not None:
    say(
      f'{source}: says that it is {transfer}; graded as it is, by a look for codes '
      'like those of sRGB'
    )


def tell_outside(
  source: pathlib.Path,
  image: images.Image,
  rgb: np.ndarray,
  graded: np.ndarray,
  bits: int | None,
  only: str,
  say: Callable[[str], None],
) -> None:
  """Says how many pixels of an image leave [0, 1] by a part of a look.

  Args:
    source: Its file.
    image: The image as it was read.
    rgb: `[H, W, 3]` float, its colours.
    graded: `[H, W, 3]` float, what they become.
    bits: See `check_options`.
    only: Of `look_parts.PARTS`.
    say: Told, or not.
  """
  kept = image.pixels.dtype == np.float32 and bits is None
  count = look_parts.outside(rgb, graded)
  look_parts.tell_outside(source, count, rgb.size // 3, only, say, kept=kept)


def with_colours(
  image: images.Image, graded: np.ndarray, bits: int | None
) -> images.Image:
  """Returns an image with other colours, at its own depth or another.

  Args:
    image: The image as it was read; its alpha is kept.
    graded: `[H, W, 3]` float32.
    bits: See `check_options`.
  """
  pixels: Any = image.pixels
  if pixels.dtype == np.float32 and bits is None:
    colours: np.ndarray = graded
  else:
    colours = images.from_float(graded, bits or pixels.dtype.itemsize * 8)
  if pixels.shape[-1] == 4:
    alpha = pixels[..., 3:]
    if alpha.dtype != colours.dtype:
      alpha = images.from_float(images.to_float(alpha), bits or 16)
    colours = np.concatenate([colours, alpha], axis=-1)
  return image._replace(pixels=colours)


def _functions(
  look: look_files.Look,
  interpolation: str,
  strength: float,
  decode: str,
  only: str | None,
) -> tuple[Mapped, Mapped | None]:
  """Returns what maps pixels, and the network that a lattice is compared with."""
  network = None
  if look.chain is not None:
    steps = functools.partial(chain_lib.apply, look.chain, method=interpolation)
    return look_parts.applier(exact_applier(steps, strength=strength), only), None
  if look.network is not None:
    network = look_parts.applier(exact_applier(look.network, strength=strength), only)
  if decode == 'exact':
    if network is None:
      raise errors.InputError('--decode=exact: found no network, expected --model')
    return network, None
  lut = look.own if look.own is not None else look.decode(decoding.APPLY_SIZE)
  function = applier(lut, interpolation=interpolation, strength=strength)
  return look_parts.applier(function, only), network


def _decoding_error(image: images.Image, graded: np.ndarray, network: Mapped) -> str:
  """Reports the error of a lattice against the network, on colours of an image."""
  rgb = image.pixels[..., :3].reshape(-1, 3)
  step = -(-len(rgb) // _COLOURS)
  want = network(images.to_float(rgb[::step]))
  gap = 255.0 * np.abs(graded.reshape(-1, 3)[::step] - want)
  return (
    f'the {decoding.APPLY_SIZE}^3 lattice is off the network by {gap.mean():.2g} of '
    f'255 on average, {gap.max():.2g} at most (of {len(want):,} pixels)'
  )
