"""Trainings on made-up data of the usual sizes: what benchmarks of steps run.

Each is a system, how it is fitted, what draws its batches and from what, with the
settings of its file in `configs/`.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from configs import gamut_mlp as gamut_config
from configs import img2lut as img2lut_config
from configs import lutflow as lutflow_config
from configs import nilut as nilut_config
from configs import tinylut_sr as tinylut_config
from lutjax import systems
from lutjax.codec import labels
from lutjax.fit import loop, methods
from lutjax.lut import lattice
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.img2lut import sampling
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.systems.nilut import model as nilut
from lutjax.systems.tinylut import structure
from lutjax.types import Array, Batch, Key, PyTree, System

_NODES = 13  # Of LutFlow's looks.
_PHOTOS = 32  # Of img2lut, as grids of `_GRID` pixels.
_GRID = 288


class Job(NamedTuple):
  """One training.

  Attributes:
    system: What is trained.
    fit: How.
    sample: Draws a batch.
    data: What batches are drawn from.
  """

  system: System
  fit: loop.Config
  sample: loop.Sampler
  data: PyTree

  def advance(
    self, steps: int
  ) -> Callable[[loop.State, PyTree], tuple[loop.State, Array]]:
    """Returns the function of state and data that takes some steps."""
    method = methods.make(self.fit, self.system)
    return functools.partial(
      loop.advance, method, self.sample, steps=steps, batch_size=self.fit.batch_size
    )

  def start(self, key: Key) -> loop.State:
    """Returns the state before the first step."""
    return loop.init(self.system, methods.make(self.fit, self.system), key)


def nilut_job() -> Job:
  """Returns the fit of one look, from 262,144 colours."""
  settings = nilut_config.get_config()
  rgb = _colours(1 << 18)
  data = {'rgb': rgb, 'target': rgb**1.3 * jnp.array([0.9, 1.0, 0.8])}
  return Job(nilut.make(settings.model), settings.fit, _picked, data)


def gamut_job() -> Job:
  """Returns the fit of one picture's network, from 65,536 pixels."""
  settings = gamut_config.get_config()
  model = settings.model.network
  count = 1 << 16
  rgb = _colours(count)
  data = {
    'rgb': rgb,
    'xy': 2.0 * _colours(count)[:, :2] - 1.0,
    'around': 2.0 * rgb - 1.0,
    'target': jnp.sin(5.0 * rgb[:, 0]),
    'channel': jnp.arange(count) % 3,
  }
  system = gamut_mlp.make(model)
  linear = jnp.zeros((gamut_mlp.input_size(model) + 1, 3))
  init = system.init
  system = system._replace(init=lambda key: init(key)._replace(stats=linear))
  return Job(system, settings.fit, _picked, data)


def lutflow_job(looks: int = 296) -> Job:
  """Returns the training of one network of many looks.

  Args:
    looks: How many.
  """
  settings = lutflow_config.get_config()
  names = tuple(labels.Label(str(i)) for i in range(looks))
  model = settings.model.__class__(**{**vars(settings.model), 'looks': names})
  powers = np.random.default_rng(0).uniform(0.5, 2.0, (looks, 1, 1, 1, 3))
  tables = (lattice.identity(_NODES) ** powers).astype(np.float32)
  data = {
    'table': jnp.asarray(tables),
    'size': jnp.full(looks, _NODES),
    'odds': jnp.full(looks, 1.0 / looks),
  }
  sample = lutflow_task.sampler(settings.task)
  return Job(lutflow.make(model), settings.fit, sample, data)


def tinylut_job() -> Job:
  """Returns the training of tables for x4 super-resolution, from 256 patches."""
  settings = tinylut_config.get_config()
  model = settings.model
  margin, _ = structure.margins(model)
  side, scale = 45 + 2 * margin, model.restores.scale
  rng = np.random.default_rng(0)
  data = {
    'patch': jnp.asarray(rng.integers(0, 256, (256, side, side)), jnp.float32),
    'target': jnp.asarray(
      rng.integers(0, 256, (256, scale * side, scale * side)), jnp.float32
    ),
  }
  return Job(systems.make(model), settings.fit, _picked, data)


def img2lut_job() -> Job:
  """Returns the training of the CNN on pairs that are made of photos."""
  settings = img2lut_config.get_config()
  task = settings.task.__class__(**{**vars(settings.task), 'side': 256})
  pixels = np.random.default_rng(0).random((_PHOTOS, _GRID, _GRID, 3), np.float32)
  data = {'before': jnp.asarray(pixels), 'after': jnp.asarray(pixels**1.2)}
  return Job(systems.make(settings.model), settings.fit, sampling.sampler(task), data)


JOBS: dict[str, Callable[[], Job]] = {
  'nilut': nilut_job,
  'gamut_mlp': gamut_job,
  'lutflow': lutflow_job,
  'tinylut': tinylut_job,
  'img2lut': img2lut_job,
}


def _picked(key: Key, data: PyTree, batch_size: int) -> Batch:
  count = jax.tree.leaves(data)[0].shape[0]
  index = jax.random.randint(key, (batch_size,), 0, count)
  return {name: values[index] for name, values in data.items()}


def _colours(count: int) -> Array:
  return jax.random.uniform(jax.random.key(0), (count, 3))
