"""A lattice as its quantised 3D cosine spectrum: the classical baseline.

The difference of a look from the identity, on opponent axes, is transformed
(DCT-II), rounded with a dead zone to multiples of a step that grows with
frequency, and entropy coded (`codec.cosines`). Nothing is trained: `from_lattice`
takes the look as it is, and `export` searches the step and the growth with the
smallest error within the budget in bytes.
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.baselines import task as baseline_task
from lutjax.codec import container, cosines, labels
from lutjax.lut import interpolate, lattice
from lutjax.types import (
  Array,
  Batch,
  Entry,
  Key,
  Model,
  PyTree,
  System,
  Variables,
  bind,
)

# Steps are 2^(-i / 16); slopes are hundredths.
_STEPS_PER_OCTAVE = 16
_FINEST = 12 * _STEPS_PER_OCTAVE
_SLOPES = (20, 35, 60, 100)
# A coefficient below 1 - this of a step is rounded to zero.
_ROUNDING = 0.34
# Of a code.
_LARGEST = 65_000


@dataclasses.dataclass(frozen=True)
class Config:
  """A cosine-coded lattice.

  Attributes:
    size: Nodes per axis.
    size_bytes: What the artefact may take; 0 where `step` decides.
    step: Of the mean, outputs being in [0, 1]; rounded to sixteenths of an
      octave.
    slope: How much coarser higher frequencies are rounded, per unit of their
      sum; in hundredths. Searched where `size_bytes` decides.
    interpolation: Between the nodes.
    looks: What the artefact says that it holds.
  """

  size: int = 33
  size_bytes: int = 1024
  step: float = 0.01
  slope: float = 0.35
  interpolation: Literal['trilinear', 'tetrahedral'] = 'trilinear'
  looks: tuple[labels.Label, ...] = ()

  def __post_init__(self):
    config_lib.check_ranges(self, size_bytes='[0, inf)')
    if not 2 <= self.size <= cosines.MAX_SIZE:
      raise ValueError(f'Expected 2 to {cosines.MAX_SIZE} nodes, got {self.size}.')
    if not 2.0**-12 <= self.step <= 1.0 or not 0.0 <= self.slope <= 10.0:
      raise ValueError(
        f'Expected a step of 2^-12 to 1 and a slope of 0 to 10, got {self.step} and '
        f'{self.slope}.'
      )


def init(config: Config, key: Key) -> Variables:
  """Returns the identity.

  Args:
    config: `size`, nodes per axis.
    key: Not used: the identity has nothing random.
  """
  del key
  return Variables({'table': jnp.asarray(lattice.identity(config.size))})


def from_lattice(config: Config, table: np.ndarray) -> Variables:
  """Returns the model of a look `[N, N, N, 3]`, taken at its own nodes.

  Args:
    config: `size` and `interpolation`.
    table: `[N, N, N, 3]` in [0, 1]; resampled where N is not `config.size`.
  """
  if len(table) != config.size:
    nodes = jnp.asarray(lattice.identity(config.size))
    method = interpolate.METHODS[config.interpolation]
    table = np.asarray(method(jnp.asarray(table), nodes))
  return Variables({'table': np.asarray(table, np.float32)})


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours `rgb` `[..., 3]`, interpolating the lattice.

  Args:
    config: `interpolation`, `trilinear` or `tetrahedral`.
    variables: `table` `[N, N, N, 3]`.
    batch: `rgb` `[..., 3]` in [0, 1].
  """
  method = interpolate.METHODS[config.interpolation]
  return jnp.clip(method(variables.params['table'], batch['rgb']), 0.0, 1.0)


