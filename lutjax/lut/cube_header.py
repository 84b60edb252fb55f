"""The lines of a `.cube` file that come before its rows."""

import dataclasses
import re

import numpy as np

from lutjax.lut import cube_rows
from lutjax.lut.cube_rows import refusal, show

MAX_CURVE_SIZE = 1 << 20

_WHOLE_NUMBER = re.compile(rb'[+-]?\d{1,9}')
_CONTROL = re.compile(rb'[\x00-\x08\x0e-\x1f\x7f]')
# How many numbers each range takes.
_RANGES = {
  'DOMAIN_MIN': 3,
  'DOMAIN_MAX': 3,
  'LUT_1D_INPUT_RANGE': 2,
  'LUT_3D_INPUT_RANGE': 2,
}
# Resolve's words for video levels, 64 to 940 of 1023, on one side of the LUT.
_VIDEO_LEVELS = {'LUT_IN_VIDEO_RANGE': 'takes', 'LUT_OUT_VIDEO_RANGE': 'gives'}
_WARNINGS_KEPT = 20


@dataclasses.dataclass
class Header:
  """The header: all lines before the first row.

  Attributes:
    source: The file, for messages.
    strict: Whether what would be ignored is refused instead.
    max_size: The most nodes per axis.
    title: Without its quotes.
    comments: The comment lines, without '#'.
    warnings: One line for each thing that was ignored.
    sizes: By keyword.
    ranges: By keyword, as float32.
    lines: The line that each keyword was on.
    position: Where the first row starts.
    line: The number of its line, or of the last line if there is no row.
    doubtful: The first unknown keyword that two more words follow; it may
      have been meant as a row.
  """

  source: str
  strict: bool
  max_size: int
  title: str = ''
  comments: list[str] = dataclasses.field(default_factory=list)
  warnings: list[str] = dataclasses.field(default_factory=list)
  sizes: dict[str, int] = dataclasses.field(default_factory=dict)
  ranges: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
  lines: dict[str, int] = dataclasses.field(default_factory=dict)
  position: int = 0
  line: int = 0
  doubtful: str = ''

  @property
  def kind(self) -> str:
    """'1D', '3D' or '1D+3D'."""
    return '+'.join(name[4:6] for name in sorted(self.sizes))


def read(text: bytes, *, source: str, strict: bool, max_size: int) -> Header:
  """Reads up to the first row.

  Args:
    text: The file; lines end with a newline.
    source: Its name, for messages.
    strict: Whether unknown and idle keywords are errors, not warnings.
    max_size: The most nodes per axis.

  Raises:
    LutError: if a line cannot be understood, or no size is given.
  """
  header = Header(source, strict, max_size)
  while header.position < len(text):
    end = text.find(b'\n', header.position)
    end = len(text) if end < 0 else end
    line = text[header.position : end].strip()
    header.line += 1
    if line.startswith(b'#'):
      header.comments.append(_decoded(line[1:].strip()))
    elif line:
      if cube_rows.begins_row(line.split(None, 1)[0]):
        break
      _take(header, line)
    header.position = end + 1
  if not header.sizes:
    row = text[header.position : header.position + 80].split(b'\n')[0].strip()
    found = show(row) if row else 'no size'
    message = f'found {found}, expected LUT_1D_SIZE or LUT_3D_SIZE before the rows'
    raise refusal(source, header.line, message)
  _check_ranges(header)
  return header


def domain(header: Header, keyword: str) -> np.ndarray:
  """Returns the domain of one table.

  Args:
    header: From `read`.
    keyword: 'LUT_1D_INPUT_RANGE' or 'LUT_3D_INPUT_RANGE'.

  Returns:
    `[2, 3]` float32, rows minimum and maximum.
  """
  if keyword in header.ranges:
    return np.repeat(header.ranges[keyword][:, None], 3, axis=1)
  low = header.ranges.get('DOMAIN_MIN', np.zeros(3, np.float32))
  high = header.ranges.get('DOMAIN_MAX', np.ones(3, np.float32))
  return np.stack([low, high])


