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
from lutjax.systems.tinylut import lines, structure, tables
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
    ValueError: if there are over `MAX_ENTRIES`, or scales that are not finite.
  """
  config, variables = entries(config, variables)
  params, held = variables.params, []
  scales = _joined(config, params, 'scale', np.float32)
  if not _usable(scales):
    raise ValueError(f'Expected finite scales of at most {_MAX_SCALE:g}, got others.')
  for branch, index, kind in _layers(config):
    layer = params[branch]['layers'][index]
    rows = (
      layer['rows'].transpose(2, 1, 0) if kind.kind == 'depthwise' else layer['rows']
    )
    masks = stored(config, branch, layer['scale'])
    held += [block[there] for block, there in zip(rows, masks)]
  shifts = _joined(config, params, 'shift', np.int8)
  # Learned ones are held within the radius where they are used.
  shifts = np.clip(shifts, -config.shift_radius, config.shift_radius)
  tensors = [_scales_to_tensor(scales), shifts if shifts.any() else shifts[:0]]
  bits = []
  for branch in structure.branches(config):
    spatial, levels = params[branch]['spatial'], _levels(config, branch)
    line = lines.fit(levels, spatial) if len(levels) >= _LINE_LEVELS else None
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
    known = [None, *range(lines.MAX_BITS + 1)]
    if len(bits) != len(structure.branches(config)) or any(
      type(item) is bool or item not in known for item in bits
    ):
      raise ValueError(f'lines {bits}')
    return config
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a tinylut header that does not fit: {error}'
    ) from error


def stored(
  config: structure.Config, branch: structure.Branch, scale: np.ndarray
) -> np.ndarray:
  """Returns which rows of a layer's channels are shipped.

  Args:
    config: The structure; with `headroom` whole blocks are shipped.
    branch: Of the layer.
    scale: `[C]` float32.

  Returns:
    `[C, M]` bool.
  """
  if not config.headroom:
    return tables.reached(config, branch, {'scale': scale})
  first, last = structure.row_range(config, branch)
  ends = np.array(structure.level_range(config, branch), np.float32)
  ends = np.sort(np.rint(scale[:, None] * ends), axis=1)
  rows = np.arange(first, last + 1)
  return (rows >= ends[:, :1]) & (rows <= ends[:, 1:])


def _from_tensors(
  config: structure.Config, bits: Sequence[int | None], tensors: Iterator[np.ndarray]
) -> PyTree:
  """Returns the entries; tensors are not trusted."""
  places = list(_layers(config))
  scales = _scales_from_tensor(next(tensors, None), (len(places), config.channels))
  shifts = _shifts_from_tensor(config, tensors, len(places))
  params: dict[str, Any] = {}
  for branch, after_point in zip(structure.branches(config), bits):
    params[branch] = {'layers': []}
    if after_point is not None:
      size = (config.kernel**2, config.channels)
      weights = [_taken(tensors, (size,), np.int8) for _ in range(2)]
      levels = _levels(config, branch)
      params[branch]['spatial'] = lines.evaluate(levels, after_point, *weights)
  masks = [stored(config, place[0], scale) for place, scale in zip(places, scales)]
  sizes = _sizes(config, places, masks, bits)
  code = next(tensors, None)
  if code is None or code.dtype != np.uint8 or code.ndim != 1:
    raise errors.ArtefactError('found no code of tables, expected bytes')
  if next(tensors, None) is not None:
    raise errors.ArtefactError('found a tensor after the code of tables')
  held = iter(piecewise.decode(code.tobytes(), sizes))
  for (branch, _, kind), mask, scale, shift in zip(places, masks, scales, shifts):
    blocks = list(itertools.islice(held, config.channels))
    rows = np.zeros((*mask.shape, blocks[0].shape[1]), np.int8)
    rows[mask] = np.concatenate(blocks)
    if kind.kind == 'depthwise':
      rows = np.ascontiguousarray(rows.transpose(2, 1, 0))
    params[branch]['layers'].append({'rows': rows, 'scale': scale, 'shift': shift})
  for branch, after_point in zip(structure.branches(config), bits):
    if after_point is None:
      tables_held = itertools.islice(held, config.kernel**2)
      params[branch]['spatial'] = np.stack(list(tables_held))
  return params


def _sizes(
  config: structure.Config,
  places: Sequence[tuple[structure.Branch, int, structure.Layer]],
  masks: Sequence[np.ndarray],
  bits: Sequence[int | None],
) -> list[tuple[int, int]]:
  """Returns the sizes of the tables that are coded, in their order."""
  sizes = []
  for mask, (_, _, kind) in zip(masks, places):
    columns = config.kernel**2 if kind.kind == 'depthwise' else kind.outputs
    sizes += [(int(there.sum()), columns) for there in mask]
  for branch, after_point in zip(structure.branches(config), bits):
    if after_point is None:
      size = (len(_levels(config, branch)), config.channels)
      sizes += [size] * config.kernel**2
  count = sum(math.prod(size) for size in sizes)
  if count > MAX_ENTRIES:
    raise errors.ArtefactError(
      f'found tables of {count} bytes, expected at most {MAX_ENTRIES}'
    )
  return sizes


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


def _joined(
  config: structure.Config, params: PyTree, name: str, dtype: Any
) -> np.ndarray:
  """Returns what all layers have of a name, `[layers, C, ...]`."""
  held = [params[branch]['layers'][index][name] for branch, index, _ in _layers(config)]
  return np.stack(held).astype(dtype)


def _usable(scales: np.ndarray) -> bool:
  """Whether scales are in range; what is not a number is not."""
  return bool((np.abs(scales) <= _MAX_SCALE).all())


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
  if not _usable(scales):
    raise errors.ArtefactError(
      f'found scales that are not finite, or over {_MAX_SCALE:g}'
    )
  return scales


def _shifts_from_tensor(
  config: structure.Config, tensors: Iterator[np.ndarray], count: int
) -> np.ndarray:
  """Returns `[layers, C, 2]`; all are 0 where none are stored."""
  shape = (count, config.channels, 2)
  shifts = _taken(tensors, (shape, (0, *shape[1:])), np.int8)
  if not len(shifts):
    return np.zeros(shape, np.int8)
  if np.abs(shifts.astype(int)).max() > config.shift_radius:
    raise errors.ArtefactError(
      f'found shifts beyond the radius, expected at most {config.shift_radius}'
    )
  return shifts


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
