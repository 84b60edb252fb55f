"""Tables as inference reads them: what does not depend on a picture is done once.

Levels are indices from 0, of 8 bits. Requantisation (`tables.levels_of`), the skip
connection, the offset that keeps sums positive and the half that rounds them are added
to the rows, which are 16 bits wide and added modulo 2^16. Instead of turning pictures,
each of the four rotations has tables of its own: windows, shifts and sub-pixels turned
against the picture, channels in the order of the sub-pixels as they lie in it.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from lutjax.systems.tinylut import rounding, structure, tables
from lutjax.types import PyTree, Variables

TURNS = 4
# A level has 8 bits, so a look at this many rows needs no check of its bounds.
WINDOW = 256
# Holds that a skipped level is odd, which the rounding of a half must not see.
ODD = 1 << 15
# A loop over a sum of fewer rows is written out, and not vectorised: 5 times slower.
_FEWEST = 5


class Divisor(NamedTuple):
  """How sums become levels.

  Attributes:
    parts: What a sum is divided by.
    offset: What quotients are too high by; even, so that halves stay what they are.
    lowest: Of the levels.
    highest: Of the levels.
  """

  parts: int
  offset: int
  lowest: int
  highest: int


def divisor(
  config: structure.Config, branch: structure.Branch, layer: structure.Layer | None
) -> Divisor:
  """Returns how the sums of a layer become levels.

  Args:
    config: The structure.
    branch: Of the layer.
    layer: None for the spatial layer.
  """
  lowest, highest = structure.level_range(config, branch)
  if layer is None:
    return Divisor(config.kernel**2, 512, lowest, highest)
  if layer.last:
    lowest, highest = rounding.LOW, rounding.HIGH
  parts = config.kernel**2 if layer.kind == 'depthwise' else config.channels
  return Divisor(parts, 256, lowest, highest)


def levels(config: structure.Config, branch: structure.Branch) -> int:
  """Returns how many levels a branch has."""
  lowest, highest = structure.level_range(config, branch)
  return highest - lowest + 1


def width(lanes: int) -> int:
  """Returns the width of rows: XLA vectorises no loop over fewer lanes."""
  return 1 if lanes == 1 else -(-lanes // 16) * 16


def groups(config: structure.Config, branch: structure.Branch) -> list[list[int]]:
  """Returns the positions of a window that are looked up together, in row order.

  Args:
    config: The structure.
    branch: The levels of a group have 8 bits together, or fewer.
  """
  taps = config.kernel**2
  bits = levels(config, branch).bit_length() - 1
  count = math.ceil(taps / (8 // bits))
  if count > 1:
    count = max(count, min(_FEWEST, taps))
  return [part.tolist() for part in np.array_split(np.arange(taps), count)]


def spacing(config: structure.Config, branch: structure.Branch) -> int:
  """Returns the rows from one group to the next."""
  return levels(config, branch) ** max(map(len, groups(config, branch)))


def ready(config: structure.Config, branch: structure.Branch) -> bool:
  """Returns whether rows of the spatial layer are levels, since a look gives the sum.

  Args:
    config: The structure.
    branch: Of the layer.
  """
  alone = config.low == 'chain' or structure.branches(config) == ('high',)
  return alone and len(groups(config, branch)) == 1


def corners(config: structure.Config) -> np.ndarray:
  """Returns where what a rotation sees begins.

  Args:
    config: The structure.

  Returns:
    `[4, 2]` int32, down and right of the margin's outermost pixel.
  """
  margin, moves = structure.margins(config)
  windows = 1 + config.pairs
  return np.stack(
    [margin - moves + windows * _corner(config, turn) for turn in range(TURNS)]
  ).astype(np.int32)


def prepare(config: structure.Config, variables: Variables) -> PyTree:
  """Folds a model's entries into what `inference` looks up.

  Args:
    config: The structure.
    variables: Entries, from `tables.to_tables`.

  Returns:
    By branch `spatial`, uint16 `[4, rows, C]`, and `layers`: `rows`, uint16 `[4, rows,
    outputs]`, or `[4, entries]` of depthwise layers, and where channels may be moved
    `shift`, int32 `[4, C, 2]` from 0 to twice the radius. Models whose configs differ
    in name, task or training alone have arrays of the same shapes.
  """
  turned = [_fold(config, _turned(config, variables.params, t)) for t in range(TURNS)]
  return _stacked(turned)


def _stacked(trees: list[Any]) -> Any:
  if isinstance(trees[0], dict):
    return {key: _stacked([tree[key] for tree in trees]) for key in trees[0]}
  if isinstance(trees[0], list):
    return [_stacked(list(parts)) for parts in zip(*trees)]
  return np.stack(trees)


def _turn(places: np.ndarray, times: int) -> np.ndarray:
  """Turns `[..., 2]` places, down and right, from a turned picture to the picture."""
  for _ in range(times):
    places = np.stack([places[..., 1], -places[..., 0]], axis=-1)
  return places


def _corner(config: structure.Config, turn: int) -> np.ndarray:
  """Returns the first place of a turned window, relative to its pixel."""
  return _turn(np.array(structure.taps(config)), turn).min(axis=0)


def _turned(config: structure.Config, params: PyTree, turn: int) -> dict[str, Any]:
  """Returns the entries of a network that does in a picture what one rotation does."""
  places = _turn(np.array(structure.taps(config)), turn)
  inside = places - _corner(config, turn)
  order = np.argsort(inside[:, 0] * config.kernel + inside[:, 1])
  grid = np.arange(config.outputs).reshape(2 * (config.restores.scale,))
  lanes = np.arange(config.channels)
  lanes[: config.outputs] = np.rot90(grid, -turn).ravel()

  def layer(kind: structure.Layer, held: Any) -> dict[str, np.ndarray]:
    rows = np.asarray(held['rows'], np.int64)
    if kind.kind == 'depthwise':
      rows = rows[order][..., lanes]
    else:
      rows = rows[lanes][..., lanes[: kind.outputs]]
    shift = _turn(np.asarray(held['shift'], np.int64)[lanes], turn)
    return {'rows': rows, 'scale': np.asarray(held['scale'])[lanes], 'shift': shift}

  return {
    branch: {
      'spatial': np.asarray(held['spatial'], np.int64)[order][..., lanes],
      'centre': int(np.flatnonzero((places[order] == 0).all(axis=1))[0]),
      'layers': [
        layer(kind, one) for kind, one in zip(structure.layers(config), held['layers'])
      ],
    }
    for branch, held in params.items()
  }


def _fold(config: structure.Config, params: dict[str, Any]) -> dict[str, Any]:
  folded: dict[str, Any] = {}
  for branch in structure.branches(config):
    held = params[branch]
    centre = held['centre']
    made = []
    for kind, layer in zip(structure.layers(config), held['layers']):
      reached = tables.levels_of(config, branch, layer['scale'])
      first, _ = structure.row_range(config, branch)
      how = divisor(config, branch, kind)
      if kind.kind == 'depthwise':
        made.append({'rows': _depthwise(layer['rows'], reached, first, centre, how)})
      else:
        made.append(_pointwise(config, layer, reached, first, how))
    folded[branch] = {
      'spatial': _spatial(config, branch, held['spatial'], centre),
      'layers': made,
    }
  return folded


def _spatial(
  config: structure.Config, branch: structure.Branch, entries: np.ndarray, centre: int
) -> np.ndarray:
  """Returns rows `[rows, C]` of `[K, L, C]` entries, group by group."""
  how = divisor(config, branch, None)
  taken = groups(config, branch)
  kept = np.zeros_like(entries)
  chained = branch in structure.chained(config)
  if chained:
    kept[centre] = np.arange(how.lowest, how.highest + 1)[:, None]
  if ready(config, branch):
    means = np.rint(_merged(entries, taken[0]) / how.parts) + _merged(kept, taken[0])
    return _spaced([np.clip(means, how.lowest, how.highest) - how.lowest], WINDOW)
  sums = entries + _skip(kept, how)
  if chained:
    sums[0] += _start(how)
  rows = [_merged(sums, group) for group in taken]
  return _spaced(rows, spacing(config, branch))


def _merged(entries: np.ndarray, group: list[int]) -> np.ndarray:
  """Adds tables in each combination of levels; the first has the lowest bits."""
  total = np.zeros((1, entries.shape[-1]), entries.dtype)
  for tap in group:
    total = (entries[tap][:, None] + total).reshape(-1, entries.shape[-1])
  return total


def _depthwise(
  entries: np.ndarray, reached: np.ndarray, first: int, centre: int, how: Divisor
) -> np.ndarray:
  """Returns rows of `[K, M, C]` entries, position by position."""
  sums = np.take_along_axis(entries, reached.T[None] - first, axis=1)
  sums[centre] += _skip(reached.T, how)
  sums[0] += _start(how)
  return _spaced(list(sums), sums.shape[1])


def _pointwise(
  config: structure.Config,
  layer: dict[str, np.ndarray],
  reached: np.ndarray,
  first: int,
  how: Divisor,
) -> dict[str, np.ndarray]:
  """Returns rows `[rows, outputs]` of `[C, M, outputs]`, and moves.

  Where channels are moved, more rows follow, which hold the skip connection alone.
  """
  sums = np.take_along_axis(layer['rows'], reached[..., None] - first, axis=1)
  outputs = sums.shape[2]
  kept = np.zeros((outputs, *sums.shape[1:]), sums.dtype)
  kept[np.arange(outputs), :, np.arange(outputs)] = _skip(reached[:outputs], how)
  sums[0] += _start(how)
  if not config.shift_radius:
    sums[:outputs] += kept
    return {'rows': _spaced(list(sums), sums.shape[1])}
  radius = config.shift_radius
  shift = np.clip(layer['shift'], -radius, radius) + radius
  return {
    'rows': _spaced([*sums, *kept], sums.shape[1]),
    'shift': shift.astype(np.int32),
  }


def _skip(level: np.ndarray, how: Divisor) -> np.ndarray:
  """Returns what added to a sum adds a level to the quotient."""
  if how.parts % 2:
    return level * how.parts
  odd = level % 2
  return (level - odd) * how.parts + odd * ODD


def _start(how: Divisor) -> int:
  """Returns the offset, and the half that rounds where there are no ties."""
  return how.offset * how.parts + how.parts // 2 * (how.parts % 2)


def _spaced(groups: list[np.ndarray], spacing: int) -> np.ndarray:
  """Puts tables at distances, with a window of rows from the last on."""
  lanes = groups[0].shape[1]
  rows = np.zeros(((len(groups) - 1) * spacing + WINDOW, width(lanes)), np.int64)
  for i, group in enumerate(groups):
    rows[i * spacing :][: len(group), :lanes] = group
  return (rows & 0xFFFF).astype(np.uint16)
