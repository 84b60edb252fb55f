"""The tables of a TinyLUT as an artefact: shipped are rows that a level reaches.

Rows and curved spatial tables are coded by `codec.piecewise`, each channel's as a
table of its own. Spatial tables that are straight lines are a weight for each column,
in units of a power of two. Scales are float32, or multiples of 2^-11 where all are.

Published files hold whole blocks, from the row of the lowest level to that of the
highest, with rows that no level reaches since levels are clipped; where the config
has `headroom`, such blocks are what is shipped.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import container, piecewise
from lutjax.data import degradations
from lutjax.systems.tinylut import structure, tables
from lutjax.types import PyTree, Variables

# Of all tables together, as stored; the largest published one has 187 KB.
MAX_ENTRIES = 1 << 21

# As the header has them, in this order.
_FORM = (
  'channels',
  'kernel',
  'pointwise',
  'pairs',
  'msb_bits',
  'low',
  'scaled',
  'spatial',
  'shift_radius',
  'headroom',
)
_SCALE_UNITS = 2048
_MAX_SCALE = 65536.0
# Straight lines over fewer levels are few bits to `piecewise` too.
_LINE_LEVELS = 16
# Between neighbouring roundings of a line over 64 levels lies a multiple of 2^-11.
_MAX_LINE_BITS = 13


def entries(
  config: structure.Config, variables: Variables
) -> tuple[structure.Config, Variables]:
  """Returns int8 entries: those given, or what was learned, rounded.

  Args:
    config: Of networks or entries.
    variables: Networks, entries not rounded yet, or int8 entries.

  Returns:
    The config of entries and host entries, as `tables.to_tables` gives them.
  """
  if config.learned == 'entries' and all(
    held['spatial'].dtype == np.int8 for held in variables.params.values()
  ):
    return config, variables
  return tables.to_tables(config, variables)


def export(config: structure.Config, variables: Variables) -> bytes:
  """Packs the tables.

  Args:
    config: Of networks or entries.
    variables: What was learned; int8 entries are packed as they are, but for rows
      that are not shipped.

  Returns:
    The artefact.

  Raises:
    ValueError: if there are over `MAX_ENTRIES`.
  """
  config, variables = entries(config, variables)
  params, held = variables.params, []
  for branch, index, kind in _layers(config):
    layer = params[branch]['layers'][index]
    stored = _stored(config, branch, layer['scale'])
    rows = (
      layer['rows'].transpose(2, 1, 0) if kind.kind == 'depthwise' else layer['rows']
    )
    held += [block[there] for block, there in zip(rows, stored)]
  shifts = _joined(config, params, 'shift', np.int8)
  # Learned ones are held within the radius where they are used.
  shifts = np.clip(shifts, -config.shift_radius, config.shift_radius)
  tensors = [
    _scales_to_tensor(_joined(config, params, 'scale', np.float32)),
    shifts if shifts.any() else shifts[:0],
  ]
  bits = []
  for branch in structure.branches(config):
    spatial = params[branch]['spatial']
    line = _line(config, branch, spatial)
    bits.append(None if line is None else line[0])
    if line is None:
      held += list(spatial)
    else:
      tensors += list(line[1:])
  count = sum(table.size for table in held)
  if count > MAX_ENTRIES:
    raise ValueError(f'Expected tables of {MAX_ENTRIES} bytes at most, got {count}.')
  header = {
    'name': config.name,
    'restores': [config.restores.kind, config.restores.strength],
    'form': [getattr(config, field) for field in _FORM],
    'lines': bits,
  }
  code = np.frombuffer(piecewise.encode(held), np.uint8)
  return container.pack('tinylut', header, [*tensors, code])


def restore(
  config: structure.Config, content: bytes, source: str = 'artefact'
) -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`.
    content: The artefact.
    source: Named in errors.

  Returns:
    Host entries: int8 `spatial`, `rows` and `shift`, float32 `scale`.

  Raises:
    ArtefactError: when the artefact is damaged or of another structure.
  """
  artefact = container.unpack(content, source)
  try:
    return Variables(
      _from_tensors(config, artefact.header['lines'], iter(artefact.tensors))
    )
  except errors.ArtefactError as error:
    raise errors.ArtefactError(f'{source}: {error}') from error


