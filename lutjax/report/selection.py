"""Selecting the rows of a table that get a picture."""

from collections.abc import Sequence
from typing import NamedTuple

WORST, MEDIAN, BEST = 12, 6, 6


class Group(NamedTuple):
  """Rows whose pictures are shown under one heading.

  Attributes:
    heading: What they have in common.
    rows: Their positions in the table.
    inside: Whether the page holds the pictures, or only points at the files.
  """

  heading: str
  rows: Sequence[int]
  inside: bool = True


def choose(rows: Sequence[int], pictures: str) -> list[Group]:
  """Picks the rows that are drawn.

  Args:
    rows: Positions that can be drawn, the worst first.
    pictures: `auto`, `all` or `none`, as `write` takes it.

  Returns:
    Groups without a row in common; the rows of each are in order.

  Raises:
    ValueError: on any other `pictures`.
  """
  if pictures not in ('auto', 'all', 'none'):
    raise ValueError(f"Expected pictures 'auto', 'all' or 'none', got {pictures!r}.")
  if pictures == 'none' or not rows:
    return []
  if len(rows) <= WORST + MEDIAN + BEST:
    return [Group('All, the worst first', rows)]
  middle = min(max(len(rows) // 2 - MEDIAN // 2, WORST), len(rows) - BEST - MEDIAN)
  after = middle + MEDIAN
  groups = [
    Group(f'The worst {WORST}', rows[:WORST]),
    Group(f'{MEDIAN} around the median', rows[middle:after]),
    Group(f'The best {BEST}', rows[-BEST:]),
  ]
  others = [*rows[WORST:middle], *rows[after:-BEST]]
  if pictures == 'all' and others:
    groups.append(Group('All others, in files beside this page', others, False))
  return groups
