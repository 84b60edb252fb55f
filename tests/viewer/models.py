"""Small models of looks with random numbers, as artefacts, for tests of the viewer."""

import dataclasses
import functools
import itertools

import jax
import numpy as np

from lutjax.baselines import dct, grid
from lutjax.codec import labels
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.types import Variables

NAMES = ('first', 'second', '<b>third</b>')
LOOKS = tuple(labels.Label(name) for name in NAMES)
SMALL_NILUT = nilut.Config(
  widths=(4,),
  activations=('relu',),
  encoding='frequency',
  features=1,
  styles='heads',
  looks=LOOKS,
)


def nilut_of(config: nilut.Config, seed: int = 0) -> bytes:
  """Returns the artefact of a network with random weights.

  Args:
    config: The network's.
    seed: Of the weights.
  """
  rng = np.random.default_rng(seed)
  widths, layers = config.layer_widths, []
  for fan_in, fan_out in itertools.pairwise(widths):
    weight = rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)
    bias = 0.3 * rng.normal(size=fan_out)
    layers.append(
      {'weight': weight.astype(np.float32), 'bias': bias.astype(np.float32)}
    )
  return nilut.export(config, Variables(layers))


def lutflow_of(config: lutflow.Config, seed: int = 0) -> bytes:
  """Returns the artefact of a flow with random weights and codes.

  Args:
    config: The flow's; where it is `mended`, all looks but the second are corrected.
    seed: Of the numbers.
  """
  rng = np.random.default_rng(seed)
  shape, looks = config.flow, len(config.looks)

  def draw(*size: int) -> np.ndarray:
    return (0.4 * rng.normal(size=size)).astype(np.float32)

  flow = {
    'weights': [
      [draw(*fan) * np.float32(2.0 / np.sqrt(fan[0])) for fan in shape.fans]
      for _ in range(shape.blocks)
    ],
    'scales': 1.0 + draw(shape.blocks, 3),
  }
  if not shape.small:
    flow['bias'] = draw(shape.code_size)
  params = {'flow': flow, 'codes': draw(looks, shape.code_size)}
  if config.precision == 'learned':
    exponent = np.float32(-20.0)
    params['steps'] = {
      'codes': np.full(shape.code_size, exponent),
      'weights': jax.tree.map(lambda w: np.full(w.shape[1], exponent), flow['weights']),
    }
  stats = {}
  if config.mended:
    spectra = np.zeros((looks, 17, 17, 17, 3), np.int16)
    spectra[:, :3, :3, :3] = rng.integers(-3, 4, size=(looks, 3, 3, 3, 3))
    spectra[:, 10, 2, 1] = 300
    levels = np.full(looks, 7, np.uint8)
    levels[1:2] = 0
    stats = {'correction': {'levels': levels, 'spectra': spectra}}
  # Rounded by the artefact alone: one program less.
  config = dataclasses.replace(config, aware=False)
  return lutflow.export(config, Variables(params, stats))


def table_of(size: int, seed: int = 0) -> np.ndarray:
  """Returns a rough lattice `[size, size, size, 3]` float32 in [0, 1].

  Args:
    size: Nodes per axis.
    seed: Of its noise.
  """
  noise = np.random.default_rng(seed).normal(size=(size, size, size, 3))
  table = lattice.identity(size) ** 1.5 + 0.02 * noise
  return np.clip(table, 0.0, 1.0).astype(np.float32)


def dct_of(size: int, interpolation: str = 'trilinear') -> bytes:
  """Returns the artefact of `table_of` as a cosine spectrum.

  Args:
    size: Nodes per axis.
    interpolation: Between them.
  """
  config = dct.Config(
    size=size, size_bytes=0, interpolation=interpolation, looks=LOOKS[:1]
  )
  return dct.export(config, Variables({'table': table_of(size)}))


def grid_of(size: int, bits: int) -> bytes:
  """Returns the artefact of `table_of` as a grid.

  Args:
    size: Nodes per axis.
    bits: Of a value.
  """
  config = grid.Config(size=size, bits=bits, looks=LOOKS[:1])
  return grid.export(config, Variables({'table': table_of(size)}))


@functools.cache
def small() -> dict[str, bytes]:
  """Returns an artefact of every system, as small as they come."""
  flow = residual_flow.Shape(
    blocks=1, widths=(4,), conditioned=(1,), activation='rational'
  )
  return {
    'nilut': nilut_of(SMALL_NILUT),
    'lutflow': lutflow_of(lutflow.Config(flow=flow, looks=LOOKS)),
    'dct': dct_of(5),
    'grid': grid_of(3, 6),
  }
