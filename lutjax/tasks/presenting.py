"""Looks as networks see them: on the unit cube.

A look is taken over its own domain and range, both mapped to [0, 1], at its own
size.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lutjax.codec import labels
from lutjax.data import luts
from lutjax.lut import lattice, tabulate


class Presented(NamedTuple):
  """A look on the unit cube.

  Attributes:
    label: Its name, domain and range.
    digest: SHA-256 of the file content that it came from.
    table: `[N, N, N, 3]` float32, outputs mapped from the range to [0, 1].
  """

  label: labels.Label
  digest: str
  table: np.ndarray


def present(
  looks: Sequence[luts.Look], bake_size: int, say: Callable[[str], None]
) -> list[Presented]:
  """Maps looks to the unit cube, baking what is not a plain 3D lattice.

  Args:
    looks: As read.
    bake_size: Nodes per axis for curves, at least.
    say: Told of each look that is baked.

  Returns:
    The looks, in their order.
  """
  presented = []
  for look in looks:
    lut = look.lut
    if lut.shaper is not None or lut.knots is not None or lut.table.ndim != 4:
      size = max(bake_size, *lut.table.shape[:-1])
      say(f'{look.name}: has curves in front; baked to a {size}^3 lattice')
      lut = tabulate.bake(lut, size)
    table = np.asarray(lut.table, np.float32)
    low, high = min(0.0, float(table.min())), max(1.0, float(table.max()))
    domain = tuple(tuple(float(v) for v in row) for row in np.asarray(lut.domain))
    label = labels.Label(look.name, domain, (low, high))  # type: ignore
    if (low, high) != labels.UNIT_RANGE:
      table = ((table - low) / (high - low)).astype(np.float32)
    presented.append(Presented(label, look.digest, table))
  return presented


def resampled(look: Presented, size: int, interpolation: str) -> np.ndarray:
  """Returns a look as a lattice `[size, size, size, 3]` of the unit cube."""
  if len(look.table) == size:
    return look.table
  plain = lattice.from_table(look.table)
  return np.asarray(tabulate.resample(plain, size, method=interpolation))


def table_of(look: Presented, size: int, interpolation: str) -> np.ndarray:
  """Returns a look as a lattice `[size, size, size, 3]`, in its own range."""
  low, high = look.label.range
  table = resampled(look, size, interpolation)
  return (low + (high - low) * table).astype(np.float32)


def lut_of(look: Presented) -> lattice.Lut:
  """Returns a look as it was before, over its own domain and range."""
  low, high = look.label.range
  table = (low + (high - low) * look.table).astype(np.float32)
  return lattice.from_table(table, look.label.domain)
