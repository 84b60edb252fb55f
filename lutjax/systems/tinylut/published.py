"""The layout in which TinyLUT-S was published: six `.npy` files and their scales.

Int8 `[rows, outputs, 1, 1]` each: the spatial tables hold the levels of one position
after those of another; the tables of pointwise layers a block for each input channel,
from what its scale makes of the lowest level to what it makes of the highest, rounded
half to even in float32. The scales, which the tables cannot be read without, are
float32 arrays `hh1`, `hl1`, `hh2` and `hl2` of `clip_scales.npz`: h and l are the
branches, 1 and 2 the pointwise layers. The only files of this kind are those of
Jonas-KD/TinyLUT, whose scales are in its checkpoint.
"""

import io
import os
import pathlib
import re
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from lutjax import errors, files
from lutjax.data import degradations
from lutjax.systems.tinylut import structure
from lutjax.types import Variables

SCALES = 'clip_scales.npz'
_NAME = re.compile(r'Model_V_(L1_Depth|L1_Point|UP)_x([1-4])_(H6|L2)\.npy')
_BRANCHES: dict[str, structure.Branch] = {'H6': 'high', 'L2': 'low'}
_LAYERS = ('L1_Point', 'UP')
_CHANNELS, _KERNEL, _MSB_BITS = 16, 3, 6
# Of a file: the largest tables of this structure have 16,384 bytes.
_MOST_BYTES = 1 << 20
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def claims(names: Sequence[str]) -> bool:
  """Returns whether a folder of these files is one.

  Args:
    names: Of its files.
  """
  return any(_NAME.fullmatch(name) for name in names)


def read(path: str) -> tuple[structure.Config, Variables]:
  """Reads a folder in the published layout.

  Args:
    path: The folder.

  Returns:
    The config and the entries; rows that no level reaches are there, too.

  Raises:
    ArtefactError: where a file is missing, damaged, or of another shape.
  """
  folder = pathlib.Path(path)
  found = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
  scales = {match[2] for name in found if (match := _NAME.fullmatch(name))}
  if len(scales) != 1:
    raise errors.ArtefactError(
      f'{path}: found tables for x{", x".join(sorted(scales)) or "nothing"}, expected '
      'those of one factor'
    )
  (factor,) = scales
  outputs = int(factor) ** 2
  clip = _clip_scales(folder / SCALES)
  held, reach = {}, 0
  for letter, branch in _BRANCHES.items():
    low, high = structure.level_range(structure.Config(), branch)
    spatial = _table(folder / f'Model_V_L1_Depth_x{factor}_{letter}.npy', _CHANNELS)
    levels = high - low + 1
    if len(spatial) != _KERNEL**2 * levels:
      raise errors.ArtefactError(
        f'{path}: found {len(spatial)} rows of spatial tables {letter}, expected '
        f'{_KERNEL**2 * levels}'
      )
    layers = []
    for i, kind in enumerate(_LAYERS):
      file = folder / f'Model_V_{kind}_x{factor}_{letter}.npy'
      width = outputs if kind == 'UP' else _CHANNELS
      scale = clip[f'h{letter[0].lower()}{i + 1}']
      ends = _ends(scale, low, high)
      blocks = _blocks(_table(file, width), ends, file)
      reach = max(reach, *(low - ends[0]), *(ends[1] - high))
      layers.append((scale, ends[0], blocks))
    held[branch] = (spatial.reshape(_KERNEL**2, levels, _CHANNELS), layers)
  config = structure.Config(
    restores=_restores(int(factor)), learned='entries', headroom=int(reach)
  )
  return config, Variables(_entries(config, held))


def render(
  config: structure.Config, variables: Variables, name: str
) -> Mapping[str, bytes]:
  """Writes entries in the published layout.

  Args:
    config: Of S: what the layout has no room for is refused.
    variables: Entries.
    name: Of the model; the layout's file names do not hold it.

  Returns:
    The content of each file by its name.

  Raises:
    InputError: if the layout cannot hold the model.
  """
  del name
  _check(config)
  factor, made, scales = config.restores.scale, {}, {}
  for letter, branch in _BRANCHES.items():
    low, high = structure.level_range(config, branch)
    first, _ = structure.row_range(config, branch)
    held = variables.params[branch]
    spatial = held['spatial'].reshape(-1, _CHANNELS)
    made[f'Model_V_L1_Depth_x{factor}_{letter}.npy'] = _npy(spatial)
    for i, (kind, layer) in enumerate(zip(_LAYERS, held['layers'])):
      scale = np.asarray(layer['scale'], np.float32)
      starts, stops = (end - first for end in _ends(scale, low, high))
      blocks = [
        _rows(rows, start, stop)
        for rows, start, stop in zip(layer['rows'], starts, stops)
      ]
      made[f'Model_V_{kind}_x{factor}_{letter}.npy'] = _npy(np.concatenate(blocks))
      scales[f'h{letter[0].lower()}{i + 1}'] = scale
  made[SCALES] = _npz(scales)
  return made


