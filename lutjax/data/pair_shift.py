"""Whether pictures before and after are shifted against each other.

Phase correlation of grey pictures gives candidates; the one that lowers the spread
of the results of equal colours (`pair_floor`) the most is the shift.
"""

import numpy as np

from lutjax.data import pair_floor

# Pixels to the right and downwards.
Move = tuple[int, int]

# Pixels per side of what phase correlation sees, how many it needs, and how many of
# its peaks are tried.
_CORRELATED = 2048
_FEWEST = 256
_PEAKS = 3
# Pixels that a move is judged on.
_JUDGED = 1 << 17


def find(
  picture: pair_floor.Picture, rows: np.ndarray, columns: np.ndarray
) -> tuple[float, Move]:
  """Finds by how much the result is shifted, up to a quarter of the picture.

  Args:
    picture: The pair.
    rows: `[P]`, of the pixels that candidates are judged on.
    columns: `[P]`, of the same.

  Returns:
    The share of the squares of the residual that goes when the result is moved
    back, and where it lies; 0 and (0, 0) where no move makes them less.
  """
  tried = [
    (_removed_by(picture, rows, columns, move), move) for move in _moves(picture)
  ]
  return max([(0.0, (0, 0)), *tried])


def _moves(picture: pair_floor.Picture) -> list[Move]:
  """Returns the moves (right, down) at the peaks of the phase correlation."""
  height, width = picture.kept.shape
  rows, columns = (
    slice((size - min(size, _CORRELATED)) // 2, (size + min(size, _CORRELATED)) // 2)
    for size in (height, width)
  )
  kept = picture.kept[rows, columns]
  if np.count_nonzero(kept) < _FEWEST:
    return []
  first, second = picture.before[rows, columns], picture.after[rows, columns].sum(-1)
  # The grey picture of what was before that is most like what came after.
  design = np.concatenate([first[kept], np.ones((kept.sum(), 1))], axis=-1)
  moments = design.T @ design + 1e-6 * np.eye(4)
  mix = np.linalg.solve(moments, design.T @ second[kept])
  window = np.hanning(kept.shape[0])[:, None] * np.hanning(kept.shape[1])
  spectra = [
    np.fft.rfft2(np.where(kept, grey - grey[kept].mean(), 0.0) * window)
    for grey in (first @ mix[:3], second)
  ]
  cross = spectra[1] * np.conj(spectra[0])
  size = np.abs(cross)
  cross /= size + 1e-9 * size.max() + 1e-30
  peaks = np.abs(np.fft.irfft2(cross, kept.shape))
  count = min(_PEAKS + 1, peaks.size)
  moves = []
  for place in np.argpartition(-peaks, count - 1, axis=None)[:count]:
    down, right = (
      int((at + n // 2) % n - n // 2)
      for at, n in zip(np.unravel_index(place, peaks.shape), peaks.shape)
    )
    if (right, down) != (0, 0) and 4 * abs(right) < width and 4 * abs(down) < height:
      moves.append((right, down))
  return moves


def _removed_by(
  picture: pair_floor.Picture, rows: np.ndarray, columns: np.ndarray, move: Move
) -> float:
  """Returns the share of the squares that goes when the result is moved back."""
  height, width = picture.kept.shape
  from_row, from_column = rows - move[1], columns - move[0]
  inside = (from_row >= 0) & (from_row < height)
  inside &= (from_column >= 0) & (from_column < width)
  inside[inside] = picture.kept[from_row[inside], from_column[inside]]
  index = np.flatnonzero(inside)
  index = np.random.default_rng(0).permutation(index)[:_JUDGED]
  after = picture.after[rows[index], columns[index]]
  left = []
  for at in ((rows, columns), (from_row, from_column)):
    found = pair_floor.spread(picture.before[at[0][index], at[1][index]], after)
    floor = pair_floor.floor_of(found)
    if floor is None:
      return 0.0
    left.append(10.0 ** (-floor.psnr / 10.0))
  return 1.0 - left[1] / left[0]
