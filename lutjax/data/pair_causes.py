"""Causes of the error that no LUT can remove between pictures before and after.

The residual of the best colour map (`pair_floor.spread`) is tested in this order:
does it vanish when one picture is shifted (phase correlation finds by how much),
does it depend on the picture or on the position in it, does it depend on the
neighbours of a pixel, and does it jump at the edges of JPEG blocks. The rest is
noise.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from lutjax.data import pair_floor, pair_shift

Kind = Literal[
  'rounding', 'shift', 'picture', 'place', 'detail', 'jpeg', 'noise', 'noise or jpeg'
]

# dB, from which on nothing is asked.
_ROUNDING = 45.0
# A cause is named when it makes this share of the residual's squares.
_NAMED = 0.35
# From this share on no other cause is looked for.
_MOST = 0.5
# Pictures, of the largest residual, that are tried for a shift.
_MOVED = 3
# Blocks per side of a picture, their least side in pixels, and rounds of fitting
# them beside the colour map.
_BLOCKS = 16
_LEAST = 16
_ROUNDS = 4
# Radii in pixels of the means that a pixel is compared with.
_RADII = (1, 2, 4, 8, 16)
_JPEG_BLOCK = 8
# How much larger steps are at the edges of JPEG's blocks, at least.
_JUMP = 0.06


class Cause(NamedTuple):
  """The cause of a residual.

  Attributes:
    kind: `rounding` (there is hardly any), `shift`, `picture` (differs from one to
      the next), `place` (vignette, local edits), `detail` (sharpening, blur),
      `jpeg`, `noise`, or `noise or jpeg` where a JPEG shows no blocks.
    share: Of the residual's squares that it makes, 0 for the kinds without.
    shift: Where the result lies, in pixels to the right and downwards.
  """

  kind: Kind
  share: float = 0.0
  shift: tuple[int, int] = (0, 0)


class _Sample(NamedTuple):
  """Where the pixels of a spread come from, `[P]` each."""

  picture: np.ndarray
  row: np.ndarray
  column: np.ndarray


def measure(
  pictures: Sequence[pair_floor.Picture],
) -> tuple[pair_floor.Floor, Cause] | None:
  """Returns the error that no LUT can remove from pairs of one look, and its cause.

  Args:
    pictures: All pairs of the look, which one LUT is to serve.

  Returns:
    None where too few pixels have like colours.
  """
  thin = pair_floor.thinned(pictures)
  where = [np.nonzero(picture.kept) for picture in thin]
  sample = _Sample(
    np.repeat(np.arange(len(thin)), [len(rows) for rows, _ in where]),
    np.concatenate([rows for rows, _ in where]),
    np.concatenate([columns for _, columns in where]),
  )
  before = np.concatenate([picture.before[at] for picture, at in zip(thin, where)])
  after = np.concatenate([picture.after[at] for picture, at in zip(thin, where)])
  found = pair_floor.spread(before, after)
  floor = pair_floor.floor_of(found)
  if floor is None:
    return None
  if floor.psnr >= _ROUNDING:
    return floor, Cause('rounding')
  return floor, _cause(pictures, sample, before, after, found)


def describe(name: str, floor: pair_floor.Floor, cause: Cause) -> str:
  """Returns a line on a look for the console and the report.

  Args:
    name: Of the look.
    floor: Its error floor.
    cause: What the floor comes from.
  """
  if floor.psnr >= _ROUNDING:
    return f'{name}: floor {floor.psnr:.1f} dB: what no LUT can remove is negligible'
  told = '' if floor.covered > 0.5 else f', told from {floor.covered:.0%} of the pixels'
  percent = f'{100.0 * cause.share:.0f} % of it'
  words = {
    'shift': f'{percent} comes from a shift: what is after lies {cause.shift} pixels '
    'to the right and down',
    'picture': f'{percent} differs from picture to picture (no one look for all)',
    'place': f'{percent} depends on the place in the picture (vignette or local edits)',
    'detail': f'{percent} depends on the neighbouring pixels (sharpening, blur, or a '
    'shift by part of a pixel)',
    'jpeg': 'it looks like JPEG (jumps at the edges of 8 x 8 blocks)',
    'noise': 'it looks like noise',
    'noise or jpeg': 'it looks like noise or JPEG',
  }
  return (
    f'{name}: no LUT can bring these pictures closer than about {floor.psnr:.1f} '
    f'dB (mean CIE76 {floor.cie76_mean:.1f}{told}); {words[cause.kind]}'
  )


def _cause(
  pictures: Sequence[pair_floor.Picture],
  sample: _Sample,
  before: np.ndarray,
  after: np.ndarray,
  found: pair_floor.Spread,
) -> Cause:
  covered = found.weight > 0
  square = np.sum(np.square(found.residual), axis=-1, dtype=np.float64)
  per_picture = np.bincount(sample.picture, square, minlength=len(pictures))
  causes = [_shift(pictures, sample, per_picture)]
  if causes[0].share < _MOST:
    blocks = _blocks(pictures, sample, 1)
    differs = _explained(before, after, found, blocks) if len(pictures) > 1 else 0.0
    place = _explained(before, after, found, _blocks(pictures, sample, _BLOCKS))
    causes += [Cause('picture', differs), Cause('place', place - differs)]
  if max(cause.share for cause in causes) < _MOST:
    causes += [Cause('detail', _detail(pictures, sample, found))]
  best = max(causes, key=lambda cause: cause.share)
  if best.share >= _NAMED:
    return best
  if _has_blocks(pictures, sample, np.where(covered[:, None], found.residual, np.nan)):
    return Cause('jpeg')
  if any(picture.jpeg for picture in pictures):
    return Cause('noise or jpeg')
  return Cause('noise')


def _shift(
  pictures: Sequence[pair_floor.Picture], sample: _Sample, squares: np.ndarray
) -> Cause:
  """Finds by how much results are shifted, on the pictures that differ most."""
  worst = np.argsort(-squares)[:_MOVED]
  removed, shift = 0.0, (0, 0)
  for number in worst:
    at = sample.picture == number
    share, move = pair_shift.find(pictures[number], sample.row[at], sample.column[at])
    if share > 0.0:
      shift = move if removed == 0.0 else shift
      removed += share * squares[number]
  return Cause('shift', float(removed / max(squares[worst].sum(), 1e-12)), shift)


def _blocks(
  pictures: Sequence[pair_floor.Picture], sample: _Sample, most: int
) -> np.ndarray:
  """Returns the number of the block that holds each pixel, `[P]`."""
  size = np.array([picture.kept.shape for picture in pictures])[sample.picture]
  down, right = np.clip(size // _LEAST, 1, most).T
  row = sample.row * down // size[:, 0]
  column = sample.column * right // size[:, 1]
  return (sample.picture * most + row) * most + column


def _explained(
  before: np.ndarray, after: np.ndarray, found: pair_floor.Spread, block: np.ndarray
) -> float:
  """Returns the share of the squares that a gain and an offset per block explain.

  They are fitted in turn with the colour map (backfitting), since what happens to
  depend on the colour was taken off with the map.
  """
  covered = found.weight > 0
  _, block = np.unique(block[covered], return_inverse=True)
  before, rest = before[covered], after[covered]
  count = np.bincount(block)
  pixels, coefficients = len(block), 2 * len(count)
  if pixels < 8 * coefficients:
    return 0.0

  def mean(values: np.ndarray) -> np.ndarray:
    return (np.bincount(block, values) / count)[block]

  fitted, residual = found.fitted[covered], found.residual[covered]
  total = np.sum(np.square(residual), dtype=np.float64)
  for _ in range(_ROUNDS):
    for i in range(3):
      gap = fitted[:, i] - mean(fitted[:, i])
      offset = mean(residual[:, i])
      gain = mean(gap * residual[:, i]) / (mean(gap * gap) + 1e-6)
      rest[:, i] -= offset + gain * gap
    fitted, residual, _ = pair_floor.spread(before, rest)
  left = np.sum(np.square(residual), dtype=np.float64)
  return float(1.0 - left / total * pixels / (pixels - coefficients))


def _detail(
  pictures: Sequence[pair_floor.Picture], sample: _Sample, found: pair_floor.Spread
) -> float:
  """Returns the share of the squares that the neighbours of a pixel explain."""
  from scipy import ndimage  # A tenth of a second to load.

  explained = total = 0.0
  covered = found.weight > 0
  for i in range(3):
    terms = []
    for number, picture in enumerate(pictures):
      at = covered & (sample.picture == number)
      channel = picture.before[..., i]
      if min(channel.shape) < 2:
        return 0.0
      place = sample.row[at], sample.column[at]
      means = (ndimage.uniform_filter(channel, 2 * r + 1) for r in _RADII)
      shown = [channel[place] - mean[place] for mean in means]
      shown += [slope[place] for slope in np.gradient(channel)]
      terms.append(np.stack(shown, axis=-1))
    term = np.concatenate(terms).astype(np.float64)
    term = np.concatenate([term, term * found.fitted[covered, i, None]], axis=-1)
    residual = found.residual[covered, i].astype(np.float64)
    cross = term.T @ residual
    moments = term.T @ term
    moments += (1e-9 * np.trace(moments) + 1e-12) * np.eye(len(moments))
    explained += cross @ np.linalg.solve(moments, cross)
    total += residual @ residual
  return float(explained / max(total, 1e-12))


def _has_blocks(
  pictures: Sequence[pair_floor.Picture], sample: _Sample, residual: np.ndarray
) -> bool:
  """Tells whether steps between pixels are larger every 8 pixels.

  A step is compared with those before and after it, for each of the 8 places that
  the grid may have.
  """
  steps: dict[int, list[list[np.ndarray]]] = {
    axis: [[] for _ in range(_JPEG_BLOCK)] for axis in (0, 1)
  }
  for number, picture in enumerate(pictures):
    at = sample.picture == number
    grey = np.full(picture.kept.shape, np.nan, np.float32)
    grey[sample.row[at], sample.column[at]] = residual[at].sum(axis=-1)
    for axis in (0, 1):
      step = np.diff(np.moveaxis(grey, axis, 0), axis=0)
      if len(step) > 2:
        jump = np.abs(step[1:-1] - (step[:-2] + step[2:]) / 2)
        for place in range(_JPEG_BLOCK):
          values = jump[place::_JPEG_BLOCK]
          steps[axis][place].append(values[np.isfinite(values)])
  for places in steps.values():
    each = [np.concatenate(values) if values else np.zeros(0) for values in places]
    fewest = min(len(values) for values in each)
    if fewest < _JPEG_BLOCK**2:
      continue
    sizes = np.array([values.mean(dtype=np.float64) for values in each])
    # Of noise alone the largest mean of eight stays within this.
    by_chance = 4.0 / np.sqrt(fewest)
    if sizes.max() > (1.0 + max(_JUMP, by_chance)) * np.median(sizes):
      return True
  return False
