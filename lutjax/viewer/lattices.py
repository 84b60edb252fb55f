"""Lattices as artefacts that only pages read: LUT files, and predicted LUTs.

A value is rounded to 16 bits between the smallest and the largest of its lattice. Coded
are its differences along all three axes, a channel of a plane of red at a time, so that
contexts can be made of the plane before and the channel before.
"""

from collections.abc import Sequence

import numpy as np

from lutjax import errors
from lutjax.codec import container, entropy

SYSTEM = 'lattices'
MAX_SIZE = 129
_TOP = 65535
# Sizes of known values count up to this; contexts are lengths in bits of their sum.
_CAP = 255
_LEVELS = 12


def pack(names: Sequence[str], tables: Sequence[np.ndarray]) -> bytes:
  """Packs lattices over [0, 1].

  Args:
    names: Of the looks, all different.
    tables: `[N, N, N, 3]` float32 each, indexed `[r, g, b]`, N from 2 to 129, in any
      range.

  Returns:
    The artefact; values come back within 1/131070 of their range.

  Raises:
    InputError: on names that are not all different, other shapes, and values that are
      not finite; the look is named.
  """
  if len(set(names)) < len(names) or len(names) != len(tables) or not names:
    raise errors.InputError(
      f'page: found {len(names)} names of {len(tables)} lattices, expected one of its '
      'own for each'
    )
  for name, table in zip(names, tables):
    size = len(table)
    if table.shape != (size, size, size, 3) or not 2 <= size <= MAX_SIZE:
      raise errors.InputError(
        f'page: {name}: found a lattice {list(table.shape)}, expected [N, N, N, 3] of '
        f'2 to {MAX_SIZE} nodes'
      )
    if not np.isfinite(table).all():
      raise errors.InputError(f'page: {name}: found NaN or infinity in its lattice')
  ranges = [(float(table.min()), float(table.max())) for table in tables]
  codes = [_code(table, *span) for table, span in zip(tables, ranges)]
  return container.pack(
    SYSTEM,
    {'looks': list(names)},
    [
      np.array([len(table) for table in tables], np.uint8),
      np.array(ranges, np.float32),
      np.array([len(code) for code in codes], np.int32),
      np.frombuffer(b''.join(codes), np.uint8),
    ],
    lzma=False,
  )


def _code(table: np.ndarray, low: float, high: float) -> bytes:
  size = len(table)
  unit = (table.astype(np.float64) - low) / (high - low or 1.0)
  values = np.rint(unit * _TOP).astype(np.int64)
  for axis in range(3):
    values = np.diff(values, axis=axis, prepend=0)
  wrapped = (values + (_TOP + 1) // 2 & _TOP) - (_TOP + 1) // 2
  steps = wrapped.transpose(0, 3, 1, 2).reshape(3 * size, size * size)

  def contexts(step: int, known: np.ndarray) -> np.ndarray:
    total = np.zeros((size, size), np.int64)
    if step % 3:
      total += 2 * _sizes(known[step - 1], size)
    if step >= 3:
      around = np.pad(_sizes(known[step - 3], size), 1)
      total += 2 * around[1:-1, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
      total += around[:-2, 1:-1] + around[2:, 1:-1]
    # `frexp` gives the length of a whole number in bits.
    return step % 3 * _LEVELS + np.frexp(total.ravel().astype(np.float64))[1]

  return entropy.encode(steps, contexts, 3 * _LEVELS)


def _sizes(row: np.ndarray, size: int) -> np.ndarray:
  return np.minimum(np.abs(row), _CAP).reshape(size, size)