def config_of(artefact: container.Artefact, source: str) -> structure.Config:
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Returns:
    The config of its entries; what only training reads has its defaults.

  Raises:
    ArtefactError: when a field is missing or not what it should be.
  """
  header = artefact.header
  try:
    form = dict(zip(_FORM, header['form'], strict=True))
    restores = config_lib.checked(degradations.Degradation(*header['restores']))
    config = config_lib.checked(
      structure.Config(
        restores=restores, learned='entries', name=header['name'], **form
      )
    )
    bits = header['lines']
    known = [None, *range(_MAX_LINE_BITS + 1)]
    if len(bits) != len(structure.branches(config)) or any(
      type(item) is bool or item not in known for item in bits
    ):
      raise ValueError(f'lines {bits}')
    return config
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a tinylut header that does not fit: {error}'
    ) from error


def _from_tensors(
  config: structure.Config, lines: Sequence[int | None], tensors: Iterator[np.ndarray]
) -> PyTree:
  """Returns the entries; tensors are not trusted."""
  places = list(_layers(config))
  scales = _scales_from_tensor(next(tensors, None), (len(places), config.channels))
  shape = (len(places), config.channels, 2)
  shifts = _taken(tensors, (shape, (0, *shape[1:])), np.int8)
  if not len(shifts):
    shifts = np.zeros(shape, np.int8)
  if np.abs(shifts.astype(int)).max(initial=0) > config.shift_radius:
    raise errors.ArtefactError(
      f'found shifts beyond the radius, expected at most {config.shift_radius}'
    )
  params: dict[str, Any] = {}
  for branch, bits in zip(structure.branches(config), lines):
    params[branch] = {'layers': []}
    if bits is not None:
      size = (config.kernel**2, config.channels)
      high, low = (_taken(tensors, (size,), np.int8) for _ in range(2))
      params[branch]['spatial'] = _from_line(config, branch, bits, high, low)
  masks = [
    _stored(config, branch, scale) for (branch, _, _), scale in zip(places, scales)
  ]
  sizes = []
  for mask, (_, _, kind) in zip(masks, places):
    columns = config.kernel**2 if kind.kind == 'depthwise' else kind.outputs
    sizes += [(int(there.sum()), columns) for there in mask]
  for branch, bits in zip(structure.branches(config), lines):
    if bits is None:
      levels = len(_levels(config, branch))
      sizes += [(levels, config.channels)] * config.kernel**2
  count = sum(math.prod(size) for size in sizes)
  if count > MAX_ENTRIES:
    raise errors.ArtefactError(
      f'found tables of {count} bytes, expected at most {MAX_ENTRIES}'
    )
  code = next(tensors, None)
  if (
    code is None
    or code.dtype != np.uint8
    or code.ndim != 1
    or any(True for _ in tensors)
  ):
    raise errors.ArtefactError('found other tensors than expected')
  held = iter(piecewise.decode(code.tobytes(), sizes))
  for (branch, _, kind), mask, scale, shift in zip(places, masks, scales, shifts):
    blocks = list(itertools.islice(held, config.channels))
    rows = np.zeros((*mask.shape, blocks[0].shape[1]), np.int8)
    rows[mask] = np.concatenate(blocks)
    if kind.kind == 'depthwise':
      rows = np.ascontiguousarray(rows.transpose(2, 1, 0))
    params[branch]['layers'].append({'rows': rows, 'scale': scale, 'shift': shift})
  for branch, bits in zip(structure.branches(config), lines):
    if bits is None:
      params[branch]['spatial'] = np.stack(
        list(itertools.islice(held, config.kernel**2))
      )
  return params


def _layers(
  config: structure.Config,
) -> Iterator[tuple[structure.Branch, int, structure.Layer]]:
  """Yields the branch, the number and the kind of each layer."""
  for branch in structure.chained(config):
    for index, kind in enumerate(structure.layers(config)):
      yield branch, index, kind


def _levels(config: structure.Config, branch: structure.Branch) -> np.ndarray:
  low, high = structure.level_range(config, branch)
  return np.arange(low, high + 1)


def _stored(
  config: structure.Config, branch: structure.Branch, scale: np.ndarray
) -> np.ndarray:
  """Returns which rows of a layer's channels are shipped, `[C, M]` bool."""
  if not config.headroom:
    return tables.reached(config, branch, {'scale': scale})
  first, last = structure.row_range(config, branch)
  ends = np.array(structure.level_range(config, branch), np.float32)
  ends = np.sort(np.rint(scale[:, None] * ends), axis=1)
  rows = np.arange(first, last + 1)
  return (rows >= ends[:, :1]) & (rows <= ends[:, 1:])


