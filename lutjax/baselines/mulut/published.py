"""MuLUT's published layout: a folder with one `.npy` for each table.

`LUT_ft_x4_4bit_int8_s1_d.npy` is the table of pattern d in stage 1 of a model for scale
4, with a node every 2**4 codes; `ft` says that it was fine-tuned after training. Its
rows are the nodes, its columns the sub-pixels (ddlee-cn/MuLUT, `models/`).
"""

import io
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax import errors, files
from lutjax.baselines.mulut import simplex
from lutjax.baselines.mulut.model import Config
from lutjax.data import degradations
from lutjax.types import Variables

_NAME = re.compile(r'LUT(_ft)?_x(\d)_(\d)bit_int8_s(\d)_([a-z])\.npy')
# How the header of a file is read, by the version of its format.
_HEADERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}


class _Name(NamedTuple):
  """What the name of a file says."""

  tuned: bool
  scale: int
  bits: int
  stage: int
  letter: str


def claims(names: Sequence[str]) -> bool:
  """Returns whether a folder of these files has tables of MuLUT."""
  return any(map(_NAME.fullmatch, names))


def read(folder: str) -> tuple[Config, Variables]:
  """Reads the tables of a folder.

  Args:
    folder: Where they are; other files are left alone.

  Returns:
    The config, which undoes bicubic reduction at the scale of the names (x1 may be
    anything: no name says what), and the tables.

  Raises:
    ArtefactError: when tables are missing, of different models, or of another shape
      than their names say.
  """
  where = pathlib.Path(folder)
  found = _tables(where)
  stages = [
    ''.join(
      letter
      for letter in simplex.PATTERNS
      if any((name.stage, name.letter) == (stage, letter) for name in found)
    )
    for stage in range(1, max(name.stage for name in found) + 1)
  ]
  (kind, *_) = found
  try:
    config = Config(
      stages=tuple(stages),
      sampling_bits=kind.bits,
      restores=degradations.Degradation('bicubic', kind.scale),
    )
  except ValueError as error:
    raise errors.ArtefactError(f'{folder}: found tables of no model: {error}') from None
  tables = [
    np.stack(
      [
        _read(found[kind._replace(stage=stage, letter=letter)], shape[1:])
        for letter in letters
      ]
    )
    for stage, (letters, shape) in enumerate(zip(stages, config.shapes), 1)
  ]
  return config, Variables(tuple(tables))


def render(config: Config, variables: Variables, name: str = '') -> dict[str, bytes]:
  """Returns the files of a folder that `read` reads back.

  Args:
    config: Stages, sampling and scale.
    variables: The tables.
    name: Not used: the layout names its files.

  Returns:
    The content of each file by its name, byte for byte as published.
  """
  del name
  contents = {}
  for stage, (letters, tables) in enumerate(zip(config.stages, variables.params), 1):
    for letter, table in zip(letters, np.asarray(tables)):
      stream = io.BytesIO()
      np.save(stream, table, allow_pickle=False)
      start = f'LUT_ft_x{config.restores.scale}_{config.sampling_bits}bit_int8'
      contents[f'{start}_s{stage}_{letter}.npy'] = stream.getvalue()
  return contents


def _tables(folder: pathlib.Path) -> Mapping[_Name, pathlib.Path]:
  """Returns the files of one model by what their names say."""
  found = {}
  for path in sorted(folder.iterdir()):
    match = _NAME.fullmatch(path.name)
    if match:
      tuned, scale, bits, stage, letter = match.groups()
      name = _Name(bool(tuned), int(scale), int(bits), int(stage), letter)
      found[name] = path
  if len({name[:3] for name in found}) != 1:
    raise errors.ArtefactError(
      f'{folder}: found {len({name[:3] for name in found})} models in it, expected the '
      'tables of one'
    )
  for name, path in found.items():
    if name.letter not in simplex.PATTERNS:
      raise errors.ArtefactError(
        f'{path}: found pattern {name.letter}, expected one of '
        f'{", ".join(simplex.PATTERNS)}'
      )
  return found


def _read(path: pathlib.Path, shape: tuple[int, ...]) -> np.ndarray:
  """Reads a file that must hold int8 of a shape."""
  content = files.read_bytes(path, error=errors.ArtefactError)
  stream = io.BytesIO(content)
  try:
    header: Any = _HEADERS[np.lib.format.read_magic(stream)](stream)
  except (ValueError, KeyError, EOFError) as error:
    raise errors.ArtefactError(
      f'{path}: found a header that cannot be read, expected one of .npy'
    ) from error
  held, columns_first, dtype = header
  if dtype != np.int8 or held != shape:
    raise errors.ArtefactError(
      f'{path}: found {dtype} {list(held)}, expected int8 {list(shape)}'
    )
  size = len(content) - stream.tell()
  if size != np.prod(shape):
    raise errors.ArtefactError(
      f'{path}: found {size} bytes of values, expected {np.prod(shape)}'
    )
  values = np.frombuffer(content, np.int8, offset=stream.tell())
  return values.reshape(shape, order='F' if columns_first else 'C')