def _restores(factor: int) -> degradations.Degradation:
  # Files do not say what tables of x1 undo; that of the paper's main table.
  if factor == 1:
    return degradations.Degradation('noise', 25)
  return degradations.Degradation('bicubic', factor)


def _check(config: structure.Config) -> None:
  expected = {
    'channels': _CHANNELS,
    'kernel': _KERNEL,
    'pointwise': 1,
    'pairs': 0,
    'msb_bits': _MSB_BITS,
    'low': 'chain',
    'shift_radius': 0,
  }
  wrong = [
    f'{field} {getattr(config, field)}, expected {want}'
    for field, want in expected.items()
    if getattr(config, field) != want
  ]
  if wrong:
    raise errors.InputError(
      f'--formats=npy: the published layout holds S alone, found {"; ".join(wrong)}'
    )


def _table(path: pathlib.Path, width: int) -> np.ndarray:
  """Reads one file as `[rows, width]` int8."""
  table = _array(files.read_bytes(path, error=errors.ArtefactError), path)
  if table.dtype != np.int8 or table.ndim != 4 or table.shape[1:] != (width, 1, 1):
    raise errors.ArtefactError(
      f'{path}: found {table.dtype} {list(table.shape)}, expected int8 [rows, {width}, '
      '1, 1]'
    )
  return table[:, :, 0, 0]


def _array(content: bytes, source: object) -> np.ndarray:
  try:
    if len(content) > _MOST_BYTES:
      raise ValueError(f'{len(content):,} bytes')
    return np.load(io.BytesIO(content), allow_pickle=False)
  except (ValueError, EOFError, OSError) as error:
    raise errors.ArtefactError(
      f'{source}: found no array in it, expected that of tables: {error}'
    ) from error


def _clip_scales(path: pathlib.Path) -> dict[str, np.ndarray]:
  content = files.read_bytes(path, error=errors.ArtefactError)
  found = {}
  try:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      for name in ('hh1', 'hl1', 'hh2', 'hl2'):
        found[name] = _array(archive.read(f'{name}.npy'), f'{path}: {name}')
  except (zipfile.BadZipFile, KeyError, OSError) as error:
    raise errors.ArtefactError(
      f'{path}: found {error}, expected arrays hh1, hl1, hh2 and hl2'
    ) from error
  for name, scale in found.items():
    limited = np.all(np.abs(scale) <= 4)  # NaN is not.
    if scale.shape != (_CHANNELS,) or scale.dtype != np.float32 or not limited:
      raise errors.ArtefactError(
        f'{path}: {name}: found {scale.dtype} {list(scale.shape)}, expected float32 '
        f'[{_CHANNELS}] from -4 to 4'
      )
  return found


def _ends(scale: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the first and the last level of each block; scales may be below 0."""
  ends = np.rint(scale[:, None] * np.array([low, high], np.float32)).astype(int)
  return ends.min(axis=1), ends.max(axis=1)


def _blocks(
  table: np.ndarray, ends: Sequence[np.ndarray], source: pathlib.Path
) -> list[np.ndarray]:
  """Cuts a table into the blocks of its channels."""
  counts = ends[1] - ends[0] + 1
  if len(table) != counts.sum():
    raise errors.ArtefactError(
      f'{source}: found {len(table)} rows, expected {counts.sum()} by {SCALES}'
    )
  return np.split(table, np.cumsum(counts)[:-1])


def _entries(config: structure.Config, held: Mapping) -> dict:
  """Puts blocks into rows of one length."""
  params = {}
  for branch, (spatial, layers) in held.items():
    first, last = structure.row_range(config, branch)
    made = []
    for scale, starts, blocks in layers:
      rows = np.zeros((_CHANNELS, last - first + 1, blocks[0].shape[1]), np.int8)
      for c, (start, block) in enumerate(zip(starts, blocks)):
        rows[c, start - first : start - first + len(block)] = block
      shift = np.zeros((_CHANNELS, 2), np.int8)
      made.append({'rows': rows, 'scale': scale, 'shift': shift})
    params[branch] = {'spatial': spatial, 'layers': made}
  return params


def _rows(rows: np.ndarray, start: int, stop: int) -> np.ndarray:
  """Returns rows from start to stop, 0 where a scale over 1 goes beyond them."""
  below, above = max(0, -start), max(0, stop + 1 - len(rows))
  kept = rows[max(0, start) : stop + 1]
  return np.pad(kept, [(below, above), (0, 0)])


def _npy(table: np.ndarray) -> bytes:
  stream = io.BytesIO()
  np.save(stream, np.ascontiguousarray(table[:, :, None, None]))
  return stream.getvalue()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
  """Writes an archive whose bytes depend on the arrays alone."""
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, 'w') as archive:
    for name, array in arrays.items():
      held = io.BytesIO()
      np.save(held, array)
      archive.writestr(zipfile.ZipInfo(f'{name}.npy', _FIXED_TIME), held.getvalue())
  return stream.getvalue()
