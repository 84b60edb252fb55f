"""MuLUT's tables as one artefact.

Stored are differences along the last two pixels of a table, modulo 256: tables are
smooth, and deflate then takes half the bytes that it takes for the values.
"""

import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.baselines.mulut import simplex
from lutjax.baselines.mulut.model import Config
from lutjax.codec import container
from lutjax.data import degradations
from lutjax.types import Variables


def export(config: Config, variables: Variables) -> bytes:
  """Packs the tables; nothing is lost.

  Args:
    config: Stages, sampling, and what it undoes.
    variables: The tables.
  """
  header = {
    'stages': config.stages,
    'sampling_bits': config.sampling_bits,
    'kind': config.restores.kind,
    'strength': config.restores.strength,
  }
  tensors = []
  for table in variables.params:
    grid = _grid(config, np.asarray(table, np.int8)).view(np.uint8)
    for axis in (3, 4):
      grid = np.diff(grid, axis=axis, prepend=np.zeros_like(grid.take([0], axis)))
    tensors.append(grid.reshape(table.shape))
  return container.pack('mulut', header, tensors)


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`.
    content: The artefact.
    source: Named in errors.

  Raises:
    ArtefactError: when the artefact is damaged.
  """
  tables = []
  for stored in container.unpack(content, source).tensors:
    grid = _grid(config, stored)
    for axis in (4, 3):
      grid = np.cumsum(grid, axis=axis, dtype=np.uint8)
    tables.append(grid.reshape(stored.shape).view(np.int8))
  return Variables(tuple(tables))


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing or at odds with the tables.
  """
  header = artefact.header
  try:
    config = config_lib.checked(
      Config(
        stages=tuple(header['stages']),
        sampling_bits=header['sampling_bits'],
        restores=config_lib.checked(
          degradations.Degradation(header['kind'], header['strength'])
        ),
      )
    )
    found = [(table.dtype, table.shape) for table in artefact.tensors]
    if found != [(np.uint8, shape) for shape in config.shapes]:
      shapes = ', '.join(f'{dtype}{list(shape)}' for dtype, shape in found)
      raise ValueError(f'tables {shapes or "none"}')
    return config
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a mulut header that does not fit: {error}'
    ) from error


def _grid(config: Config, table: np.ndarray) -> np.ndarray:
  """Returns tables with an axis for each of the four pixels."""
  size = simplex.nodes(config.sampling_bits)
  return np.ascontiguousarray(table).reshape(len(table), *[size] * 4, -1)
