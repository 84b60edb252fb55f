"""A model that restores pictures by one table of 256 codes, registered in tests."""

import dataclasses
import pathlib
from collections.abc import Sequence
from unittest import mock

import numpy as np

from lutjax import errors, systems
from lutjax.codec import container
from lutjax.data import degradations
from lutjax.types import (
  Entry,
  Loaded,
  Model,
  PublishedFolder,
  Restorer,
  System,
  Variables,
  bind,
)

_BICUBIC_X2 = degradations.Degradation('bicubic', 2)
_ODD = degradations.Degradation('bicubic', 3)


@dataclasses.dataclass(frozen=True)
class Config:
  """What it undoes."""

  restores: degradations.Degradation = _BICUBIC_X2


def restored(
  table: np.ndarray, restores: degradations.Degradation, pixels: np.ndarray
) -> np.ndarray:
  """Looks every channel up; a pixel becomes `scale` times `scale` alike."""
  return table[pixels].repeat(restores.scale, 0).repeat(restores.scale, 1)


def save(path: pathlib.Path, config: Config, table: np.ndarray) -> pathlib.Path:
  """Writes an artefact."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(_export(config, Variables(table)))
  return path


def register(test) -> None:
  """Makes the model known while a test runs."""
  table = {**systems._TABLE, 'fake': __name__}
  test.enter_context(mock.patch.object(systems, '_TABLE', table))
  systems.entries.cache_clear()
  test.addCleanup(systems.entries.cache_clear)


def _export(config, variables):
  header = {'kind': config.restores.kind, 'strength': config.restores.strength}
  return container.pack('fake', header, [variables.params])


def _restore(config, content, source='artefact'):
  del config
  return Variables(container.unpack(content, source).tensors[0])


def _config_of(artefact, source):
  del source
  return Config(degradations.Degradation(**artefact.header))


def _process(config, variables):
  def process(pixels):
    assert pixels.dtype == np.uint8 and pixels.ndim == 3, (pixels.dtype, pixels.shape)
    return restored(variables.params, config.restores, pixels)

  return process


def _npy(config, variables, name):
  if config.restores == _ODD:
    raise errors.InputError('the layout knows no factor 3')
  return {f'{name}_{i}.npy': bytes(variables.params[i::2]) for i in (0, 1)}


def _load_folder(folder: str) -> Loaded:
  halves = [
    np.fromfile(p, np.uint8) for p in sorted(pathlib.Path(folder).glob('*_?.npy'))
  ]
  return Loaded(MODEL, Config(), Variables(np.stack(halves, axis=1).ravel()))


def _claims(names: Sequence[str]) -> bool:
  return any(name.startswith('fake_') for name in names)


def _unused(*arguments):
  raise AssertionError(f'not to be called with {arguments}')


def _make(config: Config) -> System:
  return bind(config, _unused, _unused, _unused, _export, _restore)


MODEL = Model(
  'fake',
  Config,
  _make,
  _unused,
  _config_of,
  _restore,
  restorer=Restorer(
    degradation=lambda config: config.restores,
    process=_process,
    table_bytes=lambda config, variables: variables.params.nbytes,
    margin=lambda config: 0,
    formats={
      'npy': _npy,
      'c': lambda config, variables, name: {f'{name}.h': f'// {name}\n'.encode()},
    },
  ),
)
ENTRY = Entry(
  name='fake',
  models=(MODEL,),
  published_folder=PublishedFolder(_claims, _load_folder),
)
