"""Preparing a wide-gamut image: its sRGB reduction and the samples to fit."""

import pathlib
from typing import NamedTuple

import numpy as np

from lutjax.color import profiles
from lutjax.data import images
from lutjax.nn import encodings
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import recovery
from lutjax.systems.gamut_mlp import sources as gamut_sources

# Clipped pixels that candidates are compared on; all of them in most images.
_CHOICE = 1 << 21
# Pixels that tell how large the error of the others is.
_OTHERS = 1 << 16


class Prepared(NamedTuple):
  """An image, reduced.

  Attributes:
    encoded: `[H, W, 3]` uint16 or float32, ROMM-encoded ProPhoto.
    codes: `[H, W, 3]` uint8, as a reader of `content` will find them.
    content: The sRGB file, still without payload.
    index: Flat numbers of the clipped pixels, ascending; a spread-out
      selection where they are too many.
    share: How many clipped pixels one of them stands for.
    rest: Squared error of all pixels that are not clipped, which no code changes;
      estimated in large images.
    samples: Colours, codes and position_features of a pixel for each of its clipped
      channels, those of R first, then G and B, padded; and where each ends.
    bounds: `(low, high)` of a soft clip, or None.
    space: What the colours of the source were.
    rounding: See `sources.Source`.
  """

  encoded: np.ndarray
  codes: np.ndarray
  content: bytes
  index: np.ndarray
  share: float
  rest: float
  samples: tuple[np.ndarray, ...]
  bounds: tuple[float, float] | None = None
  space: str = ''
  rounding: float | None = None


def prepare(
  programs: gamut_programs.Programs,
  path: pathlib.Path,
  kind: str,
  quality: int,
  quantiser: recovery.Quantiser,
  *,
  soft: bool = False,
  strict: bool = False,
  space: gamut_sources.Space = 'auto',
) -> Prepared:
  """Reads an image and reduces it to sRGB.

  Args:
    programs: Compiled programs.
    path: A wide-gamut image.
    kind: Format of the reduced file.
    quality: Of JPEG and WebP.
    quantiser: See `recovery.reduce`.
    soft: Whether colours are clipped softly, which changes the visible image.
    strict: Whether a strict guard asks for as many samples as can be had.
    space: See `sources.read`.

  Raises:
    ImageError: if it cannot be read, is no wide-gamut image, or does not fit the
      format.
  """
  image, space_found, rounding = gamut_sources.read(path, space)
  encoded = np.ascontiguousarray(image.pixels[..., :3])
  flat = encoded.reshape(-1, 3)
  bounds = programs.soft_bounds(flat) if soft else None
  codes = programs.reduce(flat, quantiser, bounds).reshape(encoded.shape)
  pixels = codes
  if image.pixels.shape[2] == 4:
    alpha = images.from_float(images.to_float(image.pixels[..., 3:]), 8)
    pixels = np.concatenate([codes, alpha], axis=-1)
  reduced = images.recoloured(image, pixels, profiles.icc_profile('srgb'))
  content = images.encode(reduced, kind, str(path), quality=quality)
  if kind == 'JPEG' or (kind == 'WebP' and quality < 100):
    found = images.decode(content, str(path)).pixels[..., :3]
    codes = np.ascontiguousarray(found)
  most = gamut_programs.SAMPLES[-1 if strict else -2]
  return Prepared(
    encoded,
    codes,
    content,
    *_gather(programs, encoded, codes, most),
    bounds,
    space_found,
    rounding,
  )


def thin(index: np.ndarray, limit: int) -> np.ndarray:
  """Thins an array to at most `limit` entries, evenly spaced.

  Args:
    index: `[n]`, any numbers.
    limit: At least 1.
  """
  return index if len(index) <= limit else index[_spread(len(index), limit)]


def _gather(
  programs: gamut_programs.Programs, encoded: np.ndarray, codes: np.ndarray, most: int
) -> tuple[np.ndarray, float, float, tuple[np.ndarray, ...]]:
  """Returns `Prepared.index`, `share`, `rest` and `samples`."""
  every = gamut_programs.clipped(codes)
  index = thin(every, _CHOICE)
  share = len(every) / max(len(index), 1)
  kept = codes.reshape(-1, 3)[index]
  sided = thin(np.flatnonzero(((kept == 0) | (kept == 255)).T), most)
  channel, pixel = np.divmod(sided, max(len(index), 1))
  padded = next(n for n in gamut_programs.SAMPLES if n >= len(sided))
  arrays = (
    images.to_float(encoded.reshape(-1, 3)[index[pixel]]),
    kept[pixel],
    gamut_programs.position_features(index, codes)[pixel],
  )
  filled = [gamut_programs.pad(array, padded) for array in arrays]
  ends = np.searchsorted(channel, np.arange(3), side='right').astype(np.int32)
  return index, share, _rest(programs, encoded, codes), (*filled, ends)


def _rest(
  programs: gamut_programs.Programs, encoded: np.ndarray, codes: np.ndarray
) -> float:
  picked = _spread(encoded[..., 0].size, _OTHERS)
  few = codes.reshape(-1, 3)[picked]
  kept = ~((few + np.uint8(1)) < 2).any(axis=-1)
  few, want = few[kept], encoded.reshape(-1, 3)[picked[kept]]
  square = programs.square_errors(programs.expand(few), want)[:, 0]
  return float(square.sum(dtype=np.float64)) * encoded[..., 0].size / len(picked)


def _spread(count: int, limit: int) -> np.ndarray:
  if count <= limit:
    return np.arange(count)
  jitter = encodings.hash_counters(0, np.arange(limit)) / 2.0**32
  return ((np.arange(limit) + jitter) * (count / limit)).astype(np.int64)
