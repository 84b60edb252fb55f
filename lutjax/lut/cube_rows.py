"""Rows of three numbers in `.cube` files.

Three readers, one result. Rows of equal width are decoded digit by digit with
integer arithmetic over the whole buffer; other rows word by word, side by side
(`decimal_words`), block by block; a block that neither takes is read line by line,
which defines what a row is and names the line and the column that are not. All
agree with `float()` to the last bit: an integer below 2^53 divided by a power of
ten up to 10^22 is rounded once.
"""

import io
import re

import numpy as np

from lutjax import errors
from lutjax.lut import decimal_words

# The words that may stand before the rows and never among them.
KEYWORDS = (
  'TITLE',
  'LUT_1D_SIZE',
  'LUT_3D_SIZE',
  'DOMAIN_MIN',
  'DOMAIN_MAX',
  'LUT_1D_INPUT_RANGE',
  'LUT_3D_INPUT_RANGE',
)

_NUMBER = re.compile(rb'[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?')
_NONFINITE = re.compile(rb'[+-]?(?:nan|inf|infinity)', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(rb'[+-]?\d*,\d+(?:[eE][+-]?\d+)?')
_PLAIN = rb'(\d+(?:\.\d*)?|\.\d+)'
_PLAIN_ROW = re.compile(rb'[ \t]*%b[ \t]+%b[ \t]+%b[ \t]*(\r?\n)' % ((_PLAIN,) * 3))
_COMMENT = re.compile(rb'(?m)(?:^|(?<=[ \t]))#.*$')
_ROW_CHARACTERS = b'0123456789+-.eE \t\r\n'
_NONFINITE_LETTERS = b'nafityNAFITY'
_FINITE = 'expected a finite number'
# The least magnitude that float32 rounds to infinity.
_OVERFLOW = 2.0**128 - 2.0**103
# Bytes of the widest row that is decoded digit by digit.
_WIDEST = 128
# Bytes of rows of any width that are decoded at once; the line of a mistake is
# looked for in one block only.
_BLOCK_BYTES = 1 << 18
# Bytes decoded at once: what is in between stays in cache, and products stay
# below the size at which matrix libraries start threads.
_CHUNK_BYTES = 1 << 16


def decode(
  text: bytes,
  start: int,
  count: int,
  *,
  line: int = 1,
  source: str = '',
  allow_nonfinite: bool = False,
  hint: str = '',
) -> np.ndarray:
  """Reads rows of three numbers, among blank lines and comments.

  Args:
    text: The file; lines end with a newline, the last one may lack it.
    start: Where its rows begin, which end with the file.
    count: How many rows there must be.
    line: Number of the line at `start`.
    source: The file, for messages.
    allow_nonfinite: Whether `nan` and `inf` are numbers.
    hint: Added to the message when rows are missing.

  Returns:
    `[count, 3]` float32.

  Raises:
    LutError: on any other text, naming the line.
  """
  rows = _equal_widths(text, start, count)
  if rows is not None:
    return rows
  parts = []
  found, last = 0, line
  while start < len(text):
    end = text.find(b'\n', start + _BLOCK_BYTES) + 1 or len(text)
    block = text[start:end]
    part = _any_widths(block, allow_nonfinite)
    if part is None or found + len(part) > count:
      part = _line_by_line(block, found, count, line, source, allow_nonfinite)
    parts.append(part)
    found += len(part)
    line += block.count(b'\n')
    last = line - block.endswith(b'\n')
    start = end
  if found < count:
    raise refusal(source, last, f'found {found} rows, expected {count}{hint}')
  return np.concatenate(parts)


def number(word: bytes, *, allow_nonfinite: bool = False) -> float | str:
  """Returns the value of one word, or what was expected in its place.

  Args:
    word: Without blanks.
    allow_nonfinite: Whether `nan` and `inf` are numbers.

  Returns:
    A float that float32 can hold, or the end of a message: 'expected ...'.
  """
  if _NUMBER.fullmatch(word):
    value = float(word)
    return value if abs(value) < _OVERFLOW else 'expected a number within float32'
  if _NONFINITE.fullmatch(word):
    if allow_nonfinite:
      return float(word)
    return _FINITE
  if _DECIMAL_COMMA.fullmatch(word):
    return 'expected a decimal point, not a comma'
  return 'expected a number'


def begins_row(word: bytes) -> bool:
  """Whether a line that starts with `word` is meant as a row of numbers."""
  return word[:1] in b'0123456789+-.' or _NONFINITE.fullmatch(word) is not None


def words(line: bytes) -> list[bytes]:
  """Returns the words of a line, without its comment."""
  return _COMMENT.sub(b'', line).split()


def show(text: bytes) -> str:
  """Returns `text` quoted on one line, shortened, for a message."""
  shown = text[:40].decode('utf-8', 'replace')
  return repr(shown + '...' if len(text) > 40 else shown)


def refusal(source: str, line: int | None, message: str) -> errors.LutError:
  """Returns the error 'source: line N: message'.

  Args:
    source: Name of the file; may be empty.
    line: Number of the line, from 1, or None.
    message: What was found and what was expected.
  """
  name = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in source)
  parts = [name] if name else []
  parts += [f'line {line}'] if line is not None else []
  return errors.LutError(': '.join([*parts, message]))


