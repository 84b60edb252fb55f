"""Learned colour look-up tables in JAX.

Packages, lowest layer first; import what is needed, as modules:

* `native`: optional kernels in C++, each with a pure twin in the packages below.
* `lut`: lattices, interpolation, `.cube` and Hald pictures.
* `color`: transfer functions, spaces, differences, gamuts.
* `nn`: small networks as plain pytrees.
* `codec`: rounding of weights, the artefact format, metadata in images.
* `metrics`: PSNR, SSIM, statistics of colour differences.
* `data`: images, looks from files, synthetic looks and photos.
* `fit`: fits of one model and of many; checkpoints, run folders.
* `report`: pages and plots.
* `looks`: what the systems that learn looks share.
* `restoration`: what those that restore pictures share.
* `systems`: one folder each; `systems.make(config)`, `systems.load(artefact)`.
* `baselines`: classical methods behind the same contract.
* `assets`: models that come with the package.
* `commands`: fit, evaluate, export, apply, from files to files.

Importing starts no device and defines no flag.
"""

import importlib
from types import ModuleType

__version__ = '0.2.0'

__all__ = (
  'artefacts',
  'assets',
  'baselines',
  'codec',
  'color',
  'commands',
  'config',
  'data',
  'errors',
  'experiment',
  'files',
  'fit',
  'looks',
  'lut',
  'metrics',
  'native',
  'nn',
  'progress',
  'report',
  'restoration',
  'systems',
  'types',
)


def __getattr__(name: str) -> ModuleType:
  """Imports a package when it is first used."""
  if name not in __all__:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return importlib.import_module(f'{__name__}.{name}')


def __dir__() -> list[str]:
  return [*__all__, '__version__']
