"""A lattice of few nodes in few bits: the simplest baseline.

The nodes are not samples of the look: their interpolation is fitted to the whole
look by least squares.
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.baselines import task as baseline_task
from lutjax.codec import container, labels
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

_MAX_SIZE = 129


@dataclasses.dataclass(frozen=True)
class Config:
  """A small grid.

  Attributes:
    size: Nodes per axis.
    bits: Of each value, 1 to 8; codes are spread over [0, 1].
    nodes: `solved` by least squares, or `sampled` from the look.
    looks: What the artefact says that it holds.
  """

  size: int = 9
  bits: int = 8
  nodes: Literal['solved', 'sampled'] = 'solved'
  looks: tuple[labels.Label, ...] = ()

  def __post_init__(self):
    if not 2 <= self.size <= _MAX_SIZE or not 1 <= self.bits <= 8:
      raise ValueError(
        f'Expected 2 to {_MAX_SIZE} nodes of 1 to 8 bits, got {self.size} of '
        f'{self.bits}.'
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
  """Returns the grid of a look.

  Trilinear interpolation is a product of three one-dimensional ones, so the
  least squares over all nodes of the look fall into one small system per axis.

  Args:
    config: `size` and `nodes`.
    table: `[N, N, N, 3]` float32 in [0, 1].
  """
  if config.nodes == 'sampled':
    nodes = jnp.asarray(lattice.identity(config.size))
    sampled = interpolate.trilinear(jnp.asarray(table), nodes)
    return Variables({'table': np.asarray(sampled)})
  at = np.linspace(0.0, config.size - 1.0, len(table))
  hats = np.maximum(1.0 - np.abs(at[:, None] - np.arange(config.size)), 0.0)
  solver = np.linalg.pinv(hats)
  values = np.asarray(table, np.float64)
  for axis in range(3):
    values = np.moveaxis(np.tensordot(solver, values, (1, axis)), 0, axis)
  return Variables({'table': values.astype(np.float32)})


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Maps colours `rgb` `[..., 3]`, interpolating trilinearly.

  Args:
    config: Not used.
    variables: `table` `[N, N, N, 3]`.
    batch: `rgb` `[..., 3]` in [0, 1].
  """
  del config
  table = variables.params['table']
  return jnp.clip(interpolate.trilinear(table, batch['rgb']), 0.0, 1.0)


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
  """Packs the grid, rounded to `bits`; differences along blue are stored.

  Args:
    config: `bits` of a value, and the labels of the looks.
    variables: `table` `[N, N, N, 3]`, clipped to [0, 1].
  """
  top = 2**config.bits - 1
  table = np.asarray(variables.params['table'], np.float32)
  codes = np.rint(np.clip(table, 0.0, 1.0) * top).astype(np.uint8)
  header = {'bits': config.bits, 'looks': labels.to_header(config.looks)}
  options = [
    container.pack(
      'grid', {**header, 'delta': delta}, [_delta(codes) if delta else codes]
    )
    for delta in (False, True)
  ]
  return min(options, key=len)


def restore(config: Config, content: bytes, source: str = 'artefact') -> Variables:
  """Unpacks what `export` packed.

  Args:
    config: From `config_of`; its `bits` scale the codes.
    content: The artefact.
    source: Named in errors.

  Raises:
    ArtefactError: when the artefact is damaged or of another system.
  """
  artefact = container.unpack(content, source)
  codes = artefact.tensors[0]
  if artefact.header['delta']:
    codes = np.cumsum(codes, axis=2, dtype=np.uint8)
  return Variables({'table': codes.astype(np.float32) / (2**config.bits - 1)})


def config_of(artefact: container.Artefact, source: str) -> Config:
  """Reads and checks the config in an artefact.

  Args:
    artefact: As unpacked, of this system.
    source: Named in errors.

  Raises:
    ArtefactError: when a field is missing or at odds with the tensor.
  """
  header = artefact.header
  try:
    (table,) = artefact.tensors
    size = table.shape[0]
    if table.dtype != np.uint8 or table.shape != (size,) * 3 + (3,):
      raise ValueError(f'codes {table.dtype}{list(table.shape)}')
    if type(header['delta']) is not bool:
      raise ValueError(f'delta {header["delta"]!r}')
    looks = labels.from_header(header['looks'], source)
    return config_lib.checked(Config(size=size, bits=header['bits'], looks=looks))
  except (KeyError, TypeError, ValueError, IndexError) as error:
    raise errors.ArtefactError(
      f'{source}: found a grid header that does not fit: {error}'
    ) from error


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, export, restore)


MODEL = Model(
  'grid', Config, make, apply, config_of, restore, query, from_lattice=from_lattice
)

ENTRY = Entry(name='grid', models=(MODEL,), tasks=(baseline_task.TASK,))


def _delta(codes: np.ndarray) -> np.ndarray:
  return np.diff(codes, axis=2, prepend=np.zeros_like(codes[:, :, :1]))
