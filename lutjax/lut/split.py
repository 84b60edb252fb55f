"""Splitting a look into curves, a 3x3 matrix and a rest, by least squares.

A look f is taken as M c(x) + rest: curves c of one channel each, then a matrix M
that mixes channels, then what no such pair explains. All nodes count the same.
Curves alone have a closed form, the means over the planes of a lattice. Curves with
a matrix are found by taking turns, each the best for the other, from there; the
error never rises, but the best of all pairs is not promised.
"""

from typing import NamedTuple

import numpy as np

# Turns of curves and matrix.
_TURNS = 50
# Mean squared changes below which a look changes nothing, of its values'.
_NOTHING = 1e-12


class Split(NamedTuple):
  """Parts of a look; `matrix @ curves + rest` is the look at every node.

  Attributes:
    curves: `[N, 3]` float64, at the nodes of each axis.
    matrix: `[3, 3]` float64, a row per output.
    rest: `[N, N, N, 3]` float64.
    by_curves: The share of the squared change, from input to output, that curves
      explain alone; 0 where a look changes nothing.
    by_both: What curves and matrix explain together.
  """

  curves: np.ndarray
  matrix: np.ndarray
  rest: np.ndarray
  by_curves: float
  by_both: float


def split(table: np.ndarray, domain: np.ndarray) -> Split:
  """Splits a lattice.

  Args:
    table: `[N, N, N, 3]`, N >= 2.
    domain: `[2, 3]`, the colours of its first node and its last.

  Raises:
    ValueError: on other shapes.
  """
  table, domain = np.asarray(table, np.float64), np.asarray(domain, np.float64)
  size = len(table) if table.ndim else 0
  if table.shape != (size, size, size, 3) or size < 2:
    raise ValueError(f'Expected a lattice [N, N, N, 3], got {table.shape}.')
  if domain.shape != (2, 3):
    raise ValueError(f'Expected a domain [2, 3], got {domain.shape}.')
  axis = domain[0] + np.linspace(0.0, 1.0, size)[:, None] * (domain[1] - domain[0])
  change = np.mean((table - _spread(axis)) ** 2)
  # Per input channel the means of all outputs over its planes, [3, N, 3].
  planes = np.stack([table.mean(axis=tuple({0, 1, 2} - {j})) for j in range(3)])
  curves = np.stack([planes[j, :, j] for j in range(3)], axis=-1)
  alone = np.mean((table - _spread(curves)) ** 2)
  matrix = _matrix(curves, planes)
  for _ in range(_TURNS):
    for j in range(3):
      weight = matrix[:, j] @ matrix[:, j]
      if weight > 0:
        others = matrix @ curves.mean(axis=0) - matrix[:, j] * curves[:, j].mean()
        curves[:, j] = (planes[j] - others) @ matrix[:, j] / weight
    matrix = _matrix(curves, planes)
  rest = table - _spread(curves) @ matrix.T
  left = np.mean(rest**2)
  if change <= _NOTHING * max(np.mean(table**2), 1.0):
    return Split(curves, matrix, rest, 0.0, 0.0)
  shares = [float(1.0 - min(error, change) / change) for error in (alone, left)]
  return Split(curves, matrix, rest, shares[0], shares[1])


def _spread(curves: np.ndarray) -> np.ndarray:
  """Returns the lattice of curves `[N, 3]`."""
  return np.stack(np.meshgrid(*curves.T, indexing='ij'), axis=-1)


def _matrix(curves: np.ndarray, planes: np.ndarray) -> np.ndarray:
  """Returns the best matrix after curves, by normal equations from their means."""
  means = curves.mean(axis=0)
  gram = np.outer(means, means)
  np.fill_diagonal(gram, (curves**2).mean(axis=0))
  cross = np.stack([curves[:, j] @ planes[j] for j in range(3)]) / len(curves)
  return np.linalg.lstsq(gram, cross, rcond=1e-12)[0].T
