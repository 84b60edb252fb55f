"""Ablation of LutFlow: depth, width, number of looks, form of the network.

  python -m benchmarks.lutflow.sweep [--steps=2000] [--only=depth,forms]

Reads `luts/dev512.npz` under `LUTJAX_DATA`. Every row is trained from scratch
with the recipe of `configs/lutflow_paper.py` shortened to `--steps`, float
weights, and scored on 2,048 uniform colours. `forms` switches off in turn what
the paper adds: small initial weights, atanh and tanh, the residual form; and on
what we change: the rescaled output and the CIE76 loss.
"""

import dataclasses
import functools
import os
import pathlib
import time
from typing import Any

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from configs import lutflow_paper
from lutjax import experiment, metrics
from lutjax.fit import loop, methods
from lutjax.looks import task as looks
from lutjax.lut import interpolate
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task

_STEPS = flags.DEFINE_integer('steps', 2000, 'Of each row.')
_ONLY = flags.DEFINE_list('only', [], 'Of depth, width, looks, forms; all by default.')


def variants() -> dict[str, dict[str, tuple[dict[str, Any], dict[str, Any], int]]]:
  """Returns what differs in each row: of the flow, of the model, and the looks."""
  return {
    'depth': {f'D = {d}': ({'blocks': d}, {}, 512) for d in (1, 2, 3, 4)},
    'width': {
      f'{w}-{2 * w}-{w}': ({'widths': (w, 2 * w, w)}, {}, 512) for w in (16, 24, 32, 48)
    },
    'looks': {f'{n} looks': ({}, {}, n) for n in (4, 16, 64, 256, 512)},
    'forms': {
      'as reported': ({}, {}, 512),
      'usual initial weights, shared bias': ({'small': False}, {}, 512),
      'no atanh, no tanh': ({'ends': False}, {}, 512),
      'not residual': ({'residual': False, 'small': False}, {}, 512),
      'output rescaled': ({'rescaled': True}, {}, 512),
      'rescaled, CIE76 loss': ({'rescaled': True}, {'loss': 'cie76'}, 512),
      'rescaled, CIEDE2000 loss': ({'rescaled': True}, {'loss': 'ciede2000'}, 512),
      'rescaled, L1 loss': ({'rescaled': True}, {'loss': 'l1'}, 512),
    },
  }


def fit(model: lutflow.Config, data: Any) -> tuple[Any, float]:
  """Returns a trained model and the process seconds after compilation."""
  settings = lutflow_paper.get_config()
  halving = max(1, settings.fit.halving_steps * _STEPS.value // settings.fit.steps)
  config = dataclasses.replace(settings.fit, steps=_STEPS.value, halving_steps=halving)
  system = lutflow.make(model)
  method = methods.make(config, system)
  sample = lutflow_task.sampler(settings.task)
  advance = functools.partial(
    loop.advance, method, sample, steps=config.steps, batch_size=config.batch_size
  )
  state = loop.init(system, method, jax.random.key(0))
  compiled = jax.jit(advance).lower(state, data).compile()
  began = time.process_time()
  state, _ = jax.block_until_ready(compiled(state, data))
  return state.variables, time.process_time() - began


def main(argv: list[str]) -> None:
  """Prints a table for each sweep."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
  gathered = looks.gather(lutflow_task.Config(), sources, print)
  (job,) = gathered.jobs
  rgb = metrics.uniform_colours(jax.random.key(1), 2048)
  sample = jax.jit(interpolate.trilinear)
  print('| row | parameters | mean CIE76 | p95 | worst | core-seconds |')
  print('|---' * 6 + '|')
  for sweep, rows in variants().items():
    for name, (flow, fields, count) in rows.items():
      if _ONLY.value and sweep not in _ONLY.value:
        continue
      model = lutflow_paper.get_config().model
      model = dataclasses.replace(
        model,
        flow=dataclasses.replace(model.flow, **flow),
        looks=gathered.labels[job.name][:count],
        **fields,
      )
      data = jax.tree.map(lambda leaf: jnp.asarray(leaf[:count]), job.data)  # noqa: B023
      variables, seconds = fit(model, data)
      apply = jax.jit(functools.partial(lutflow.apply, model))
      errors = np.array(
        [
          metrics.colour_errors(
            apply(variables, {'rgb': rgb, 'lut': jnp.int32(i)}), sample(table, rgb)
          ).cie76.mean()
          for i, table in enumerate(data['table'])
        ]
      )
      size = sum(leaf.size for leaf in jax.tree.leaves(variables.params))
      cells = [f'{size:,}', f'{errors.mean():.3f}', f'{np.quantile(errors, 0.95):.2f}']
      cells += [f'{errors.max():.2f}', f'{seconds:.0f}']
      print(f'| {sweep}: {name} | ' + ' | '.join(cells) + ' |', flush=True)


if __name__ == '__main__':
  app.run(main)
