"""Spatial tables that are straight lines, as weights: what trained lines round to.

A column of a table is `clip(rint(weight * level))`, halves to even. Many weights give
the same column; kept is one of few bits after the point, the same for all columns.
"""

import numpy as np

# Between neighbouring roundings of a line over 64 levels lies a multiple of 2^-11.
MAX_BITS = 13


def fit(
  levels: np.ndarray, table: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray] | None:
  """Finds straight lines that round to a table.

  Args:
    levels: `[L]` integers, one after another, of which one is 0.
    table: `[K, L, C]` int8.

  Returns:
    Bits after the point of the weights, their high bytes and their low ones, `[K, C]`
    int8, for `evaluate`; None where a column is no such line.
  """
  values = table.astype(np.float64)
  # A value that is clipped may stand for any beyond.
  ends = np.stack(
    [
      np.where(values == -128, -np.inf, values - 0.5),
      np.where(values == 127, np.inf, values + 0.5),
    ]
  )
  used = levels != 0
  bounds = np.sort(ends[:, :, used] / levels[used][:, None], axis=0)
  least, most = bounds[0].max(axis=1), bounds[1].min(axis=1)
  least = np.where(np.isfinite(least), least, most)
  least = np.where(np.isfinite(least), least, 0.0)
  for bits in range(MAX_BITS + 1):
    # Halves round to even, so that the least weight that may do need not.
    weights = np.ceil(least * 2.0**bits)
    for _ in range(2):
      high = np.floor((weights + 128.0) / 256.0)
      if np.abs(high).max() > 127:
        break
      split = np.stack([high, weights - 256.0 * high]).astype(np.int8)
      wrong = (evaluate(levels, bits, *split) != table).any(axis=1)
      if not wrong.any():
        return bits, *split
      weights += wrong
  return None


def evaluate(
  levels: np.ndarray, bits: int, high: np.ndarray, low: np.ndarray
) -> np.ndarray:
  """Returns the table of straight lines, exactly.

  Args:
    levels: `[L]` integers.
    bits: Of the weights after the point, at most `MAX_BITS`.
    high: `[K, C]` int8, bytes of the weights.
    low: Likewise.

  Returns:
    `[K, L, C]` int8.
  """
  weights = 256.0 * high + low
  values = np.rint(weights[:, None] * levels[:, None] / 2.0**bits)
  return np.clip(values, -128, 127).astype(np.int8)
