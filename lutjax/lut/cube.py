"""The `.cube` text format of Adobe (2013) and of DaVinci Resolve.

A file holds curves (`LUT_1D_SIZE`), a lattice (`LUT_3D_SIZE`), or both, which
is Resolve's form: the rows of the curves come first and are applied first.
In a lattice red runs fastest: row r + N g + N^2 b is node `[r, g, b]`. Adobe
gives the input domain per channel (`DOMAIN_MIN`, `DOMAIN_MAX`), Resolve one
range for all channels (`LUT_1D_INPUT_RANGE`, `LUT_3D_INPUT_RANGE`).

A file is either read whole or refused with one line that names where, what
was found and what was expected.
"""

import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lutjax import errors, files
from lutjax.lut import cube_header, cube_rows, lattice
from lutjax.lut.cube_rows import refusal
from lutjax.types import Array

MAX_SIZE = 256
MAX_LINE_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 31

# What old DOS tools end a text with, and fill its last record with.
_END_MARK, _RECORD_BYTES = b'\x1a', 128
_LONE_RETURN = re.compile(rb'\r(?!\n)')
# Readers with fixed line buffers stop at 256 to 512 bytes.
_TITLE_BYTES = 200
# Fewest and most decimals of rows that are written with a fixed number.
_DECIMALS = (6, 9)
_ROWS_AT_ONCE = 1 << 16


class CubeFile(NamedTuple):
  """The content of a `.cube` file.

  Attributes:
    lut: The table, numpy leaves; curves alone are a shaper in front of an
      identity lattice.
    title: Without its quotes; empty when there is none.
    comments: The comment lines before the rows, without '#'.
    warnings: One line for each thing that was ignored.
    kind: '1D', '3D' or '1D+3D'.
  """

  lut: lattice.Lut
  title: str
  comments: tuple[str, ...]
  warnings: tuple[str, ...]
  kind: str


def parse(
  content: bytes,
  *,
  source: str = '',
  strict: bool = False,
  allow_nonfinite: bool = False,
  max_size: int = MAX_SIZE,
  kind: str | None = None,
) -> CubeFile:
  """Reads the content of a `.cube` file.

  Args:
    content: The file: ASCII, UTF-8 or Latin-1, any line ends.
    source: Its name, for messages.
    strict: Whether what would be ignored is an error, not a warning.
    allow_nonfinite: Whether NaN and infinite cells are kept.
    max_size: The most nodes per axis; a larger size is refused unread.
    kind: '1D', '3D' or '1D+3D' if only that will do.

  Raises:
    LutError: if it is not a whole and legal LUT.
  """
  text = _text(content, source)
  header = cube_header.read(text, source=source, strict=strict, max_size=max_size)
  if kind is not None and header.kind != kind:
    message = f'found a {header.kind} LUT, expected {kind}'
    raise refusal(source, max(header.lines[name] for name in header.sizes), message)
  text, ending = _without_end_mark(text, source, strict)
  curve_size = header.sizes.get('LUT_1D_SIZE', 0)
  size = header.sizes.get('LUT_3D_SIZE', 0)
  rows = cube_rows.decode(
    text,
    header.position,
    curve_size + size**3,
    line=header.line,
    source=source,
    allow_nonfinite=allow_nonfinite,
    hint=header.doubtful,
  )
  lut = _lut(rows, header)
  notes = tuple(header.comments), (*header.warnings, *ending)
  return CubeFile(lut, header.title, *notes, header.kind)


def read(path: str | os.PathLike, **options: Any) -> CubeFile:
  """Reads a `.cube` file.

  Args:
    path: The file.
    **options: Of `parse`, other than `source`.

  Raises:
    LutError: if the file cannot be read or is not a legal LUT.
  """
  path = pathlib.Path(path)
  if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
    message = f'found {path.stat().st_size} bytes, expected {MAX_FILE_BYTES} at most'
    raise refusal(str(path), None, message)
  content = files.read_bytes(path, error=errors.LutError)
  return parse(content, source=str(path), **options)


