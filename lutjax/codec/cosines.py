"""The quantised cosine spectrum of a single lattice.

Coefficients go in shells of total frequency i + j + k, the three opponent
axes of a shell one after another, so that all lower frequencies, and the same
frequency on the axes before, are known when a value is coded. What they sum
to picks the context. A single spectrum has few values to learn from: contexts
start from counts taken over many looks.
"""

import functools
from typing import NamedTuple

import numpy as np

from lutjax import errors
from lutjax.codec import entropy, spectrum

MAX_SIZE = 129
_NEAR = np.array([1, 2, 3, 4, 6, 9, 13, 20, 32, 60, 120])
_BANDS = np.array([3, 8])
_COUNT = (len(_NEAR) + 1) * (len(_BANDS) + 1) * 2
# Offsets of known coefficients on the same axis, and what they weigh.
_OFFSETS = {
  (1, 0, 0): 2,
  (0, 1, 0): 2,
  (0, 0, 1): 2,
  (1, 1, 0): 1,
  (1, 0, 1): 1,
  (0, 1, 1): 1,
  (2, 0, 0): 1,
  (0, 2, 0): 1,
  (0, 0, 2): 1,
}
_ACROSS = 2
_CAP = 60
# Per context, of 64 values: zeros, ones, larger ones, and their sum beyond 2;
# from 64 looks at five steps (`count_contexts`).
_SEEN = """
  0,0,64,9999 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
  0,0,64,8956 0,0,63,3551 1,1,61,9999 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
  0,0,0,0 64,0,0,0 0,0,64,64 2,0,62,556 14,5,45,1490 9,5,50,2574 5,1,58,9999
  64,0,0,0 60,4,0,0 59,5,0,1 55,8,2,0 55,6,4,1 49,10,5,12 40,17,7,14
  33,19,12,20 23,21,20,37 14,17,32,91 8,11,45,327 3,4,57,1354 64,0,0,0
  62,2,0,0 62,2,0,0 61,3,0,0 58,6,0,0 55,7,2,0 47,13,4,2 38,18,8,7 31,20,13,14
  21,17,25,46 15,12,37,186 6,5,53,1291 64,0,0,0 62,2,0,0 60,4,0,0 56,7,1,0
  52,11,1,0 44,18,2,1 36,23,5,2 27,25,12,7 19,23,22,20 12,17,35,58 6,10,47,164
  3,5,56,473 64,0,0,0 62,2,0,0 62,2,0,0 58,6,0,0 55,8,1,0 48,15,1,0 40,21,3,1
  30,25,9,4 22,23,18,13 14,18,33,45 8,10,46,138 4,5,56,470
"""


class _Scan(NamedTuple):
  """The order in which coefficients are coded.

  Attributes:
    shape: Steps and lanes.
    cells: `[M]`, the cell `step * lanes + lane` of each coefficient.
    flat: `[M]`, its place in the spectrum `[K, K, K, 3]`.
    rows: Per step, which of the M belong to it.
    known: `[M, P]`, the cells that its context is made of; one past the last
      where there is none.
    base: `[M]`, the part of the context that is known beforehand.
  """

  shape: tuple[int, int]
  cells: np.ndarray
  flat: np.ndarray
  rows: list[np.ndarray]
  known: np.ndarray
  base: np.ndarray


def pack(values: np.ndarray) -> bytes:
  """Codes a spectrum.

  Args:
    values: `[N, N, N, 3]` integers, opponent axes last.

  Returns:
    Four bytes that say how far the values reach along each axis and in all,
    then the code.
  """
  if not values.any():
    return bytes(4)
  ends, last, scan, grid = _laid_out(values)
  code = entropy.encode(grid, _contexts(scan), _COUNT, prior=_prior())
  return bytes([*ends, last]) + code


def unpack(content: bytes, size: int) -> np.ndarray:
  """Reads what `pack` wrote.

  Args:
    content: The code.
    size: N.

  Returns:
    `[N, N, N, 3]` int32.

  Raises:
    ArtefactError: when the code cannot be one.
  """
  if len(content) < 4:
    raise errors.ArtefactError(f'spectrum: found {len(content)} bytes of no code')
  *ends, last = content[:4]
  values = np.zeros((size,) * 3 + (3,), np.int32)
  if not any(ends):
    return values
  if not 0 < min(ends) <= max(ends) <= size or last > sum(ends) - 3:
    raise errors.ArtefactError(
      f'spectrum: found extents {ends} and {last}, expected at most {size} each'
    )
  scan = _scan(tuple(ends), last)
  grid = entropy.decode(
    content[4:], scan.shape, _contexts(scan), _COUNT, prior=_prior()
  )
  order = max(ends)
  box = np.zeros(order**3 * 3, np.int32)
  box[scan.flat] = grid.reshape(-1)[scan.cells]
  values[:order, :order, :order] = box.reshape(order, order, order, 3)
  return values


def transform(table: np.ndarray) -> np.ndarray:
  """Returns the opponent cosine spectrum of a lattice `[N, N, N, 3]`, float32."""
  return _separable(table @ spectrum.OPPONENT.T, spectrum.basis(len(table), len(table)))