def query(config: Config, rgb: Array, weights: Array) -> Batch:
  """Returns the batch that asks for colours; there is one look.

  Args:
    config: Not used.
    rgb: `[..., 3]` in [0, 1].
    weights: Not used: there is one look.
  """
  del config, weights
  return {'rgb': rgb}


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the mean absolute residual, for fits from scattered colours.

  Args:
    config: As `apply` takes it.
    params: `table` `[N, N, N, 3]`.
    stats: Empty, returned as it is.
    batch: `rgb` and `target`, both `[B, 3]`.
    key: Not used.
  """
  del key
  residual = apply(config, Variables(params), batch) - batch['target']
  return jnp.mean(jnp.abs(residual)), (stats, {})


def export(config: Config, variables: Variables) -> bytes:
  """Codes the lattice.

  Args:
    config: `size_bytes` bounds the artefact, in which case the slope and step
      of least squared error at the nodes are searched; else `step` and
      `slope` are taken.
    variables: Host or device arrays.

  Raises:
    InputError: if nothing fits into `size_bytes`.
  """
  table = np.asarray(variables.params['table'], np.float32)
  spectrum = cosines.transform(table - lattice.identity(config.size))
  if not config.size_bytes:
    index = round(-_STEPS_PER_OCTAVE * float(np.log2(config.step)))
    return _pack(config, spectrum, index, round(100 * config.slope))
  found = [(_finest_that_fits(config, spectrum, slope), slope) for slope in _SLOPES]
  fitting = [(index, slope) for index, slope in found if index >= 0]
  if not fitting:
    bare = len(_pack(config, np.zeros_like(spectrum), 0, _SLOPES[0]))
    raise errors.InputError(
      f'--set=size_bytes={config.size_bytes}: names and curves of looks and an empty '
      f'spectrum take {bare}, expected more than that'
    )

  def error(choice: tuple[int, int]) -> float:
    steps = _steps(config.size, *choice)
    return float(np.mean((_lattice(_codes(spectrum, steps), steps) - table) ** 2))

  return _pack(config, spectrum, *min(fitting, key=error))


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`.
    content: The artefact.
    source: Named in errors.

  Raises:
    ArtefactError: when the artefact is damaged or of another system.
  """
  artefact = container.unpack(content, source)
  index, slope = artefact.header['step']
  if len(artefact.tensors) != 1 or artefact.tensors[0].dtype != np.uint8:
    raise errors.ArtefactError(f'{source}: found no code of a spectrum')
  try:
    codes = cosines.unpack(artefact.tensors[0].tobytes(), config.size)
  except errors.ArtefactError as error:
    raise errors.ArtefactError(f'{source}: {error}') from error
  return Variables({'table': _lattice(codes, _steps(config.size, index, slope))})


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing or out of range.
  """
  header = artefact.header
  try:
    index, slope = header['step']
    if not (type(index) is type(slope) is int and 0 <= index <= _FINEST):
      raise ValueError(f'a step {header["step"]!r}')
    return config_lib.checked(
      Config(
        size=header['size'],
        size_bytes=0,
        step=2.0 ** (-index / _STEPS_PER_OCTAVE),
        slope=slope / 100,
        interpolation=header['interpolation'],
        looks=labels.from_header(header['looks'], source),
      )
    )
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ArtefactError(
      f'{source}: found a dct header that does not fit: {error}'
    ) from error


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, export, restore)


MODEL = Model(
  'dct', Config, make, apply, config_of, restore, query, from_lattice=from_lattice
)

ENTRY = Entry(name='dct', models=(MODEL,), tasks=(baseline_task.TASK,))


def _finest_that_fits(config: Config, spectrum: np.ndarray, slope: int) -> int:
  """Returns the index of the finest step within the bytes, or -1, by bisection."""
  low, high = -1, _FINEST
  while low < high:
    middle = (low + high + 1) // 2
    steps = _steps(config.size, middle, slope)
    codable = np.max(np.abs(spectrum) / steps) < _LARGEST
    if codable and len(_pack(config, spectrum, middle, slope)) <= config.size_bytes:
      low = middle
    else:
      high = middle - 1
  return low


def _pack(config: Config, spectrum: np.ndarray, index: int, slope: int) -> bytes:
  code = cosines.pack(_codes(spectrum, _steps(config.size, index, slope)))
  header = {
    'size': config.size,
    'step': [index, slope],
    'interpolation': config.interpolation,
    'looks': labels.to_header(config.looks),
  }
  return container.pack('dct', header, [np.frombuffer(code, np.uint8)])


def _steps(size: int, index: int, slope: int) -> np.ndarray:
  return cosines.steps(size, 2.0 ** (-index / _STEPS_PER_OCTAVE), slope / 100)


def _codes(spectrum: np.ndarray, steps: np.ndarray) -> np.ndarray:
  sizes = np.floor(np.abs(spectrum) / steps + _ROUNDING)
  return (np.sign(spectrum) * np.minimum(sizes, _LARGEST)).astype(np.int64)


def _lattice(codes: np.ndarray, steps: np.ndarray) -> np.ndarray:
  delta = cosines.restore(codes.astype(np.float32) * steps)
  return np.clip(lattice.identity(len(codes)) + delta, 0.0, 1.0)
