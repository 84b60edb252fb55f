"""LUT files that OpenColorIO writes.

`clf` and `ctf` hold the steps of a chain as they are. The others hold one lattice, or
curves (`spi1d`), which OpenColorIO samples from the look itself.
"""

import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lutjax import errors
from lutjax.data import ocio_files
from lutjax.lut import chain as chain_lib
from lutjax.lut import lattice

# OpenColorIO's names, by extension without the dot.
FORMATS: Mapping[str, str] = {
  'clf': 'Academy/ASC Common LUT Format',
  'ctf': 'Color Transform Format',
  '3dl': 'flame',
  'csp': 'cinespace',
  'spi1d': 'spi1d',
  'spi3d': 'spi3d',
  'itx': 'iridas_itx',
}
# Those that hold a chain, and those that hold curves and a domain, too.
STEPS = ('clf', 'ctf')
# Entries of curves that are written, at least.
_ENTRIES = 4096
WITH_CURVES = ('csp', *STEPS)
_UNIT = np.array([[0.0] * 3, [1.0] * 3])


def encode(chain: chain_lib.Chain, form: str) -> bytes:
  """Returns the content of a file that holds a chain of steps.

  Args:
    chain: Numpy leaves.
    form: Of `STEPS`.

  Raises:
    LutError: when a step has no counterpart there; names it.
  """
  ocio = ocio_files.library()
  try:
    group = _group(ocio, chain)
    with tempfile.TemporaryDirectory(prefix='lutjax') as folder:
      path = pathlib.Path(folder, f'written.{form}')
      group.write(FORMATS[form], str(path), ocio.Config.CreateRaw())
      return path.read_bytes()
  except errors.InputError:
    raise
  except Exception as error:
    raise errors.LutError(_refusal(form, error)) from error


def bake(lut: lattice.Lut, form: str) -> bytes:
  """Returns the content of a file that holds one LUT.

  Args:
    lut: 3D, three outputs, even knots. Curves and a domain beyond 0 to 1 in front are
      for `csp`; for `spi1d` there are only curves.
    form: Of `FORMATS`, not of `STEPS`.

  Raises:
    LutError: when the format cannot hold it.
  """
  ocio = ocio_files.library()
  config = ocio.Config.CreateRaw()
  for name, transform in (
    ('input', None),
    ('look', _group(ocio, steps(lut))),
    ('curves', _group(ocio, _front(lut))),
  ):
    space = ocio.ColorSpace(name=name)
    if transform is not None:
      space.setTransform(transform, ocio.COLORSPACE_DIR_FROM_REFERENCE)
    config.addColorSpace(space)
  baker = ocio.Baker()
  baker.setConfig(config)
  baker.setFormat(FORMATS[form])
  baker.setInputSpace('input')
  baker.setTargetSpace('look')
  size = len(lut.table)
  if lut.shaper is not None and form == 'spi1d':
    size = len(lut.shaper.table)
  baker.setCubeSize(size)
  if form == 'csp' and not is_plain(lut):
    baker.setShaperSpace('curves')
    # OpenColorIO reads few entries by a spline: 4 would be off by 15 codes.
    entries = 0 if lut.shaper is None else len(lut.shaper.table)
    baker.setShaperSize(max(entries, _ENTRIES) if entries else 2)
  try:
    return baker.bake().encode()
  except Exception as error:
    raise errors.LutError(_refusal(form, error)) from error


def is_plain(lut: lattice.Lut) -> bool:
  """Returns whether a LUT is a lattice over the unit cube alone."""
  return lut.shaper is None and bool(np.array_equal(lut.domain, _UNIT))


def steps(lut: lattice.Lut) -> chain_lib.Chain:
  """Returns a LUT as a chain of plain steps: curves, scales, lattice."""
  if lut.shaper is None or lattice.is_curves(lut):
    return chain_lib.of_lut(lut)
  return (lut.shaper, lut._replace(shaper=None))


def _front(lut: lattice.Lut) -> chain_lib.Chain:
  """Returns what comes before a lattice over the unit cube."""
  scale = _scale(lut.domain)
  return (lut.shaper, scale) if lut.shaper is not None else (scale,)


def _scale(domain: Any) -> chain_lib.Matrix:
  low, high = np.asarray(domain, np.float64)
  return chain_lib.Matrix(np.diag(1 / (high - low)), -low / (high - low))


def _refusal(form: str, error: Exception) -> str:
  reason = ' '.join(str(error).split())[:200]
  return f'found what .{form} cannot hold: {reason}'


def _group(ocio: Any, chain: chain_lib.Chain) -> Any:
  """Returns a chain as transforms of OpenColorIO."""
  group = ocio.GroupTransform()
  for step in chain:
    write = _WRITERS.get(type(step))
    if write is None:
      raise errors.LutError(
        f'found {type(step).__name__.lower()} with uneven knots, which the format '
        'cannot hold'
      )
    for transform in write(ocio, step):
      group.appendTransform(transform)
  return group