def render(lut: lattice.Lut, *, title: str = '', comments: Sequence[str] = ()) -> bytes:
  """Returns the content of a `.cube` file that reads back as `lut`, exactly.

  Curves in front of a lattice take Resolve's form, with the title in a comment;
  curves alone and custom domains take Adobe's. Rows have 6 to 9 decimals if
  that is exact in float32, else 9 significant digits.

  Args:
    lut: Three channels in and out, even knots, finite.
    title: Its control characters and double quotes are replaced, and it is
      cut to 200 bytes, since readers have short line buffers.
    comments: Lines that start the file, each behind '#', treated as the title is.

  Raises:
    LutError: if the format cannot hold `lut`; says what to do about it.
  """
  lut = _checked(lut)
  lines = [f'TITLE "{_safe(title)}"'] if title else []
  rows = lut.table.transpose(2, 1, 0, 3).reshape(-1, 3)
  if lut.shaper is None:
    lines += [f'LUT_3D_SIZE {len(lut.table)}', *_domain_lines(lut.domain)]
    tables = [rows]
  elif lattice.is_curves(lut):
    curves, domain = lut.shaper
    lines += [f'LUT_1D_SIZE {len(curves)}', *_domain_lines(domain)]
    tables = [curves]
  else:
    shaper, domain = _with_one_range(lut.shaper, lut.domain)
    # OpenColorIO refuses a title in Resolve's form.
    lines = [f'# {line}' for line in lines]
    lines += [f'LUT_1D_SIZE {len(shaper.table)}', _range_line('1D', shaper.domain)]
    lines += [f'LUT_3D_SIZE {len(lut.table)}', _range_line('3D', domain)]
    tables = [shaper.table, rows]
  notes = [f'# {_safe(comment)}' for comment in comments]
  header = '\n'.join([*notes, *lines, '', '']).encode('utf-8')
  return header + b''.join(_rendered_rows(table) for table in tables)


def _text(content: bytes, source: str) -> bytes:
  """Returns `content` with a newline after each line and no byte order mark."""
  binary = content.find(b'\0')
  if binary >= 0:
    line = 1 + content.count(b'\n', 0, binary)
    raise refusal(source, line, 'found binary data, expected a text LUT')
  content = content.removeprefix(b'\xef\xbb\xbf')
  # Returns before newlines count as blanks, which spares a copy of the file.
  if b'\r' in content and _LONE_RETURN.search(content):
    content = content.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
  if not content or content.isspace():
    raise refusal(source, 1, 'found an empty file, expected a .cube LUT')
  # A line past the limit leaves one of these windows without a newline.
  for start in range(0, len(content) - MAX_LINE_BYTES // 2, MAX_LINE_BYTES // 2):
    if content.find(b'\n', start, start + MAX_LINE_BYTES // 2) < 0:
      _check_line(content, start, source)
  return content


def _without_end_mark(
  text: bytes, source: str, strict: bool
) -> tuple[bytes, Sequence[str]]:
  """Returns `text` without a DOS end-of-file mark, and a note about it."""
  if _END_MARK not in text[-_RECORD_BYTES:]:
    return text, ()
  end = len(text.rstrip(_END_MARK + b' \t\r\n'))
  mark = text.find(_END_MARK, end)
  if mark < 0:
    return text, ()
  kept = text[:mark]
  line = 1 + kept.count(b'\n')
  found = refusal(source, line, 'found a final byte 0x1A, expected the end of the file')
  if strict:
    raise found
  return kept, (f'{found}; ignored',)


def _check_line(content: bytes, position: int, source: str) -> None:
  """Refuses the line that holds `position` if it is too long."""
  start = content.rfind(b'\n', 0, position) + 1
  end = content.find(b'\n', position)
  length = (len(content) if end < 0 else end) - start
  if length > MAX_LINE_BYTES:
    message = f'found a line of {length} bytes, expected {MAX_LINE_BYTES} at most'
    raise refusal(source, 1 + content.count(b'\n', 0, start), message)


def _lut(rows: np.ndarray, header: cube_header.Header) -> lattice.Lut:
  """Returns the `Lut` of the rows of one or both tables."""
  shaper = None
  if 'LUT_1D_SIZE' in header.sizes:
    count = header.sizes['LUT_1D_SIZE']
    domain = cube_header.domain(header, 'LUT_1D_INPUT_RANGE')
    shaper = lattice.Shaper(rows[:count], domain)
    if 'LUT_3D_SIZE' not in header.sizes:
      return _from_curves(shaper, header)
    rows = rows[count:]
  size = header.sizes['LUT_3D_SIZE']
  table = rows.reshape(size, size, size, 3).transpose(2, 1, 0, 3)
  domain = cube_header.domain(header, 'LUT_3D_INPUT_RANGE')
  return lattice.from_table(np.ascontiguousarray(table), domain, shaper)


def _from_curves(shaper: lattice.Shaper, header: cube_header.Header) -> lattice.Lut:
  """Returns the `Lut` of curves, of which some values may be NaN or infinite."""
  finite = np.where(np.isfinite(shaper.table), shaper.table, np.float32(0))
  with np.errstate(over='ignore', invalid='ignore'):
    lut = lattice.from_shaper(shaper._replace(table=finite))
  if not np.isfinite(lut.table).all():
    found = f'found curves from {finite.min():g} to {finite.max():g}'
    message = f'{found}, expected a span within float32'
    raise refusal(header.source, header.line, message)
  return lut._replace(shaper=shaper)


def _checked(lut: lattice.Lut) -> lattice.Lut:
  """Returns `lut` with numpy leaves, or raises if a `.cube` cannot hold it."""
  shape = lut.table.shape
  if lut.knots is not None:
    raise errors.LutError('found uneven knots, expected even ones: resample first')
  if len(shape) != 4 or shape[3] != 3 or len(set(shape[:3])) > 1:
    message = f'found a lattice {shape}, expected [N, N, N, 3]: resample first'
    raise errors.LutError(message)
  if shape[0] > MAX_SIZE:
    message = f'found size {shape[0]}, expected {MAX_SIZE} at most: resample first'
    raise errors.LutError(message)
  lut = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), lut)
  if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(lut)):
    raise errors.LutError('found NaN or infinite values, expected finite ones')
  return lut