def _take(header: Header, line: bytes) -> None:
  """Adds one keyword line to `header`."""
  if _CONTROL.search(line):
    message = 'found binary data, expected a text LUT'
    raise refusal(header.source, header.line, message)
  word = line.split(None, 1)[0]
  keyword = word.decode('latin-1').upper()
  if keyword in _VIDEO_LEVELS:
    message = f'found {keyword}: this LUT {_VIDEO_LEVELS[keyword]} video levels, '
    message += (
      'expected full range; export it so, or remove the line to use it as it is'
    )
    raise refusal(header.source, header.line, message)
  if keyword not in cube_rows.KEYWORDS:
    expected = f'one of {", ".join(cube_rows.KEYWORDS)}'
    _warn(header, header.line, f'the unknown keyword {show(word)}', expected)
    if not header.doubtful and len(cube_rows.words(line)) == 3:
      header.doubtful = f' (line {header.line} was taken for a keyword: {show(word)})'
    return
  if keyword in header.lines:
    found, expected = f'{keyword} again', f'it once (line {header.lines[keyword]})'
    if keyword != 'TITLE':
      message = f'found {found}, expected {expected}'
      raise refusal(header.source, header.line, message)
    _warn(header, header.line, found, expected)
    return
  header.lines[keyword] = header.line
  if keyword == 'TITLE':
    header.title = _title(line[len(word) :].strip())
  elif keyword in _RANGES:
    header.ranges[keyword] = _numbers(header, keyword, cube_rows.words(line)[1:])
  else:
    header.sizes[keyword] = _size(header, keyword, cube_rows.words(line)[1:])


def _size(header: Header, keyword: str, words: list[bytes]) -> int:
  """Reads what follows a size keyword."""
  limit = MAX_CURVE_SIZE if keyword == 'LUT_1D_SIZE' else header.max_size
  value = b' '.join(words)
  if _WHOLE_NUMBER.fullmatch(value) and 2 <= int(value) <= limit:
    return int(value)
  found = f'{keyword} {show(value)}' if value else f'{keyword} alone'
  message = f'found {found}, expected a whole number from 2 to {limit}'
  raise refusal(header.source, header.line, message)


def _numbers(header: Header, keyword: str, words: list[bytes]) -> np.ndarray:
  """Reads what follows a range keyword, as float32."""
  values = []
  for word in words[: _RANGES[keyword]]:
    value = cube_rows.number(word)
    if isinstance(value, str):
      message = f'found {keyword} {show(word)}, {value}'
      raise refusal(header.source, header.line, message)
    values.append(value)
  if len(words) != _RANGES[keyword]:
    message = f'found {keyword} with {len(words)} numbers'
    message += f', expected {_RANGES[keyword]}'
    raise refusal(header.source, header.line, message)
  return np.array(values, np.float64).astype(np.float32)


def _check_ranges(header: Header) -> None:
  """Refuses ranges that contradict each other or span nothing."""
  names = sorted(header.ranges)
  adobe = [name for name in names if name.startswith('DOMAIN')]
  resolve = [name for name in names if name.startswith('LUT')]
  if adobe and (resolve or len(header.sizes) > 1):
    beside = resolve[0] if resolve else 'both sizes'
    message = f'found {adobe[0]} beside {beside}, expected LUT_1D_INPUT_RANGE'
    message += ' and LUT_3D_INPUT_RANGE, or DOMAIN_MIN and DOMAIN_MAX'
    raise refusal(header.source, header.lines[adobe[0]], message)
  for keyword in resolve:
    _check_span(header, domain(header, keyword), header.lines[keyword])
    size = keyword.replace('INPUT_RANGE', 'SIZE')
    if size not in header.sizes:
      _warn(header, header.lines[keyword], keyword, f'{size} beside it')
  if adobe:
    line = max(header.lines[name] for name in adobe)
    _check_span(header, domain(header, ''), line)


def _check_span(header: Header, limits: np.ndarray, line: int) -> None:
  """Refuses a minimum that is not below its maximum, as float32."""
  with np.errstate(over='ignore'):
    spans = limits[1] - limits[0]
  for low, high, span in zip(*limits, spans):
    if not 0 < span < np.inf:
      message = f'found a domain from {low:g} to {high:g}'
      message += ', expected the minimum below the maximum, within float32'
      raise refusal(header.source, line, message)


def _warn(header: Header, line: int, found: str, expected: str) -> None:
  """Notes what is ignored, or refuses it if strict."""
  error = refusal(header.source, line, f'found {found}, expected {expected}')
  if header.strict:
    raise error
  if len(header.warnings) < _WARNINGS_KEPT:
    header.warnings.append(f'{error}; ignored')


def _title(text: bytes) -> str:
  """Returns a title without the quotes around it, if any."""
  if text.startswith(b'"'):
    end = text.rfind(b'"')
    text = text[1:end] if end > 0 else text[1:]
  return _decoded(text.strip())


def _decoded(text: bytes) -> str:
  """Returns text as UTF-8, or as Latin-1 where it is not."""
  try:
    return text.decode('utf-8')
  except UnicodeDecodeError:
    return text.decode('latin-1')
