"""Range coding of tables of int8 whose columns are smooth by pieces.

Such are the tables of small networks of one input, asked at every integer. Columns
are coded one after another, each from its first row to its last, and the n-th columns
of all tables side by side. A value is guessed by straight lines through the last few
of its column; how far a guess may be off is one of a few scales. Every guess with
every scale is a distribution (Student's t with two degrees of freedom, whose
distribution function is a root and a quotient), and a value is coded by a mixture of
all. What a component has said of the values before, along the column and across at the
same row, decides its share; so a kink that all columns of a table have costs once.

Shares and distribution functions are whole numbers where they are summed, so that
sums are exact in any order, and everything else is products, quotients and roots: the
same on every machine, to the last bit. The coder itself is constriction's.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import constriction
import numpy as np

from lutjax import errors

# A value costs at least a twentieth of a bit, so that no content can claim more.
VALUES_PER_BYTE = 160

# The package is compiled, and says nothing of its types.
_STREAM: Any = constriction.stream  # type: ignore

# Points that the lines go through, and scales in units of a value.
_POINTS = (2, 3, 5, 9)
_SCALES = (0.2, 0.6, 2.0, 8.0, 60.0)
_COMPONENTS = len(_POINTS) * len(_SCALES)
# Guesses are rounded to eighths.
_FINE = 8
# What the largest share, a certain event, and what every value has beside them, are.
_SHARE, _ONE, _EVEN = 2.0**16, 2.0**24, 2.0**20
# Of the likelihood of the best component, what every one has: none is ruled out.
_FLOOR = 0.01
# How soon the shares that all columns have in common forget.
_PACE = 0.03
# A value is coded in digits to this base.
_BASE = 16
# Codes digits: `(probabilities [n, base], digits [n] or None) -> digits`.
_Coder = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def encode(tables: Sequence[np.ndarray]) -> bytes:
  """Codes tables.

  Args:
    tables: `[rows, columns]` int8 each, of any sizes.

  Returns:
    Whole 4-byte words; `decode` needs the sizes beside them.
  """
  encoder = _STREAM.queue.RangeEncoder()
  family = _STREAM.model.Categorical(perfect=False)

  def put(probabilities: np.ndarray, digits: Any) -> np.ndarray:
    encoder.encode(digits.astype(np.int32), family, probabilities)
    return digits

  _walk([table.shape for table in tables], put, tables)
  return encoder.get_compressed().astype('<u4').tobytes()


def decode(content: bytes, sizes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
  """Reads what `encode` wrote.

  Args:
    content: The code.
    sizes: Rows and columns of each table.

  Returns:
    `[rows, columns]` int8 each.

  Raises:
    ArtefactError: when the code cannot be one of such sizes.
  """
  count = sum(math.prod(size) for size in sizes)
  if len(content) % 4 or count > VALUES_PER_BYTE * len(content):
    raise errors.ArtefactError(
      f'code of tables: found {len(content)} bytes for {count} values'
    )
  decoder = _STREAM.queue.RangeDecoder(np.frombuffer(content, '<u4').astype(np.uint32))
  family = _STREAM.model.Categorical(perfect=False)

  def get(probabilities: np.ndarray, digits: np.ndarray | None) -> np.ndarray:
    del digits
    try:
      return decoder.decode(family, probabilities).astype(np.int64)
    except AssertionError as error:
      raise errors.ArtefactError(
        'code of tables: found bytes that its model cannot have written'
      ) from error

  return _walk(sizes, get, None)


def _walk(
  sizes: Sequence[tuple[int, int]],
  coder: _Coder,
  tables: Sequence[np.ndarray] | None,
) -> list[np.ndarray]:
  """Goes through all values in their order; `tables` are known to the encoder."""
  found = [np.zeros(size, np.int8) for size in sizes]
  # The tables of most rows come first, so that those that go on are the first ones.
  used = [i for i in range(len(sizes)) if min(sizes[i])]
  order = sorted(used, key=lambda i: -sizes[i][0])
  heights = np.array([sizes[i][0] for i in order], np.int64)
  widths = np.array([sizes[i][1] for i in order], np.int64)
  mixture = _Mixture(heights)
  for column in range(widths.max(initial=0)):
    lanes = np.flatnonzero(widths > column)
    values = np.zeros((heights[lanes].max(), len(lanes)))
    codes = None
    if tables is not None:
      codes = np.zeros(values.shape, np.int64)
      for i, lane in enumerate(lanes):
        codes[: heights[lane], i] = tables[order[lane]][:, column] + np.int64(128)
    mixture.start(lanes)
    for row in range(len(values)):
      count = int((heights[lanes] > row).sum())
      mixture.look(row, values[:row, :count])
      coded = _code(mixture, coder, None if codes is None else codes[row, :count])
      mixture.learn(coded)
      values[row, :count] = coded - 128
    for i, lane in enumerate(lanes):
      found[order[lane]][:, column] = values[: heights[lane], i]
  return found


def _code(mixture: '_Mixture', coder: _Coder, codes: np.ndarray | None) -> np.ndarray:
  """Codes a row, `[n]` from 0 to 255, digit by digit."""
  low, width = np.zeros(mixture.count, np.int64), 256
  below, above = np.zeros(mixture.count), mixture.total
  lanes = np.arange(mixture.count)
  ends = np.empty((mixture.count, _BASE + 1))
  while width > 1:
    width //= _BASE
    ends[:, 0], ends[:, -1] = below, above
    ends[:, 1:-1] = mixture.below(low[:, None] + width * np.arange(1, _BASE))
    probabilities = (ends[:, 1:] - ends[:, :-1]) / (above - below)[:, None]
    digits = coder(probabilities, None if codes is None else (codes - low) // width)
    low += width * digits
    below, above = ends[lanes, digits], ends[lanes, digits + 1]
  return low


class _Mixture:
  """What the components say of the next row, and how far each is believed.

  Components are `[scales, points]`, flat; a code is a value plus 128.
  """

  def __init__(self, heights: np.ndarray):
    steps = np.arange(-256 * _FINE, 256 * _FINE) / _FINE
    far = steps / np.array(_SCALES)[:, None]
    self._distribution = np.rint(_ONE * (0.5 + 0.5 * far / np.sqrt(1.0 + far * far)))
    self._lines, self._unit = _lines()
    self._common = np.full((_COMPONENTS, 1), 1.0)
    rows = range(heights.max(initial=0))
    self._across = [np.ones((_COMPONENTS, int((heights > row).sum()))) for row in rows]

  def start(self, lanes: np.ndarray) -> None:
    """Starts a column in some of the tables."""
    self._lanes = lanes
    self._along = np.ones((_COMPONENTS, len(lanes)))

  def look(self, row: int, past: np.ndarray) -> None:
    """Weighs the components before a row is coded.

    Args:
      row: Its number.
      past: `[row, n]` float64, what is known of the columns that go on.
    """
    self._row, self.count = row, past.shape[1]
    near = min(row, self._lines.shape[2])
    guesses = self._lines[near][:, self._lines.shape[2] - near :] @ past[row - near :]
    guesses = np.clip(np.rint(guesses * _FINE / self._unit), -128 * _FINE, 127 * _FINE)
    # From a guess to the lower end of code 0.
    self._start = -(guesses.astype(np.int64) + 128 * _FINE + _FINE // 2) + 256 * _FINE
    across = self._across[row][:, self._lanes[: self.count]]
    shares = self._along[:, : self.count] * across * self._common
    self._shares = np.rint(shares * (_SHARE / shares.max(axis=0)))
    self.total = self._shares.sum(axis=0) * _ONE + 256.0 * _EVEN

  def below(self, codes: np.ndarray) -> np.ndarray:
    """Returns what lies below codes of 1 to 255, of `total`; both `[n, m]`."""
    at = self._start[:, :, None] + _FINE * codes
    each = np.take(self._distribution, at, axis=1).reshape(-1, *codes.shape)
    return np.einsum('kn,knm->nm', self._shares, each) + codes * _EVEN

  def learn(self, codes: np.ndarray) -> None:
    """Counts what the components have said of a row, `[n]` codes."""
    at = self._start + _FINE * codes
    low = np.where(codes == 0, 0.0, np.take(self._distribution, at, axis=1))
    high = np.take(self._distribution, at + _FINE, axis=1)
    mass = (np.where(codes == 255, _ONE, high) - low).reshape(_COMPONENTS, -1)
    likelihood = mass / mass.max(axis=0) + _FLOOR
    along = np.sqrt(self._along[:, : self.count]) * likelihood
    self._along[:, : self.count] = along / along.max(axis=0)
    lanes = self._lanes[: self.count]
    across = self._across[self._row][:, lanes] * likelihood
    self._across[self._row][:, lanes] = np.maximum(across / across.max(axis=0), 1e-100)
    claims = np.rint(self._shares * likelihood)
    claims = np.rint(claims * (_SHARE / claims.sum(axis=0)))
    mean = claims.sum(axis=1, keepdims=True) / (_SHARE * self.count)
    common = self._common + _PACE * (mean - self._common)
    self._common = np.maximum(common, 1e-6)


def _lines() -> tuple[np.ndarray, int]:
  """Returns what the last values count for in the next one of a straight line.

  Returns:
    `[known, points, last]` whole numbers in float64, of the least squares through the
    last points or, where fewer are known, those; and what they are multiples of 1 by.
  """
  longest = max(_POINTS)
  pairs = [max(n * (n - 1), 2) for n in range(1, longest + 1)]
  unit = math.lcm(*pairs)
  lines = np.zeros((longest + 1, len(_POINTS), longest))
  for known in range(1, longest + 1):
    for i, points in enumerate(_POINTS):
      n = min(points, known)
      for back in range(1, n + 1):
        weight = unit if n == 1 else (4 * n + 2 - 6 * back) * unit // pairs[n - 1]
        lines[known, i, longest - back] = weight
  return lines, unit
