"""LUT files and colour spaces that OpenColorIO reads, as chains of our own.

OpenColorIO (extra `ocio`) parses the file; the operations that it finds
become steps of `lut.chain` with the same parameters, none of them baked. Whatever has
no counterpart is refused by name. A file is handed over under a name of its own, since
OpenColorIO keeps what it has read by name and expands `$` in it.
"""

import contextlib
import itertools
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.lut import chain as chain_lib
from lutjax.lut import lattice

# Read in folders. Others hold other things as well, and are read when they are named.
EXTENSIONS = (
  *('.3dl', '.csp', '.spi1d', '.spi3d', '.spimtx', '.clf', '.ctf', '.itx', '.vf'),
  *('.m3d', '.mga', '.look', '.cub'),
)
_CORRECTIONS = ('.cdl', '.ccc')  # ASC CDL: one or several of them.
NAMED = ('.lut', '.icc', '.icm', '.cc', *_CORRECTIONS)
_XML = ('.clf', '.ctf', '.look', '.cc', *_CORRECTIONS)
_BINARY = ('.icc', '.icm')
_TINY = float(np.finfo(np.float32).tiny)
_COMMA = re.compile(rb'\d,\d')
_NUMBERS = frozenset(b'0123456789.,+-eE \t\r')
_HALVES = 1 << 16
_REASON = re.compile(r'Failed primary format [^:]*: *(.*)', re.S)


def library() -> Any:
  """Returns the module of OpenColorIO.

  Raises:
    InputError: when it is not installed.
  """
  try:
    import PyOpenColorIO
  except ImportError as error:
    raise errors.InputError(
      'found no PyOpenColorIO, which reads and writes these files and configs; '
      'pip install opencolorio (extra [ocio]) brings it'
    ) from error
  return PyOpenColorIO


def decode(content: bytes, source: str) -> chain_lib.Chain:
  """Reads the content of a LUT file.

  Args:
    content: The file.
    source: Its name, for messages; its extension tells the format.

  Returns:
    The steps, numpy leaves, all finite.

  Raises:
    LutError: one line, when it is damaged or holds what has no counterpart.
  """
  suffix = pathlib.Path(source).suffix.lower()
  _check_content(content, suffix, source)
  try:
    ocio = library()
  except errors.InputError as error:
    raise errors.LutError(f'{source}: {error}') from error
  corrections: list[str] = []
  with tempfile.TemporaryDirectory(prefix='lutjax') as folder:
    path = pathlib.Path(folder, f'read{suffix}')
    path.write_bytes(content)
    with _reasons(ocio) as reasons:
      try:
        ocio.ClearAllCaches()
        config = ocio.Config.CreateRaw()
        if suffix in _CORRECTIONS:
          found = ocio.CDLTransform.CreateGroupFromFile(str(path))
          corrections = [item.getID() or 'without id' for item in found]
        group = config.getProcessor(
          ocio.FileTransform(str(path))
        ).createGroupTransform()
      except Exception as error:  # Its binding raises several kinds.
        reason = _first_reason(reasons, str(error)).replace(str(path), 'the file')
        raise errors.LutError(
          f'{source}: found what OpenColorIO cannot read, expected a {suffix} LUT: '
          f'{reason}'
        ) from error
  if len(corrections) > 1:
    more = ', ...' if len(corrections) > 8 else ''
    raise errors.LutError(
      f'{source}: found {len(corrections)} colour corrections '
      f'({", ".join(corrections[:8])}{more}), expected one: save it by itself'
    )
  return _chain(ocio, group, source)


def between(config: str, source: str, target: str) -> chain_lib.Chain:
  """Returns the transform between two colour spaces of a config.

  Args:
    config: An OCIO config: a file, or the name of one built in, as `ocio://default`.
    source: Name, alias or role of a space.
    target: The same.

  Raises:
    InputError: when there is no such config or space, or a step of the transform has
      no counterpart.
  """
  ocio = library()
  try:
    ocio.ClearAllCaches()
    opened = ocio.Config.CreateFromFile(config)
  except Exception as error:
    known = ''
    if config.startswith('ocio://'):
      names = [item[0] for item in ocio.BuiltinConfigRegistry().getBuiltinConfigs()]
      known = f', expected one of ocio://{", ocio://".join(names)}'
    raise errors.InputError(
      f'--lut={config}: found no config that OpenColorIO can read{known}: '
      f'{_line(str(error))}'
    ) from error
  for flag, name in (('from', source), ('to', target)):
    if opened.getColorSpace(name) is None:
      names = list(opened.getColorSpaceNames())
      raise errors.InputError(
        f'--{flag}={name}: found no such colour space in {config}, which has '
        f'{len(names)}: {", ".join(names[:8])}{", ..." if len(names) > 8 else ""}'
        f'{config_lib.nearest(name, names)}'
      )
  try:
    group = opened.getProcessor(source, target).createGroupTransform()
  except Exception as error:
    raise errors.InputError(
      f'--lut={config}: found no way from {source} to {target}: {_line(str(error))}'
    ) from error
  return _chain(ocio, group, f'{config} from {source} to {target}')