def _joined(
  config: structure.Config, params: PyTree, name: str, dtype: Any
) -> np.ndarray:
  """Returns what all layers have of a name, `[layers, C, ...]`."""
  held = [params[branch]['layers'][index][name] for branch, index, _ in _layers(config)]
  return np.stack(held).astype(dtype)


def _scales_to_tensor(scales: np.ndarray) -> np.ndarray:
  """Returns what is stored of `[layers, C]`: nothing where all are 1."""
  if (scales == 1.0).all():
    return np.zeros((0, scales.shape[1]), np.uint16)
  units = scales.astype(np.float64) * _SCALE_UNITS
  if ((units == np.rint(units)) & (units >= 0) & (units < 65536)).all():
    return units.astype(np.uint16)
  return scales


def _scales_from_tensor(
  tensor: np.ndarray | None, shape: tuple[int, int]
) -> np.ndarray:
  if tensor is not None and tensor.dtype == np.uint16:
    if tensor.shape == (0, shape[1]):
      return np.ones(shape, np.float32)
    scales = tensor.astype(np.float32) / np.float32(_SCALE_UNITS)
  else:
    scales = tensor
  if scales is None or scales.dtype != np.float32 or scales.shape != shape:
    raise errors.ArtefactError(f'found no scales of shape {list(shape)}')
  # Not a number is not at most anything.
  if not (np.abs(scales) <= _MAX_SCALE).all():
    raise errors.ArtefactError(
      f'found scales that are not finite, or over {_MAX_SCALE:g}'
    )
  return scales


def _line(
  config: structure.Config, branch: structure.Branch, table: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray] | None:
  """Returns straight lines that round to a spatial table, if such are worth it.

  Args:
    config: The structure.
    branch: Of the table.
    table: `[K, L, C]` int8.

  Returns:
    Bits after the point of the weights, their high bytes and their low ones, `[K, C]`
    int8; None where there are few levels, or columns that are no such lines.
  """
  levels = _levels(config, branch).astype(np.float64)[:, None]
  if len(levels) < _LINE_LEVELS:
    return None
  values = table.astype(np.float64)
  # A value that is clipped may stand for any beyond.
  ends = np.stack(
    [
      np.where(values == -128, -np.inf, values - 0.5),
      np.where(values == 127, np.inf, values + 0.5),
    ]
  )
  used = levels[:, 0] != 0
  bounds = np.sort(ends[:, :, used] / levels[used], axis=0)
  least, most = bounds[0].max(axis=1), bounds[1].min(axis=1)
  least = np.where(np.isfinite(least), least, most)
  for bits in range(_MAX_LINE_BITS + 1):
    # Halves round to even, so that the least weight that may do need not.
    weights = np.ceil(np.where(np.isfinite(least), least, 0.0) * 2.0**bits)
    for _ in range(2):
      high = np.floor((weights + 128.0) / 256.0)
      split = np.stack([high, weights - 256.0 * high])
      if np.abs(high).max() > 127:
        break
      high, low = split.astype(np.int8)
      wrong = (_from_line(config, branch, bits, high, low) != table).any(axis=1)
      if not wrong.any():
        return bits, high, low
      weights += wrong
  return None


def _from_line(
  config: structure.Config,
  branch: structure.Branch,
  bits: int,
  high: np.ndarray,
  low: np.ndarray,
) -> np.ndarray:
  """Returns the spatial table `[K, L, C]` int8 of weights."""
  weights = 256.0 * high + low
  levels = _levels(config, branch).astype(np.float64)[:, None]
  values = np.rint(weights[:, None] * levels / 2.0**bits)
  return np.clip(values, -128, 127).astype(np.int8)


def _taken(
  tensors: Iterator[np.ndarray], shapes: Sequence[tuple[int, ...]], dtype: Any
) -> np.ndarray:
  tensor = next(tensors, None)
  if tensor is None or tensor.shape not in shapes or tensor.dtype != dtype:
    found = 'nothing' if tensor is None else f'{tensor.dtype} {list(tensor.shape)}'
    raise errors.ArtefactError(
      f'found {found}, expected {np.dtype(dtype)} {list(shapes[0])}'
    )
  return tensor
