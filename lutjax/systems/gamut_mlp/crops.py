"""The crops that a meta-initialisation is trained on, and where they come from.

A folder of wide-gamut images becomes `manifest.json`: per image its digest, the
share of its pixels that are out of gamut, whether it trains or tests, and the
corners of its crops. Beside it lie a picture of every mask, a histogram of the
shares, and the crops that train, as raw 16-bit codes in one file, so that memory
does not grow with their number.
"""

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax import errors, files, progress
from lutjax.data import images, listing
from lutjax.report import plots
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import sources as gamut_sources

_THUMBNAIL = 128
# In a folder that a run owns.
_CROPS = 'checkpoints/crops.u16'


class Choice(NamedTuple):
  """Which images and crops are taken.

  Attributes:
    min_og: Least share of out-of-gamut pixels, of images and of crops.
    side: Of a crop.
    test_share: Of images, by their digests; the others train.
  """

  min_og: float
  side: int
  test_share: float


class Crops(NamedTuple):
  """What there is to train on.

  Attributes:
    encoded: `[n, side, side, 3]` uint16, ROMM-encoded, on disk.
    entries: Of the manifest, one per image.
    problems: One line per image that cannot be read.
  """

  encoded: np.ndarray
  entries: list[dict[str, Any]]
  problems: list[str]


def gather(
  programs: gamut_programs.Programs,
  found: Sequence[listing.Found],
  folder: pathlib.Path,
  choice: Choice,
) -> Crops:
  """Measures images, picks crops and writes all that describes them.

  Args:
    programs: Compiled programs.
    found: The images.
    folder: The run folder; gets `manifest.json`, `report/masks`,
      `report/shares.png` and the crops.
    choice: What is taken.

  Returns:
    The crops that train.
  """
  entries: list[dict[str, Any]] = []
  problems: list[str] = []
  path = folder / _CROPS
  path.parent.mkdir(parents=True, exist_ok=True)
  count, side = 0, choice.side
  with open(path, 'wb') as store:
    for item in progress.bar(found, unit='image'):
      try:
        pixels, rounding = _read(item.path)
      except errors.InputError as error:
        problems.append(str(error))
        continue
      mask = _outside(programs, pixels)
      picture = folder / 'report/masks' / item.relative.with_suffix('.png')
      plots.write_png(picture, _thumbnail(mask))
      entry = _entry(item.path, mask, choice) | {'rounding': rounding}
      entries.append(entry)
      if entry['used_for'] == 'train':
        for y, x in entry['crops']:
          window = pixels[y : y + side, x : x + side]
          store.write(np.ascontiguousarray(window).tobytes())
          count += 1
  manifest = {**choice._asdict(), 'train_crops': count, 'images': entries}
  files.write_text(folder / 'manifest.json', json.dumps(manifest, indent=1) + '\n')
  if entries:
    shares = np.array([entry['out_of_gamut'] for entry in entries])
    drawn = plots.histogram(
      shares, metric='share of pixels out of gamut', count='images'
    )
    plots.write_png(folder / 'report/shares.png', drawn)
  shape = (count, side, side, 3)
  empty = np.zeros(shape, np.uint16)
  encoded = np.memmap(path, np.uint16, 'r', shape=shape) if count else empty
  return Crops(encoded, entries, problems)


def positions(length: int, side: int) -> list[int]:
  """Returns the starts of evenly spaced windows that cover a length.

  Args:
    length: In pixels; nothing is returned if it is below `side`.
    side: Of a window in pixels.
  """
  if length < side:
    return []
  count = math.ceil(length / side)
  return [round(i * (length - side) / max(count - 1, 1)) for i in range(count)]


def _read(path: pathlib.Path) -> tuple[np.ndarray, float | None]:
  source = gamut_sources.read(path)
  pixels = source.image.pixels[..., :3]
  if pixels.dtype != np.uint16:
    pixels = images.from_float(pixels, 16, source=str(path))
  return np.ascontiguousarray(pixels), source.rounding


def _outside(programs: gamut_programs.Programs, pixels: np.ndarray) -> np.ndarray:
  flat = pixels.reshape(-1, 3)
  codes = programs.reduce(flat, 'round')
  measured = programs.square_errors(programs.expand(codes), flat)
  return measured[:, 2].reshape(pixels.shape[:2]) > 0


def _thumbnail(mask: np.ndarray) -> np.ndarray:
  step = max(1, max(mask.shape) // _THUMBNAIL)
  return np.repeat(mask[::step, ::step, None], 3, axis=2).astype(np.uint8) * 255


def _entry(path: pathlib.Path, mask: np.ndarray, choice: Choice) -> dict[str, Any]:
  digest = files.digest(path.read_bytes())
  tests = int(digest[:8], 16) / 2**32 < choice.test_share
  share, side = float(mask.mean()), choice.side
  corners = [
    [y, x]
    for y in positions(mask.shape[0], side)
    for x in positions(mask.shape[1], side)
    if mask[y : y + side, x : x + side].mean() >= choice.min_og
  ]
  return {
    'path': str(path),
    'digest': digest,
    'size': [mask.shape[1], mask.shape[0]],
    'out_of_gamut': share,
    'used_for': 'test' if tests else 'train',
    'crops': corners if share >= choice.min_og else [],
  }
