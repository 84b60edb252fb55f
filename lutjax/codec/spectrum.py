"""Lattices as quantised 3D cosine spectra, coded together.

A lattice `[N, N, N, 3]` is turned to opponent axes (grey, red less blue,
green less magenta) and to its orthonormal cosine spectrum (DCT-II), of which
the K lowest frequencies per axis are kept. Coefficient (i, j, k) is rounded
to multiples of `step * (1 + slope * (i + j + k))`. Spectra of many looks are
coded position by position, all looks at once, so that each context learns
from all of them.
"""

import functools
import io
import lzma

import numpy as np

from lutjax import errors
from lutjax.codec import entropy

OPPONENT = np.array(
  [
    [3**-0.5, 3**-0.5, 3**-0.5],
    [2**-0.5, 0.0, -(2**-0.5)],
    [-(6**-0.5), 2 * 6**-0.5, -(6**-0.5)],
  ],
  np.float32,
)

_NEAR = np.array([0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 33, 50, 80])
_FAR = np.array([1, 2, 3, 4, 6, 9, 13, 20])
_OFFSETS = (
  ((1, 0, 0), 2),
  ((0, 1, 0), 2),
  ((0, 0, 1), 2),
  ((1, 1, 0), 1),
  ((1, 0, 1), 1),
  ((0, 1, 1), 1),
  ((2, 0, 0), 1),
  ((0, 2, 0), 1),
  ((0, 0, 2), 1),
)


def basis(size: int, order: int, nodes: int | None = None) -> np.ndarray:
  """Returns the cosines `[order, nodes]` of a lattice of `size` nodes per axis.

  Args:
    size: Nodes per axis that the spectrum is orthonormal on.
    order: Frequencies kept.
    nodes: Evenly spaced points from the first node to the last at which the
      cosines are taken, `size` unless given: any lattice can be evaluated at
      any size.
  """
  nodes = size if nodes is None else nodes
  at = np.linspace(0.0, size - 1.0, nodes) + 0.5
  wave = np.sqrt(2.0 / size) * np.cos(np.pi / size * np.arange(order)[:, None] * at)
  wave[0] /= np.sqrt(2.0)
  return wave.astype(np.float32)


def frequencies(order: int) -> np.ndarray:
  """Returns the total frequency i + j + k, `[order, order, order]` int64."""
  axis = np.arange(order)
  return axis[:, None, None] + axis[:, None] + axis


def pack(spectra: np.ndarray) -> bytes:
  """Codes the spectra of many looks.

  Args:
    spectra: `[L, K, K, K, 3]` integers.

  Returns:
    The code; `unpack` needs L and K beside it.
  """
  looks, order = spectra.shape[:2]
  flat = spectra.reshape(looks, order**3 * 3).T
  used = (flat != 0).max(axis=1, initial=False)
  mask = _lzma(np.packbits(used).tobytes())
  places = _places(order)
  kept = places[used[places]]
  code = entropy.encode(flat[kept], _contexts(order, kept), _COUNT)
  return len(mask).to_bytes(4, 'little') + mask + code


def unpack(content: bytes, looks: int, order: int) -> np.ndarray:
  """Reads what `pack` wrote.

  Args:
    content: The code.
    looks: L.
    order: K.

  Returns:
    `[L, K, K, K, 3]` int32.

  Raises:
    ArtefactError: when the code cannot be one.
  """
  split = 4 + int.from_bytes(content[:4], 'little')
  count = order**3 * 3
  try:
    used = np.unpackbits(np.frombuffer(_unlzma(content[4:split]), np.uint8))
  except (lzma.LZMAError, EOFError) as error:
    raise errors.ArtefactError(f'spectra: the mask is damaged: {error}') from error
  if used.size != -(-count // 8) * 8:
    raise errors.ArtefactError(f'spectra: found {used.size} places, expected {count}')
  places = _places(order)
  kept = places[used[places].astype(bool)]
  flat = np.zeros((count, looks), np.int32)
  flat[kept] = entropy.decode(
    content[split:], (len(kept), looks), _contexts(order, kept), _COUNT
  )
  return flat.T.reshape(looks, order, order, order, 3)


def with_plain_mask(content: bytes) -> bytes:
  """Returns a code with its mask unpacked, for readers without LZMA.

  Args:
    content: From `pack`.
  """
  split = 4 + int.from_bytes(content[:4], 'little')
  mask = _unlzma(content[4:split])
  return len(mask).to_bytes(4, 'little') + mask + content[split:]


_COUNT = (len(_NEAR) + 1) * (len(_FAR) + 1) * 2


@functools.cache
def _places(order: int) -> np.ndarray:
  """Returns the flat indices of all coefficients, low frequencies first."""
  total = np.repeat(frequencies(order).ravel(), 3)
  return np.argsort(total, kind='stable')


def _contexts(order: int, kept: np.ndarray) -> entropy.Contexts:
  """Returns contexts made of lower frequencies, other axes, and frequency."""
  where = np.full(order**3 * 3, len(kept), np.int64)
  where[kept] = np.arange(len(kept))
  i, j, k, axis = np.unravel_index(kept, (order, order, order, 3))
  rows, weights = [], []
  for (di, dj, dk), weight in _OFFSETS:
    inside = (i >= di) & (j >= dj) & (k >= dk)
    index = np.ravel_multi_index(
      (i - di, j - dj, k - dk, axis), (order, order, order, 3), mode='wrap'
    )
    rows.append(np.where(inside, where[index], len(kept)))
    weights.append(weight)
  for back in (1, 2):
    rows.append(np.where(axis >= back, where[kept - back], len(kept)))
    weights.append(2)
  neighbours = np.stack(rows, axis=1)
  shares = np.array(weights)
  band = np.searchsorted(_FAR, i + j + k, side='right')
  chroma = (axis > 0).astype(np.int64)

  def contexts(step: int, values: np.ndarray) -> np.ndarray:
    known = neighbours[step]
    there = known < step
    near = shares[there] @ np.minimum(np.abs(values[known[there]]), 30)
    level = np.searchsorted(_NEAR, near)
    return (level * (len(_FAR) + 1) + band[step]) * 2 + chroma[step]

  return contexts


_FILTERS = [{'id': lzma.FILTER_LZMA2, 'preset': 9}]


def _lzma(content: bytes) -> bytes:
  return lzma.compress(content, lzma.FORMAT_RAW, filters=_FILTERS)


def _unlzma(content: bytes) -> bytes:
  return lzma.LZMAFile(
    io.BytesIO(content), format=lzma.FORMAT_RAW, filters=_FILTERS
  ).read()
