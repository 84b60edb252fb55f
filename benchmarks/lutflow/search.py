"""Ways to train LutFlow better at equal bytes, tried on a part of the looks.

  python -m benchmarks.lutflow.search [--only=ema,polished] [--steps=3000]

Reads `luts/dev512.npz` under `LUTJAX_DATA`, every fourth look. Each row trains
the form of `configs/lutflow.py` at learned steps towards the same bytes, nothing
corrected, and scores the artefact on 4,096 uniform colours: bytes without names, mean
CIE76, p95 and worst look. What is kept of this is the default; the rest is tried
here alone. All rows see as many samples.
"""

import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from configs import lutflow as lutflow_config
from lutjax import experiment, metrics, systems
from lutjax.fit import loop, methods
from lutjax.looks import task as looks
from lutjax.lut import interpolate, lattice
from lutjax.nn import rounding
from lutjax.systems.lutflow import edit
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.types import Array, Batch, Key, PyTree, Variables

_ONLY = flags.DEFINE_list('only', [], 'Rows, of `_ROWS`; all by default.')
_STEPS = flags.DEFINE_integer('steps', 3000, 'Of 1,024 samples.')
_EVERY = flags.DEFINE_integer('every', 4, 'Which looks: every nth of dev512.')
_SEEDS = flags.DEFINE_integer('seeds', 1, 'How often each row is trained.')

_BATCH = 1024
# Steps between two surveys.
_ROUND = 250
_DECAY = 0.99
_NODES = 11


class Bench(NamedTuple):
  """What every row is trained on.

  Attributes:
    model: The form, with the looks.
    fit: The recipe.
    data: `table` `[L, M, M, M, 3]` and `size` `[L]`.
    balance: How much oftener bad looks are drawn (`flows.Config`).
  """

  model: lutflow.Config
  fit: loop.Config
  data: PyTree
  balance: float


def plain(bench: Bench, key: Key) -> Variables:
  """Trains as the config says."""
  return _train(bench, key, [(bench.fit.steps, _BATCH)])


def constant(bench: Bench, key: Key) -> Variables:
  """Trains at a constant rate, a quarter of the usual peak."""
  rate = bench.fit.learning_rate / 4
  fit = dataclasses.replace(bench.fit, schedule='constant', learning_rate=rate)
  return plain(bench._replace(fit=fit), key)


def late_linear(bench: Bench, key: Key) -> Variables:
  """Holds the rate for half of the steps, then brings it down to zero."""
  fit = dataclasses.replace(bench.fit, schedule='late_linear')
  return plain(bench._replace(fit=fit), key)


def ciede2000(bench: Bench, key: Key) -> Variables:
  """Trains against CIEDE2000."""
  return plain(
    bench._replace(model=dataclasses.replace(bench.model, loss='ciede2000')), key
  )