def _four(values: Any, last: float) -> list[float]:
  return [*np.asarray(values, np.float64).tolist(), last]


def _matrix(ocio: Any, step: chain_lib.Matrix) -> list[Any]:
  whole = np.eye(4)
  whole[:3, :3] = step.matrix
  return [ocio.MatrixTransform(whole.ravel().tolist(), _four(step.offset, 0.0))]


def _range(ocio: Any, step: chain_lib.Range) -> list[Any]:
  scale = _matrix(ocio, chain_lib.Matrix(np.diag(step.scale), step.offset))
  low, high = float(step.low[0]), float(step.high[0])
  if (step.low != low).any() or (step.high != high).any():
    raise errors.LutError('found a range per channel, which the format cannot hold')
  clamp = ocio.RangeTransform()
  if np.isfinite(low):
    clamp.setMinInValue(low)
    clamp.setMinOutValue(low)
  if np.isfinite(high):
    clamp.setMaxInValue(high)
    clamp.setMaxOutValue(high)
  return [*scale, clamp] if np.isfinite([low, high]).any() else scale


def _power(ocio: Any, step: chain_lib.Power) -> list[Any]:
  mirrored = bool(np.asarray(step.mirrored).any())
  inverse = bool(np.any(step.outer_offset))
  if not inverse and not np.any(step.inner_offset):
    style = ocio.NEGATIVE_PASS_THRU if np.any(step.slope) else ocio.NEGATIVE_CLAMP
    style = ocio.NEGATIVE_MIRROR if mirrored else style
    return [ocio.ExponentTransform(_four(step.power, 1.0), style)]
  power = np.asarray(step.power, np.float64)
  offset = np.asarray(step.inner_offset, np.float64) / step.inner_scale
  if inverse:
    power, offset = 1 / power, -np.asarray(step.outer_offset, np.float64)
  style = ocio.NEGATIVE_MIRROR if mirrored else ocio.NEGATIVE_LINEAR
  direction = ocio.TRANSFORM_DIR_INVERSE if inverse else ocio.TRANSFORM_DIR_FORWARD
  gamma, offset = _four(power, 1.0), _four(offset, 0.0)
  return [ocio.ExponentWithLinearTransform(gamma, offset, style, direction)]


def _log(ocio: Any, step: chain_lib.Log | chain_lib.Antilog) -> list[Any]:
  inverse = isinstance(step, chain_lib.Antilog)
  direction = ocio.TRANSFORM_DIR_INVERSE if inverse else ocio.TRANSFORM_DIR_FORWARD
  parts = [np.asarray(leaf, np.float64).tolist() for leaf in step]
  inner_scale, inner_offset, outer_scale, outer_offset, start, slope, _ = parts
  linear = np.isfinite(start).all()
  log = ocio.LogCameraTransform([0.0] * 3) if linear else ocio.LogAffineTransform()
  log.setBase(float(np.e))
  log.setLinSideSlopeValue(inner_scale)
  log.setLinSideOffsetValue(inner_offset)
  log.setLogSideSlopeValue(outer_scale)
  log.setLogSideOffsetValue(outer_offset)
  if linear:
    if inverse:
      exponent = (np.array(start) - outer_offset) / np.array(outer_scale)
      start = ((np.exp(exponent) - inner_offset) / np.array(inner_scale)).tolist()
    log.setLinSideBreakValue(start)
    log.setLinearSlopeValue(slope)
  log.setDirection(direction)
  return [log]


def _curves(ocio: Any, step: lattice.Shaper) -> list[Any]:
  table = np.asarray(step.table, np.float32)
  curves = ocio.Lut1DTransform(length=len(table), inputHalfDomain=False)
  curves.setData(np.ascontiguousarray(table).ravel())
  return [*_placed(ocio, step.domain), curves]


def _lattice(ocio: Any, step: lattice.Lut) -> list[Any]:
  if step.knots is not None or len(set(step.table.shape[:-1])) != 1:
    raise errors.LutError(
      'found a lattice with uneven knots or axes, which the format cannot hold'
    )
  before = [] if step.shaper is None else _curves(ocio, step.shaper)
  cube = ocio.Lut3DTransform(gridSize=len(step.table))
  cube.setInterpolation(ocio.INTERP_TETRAHEDRAL)
  cube.setData(np.ascontiguousarray(step.table, np.float32).ravel())
  return [*before, *_placed(ocio, step.domain), cube]


def _placed(ocio: Any, domain: Any) -> list[Any]:
  if np.array_equal(domain, _UNIT):
    return []
  return _matrix(ocio, _scale(domain))


_WRITERS: Mapping[type, Callable[[Any, Any], list[Any]]] = {
  chain_lib.Matrix: _matrix,
  chain_lib.Range: _range,
  chain_lib.Power: _power,
  chain_lib.Log: _log,
  chain_lib.Antilog: _log,
  lattice.Shaper: _curves,
  lattice.Lut: _lattice,
}
