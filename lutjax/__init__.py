"""Learned colour look-up tables in JAX.

Rooms, from the ground up; import what is needed, as modules:

* `lut`: lattices, interpolation, `.cube` and Hald pictures.
* `color`: transfer functions, spaces, differences, gamuts.
* `nn`: small networks as plain pytrees.
* `codec`: rounding of weights, the artefact format, metadata in images.
* `metrics`: PSNR, SSIM, colour differences with exactly named statistics.
* `data`: images, looks from files, looks and photos made by code.
* `models`: the systems; `models.make(config)`, `models.load(artefact)`.
* `fit`: one model by one scan, many by one program; checkpoints, run folders.
* `report`: pages and plots.
* `tasks`: experiments from files to artefacts, metrics and a report.

Importing starts no device and defines no flag.
"""

import importlib
from types import ModuleType

__version__ = '0.1.0'

__all__ = (
  'codec',
  'color',
  'config',
  'data',
  'errors',
  'files',
  'fit',
  'lut',
  'metrics',
  'models',
  'nn',
  'progress',
  'report',
  'tasks',
  'types',
)


def __getattr__(name: str) -> ModuleType:
  """Imports a room when it is first asked for."""
  if name not in __all__:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return importlib.import_module(f'{__name__}.{name}')


def __dir__() -> list[str]:
  return [*__all__, '__version__']
