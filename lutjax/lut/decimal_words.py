"""Vectorised decoding of decimal numbers of any width.

The first bytes of all words form a column, the second ones the next, and so on, so
that each step is one array operation. A word of 15 digits or fewer is an integer
below 2^53, and with a power of ten up to 10^22 its value is the product or quotient
of two exact numbers, rounded once, as `float()` rounds it. Other words are left to
`float()`.
"""

from typing import Any

import numpy as np

# Digits of a number that float64 holds exactly as an integer.
EXACT_DIGITS = 15
# The largest power of ten that float64 holds exactly.
_EXACT_POWER = 22
_POWERS = 10.0 ** np.arange(_EXACT_POWER + 1)
# Bytes of a word that are looked at: its digits and a point.
_COLUMNS = EXACT_DIGITS + 1
_ZERO = np.uint8(ord('0'))


def rows_of_three(block: bytes) -> np.ndarray | None:
  """Reads lines of three numbers each, and blank lines.

  Args:
    block: Whole lines of the characters that numbers are made of, spaces, tabs and
      returns; the last line may lack its newline.

  Returns:
    `[M, 3]` float64, equal to `float()` of each word; None where a line has
    another number of words, or a word is no number.
  """
  padded = np.frombuffer(block + b'\n' + b' ' * _COLUMNS, np.uint8)
  blank = padded <= ord(' ')
  edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
  if not blank[0]:
    edges = np.concatenate([[0], edges])
  starts, ends = edges[::2], edges[1::2]
  before = np.searchsorted(starts, np.flatnonzero(padded == ord('\n')))
  in_line = np.diff(before, prepend=0)
  if ((in_line != 3) & (in_line != 0)).any():
    return None
  lead = padded[starts]
  negative = lead == ord('-')
  first = starts + (negative | (lead == ord('+')))
  columns = _columns(padded, first)
  length, unusual = ends - first, np.zeros(len(starts), bool)
  power = np.zeros(len(starts), np.int64)
  if b'e' in block or b'E' in block:
    near: Any = ((columns | 32) == ord('e')).any(axis=0)
    # All of them, as they lie, are quicker than many of them.
    near = slice(None) if near.mean() > 0.5 else np.flatnonzero(near)
    length[near], power[near], unusual[near] = _exponents(
      padded, columns[:, near], first[near], ends[near]
    )
  digits, whole, plain = _digits(padded, columns, first, length)
  power += whole.astype(np.int64) - EXACT_DIGITS
  unusual |= ~plain | (np.abs(power) > _EXACT_POWER)
  values = _scaled(_integers(digits, whole), power)
  np.negative(values, out=values, where=negative)
  if unusual.any():
    words = block.split()
    try:
      values[unusual] = [float(words[i]) for i in np.flatnonzero(unusual)]
    except ValueError:
      return None
  return values.reshape(-1, 3)


def _columns(padded: np.ndarray, first: np.ndarray) -> np.ndarray:
  """Returns the bytes from each position on, `[_COLUMNS, K]` uint8."""
  count = len(padded) - _COLUMNS + 1
  windows = np.ndarray(count, f'V{_COLUMNS}', padded.data, strides=(1,))
  return windows[first].view(np.uint8).reshape(-1, _COLUMNS).T.copy()


def _leading(true: np.ndarray) -> np.ndarray:
  """Returns how many of `[_COLUMNS, K]` are true before the first that is not."""
  count = np.zeros(true.shape[1], np.uint8)
  unbroken = np.ones(true.shape[1], bool)
  for row in true:  # Quicker than `accumulate`.
    unbroken &= row
    count += unbroken
  return count


def _exponents(
  padded: np.ndarray, columns: np.ndarray, first: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns lengths without exponents, the exponents, and which are unusual."""
  length = ends - first
  mark = first + np.minimum(_leading((columns | 32) != ord('e')), length)
  there = (padded[mark] | 32) == ord('e')
  sign = padded[mark + 1]
  signed = (sign == ord('-')) | (sign == ord('+'))
  count = (ends - mark - 1 - signed) * there
  unusual = there & ((count < 1) | (count > 2))
  ones, tens = ((padded[ends - 1 - k] - _ZERO) * (count > k) for k in (0, 1))
  unusual |= (ones > 9) | (tens > 9)
  power = (ones + tens * np.uint8(10)).astype(np.int64)
  np.negative(power, out=power, where=sign == ord('-'))
  return np.where(there, mark - first, length), power, unusual


def _digits(
  padded: np.ndarray, columns: np.ndarray, first: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Reads words without sign and exponent.

  Returns:
    The digits `[_COLUMNS, K]`, 0 elsewhere; how many stand before the point; and
    which words are digits with one point or none, and few enough.
  """
  digits = columns - _ZERO
  column = np.arange(_COLUMNS, dtype=np.uint8)[:, None]
  # Longer ones are longer than any digits and point.
  clipped = np.minimum(length, _COLUMNS + 1).astype(np.uint8)
  is_digit = (digits < 10) & (column < clipped)
  whole = _leading(is_digit)
  count = is_digit.sum(axis=0, dtype=np.uint8)
  point = padded[first + whole] == ord('.')
  plain = (count + point == clipped) & (count > 0) & (count <= EXACT_DIGITS)
  return digits * is_digit, whole, plain


def _integers(digits: np.ndarray, whole: np.ndarray) -> np.ndarray:
  """Returns the digits as one number of `EXACT_DIGITS`, the point left out."""
  values = np.empty(digits.shape[1])
  for place in np.flatnonzero(np.bincount(whole, minlength=1)):
    among = whole == place
    among = slice(None) if among.all() else np.flatnonzero(among)
    ones = np.zeros_like(digits[:, among])
    ones[1 : place + 1] = digits[: min(place, EXACT_DIGITS), among]
    ones[place + 1 :] = digits[place + 1 :, among]
    # Four digits at a time, in the narrowest integers that hold them.
    pairs = ones[0::2] * np.uint8(10) + ones[1::2]
    fours = pairs[0::2] * np.uint16(100) + pairs[1::2]
    values[among] = (10.0 ** np.arange(12, -1, -4)) @ fours.astype(np.float64)
  return values


def _scaled(values: np.ndarray, power: np.ndarray) -> np.ndarray:
  """Returns `values` times powers of ten; those that are not exact are clipped."""
  scale = _POWERS[np.minimum(np.abs(power), _EXACT_POWER)]
  return np.where(power > 0, values * scale, values / scale)
