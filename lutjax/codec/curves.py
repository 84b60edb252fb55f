"""Curves in front of a network, as a few integers.

A curve is piecewise linear between knots, which are a subset of evenly spaced
samples. Segments are made from left to right: a segment ends where no line from
its start passes within the tolerance of all the samples that it spans. A header
stores each knot as its distance from the previous one, and its value as the
difference from the line through the previous two: small numbers that compress well.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

# Samples of a curve, at most: what a `.cube` file may have.
MAX_SAMPLES = 1 << 20
# How far a curve may be from the samples, as a share of the unit cube.
TOLERANCE = 1e-5
# Curves of so few samples keep all of them, rounded to `_FINE` bits.
SHORT = 64
_FINE, _COARSE = 24, 16
# Of a value, in unit cubes: what is further out lies beyond the lattice.
_REACH = 1 << 15
# Samples that are looked at first for the end of a segment.
_AHEAD = 16


@dataclasses.dataclass(frozen=True)
class Curve:
  """One curve for all channels, or one for each.

  Attributes:
    samples: S; knots lie at whole numbers from 0 to S - 1, which stand for an
      input from 0 to 1.
    bits: Values are multiples of `2**-bits`.
    channels: Of each, `(position, value)` of the knots, the first at 0 and the
      last at S - 1. An output from 0 to 1 is a place in the unit cube; what is
      beyond is clamped to it.
  """

  samples: int
  bits: int
  channels: tuple[tuple[tuple[int, int], ...], ...]

  @property
  def knots(self) -> int:
    """How many knots are stored."""
    return sum(map(len, self.channels))


def fit(table: np.ndarray) -> Curve:
  """Makes a curve of samples.

  Args:
    table: `[S, 3]`, finite, S from 2 to `MAX_SAMPLES`; outputs as places in the
      unit cube, even inputs.

  Returns:
    A curve that is within `TOLERANCE` of the samples wherever they are in the
    unit cube; of 2^-25 where there are few of them.

  Raises:
    ValueError: on any other table.
  """
  samples = len(table)
  if not 2 <= samples <= MAX_SAMPLES or table.shape != (samples, 3):
    raise ValueError(f'Expected curves [S, 3] of 2 or more, got {table.shape}.')
  if not np.isfinite(table).all():
    raise ValueError('Expected finite curves, got NaN or infinity.')
  values = [_bounded(channel) for channel in np.asarray(table, np.float64).T]
  if all(np.array_equal(values[0], other) for other in values[1:]):
    values = values[:1]
  if samples <= SHORT:
    scaled = [np.rint(channel * 2.0**_FINE).astype(int) for channel in values]
    channels = tuple(tuple(enumerate(channel.tolist())) for channel in scaled)
    return Curve(samples, _FINE, channels)
  return Curve(samples, _COARSE, tuple(map(_reduced, values)))


def table_of(curve: Curve) -> np.ndarray:
  """Returns a curve at its samples, `[S, 3]` float32."""
  columns = []
  for channel in curve.channels:
    positions, values = np.array(channel, np.float64).T
    column = np.interp(np.arange(curve.samples), positions, values)
    columns.append((column / 2.0**curve.bits).astype(np.float32))
  return np.stack(columns * (3 // len(columns)), axis=-1)


def to_header(curve: Curve) -> list[Any]:
  """Returns what a container header holds: nested lists of whole numbers."""
  return [curve.samples, curve.bits, *map(_to_numbers, curve.channels)]


def from_header(header: Any) -> Curve:
  """Reads what `to_header` wrote.

  Args:
    header: Untrusted content.

  Raises:
    ValueError: on anything else.
  """
  if not isinstance(header, list) or len(header) not in (3, 5):
    raise ValueError('found no curve')
  samples, bits, *channels = header
  if type(samples) is not int or not 2 <= samples <= MAX_SAMPLES:
    raise ValueError(f'found {str(samples)[:20]} samples of a curve')
  if type(bits) is not int or bits not in (_FINE, _COARSE):
    raise ValueError(f'found a curve of {str(bits)[:20]} bits')
  most = _REACH << bits
  return Curve(
    samples, bits, tuple(_from_numbers(numbers, samples, most) for numbers in channels)
  )


def _bounded(values: np.ndarray) -> np.ndarray:
  """Moves samples outside the unit cube to its boundary, if no neighbour is inside.

  The others keep their values: they say where the curve leaves the cube.
  """
  values = np.clip(values, -_REACH, _REACH)
  padded = np.pad(values, 1, mode='edge')
  above = np.minimum(padded[:-2], padded[2:]) >= 1.0
  below = np.maximum(padded[:-2], padded[2:]) <= 0.0
  values = np.where(above, np.minimum(values, 1.0), values)
  return np.where(below, np.maximum(values, 0.0), values)


def _reduced(values: np.ndarray) -> tuple[tuple[int, int], ...]:
  """Returns as few knots as one pass finds, from values `[S]`."""
  scaled = values * 2.0**_COARSE
  slack = TOLERANCE * 2.0**_COARSE
  at, value = 0, int(np.rint(scaled[0]))
  knots = [(at, value)]
  while at < len(scaled) - 1:
    ahead = _AHEAD
    while True:
      # What a line may rise by for each step, so far.
      rest = scaled[at + 1 : at + 1 + ahead]
      step = np.arange(1, len(rest) + 1)
      least = np.maximum.accumulate((rest - slack - value) / step)
      most = np.minimum.accumulate((rest + slack - value) / step)
      lowest = np.ceil(value + least * step)
      highest = np.floor(value + most * step)
      if least[-1] > most[-1] or at + 1 + ahead >= len(scaled):
        break
      ahead *= 4
    # The next sample is always met: slack is more than half of a whole number.
    end = int(np.flatnonzero(lowest <= highest)[-1])
    middle = value + 0.5 * (least[end] + most[end]) * step[end]
    value = int(np.clip(np.rint(middle), lowest[end], highest[end]))
    at += end + 1
    knots.append((at, value))
  return tuple(knots)


def _to_numbers(channel: Sequence[tuple[int, int]]) -> list[list[int]]:
  """Returns the gaps between the knots of a channel, and what values add."""
  gaps = [after[0] - before[0] for before, after in itertools.pairwise(channel)]
  added = []
  for i, (_, value) in enumerate(channel):
    before = [value for _, value in channel[max(0, i - 2) : i]]
    added.append(value - _expected(before, gaps[max(0, i - 2) : i]))
  return [gaps, added]


def _from_numbers(numbers: Any, samples: int, most: int) -> tuple[tuple[int, int], ...]:
  """Inverts `_to_numbers`, checking all of it."""
  if not isinstance(numbers, list) or len(numbers) != 2:
    raise ValueError('found no channel of a curve')
  gaps, added = numbers
  if not isinstance(gaps, list) or not isinstance(added, list):
    raise ValueError('found no channel of a curve')
  if any(type(number) is not int for number in (*gaps, *added)):
    raise ValueError('found a curve of something else than whole numbers')
  if len(added) != len(gaps) + 1 or min(gaps, default=0) < 1:
    raise ValueError('found knots of a curve that do not rise')
  if sum(gaps) != samples - 1:
    raise ValueError(f'found knots of a curve that do not end at sample {samples - 1}')
  values: list[int] = []
  for i, number in enumerate(added):
    value = number + _expected(values[-2:], gaps[max(0, i - 2) : i])
    if abs(value) > most:
      raise ValueError('found a value of a curve that is out of bounds')
    values.append(value)
  return tuple(zip(itertools.accumulate(gaps, initial=0), values))


def _expected(values: Sequence[int], gaps: Sequence[int]) -> int:
  """Extrapolates up to two values linearly, in integers."""
  if len(values) < 2:
    return values[-1] if values else 0
  before, last = values
  return last + (last - before) * gaps[1] // gaps[0]