def restore(coefficients: np.ndarray, nodes: int | None = None) -> np.ndarray:
  """Returns the lattice of a spectrum.

  Args:
    coefficients: `[N, N, N, 3]`, from the transform of this module.
    nodes: Per axis of the lattice; N by default.
  """
  size = len(coefficients)
  waves = spectrum.basis(size, size, nodes)
  return _separable(coefficients, waves.T) @ spectrum.OPPONENT


def steps(size: int, step: float, slope: float) -> np.ndarray:
  """Returns the quantisation step of each coefficient.

  Args:
    size: N.
    step: That of the mean.
    slope: How much coarser higher frequencies are, per unit of i + j + k.

  Returns:
    `[N, N, N, 1]` float32.
  """
  total = spectrum.frequencies(size)[..., None].astype(np.float32)
  return np.float32(step) * (1.0 + np.float32(slope) * total)


def count_contexts(values: np.ndarray) -> np.ndarray:
  """Counts the values of each context in a spectrum, from which the prior is made."""
  _, _, scan, grid = _laid_out(values)
  contexts, table = _contexts(scan), np.zeros((_COUNT, 5), np.int64)
  for step in range(scan.shape[0]):
    context = contexts(step, grid)
    size = np.abs(grid[step][context >= 0])
    large = size > 1
    rows = np.stack([size * 0 + 1, size == 0, size == 1, large, (size - 2) * large], 1)
    np.add.at(table, context[context >= 0], rows)
  return table


@functools.cache
def _prior() -> np.ndarray:
  """Returns the initial counts of contexts, `[contexts, 5]` int64."""
  rows = [[int(count) for count in row.split(',')] for row in _SEEN.split()]
  seen = np.array(rows, np.int64)
  return np.concatenate([seen[:, :3].sum(axis=1, keepdims=True), seen], axis=1)


def _separable(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  """Applies `[A, N]` along the first three axes."""
  for axis in range(3):
    values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
  return values.astype(np.float32)


def _laid_out(
  values: np.ndarray,
) -> tuple[tuple[int, ...], int, _Scan, np.ndarray]:
  """Returns a spectrum's extents, its last shell, the scan and the scanned."""
  used = np.argwhere(values.any(axis=-1))
  ends = tuple(int(end) for end in used.max(axis=0) + 1)
  last = int(used.sum(axis=1).max())
  scan = _scan(ends, last)
  order = max(ends)
  box = values[:order, :order, :order].reshape(-1)
  grid = np.zeros(scan.shape, np.int64)
  grid.reshape(-1)[scan.cells] = box[scan.flat]
  return ends, last, scan, grid


@functools.lru_cache(maxsize=64)
def _scan(ends: tuple[int, ...], last: int) -> _Scan:
  order = max(ends)
  places = np.stack(np.meshgrid(*map(np.arange, ends), indexing='ij'), -1).reshape(
    -1, 3
  )
  places = places[places.sum(axis=1) <= last]
  shell = places.sum(axis=1)
  places = places[np.argsort(shell, kind='stable')]
  shell = np.sort(shell)
  lanes = int(np.bincount(shell).max())
  lane = np.arange(len(shell)) - np.searchsorted(shell, shell)
  axis = np.repeat(np.arange(3), len(shell))
  step = 3 * np.tile(shell, 3) + axis
  cells = step * lanes + np.tile(lane, 3)
  i, j, k = np.tile(places, (3, 1)).T
  flat = np.ravel_multi_index((i, j, k, axis), (order, order, order, 3))
  nowhere = 3 * (last + 1) * lanes
  where = np.full(order**3 * 3, nowhere)
  where[flat] = cells
  known = []
  for di, dj, dk in _OFFSETS:
    inside = (i >= di) & (j >= dj) & (k >= dk)
    index = np.ravel_multi_index(
      (i - di, j - dj, k - dk, axis), (order, order, order, 3), mode='wrap'
    )
    known.append(np.where(inside, where[index], nowhere))
  for back in (1, 2):
    known.append(np.where(axis >= back, where[np.maximum(flat - back, 0)], nowhere))
  band = np.searchsorted(_BANDS, i + j + k, side='right')
  base = (band * 2 + (axis > 0)) * (len(_NEAR) + 1)
  rows = [np.flatnonzero(step == s) for s in range(3 * (last + 1))]
  return _Scan(
    (3 * (last + 1), lanes), cells, flat, rows, np.stack(known, axis=1), base
  )


def _contexts(scan: _Scan) -> entropy.Contexts:
  shares = np.array([*_OFFSETS.values(), _ACROSS, _ACROSS])

  def contexts(step: int, values: np.ndarray) -> np.ndarray:
    rows = scan.rows[step]
    padded = np.append(values.reshape(-1), 0)
    near = np.minimum(np.abs(padded[scan.known[rows]]), _CAP) @ shares
    found = np.full(scan.shape[1], -1)
    found[scan.cells[rows] % scan.shape[1]] = scan.base[rows] + np.searchsorted(
      _NEAR, near, side='right'
    )
    return found

  return contexts
