"""The error that no LUT can remove on pictures before and after.

A LUT gives equal colours equal results, so the spread of the results of equal
colours stays whatever the LUT. Pixels of equal 8-bit codes are compared where there
are enough of them, else those of one small cell of the cube, about the quadratic
function of the colour that fits them best: a smooth look, however steep, has no
spread. In a fit with n pixels and k coefficients, squares count n / (n - k) times, so
that the floor is not lowered by overfitting, which a LUT of very many nodes can do
where each colour is seen once. `pair_causes` finds the cause of the spread.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax import metrics

# In dB, beyond what 8 bits tell apart; JSON has no infinity.
_MAX_PSNR = 200.0
# 8-bit codes per axis of the cells, the finest first.
_WIDTHS = (1, 4, 16)
# Pixels that a cell needs: its quadratic function has ten coefficients.
_FEWEST = 32
# Of a cell's colours, added to their moments so that equal ones have a solution.
_RIDGE = 1e-5
# Pixels that are looked at, whole tiles of them so that neighbours stay together.
_PIXELS = 1 << 19
_TILE = 64
# Colour differences are averaged over this many: one shape, one compilation.
_DIFFERENCES = 1 << 15


class Picture(NamedTuple):
  """A pair as it is compared.

  Attributes:
    before: `[H, W, 3]` float32 in [0, 1].
    after: `[H, W, 3]` float32 in [0, 1].
    kept: `[H, W]` bool, the pixels that count.
    jpeg: Whether one of the two was read from a JPEG file.
  """

  before: np.ndarray
  after: np.ndarray
  kept: np.ndarray
  jpeg: bool = False


class Spread(NamedTuple):
  """The residual of the best colour map.

  Attributes:
    fitted: `[P, 3]` float32, the results of the best colour map.
    residual: `[P, 3]` float32, the results less `fitted`.
    weight: `[P]` float32, how much a square of the residual stands for: n / (n - k)
      in a cell of n pixels with k coefficients, 0 where colours are too rare.
  """

  fitted: np.ndarray
  residual: np.ndarray
  weight: np.ndarray


class Floor(NamedTuple):
  """The error that no LUT can remove.

  Attributes:
    psnr: dB over all channels, peak 1, at most 200.
    cie76_mean: Mean CIE76 of the same colour map.
    covered: Share of the pixels whose colours are frequent enough to tell.
  """

  psnr: float
  cie76_mean: float
  covered: float


def spread(before: np.ndarray, after: np.ndarray) -> Spread:
  """Subtracts the best colour map from the results.

  Args:
    before: `[P, 3]` float32 in [0, 1].
    after: `[P, 3]` float32.
  """
  fitted = after.astype(np.float32)
  weight = np.zeros(len(before), np.float32)
  code = np.rint(before * 255.0).astype(np.int64)
  left = np.arange(len(before))
  for width in _WIDTHS:
    place = code[left] // width
    _, cell, count = np.unique(
      (place[:, 0] << 16) + (place[:, 1] << 8) + place[:, 2],
      return_inverse=True,
      return_counts=True,
    )
    enough = count[cell] >= _FEWEST
    index = left[enough]
    left = left[~enough]
    if len(index):
      _, cell = np.unique(cell[enough], return_inverse=True)
      fitted[index], weight[index] = _quadratic(
        before[index], after[index], cell, width / 255.0
      )
  return Spread(fitted, after - fitted, weight)


def floor_of(found: Spread) -> Floor | None:
  """Returns the figures of a spread, or None where all colours are too rare."""
  covered = found.weight > 0
  if not covered.any():
    return None
  error = found.residual[covered] * np.sqrt(found.weight[covered])[:, None]
  square = float(np.mean(np.square(error), dtype=np.float64))
  psnr = -10.0 * np.log10(max(square, 10.0 ** (-_MAX_PSNR / 10.0)))
  index = np.linspace(0, len(error) - 1, _DIFFERENCES).astype(int)
  fitted = found.fitted[covered][index]
  errors = metrics.colour_errors(
    jnp.asarray(fitted), jnp.asarray(fitted + error[index])
  )
  cie76 = np.asarray(errors.cie76)
  return Floor(psnr, float(cie76.mean(dtype=np.float64)), float(covered.mean()))


def thinned(pictures: Sequence[Picture]) -> list[Picture]:
  """Leaves out tiles of large pictures, so that about 2^19 pixels are used."""
  total = sum(int(np.count_nonzero(picture.kept)) for picture in pictures)
  share = _PIXELS / max(total, 1)
  if share >= 1.0:
    return list(pictures)
  rng = np.random.default_rng(0)
  out = []
  for picture in pictures:
    height, width = picture.kept.shape
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    chosen = rng.random((rows, columns)) < share
    tiles = np.repeat(np.repeat(chosen, _TILE, 0), _TILE, 1)[:height, :width]
    out.append(picture._replace(kept=picture.kept & tiles))
  return out


def _quadratic(
  before: np.ndarray, after: np.ndarray, cell: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
  """Fits each cell; returns what it makes of the colours, and their weights."""
  cells = int(cell.max()) + 1
  count = np.bincount(cell, minlength=cells)

  def mean(values: np.ndarray) -> np.ndarray:
    return np.bincount(cell, values, minlength=cells) / count

  def centred(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = np.stack([mean(column) for column in values.T], axis=-1)
    return values - middle[cell], middle

  gap, _ = centred(before.astype(np.float64) / width)
  result, middle = centred(after.astype(np.float64))
  pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
  square = np.stack([gap[:, i] * gap[:, j] for i, j in pairs], axis=-1)
  terms = np.concatenate([gap, centred(square)[0]], axis=-1)
  varies = np.bincount(cell, np.abs(terms).max(axis=-1), minlength=cells) > 1e-9
  size = terms.shape[1]
  moments = np.empty((cells, size, size))
  for i in range(size):
    for j in range(i, size):
      moments[:, i, j] = moments[:, j, i] = mean(terms[:, i] * terms[:, j])
  moments += _RIDGE * np.eye(size)
  cross = np.stack(
    [
      np.stack([mean(terms[:, i] * result[:, j]) for j in range(3)], axis=-1)
      for i in range(size)
    ],
    axis=1,
  )
  slopes = np.linalg.solve(moments, cross)
  fitted = middle[cell] + np.einsum('pi,pij->pj', terms, slopes[cell])
  weight = count / (count - np.where(varies, size + 1, 1))
  return fitted.astype(np.float32), weight[cell].astype(np.float32)
