"""Training steps of the systems that are small networks.

  [taskset -c 1] python -m benchmarks.nn.steps [--rounds=9]

The steps of `configs/nilut.py`, `configs/gamut_mlp.py` and `configs/lutflow.py`, all
of them: drawing a batch, loss, gradient and Adam, in one scan, on made-up data of the
usual sizes. Wall and process time, medians over rounds, after compilation. The last
loss tells whether two versions do the same.
"""

import functools
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import processor
from configs import gamut_mlp as gamut_config
from configs import lutflow as lutflow_config
from configs import nilut as nilut_config
from lutjax import experiment
from lutjax.codec import labels
from lutjax.fit import loop, methods
from lutjax.lut import lattice
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.systems.nilut import model as nilut
from lutjax.types import Array, Batch, Key, PyTree, System

_ROUNDS = flags.DEFINE_integer('rounds', 9, 'Runs of each.')
_SYSTEMS = flags.DEFINE_list('systems', ['nilut', 'gamut_mlp', 'lutflow'], 'Which.')
_LOOKS, _SIZE = 296, 13
_STEPS = {'nilut': 1000, 'gamut_mlp': 500, 'lutflow': 40}

# System, how it is fitted, what draws its batches, and from what.
_Job = tuple[System, loop.Config, loop.Sampler, PyTree]


def _picked(key: Key, data: PyTree, batch_size: int) -> Batch:
  count = jax.tree.leaves(data)[0].shape[0]
  index = jax.random.randint(key, (batch_size,), 0, count)
  return {name: values[index] for name, values in data.items()}


def _colours(count: int) -> Array:
  return jax.random.uniform(jax.random.key(0), (count, 3))


def _nilut(settings: experiment.Experiment) -> _Job:
  rgb = _colours(1 << 18)
  data = {'rgb': rgb, 'target': rgb**1.3 * jnp.array([0.9, 1.0, 0.8])}
  return nilut.make(settings.model), settings.fit, _picked, data


def _gamut_mlp(settings: experiment.Experiment) -> _Job:
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
  return system, settings.fit, _picked, data


def _lutflow(settings: experiment.Experiment) -> _Job:
  names = tuple(labels.Label(str(i)) for i in range(_LOOKS))
  model = settings.model.__class__(**{**vars(settings.model), 'looks': names})
  powers = np.random.default_rng(0).uniform(0.5, 2.0, (_LOOKS, 1, 1, 1, 3))
  tables = (lattice.identity(_SIZE) ** powers).astype(np.float32)
  data = {
    'table': jnp.asarray(tables),
    'size': jnp.full(_LOOKS, _SIZE),
    'odds': jnp.full(_LOOKS, 1.0 / _LOOKS),
  }
  return (
    lutflow.make(model),
    settings.fit,
    lutflow_task.sampler(settings.task),
    data,
  )


_JOBS = {
  'nilut': lambda: _nilut(nilut_config.get_config()),
  'gamut_mlp': lambda: _gamut_mlp(gamut_config.get_config()),
  'lutflow': lambda: _lutflow(lutflow_config.get_config()),
}


def _compiled(job: _Job, steps: int) -> Callable[[], float]:
  """Returns a function that runs `steps` from the start and returns the last loss."""
  system, fit, sample, data = job
  method = methods.make(fit, system)
  advance = functools.partial(
    loop.advance, method, sample, steps=steps, batch_size=fit.batch_size
  )
  state = jax.jit(functools.partial(loop.init, system, method))(jax.random.key(0))
  compiled = jax.jit(advance).lower(state, data).compile()
  return lambda: float(compiled(state, data)[1][-1])


def main(argv: list[str]) -> None:
  """Prints a line for each system."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  print(processor.describe())
  for name in _SYSTEMS.value:
    steps = _STEPS[name]
    run = _compiled(_JOBS[name](), steps)
    loss = run()
    taken: list[tuple[float, float]] = []
    for _ in range(_ROUNDS.value):
      wall, core = time.perf_counter(), time.process_time()
      run()
      taken.append((time.perf_counter() - wall, time.process_time() - core))
    wall, core = (1e3 * statistics.median(each) / steps for each in zip(*taken))
    print(
      f'{name}: {wall:.4f} ms, {core:.4f} core-ms a step; loss {loss:.5f}', flush=True
    )


if __name__ == '__main__':
  app.run(main)
