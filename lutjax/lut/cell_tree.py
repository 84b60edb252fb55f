"""The cells of a lattice in a tree of boxes, for finding what maps to a colour.

A leaf is a cell, with the box that holds its corners' values and so all values
inside it. An inner node holds the boxes of 2 x 2 x 2 neighbours. Nodes lie in the
order of a walk, so that the first child of a node comes next; `skip` is what comes
after all of its descendants. A walk then needs no stack.
"""

from typing import NamedTuple

import numpy as np

from lutjax.types import Array


class Tree(NamedTuple):
  """M nodes in the order of a walk, the root first.

  Attributes:
    low: `[M, 3]` float32, the least values in the box.
    high: `[M, 3]` float32, the greatest.
    skip: `[M]` int32, where a walk goes on that does not enter; M at the end.
    row: `[M]` int32, of a leaf the row of its lowest corner in the table; else -1.
  """

  low: Array | np.ndarray
  high: Array | np.ndarray
  skip: Array | np.ndarray
  row: Array | np.ndarray


def build(table: np.ndarray) -> Tree:
  """Returns the tree of a lattice.

  Args:
    table: `[N1, N2, N3, 3]` float32, each N >= 2.
  """
  sizes = np.array(table.shape[:3])
  low, high = _cell_boxes(table, np.minimum), _cell_boxes(table, np.maximum)
  depth = int(max(sizes - 2)).bit_length()
  parts: list[tuple[np.ndarray, ...]] = []
  for level in range(depth, -1, -1):  # From cells to the root.
    place = np.moveaxis(np.indices(low.shape[:3]), 0, -1).reshape(-1, 3)
    row = np.full(len(place), -1)
    if level == depth:
      row = (place[:, 0] * sizes[1] + place[:, 1]) * sizes[2] + place[:, 2]
    first = _interleave(place << (depth - level))
    # Of nodes that start with the same cell, the larger one comes first.
    key = first * (depth + 1) + level
    after = (first + 8 ** (depth - level)) * (depth + 1)
    parts.append((key, after, row, low.reshape(-1, 3), high.reshape(-1, 3)))
    low, high = _halved(low, np.minimum), _halved(high, np.maximum)
  keys, afters, rows, lows, highs = (np.concatenate(part) for part in zip(*parts))
  order = np.argsort(keys)
  skip = np.searchsorted(keys[order], afters[order])
  return Tree(
    lows[order], highs[order], skip.astype(np.int32), rows[order].astype(np.int32)
  )


def _cell_boxes(table: np.ndarray, extreme: np.ufunc) -> np.ndarray:
  """Returns the least or greatest values of the corners of each cell."""
  for axis in range(3):
    below = np.take(table, range(table.shape[axis] - 1), axis)
    table = extreme(below, np.take(table, range(1, table.shape[axis]), axis))
  return table


def _halved(values: np.ndarray, extreme: np.ufunc) -> np.ndarray:
  """Joins 2 x 2 x 2 neighbours; what is odd stays alone."""
  for axis in range(3):
    starts = np.arange(0, values.shape[axis], 2)
    values = extreme.reduceat(values, starts, axis=axis)
  return values


def _interleave(place: np.ndarray) -> np.ndarray:
  """Returns the Morton code of places `[P, 3]`: their bits in turn."""
  code = np.zeros(len(place), np.int64)
  for bit in range(int(place.max(initial=0)).bit_length()):
    for axis in range(3):
      code |= (place[:, axis] >> bit & 1) << (3 * bit + 2 - axis)
  return code