def _equal_widths(text: bytes, start: int, count: int) -> np.ndarray | None:
  """Decodes rows laid out like the first one, or returns None.

  The file is not copied: page faults would cost as much as the decoding.
  """
  width = text.find(b'\n', start, start + _WIDEST) + 1 - start
  layout = _PLAIN_ROW.fullmatch(text[start : start + max(width, 0)])
  end = start + count * width
  if layout is None or len(text) < end - len(layout[4]) or text[end:].strip():
    return None
  if len(text) < end:
    text += layout[4]
  lines = np.frombuffer(text, np.uint8, count * width, start).reshape(count, width)
  weights = np.zeros((width, 3))
  scales = np.ones(3)
  for column in range(3):
    first, after = layout.span(column + 1)
    point = layout[0].find(b'.', first, after)
    digits = [i for i in range(first, after) if i != point]
    if len(digits) > decimal_words.EXACT_DIGITS:
      return None
    weights[digits, column] = 10.0 ** np.arange(len(digits))[::-1]
    scales[column] = 10.0 ** (after - 1 - point if point >= 0 else 0)
  is_digit = weights.any(axis=1)
  lowest = np.where(is_digit, ord('0'), lines[0]).astype(np.uint8)
  span = np.where(is_digit, 9, 0).astype(np.uint8)
  offset = ord('0') * weights.sum(axis=0)
  rows = np.empty((count, 3), np.float32)
  step = max(1, _CHUNK_BYTES // width)
  for i in range(0, count, step):
    chunk = lines[i : i + step]
    # Bytes below the lowest wrap around to large ones.
    if (chunk - lowest > span).any():
      return None
    rows[i : i + step] = (chunk.astype(np.float64) @ weights - offset) / scales
  return rows


def _any_widths(block: bytes, allow_nonfinite: bool) -> np.ndarray | None:
  """Reads rows all at once, or returns None if one of them is not a row."""
  if b'#' in block:
    block = _COMMENT.sub(b'', block)
  letters = _NONFINITE_LETTERS if allow_nonfinite else b''
  if block.translate(None, _ROW_CHARACTERS + letters):
    return None
  rows = decimal_words.rows_of_three(block)
  if rows is None:
    return None
  with np.errstate(over='ignore'):
    rows = rows.astype(np.float32)
  # Infinite may mean that a number was too large.
  return None if np.isinf(rows).any() else rows


def _line_by_line(
  block: bytes, found: int, count: int, first: int, source: str, allow_nonfinite: bool
) -> np.ndarray:
  """Reads rows one at a time and names the first line that is not one."""
  rows = []
  for line, text in enumerate(io.BytesIO(block), first):
    row = words(text)
    if not row:
      continue
    if row[0].decode('latin-1').upper() in KEYWORDS:
      message = f'found {show(row[0])} after a row, expected it before all rows'
      raise refusal(source, line, message)
    values = [number(word, allow_nonfinite=allow_nonfinite) for word in row[:4]]
    for column, value in enumerate(values, 1):
      if isinstance(value, str):
        if value is _FINITE:
          value += ' (--allow_nonfinite reads it)'
        message = f'found {show(row[column - 1])} in column {column}, {value}'
        raise refusal(source, line, message)
    if len(row) != 3:
      raise refusal(source, line, f'found {len(row)} numbers, expected 3')
    if found + len(rows) == count:
      raise refusal(source, line, f'found row {count + 1}, expected {count} rows')
    rows.append(values)
  return np.array(rows, np.float64).reshape(-1, 3).astype(np.float32)