def _check_content(content: bytes, suffix: str, source: str) -> None:
  """Refuses what OpenColorIO would misread or should not see."""
  if not content.strip():
    raise errors.LutError(f'{source}: found an empty file, expected a {suffix} LUT')
  if suffix in _BINARY:
    return
  if b'\0' in content:
    raise errors.LutError(f'{source}: found binary data, expected a text LUT')
  if suffix in _XML:
    for word in (b'<!DOCTYPE', b'<!ENTITY'):
      if word in content.upper():
        raise errors.LutError(
          f'{source}: found {word.decode()}, expected XML without entities'
        )
    return
  for _, match in zip(range(64), _COMMA.finditer(content)):
    start = content.rfind(b'\n', 0, match.start()) + 1
    end = content.find(b'\n', start)
    row = content[start : len(content) if end < 0 else end]
    if _NUMBERS.issuperset(row):
      line = 1 + content.count(b'\n', 0, start)
      raise errors.LutError(
        f'{source}: line {line}: found the decimal comma '
        f'in {match.group().decode()!r}, expected a point'
      )
  if suffix == '.3dl':
    _check_3dl(content, source)
  if suffix == '.csp':
    _check_csp(content, source)


def _check_3dl(content: bytes, source: str) -> None:
  """Refuses a row of input codes that do not rise; OpenColorIO ignores the row."""
  for number, row in enumerate(content.splitlines(), 1):
    cells = row.split()
    if len(cells) > 3 and all(cell.isdigit() for cell in cells):
      codes = list(map(int, cells))
      if any(b <= a for a, b in itertools.pairwise(codes)):
        raise errors.LutError(
          f'{source}: line {number}: found input codes that fall, expected rising ones'
        )
      return


def _check_csp(content: bytes, source: str) -> None:
  """Refuses metadata without an end, for which OpenColorIO looks for ever."""
  start = 0
  for number, row in enumerate(content.lower().split(b'\n'), 1):
    if not start and row.startswith(b'begin metadata'):
      start = number
    elif start and row.startswith(b'end metadata'):
      start = 0
  if start:
    raise errors.LutError(
      f'{source}: line {start}: found no end of the metadata, expected END METADATA'
    )


@contextlib.contextmanager
def _reasons(ocio: Any) -> Iterator[list[str]]:
  """Collects what OpenColorIO logs, where alone it says what is wrong with a file."""
  lines: list[str] = []
  level = ocio.GetLoggingLevel()
  ocio.SetLoggingFunction(lines.append)
  ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_DEBUG)
  try:
    yield lines
  finally:
    # A function of ours that it still held at exit would hang the process.
    ocio.ResetToDefaultLoggingFunction()
    ocio.SetLoggingLevel(level)


def _first_reason(lines: list[str], otherwise: str) -> str:
  found = (_REASON.search(line) for line in lines)
  reason = next((match.group(1) for match in found if match), otherwise)
  return _line(reason)


def _line(text: str) -> str:
  return ' '.join(text.split())[:200]


def _chain(ocio: Any, group: Any, source: str) -> chain_lib.Chain:
  """Returns the steps of a group of transforms."""
  steps: list[chain_lib.Step] = []
  for transform in group:
    name = type(transform).__name__
    convert = _CONVERTERS.get(name)
    inverse = transform.getDirection() == ocio.TRANSFORM_DIR_INVERSE
    try:
      if convert is None:
        raise errors.LutError('a step')
      # A table beyond float32 is refused below.
      with np.errstate(all='ignore'):
        steps += convert(ocio, transform, inverse)
    except errors.LutError as error:
      style = getattr(transform, 'getStyle', None)
      more = '' if style is None else f' ({style().name})'
      raise errors.LutError(
        f'{source}: found {error} {name}{more}, which has no counterpart here'
      ) from error
  for step in steps:
    tables = [step.table] if isinstance(step, lattice.Lut | lattice.Shaper) else step
    limits = isinstance(step, chain_lib.Range | chain_lib.Log | chain_lib.Antilog)
    for leaf in tables:
      bad = np.isnan(leaf) if limits else ~np.isfinite(leaf)
      if np.any(bad):
        raise errors.LutError(
          f'{source}: found NaN or infinite values, expected finite ones'
        )
  return tuple(steps)