def late_batches(bench: Bench, key: Key) -> Variables:
  """Spends the second half of the samples on four times larger batches."""
  early, late = bench.fit.steps, bench.fit.steps // 4
  fit = dataclasses.replace(bench.fit, steps=early + late)
  stages = [(early, _BATCH // 2), (late, _BATCH * 2)]
  return _train(bench._replace(fit=fit), key, stages)


def ema(bench: Bench, key: Key) -> Variables:
  """Takes an exponential mean of the parameters for the model."""

  def averaged(method: loop.Method) -> loop.Method:
    def init(params: PyTree) -> PyTree:
      return method.init(params), optax.ema(_DECAY).init(params)

    def step(
      variables: Variables, held: PyTree, batch: Batch, key: Key, count: Array
    ) -> tuple[Variables, PyTree, Array]:
      state, mean = held
      moved, state, loss = method.step(variables, state, batch, key, count)
      _, mean = optax.ema(_DECAY).update(moved.params, mean)
      return moved, (state, mean), loss

    return loop.Method(init, step)

  state = _run(bench, key, [(bench.fit.steps, _BATCH)], averaged)
  mean = optax.tree.bias_correction(
    state.opt_state[1].ema, _DECAY, state.opt_state[1].count
  )
  return Variables(mean, state.variables.stats)


def evenly(bench: Bench, key: Key) -> Variables:
  """Draws all looks alike, whatever their errors."""
  return plain(bench._replace(balance=0.0), key)


def polished(bench: Bench, key: Key) -> Variables:
  """Refits every code by Gauss-Newton in the end, the network as it is."""
  variables = plain(bench, key)
  flow, codes = lutflow.codes_of(bench.model, variables)
  step = rounding.step_of(variables.params['steps']['codes'])
  rgb = jnp.asarray(lattice.identity(_NODES).reshape(-1, 3))

  @jax.jit
  def polish(code: Array, table: Array) -> Array:
    target = interpolate.trilinear(table, rgb)
    found, _ = edit.fit_code(bench.model.flow, flow, code[None], rgb, target, step=step)
    return found

  found = [polish(*pair) for pair in zip(codes, bench.data['table'])]
  return variables._replace(params={**variables.params, 'codes': jnp.stack(found)})


def low_rank(bench: Bench, key: Key) -> Variables:
  """Keeps half of the directions that codes span, after training."""
  variables = plain(bench, key)
  codes = np.asarray(variables.params['codes'], np.float64)
  mean = codes.mean(0)
  left, values, right = np.linalg.svd(codes - mean, full_matrices=False)
  rank = codes.shape[1] // 2
  kept = mean + (left[:, :rank] * values[:rank]) @ right[:rank]
  return variables._replace(
    params={**variables.params, 'codes': jnp.asarray(kept, jnp.float32)}
  )


_ROWS: dict[str, Callable[[Bench, Key], Variables]] = {
  function.__name__: function
  for function in (
    plain,
    constant,
    late_linear,
    ciede2000,
    late_batches,
    ema,
    evenly,
    polished,
    low_rank,
  )
}


def _train(bench: Bench, key: Key, stages: list[tuple[int, int]]) -> Variables:
  return _run(bench, key, stages, lambda method: method).variables


def _run(
  bench: Bench,
  key: Key,
  stages: list[tuple[int, int]],
  wrap: Callable[[loop.Method], loop.Method],
) -> loop.State:
  """Trains in stages of (steps, samples a step)."""
  system = lutflow.make(bench.model)
  method = wrap(methods.make(bench.fit, system))
  state = loop.init(system, method, key)
  task = lutflow_task.Config(balance=bench.balance)
  for steps, batch_size in stages:
    advance = functools.partial(
      loop.advance,
      method,
      lutflow_task.sampler(task),
      batch_size=batch_size,
      survey=lutflow_task.survey(task, bench.model),
    )
    segment = jax.jit(advance, static_argnames='steps')
    for done in range(0, steps, _ROUND):
      state, _ = segment(state, bench.data, steps=min(_ROUND, steps - done))
  return state


def _bench() -> Bench:
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  if not folder.is_dir():
    raise SystemExit(f'{folder}: missing; set LUTJAX_DATA')
  sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
  gathered = looks.gather(lutflow_task.Config(), sources, print)
  (job,) = gathered.jobs
  settings = lutflow_config.get_config()
  some = slice(None, None, _EVERY.value)
  share = _STEPS.value / settings.fit.steps
  model = dataclasses.replace(
    settings.model,
    looks=gathered.labels[job.name][some],
    mended=False,
    patience=max(1, int(settings.model.patience * share)),
  )
  fit = dataclasses.replace(
    settings.fit, steps=_STEPS.value, warmup_steps=max(1, int(480 * share))
  )
  data = jax.tree.map(lambda leaf: jnp.asarray(leaf[some]), job.data)
  return Bench(model, fit, data, settings.task.balance)


def _score(bench: Bench, variables: Variables) -> list[str]:
  """Returns the cells of a row, of the artefact as a reader finds it."""
  content = lutflow.export(bench.model, jax.device_get(variables))
  loaded = systems.load(content, 'row')
  rgb = metrics.uniform_colours(jax.random.key(1), 4096)

  @jax.jit
  def error(index: Array, table: Array) -> Array:
    got = lutflow.apply(loaded.config, loaded.variables, {'rgb': rgb, 'lut': index})
    return metrics.colour_errors(got, interpolate.trilinear(table, rgb)).cie76.mean()

  errors = np.array([error(i, t) for i, t in enumerate(bench.data['table'])])
  size = len(content) - lutflow.names_bytes(bench.model)
  return [
    f'{size:,}',
    f'{errors.mean():.3f}',
    f'{np.quantile(errors, 0.95):.2f}',
    f'{errors.max():.2f}',
  ]


def main(argv: list[str]) -> None:
  """Prints a row for each way."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  unknown = set(_ONLY.value) - set(_ROWS)
  if unknown:
    raise app.UsageError(f'--only: found {sorted(unknown)}, expected {[*_ROWS]}.')
  bench = _bench()
  print('| row | seed | bytes | mean CIE76 | p95 | worst | core-seconds |')
  print('|---' * 7 + '|')
  for name, function in _ROWS.items():
    if _ONLY.value and name not in _ONLY.value:
      continue
    for seed in range(_SEEDS.value):
      began: Any = time.process_time()
      variables = function(bench, jax.random.key(seed))
      seconds = time.process_time() - began
      cells = [name, f'{seed}', *_score(bench, variables), f'{seconds:.0f}']
      print('| ' + ' | '.join(cells) + ' |', flush=True)


if __name__ == '__main__':
  app.run(main)
