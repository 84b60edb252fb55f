"""Entropy coding of small integers: range asymmetric numeral systems.

After J. Duda (arXiv 1311.2540). A block of integers is coded under one curve
of probabilities, the best of a family of bell curves that is made in integer
arithmetic, so that every machine makes the same.
"""

import functools

import numpy as np

from lutjax import errors

# Integers that can be coded: -LIMIT to LIMIT.
LIMIT = 127
_TOTAL_BITS = 16
_LOWEST = 1 << 16
_SHAPES = 4
_SCALES = 64


def encode(values: np.ndarray) -> bytes:
  """Codes a block.

  Args:
    values: Integers in -LIMIT..LIMIT, any shape.

  Returns:
    One byte that names the curve, then the code.

  Raises:
    ValueError: on integers beyond the limit.
  """
  symbols = np.asarray(values).ravel().astype(np.int64) + LIMIT
  if symbols.size and (symbols.min() < 0 or symbols.max() > 2 * LIMIT):
    raise ValueError(f'Expected integers of at most {LIMIT} in size.')
  counts = np.bincount(symbols, minlength=2 * LIMIT + 1)
  curve = int(np.argmin([-(counts * bits).sum() for bits in _log_curves()]))
  frequency = _curve(curve)
  start = np.cumsum(frequency) - frequency
  state, words = _LOWEST, []
  for symbol in symbols[::-1].tolist():
    share = int(frequency[symbol])
    if state >= share << 16:
      words.append(state & 0xFFFF)
      state >>= 16
    state = (state // share << _TOTAL_BITS) + state % share + int(start[symbol])
  words += [state & 0xFFFF, state >> 16]
  return bytes([curve]) + np.array(words[::-1], '<u2').tobytes()


def decode(content: bytes, count: int, source: str = 'block') -> np.ndarray:
  """Decodes a block; the inverse of `encode`.

  Args:
    content: From `encode`, no more and no less.
    count: Of integers.
    source: Named in errors.

  Returns:
    `[count]` int64.

  Raises:
    ArtefactError: if the code is cut short, too long or altered.
  """
  if len(content) < 5 or len(content) % 2 == 0 or content[0] >= _SHAPES * _SCALES:
    raise errors.ArtefactError(
      f'{source}: found {len(content)} bytes of coded numbers that start with '
      f'{content[:1].hex() or "nothing"}, expected a curve and 16-bit words'
    )
  frequency = _curve(content[0])
  start = (np.cumsum(frequency) - frequency).tolist()
  lookup = np.repeat(np.arange(len(frequency)), frequency)
  shares = frequency.tolist()
  words = np.frombuffer(content, '<u2', offset=1).tolist()
  state, used = words[0] << 16 | words[1], 2
  values = np.empty(count, np.int64)
  for i in range(count):
    low = state & 0xFFFF
    symbol = int(lookup[low])
    values[i] = symbol - LIMIT
    state = shares[symbol] * (state >> _TOTAL_BITS) + low - start[symbol]
    if state < _LOWEST and used < len(words):
      state = state << 16 | words[used]
      used += 1
  if state != _LOWEST or used != len(words):
    raise errors.ArtefactError(
      f'{source}: found coded numbers that do not end where they should: the '
      'content is damaged'
    )
  return values


def _log_curves() -> np.ndarray:
  return np.log2([_curve(i) / 2.0**_TOTAL_BITS for i in range(_SHAPES * _SCALES)])


@functools.lru_cache(maxsize=_SHAPES * _SCALES)
def _curve(index: int) -> np.ndarray:
  """Returns frequencies that sum to 2^16, none of them zero.

  Shape 0 falls geometrically; the others fall faster further out, up to a
  normal curve.
  """
  shape, scale = divmod(index, _SCALES)
  # Six widths an octave; in shape 0 the ratio of neighbours is w / (w + 192).
  width = 2 ** (scale // 6) * (6 + scale % 6)
  slope = 65536 * 192 // (width + 192)
  bend = slope * slope * shape // (3 * 65536)
  ratio = 65536 - slope * (3 - shape) // 3
  heights = [1 << 40]
  for _ in range(LIMIT):
    heights.append(heights[-1] * max(ratio, 0) >> 16)
    ratio -= bend * ratio >> 16
  spare = (1 << _TOTAL_BITS) - (2 * LIMIT + 1)
  total = 2 * sum(heights) - heights[0]
  half = [1 + height * spare // total for height in heights]
  frequency = np.array(half[:0:-1] + half, np.int64)
  frequency[LIMIT] += (1 << _TOTAL_BITS) - frequency.sum()
  return frequency