def _three(values: Any) -> np.ndarray:
  return np.asarray(list(values)[:3], np.float32) * np.ones(3, np.float32)


def _matrix(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  whole = np.reshape(transform.getMatrix(), (4, 4)).astype(np.float64)
  offset = np.asarray(transform.getOffset(), np.float64)
  alpha = np.eye(4)[3]
  if (whole[3] != alpha).any() or (whole[:, 3] != alpha).any() or offset[3]:
    raise errors.LutError('alpha mixed with colours by a')
  matrix, offset = whole[:3, :3], offset[:3]
  if inverse:
    matrix = np.linalg.inv(matrix)
    offset = -matrix @ offset
  return [chain_lib.Matrix(matrix.astype(np.float32), offset.astype(np.float32))]


def _range(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  has = transform.hasMinInValue(), transform.hasMaxInValue()
  ends = [
    (transform.getMinInValue(), transform.getMinOutValue()),
    (transform.getMaxInValue(), transform.getMaxOutValue()),
  ]
  ends = [end[::-1] if inverse else end for end in ends]
  scale, offset = 1.0, 0.0
  if all(has):
    scale = (ends[1][1] - ends[0][1]) / (ends[1][0] - ends[0][0])
    offset = ends[0][1] - scale * ends[0][0]
  elif any(has):
    offset = ends[has.index(True)][1] - ends[has.index(True)][0]
  low, high = (-np.inf, np.inf)
  if transform.getStyle() == ocio.RANGE_CLAMP:
    low = ends[0][1] if has[0] else low
    high = ends[1][1] if has[1] else high
  return [
    chain_lib.Range(*(_three([value] * 3) for value in (scale, offset, low, high)))
  ]


def _power(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  values = np.asarray(transform.getValue(), np.float64)
  if values[3] != 1.0:
    raise errors.LutError('an exponent of alpha in')
  style = transform.getNegativeStyle()
  power = 1.0 / values[:3] if inverse else values[:3]
  slope = 1.0 if style == ocio.NEGATIVE_PASS_THRU else 0.0
  return [_plain_power(power, slope, style == ocio.NEGATIVE_MIRROR)]


def _plain_power(
  power: Any, slope: float = 0.0, mirrored: bool = False
) -> chain_lib.Power:
  one, zero = np.ones(3), np.zeros(3)
  parts = (power, one, zero, one, zero, zero, slope * one, mirrored * one)
  return chain_lib.Power(*map(_three, parts))


def _power_with_line(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  gammas = np.asarray(transform.getGamma(), np.float64)
  offsets = np.asarray(transform.getOffset(), np.float64)
  if gammas[3] != 1.0 or offsets[3] != 0.0:
    raise errors.LutError('an exponent of alpha in')
  # As OpenColorIO does, so that there is a line at all.
  gamma, offset = np.maximum(gammas[:3], 1 + 1e-6), np.maximum(offsets[:3], 1e-6)
  start = offset / (gamma - 1)
  slope = (
    (gamma - 1) / offset * (offset * gamma / ((gamma - 1) * (1 + offset))) ** gamma
  )
  one, zero = np.ones(3), np.zeros(3)
  mirrored = (transform.getNegativeStyle() == ocio.NEGATIVE_MIRROR) * one
  inner = (one / (1 + offset), offset / (1 + offset))
  parts = (gamma, *inner, one, zero, start, slope, mirrored)
  if inverse:
    outer = (1 + offset, -offset)
    parts = (1 / gamma, one, zero, *outer, slope * start, 1 / slope, mirrored)
  return [chain_lib.Power(*map(_three, parts))]


def _log(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  base = np.log(transform.getBase())
  one, zero = np.ones(3), np.zeros(3)
  inner, outer = (one, zero), (one, zero)
  start, slope, intercept = -np.inf * one, zero, zero
  if not isinstance(transform, ocio.LogTransform):
    inner = _pair(transform.getLinSideSlopeValue(), transform.getLinSideOffsetValue())
    outer = _pair(transform.getLogSideSlopeValue(), transform.getLogSideOffsetValue())
  outer = outer[0] / base, outer[1]
  if isinstance(transform, ocio.LogCameraTransform):
    start = np.asarray(transform.getLinSideBreakValue(), np.float64)
    inside = np.maximum(inner[0] * start + inner[1], _TINY)
    at_start = outer[0] * np.log(inside) + outer[1]
    slope = outer[0] * inner[0] / inside
    given = np.asarray(transform.getLinearSlopeValue(), np.float64)
    slope = np.where(np.isnan(given), slope, given)  # NaN where it is not given.
    intercept = at_start - slope * start
    start = at_start if inverse else start
  kind = chain_lib.Antilog if inverse else chain_lib.Log
  return [kind(*map(_three, (*inner, *outer, start, slope, intercept)))]


def _pair(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
  return np.asarray(first, np.float64), np.asarray(second, np.float64)


def _cdl(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  slope, offset, power = (
    np.asarray(values, np.float64)
    for values in (transform.getSlope(), transform.getOffset(), transform.getPower())
  )
  clamps = transform.getStyle() == ocio.CDL_ASC
  luma, amount = np.array([0.2126, 0.7152, 0.0722]), transform.getSat()
  saturated = amount * np.eye(3) + (1 - amount) * luma
  sop, mix, zero = np.diag(slope), saturated, np.zeros(3)
  if inverse:
    sop, mix = np.diag(1 / slope), np.linalg.inv(saturated)
    offset, power = -offset / slope, 1 / power
  unit = [chain_lib.Range(*map(_three, (np.ones(3), zero, zero, np.ones(3))))]
  between = unit if clamps else []
  ends = [chain_lib.Matrix(sop.astype(np.float32), _three(offset))]
  middle = [_plain_power(power, 0.0 if clamps else 1.0)]
  last = [chain_lib.Matrix(mix.astype(np.float32), _three(zero))]
  if inverse:
    return [*between, *last, *between, *middle, *ends, *between]
  return [*ends, *between, *middle, *last, *between]


def _curves(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  if transform.getHueAdjust() != ocio.HUE_NONE:
    raise errors.LutError('a hue adjustment in')
  table = np.array(transform.getData(), np.float32).reshape(-1, 3)
  if transform.getOutputRawHalfs():
    raise errors.LutError('raw halfs in')
  if not transform.getInputHalfDomain():
    if not inverse:
      return [lattice.Shaper(table, np.array([[0.0] * 3, [1.0] * 3], np.float32))]
    axis = np.linspace(0.0, 1.0, len(table))
    inputs = np.repeat(axis[:, None], 3, axis=1).astype(np.float32)
    return [_inverse_curves(inputs, table)]
  halves = np.arange(_HALVES, dtype=np.uint16).view(np.float16).astype(np.float32)
  # Negative halves from the lowest up, then zero and the positive ones.
  order = np.concatenate([np.arange(0xFBFF, 0x7FFF, -1), np.arange(0x7C00)])
  # Some tables end in infinity long before halves do.
  order = order[np.isfinite(table[order]).all(axis=1)]
  inputs, table = np.repeat(halves[order][:, None], 3, axis=1), table[order]
  if inverse:
    return [_inverse_curves(inputs, table)]
  return [chain_lib.Curves(inputs, table)]


def _inverse_curves(inputs: np.ndarray, table: np.ndarray) -> chain_lib.Curves:
  """Returns curves run backwards; of a flat end, its inner input is taken."""
  knots, values = [], []
  for x, y in zip(inputs.T, table.T):
    if y[-1] < y[0]:
      x, y = x[::-1], y[::-1]
    if (np.diff(y) < 0).any():
      raise errors.LutError('curves that cannot be run backwards in')
    first, last = np.searchsorted(y, y[0], 'right') - 1, np.searchsorted(y, y[-1])
    places = np.clip(np.arange(len(y)), min(first, last), max(first, last))
    knots.append(y)
    values.append(x[places])
  return chain_lib.Curves(np.stack(knots, axis=1), np.stack(values, axis=1))


def _lattice(ocio: Any, transform: Any, inverse: bool) -> list[chain_lib.Step]:
  if inverse:
    raise errors.LutError('the inverse of a')
  size = transform.getGridSize()
  if size < 2:
    raise errors.LutError(f'{size} node per axis in a')
  table = np.array(transform.getData(), np.float32).reshape(size, size, size, 3)
  return [lattice.from_table(table)]


_CONVERTERS: Mapping[str, Callable[[Any, Any, bool], list[chain_lib.Step]]] = {
  'MatrixTransform': _matrix,
  'RangeTransform': _range,
  'ExponentTransform': _power,
  'ExponentWithLinearTransform': _power_with_line,
  'LogTransform': _log,
  'LogAffineTransform': _log,
  'LogCameraTransform': _log,
  'CDLTransform': _cdl,
  'Lut1DTransform': _curves,
  'Lut3DTransform': _lattice,
}
