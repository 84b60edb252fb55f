"""Scores of pictures gathered into rows: a method each, with the means of its sets."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lutjax.data import degradations
from lutjax.restoration import published_rows, scores

# Scores of pictures, by set, picture and method.
Pictures = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]


def rows(
  degradation: degradations.Degradation,
  described: Mapping[str, Mapping[str, Any]],
  pictures: Pictures,
  *,
  published: bool = True,
) -> list[dict[str, Any]]:
  """Returns a row for each method that was run, and for each that was published.

  Args:
    degradation: What was undone.
    described: What is known of models, by name; other methods are baselines.
    pictures: Measures and `ms` of each method, the same methods for all.
    published: Whether to add what was published.

  Returns:
    Rows with `name`, `role`, `size_bytes`, `table_bytes`, `ms` (the median over
    pictures), `sets` (means over pictures by set) and `mean` (over sets; empty where
    one is not published). None where there is no such number.
  """
  if not pictures:
    return []
  first, *_ = next(iter(pictures.values())).values()
  found = [_run(name, described.get(name, {}), pictures) for name in first]
  if not published:
    return found
  counts = {name: len(held) for name, held in pictures.items()}
  return found + _published(degradation, counts)


def _run(name: str, described: Mapping[str, Any], pictures: Pictures) -> dict[str, Any]:
  by_set = {
    set_name: [found[name] for found in held.values()]
    for set_name, held in pictures.items()
  }
  sets = {
    set_name: scores.mean(held) | _times(held) for set_name, held in by_set.items()
  }
  return {
    **_row(name, 'baseline', sets, scores.mean([*sets.values()])),
    **described,
    'ms': _times(itertools.chain(*by_set.values())).get('ms'),
  }


def _published(
  degradation: degradations.Degradation, counts: Mapping[str, int]
) -> list[dict[str, Any]]:
  """Returns what was published of sets, by the number of pictures that were scored."""
  found = []
  for row in published_rows.rows(degradation):
    sets = {
      name: dict(figures)
      for name, count in counts.items()
      for published, figures in row.scores.items()
      if published_rows.is_set(name, count, published)
    }
    if sets:
      mean = scores.mean([*sets.values()]) if len(sets) == len(counts) else {}
      made = _row(row.method, 'published', sets, mean)
      if row.kilobytes is not None:
        made['table_bytes'] = round(1024 * row.kilobytes)
      found.append(made)
  return found


def _row(
  name: str, role: str, sets: Mapping[str, Any], mean: Mapping[str, float]
) -> dict[str, Any]:
  return {
    'name': name,
    'role': role,
    'size_bytes': None,
    'table_bytes': None,
    'ms': None,
    'sets': sets,
    'mean': mean,
  }


def _times(records: Iterable[Mapping[str, float]]) -> dict[str, float]:
  """Returns the median of milliseconds, where there are any."""
  times = [record['ms'] for record in records if 'ms' in record]
  return {'ms': float(np.median(times))} if times else {}
