"""Restoring images and folders of images: larger, or without noise or JPEG blocks."""

import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from lutjax import artefacts, errors
from lutjax.codec import annotations
from lutjax.commands import image_batch
from lutjax.data import images, resize, transfer_characteristics

Restored = Callable[[np.ndarray], np.ndarray]


def restore_images(
  model: artefacts.Opened,
  patterns: Sequence[str],
  out: str | os.PathLike,
  *,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Restores images and writes them under their own names.

  Each channel goes through the model on its own; of a grey picture it is one. Alpha
  passes through, and where the picture grows it is enlarged by `resize.enlarge`. The
  ICC profile, EXIF, XMP, IPTC, text and the pixels per inch are kept as `apply` keeps
  them; sizes in pixels that EXIF and XMP state are put right.

  Args:
    model: From `selection.find_restorer`.
    patterns: Files, folders, globs.
    out: A folder, or a file when there is one image; see `image_batch.find`.
    overwrite: Whether files that are there may be replaced.
    say: Told of what is skipped, converted or dropped.

  Returns:
    One line per image that failed, such as one that has more than 8 bits.

  Raises:
    InputError: when there is no image.
    ValueError: when the model does not restore pictures.
  """
  items = image_batch.find(patterns, out, say=say)
  loaded = model.loaded
  restorer = loaded.model.restorer
  if restorer is None:
    raise ValueError(f'Expected a model that restores pictures, got {model.path}.')
  scale = restorer.degradation(loaded.config).scale
  process = restorer.process(loaded.config, loaded.variables)

  def restore(source: pathlib.Path, image: images.Image) -> image_batch.Changed:
    _check(source, image.pixels, scale)
    transfer = transfer_characteristics.describe(image)
    if transfer is not None:
      say(
        f'{source}: says that it is {transfer}; restored as it is, by a model for '
        'codes like those of sRGB'
      )
    return image_batch.Changed(
      _with_pixels(image, restored(process, image.pixels, scale))
    )

  return image_batch.rewrite(items, restore, overwrite=overwrite, say=say)


def restored(process: Restored, pixels: np.ndarray, scale: int) -> np.ndarray:
  """Restores the colours of a picture, and enlarges its alpha.

  Args:
    process: From `types.Restorer`.
    pixels: `[H, W, 3]` uint8, or `[H, W, 4]` with alpha.
    scale: How many times larger the result is.

  Returns:
    `[scale H, scale W, 3 or 4]` uint8.
  """
  colours, alpha = pixels[..., :3], pixels[..., 3:]
  if (colours == colours[..., :1]).all():
    # What a model makes of a channel does not depend on the others.
    larger = np.repeat(process(np.ascontiguousarray(colours[..., :1])), 3, axis=-1)
  else:
    larger = process(np.ascontiguousarray(colours))
  if not alpha.size:
    return larger
  return np.concatenate([larger, resize.enlarge(alpha, scale)], axis=-1)


def _check(source: pathlib.Path, pixels: np.ndarray, scale: int) -> None:
  """Raises an `ImageError` for what a model of codes of 8 bits cannot take."""
  if pixels.dtype != np.uint8:
    found = '16-bit' if pixels.dtype == np.uint16 else 'float'
    raise errors.ImageError(
      f'{source}: found {found} pixels, expected 8 bits: models that restore pictures '
      'are tables of 8-bit codes'
    )
  height, width = pixels.shape[:2]
  if height * width * scale**2 > images.MAX_PIXELS:
    raise errors.ImageError(
      f'{source}: found {width} x {height} pixels, which become more than '
      f'{images.MAX_PIXELS:,} at x{scale}'
    )


def _with_pixels(image: images.Image, pixels: np.ndarray) -> images.Image:
  """Returns an image with other pixels, whose number it states."""
  if pixels.shape != image.pixels.shape:
    said = annotations.with_size(image.annotations, *pixels.shape[:2])
    image = image._replace(annotations=said)
  return image._replace(pixels=pixels)