def _with_one_range(
  shaper: lattice.Shaper, domain: Array | np.ndarray
) -> tuple[lattice.Shaper, Array | np.ndarray]:
  """Makes both domains the same for all channels, as Resolve's form has them."""
  if (shaper.domain != shaper.domain[:, :1]).any():
    message = 'found curves with a domain per channel in front of a lattice'
    raise errors.LutError(f'{message}, expected one for all: bake it first')
  if (domain != domain[:, :1]).any():
    low, high = domain.astype(np.float64)
    scaled = ((shaper.table - low) / (high - low)).astype(np.float32)
    shaper = shaper._replace(table=scaled)
    domain = np.array([[0.0] * 3, [1.0] * 3], np.float32)
  return shaper, domain


def _domain_lines(domain: Array | np.ndarray) -> list[str]:
  """Returns Adobe's domain, or nothing where it is the usual one."""
  if np.array_equal(domain, [[0] * 3, [1] * 3]):
    return []
  rows = [' '.join(map(_shortest, row)) for row in domain]
  return [f'DOMAIN_MIN {rows[0]}', f'DOMAIN_MAX {rows[1]}']


def _range_line(kind: str, domain: Array | np.ndarray) -> str:
  """Returns Resolve's range of one table."""
  low, high = map(_shortest, domain[:, 0])
  return f'LUT_{kind}_INPUT_RANGE {low} {high}'


def _shortest(value: np.float32) -> str:
  """Returns a number with the fewest digits, 6 or more, that are exact."""
  texts = [f'{value:.{digits}g}' for digits in range(6, 10)]
  return next(text for text in texts if np.float32(float(text)) == value)


def _rendered_rows(table: Array | np.ndarray) -> bytes:
  """Returns `[M, 3]` as text."""
  row = ' '.join([_cell_format(table)] * 3) + '\n'
  chunks = []
  for i in range(0, len(table), _ROWS_AT_ONCE):
    # Adding zero turns -0 into 0, which keeps rows equally wide.
    chunk = table[i : i + _ROWS_AT_ONCE] + 0.0
    chunks.append((row * len(chunk) % tuple(chunk.ravel().tolist())).encode())
  return b''.join(chunks)


def _cell_format(table: Array | np.ndarray) -> str:
  """Returns the shortest format that keeps every value of `table`."""
  exact = table.astype(np.float64)
  if np.abs(exact).max() < 1e6:
    for decimals in range(_DECIMALS[0], _DECIMALS[1] + 1):
      scale = 10.0**decimals
      if np.array_equal((np.rint(exact * scale) / scale).astype(np.float32), table):
        return f'%.{decimals}f'
  return '%.9g'


def _safe(title: str) -> str:
  """Returns a title that fits between double quotes on one short line."""
  title = ''.join(c if c.isprintable() else ' ' for c in title.replace('"', "'"))
  return title.encode('utf-8')[:_TITLE_BYTES].decode('utf-8', 'ignore').strip()
