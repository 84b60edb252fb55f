"""Inverses of looks: a bijective LutFlow and a free one, by class of look.

  python -m benchmarks.lutflow.inverse --model=BIJECTIVE_RUN --free=FREE_RUN

Reads `luts/dev512.npz` and `luts/names.json` under `LUTJAX_DATA`. Per class
(monochrome; foldless; folding; strictly invertible, which are foldless too):
the mean CIE76 of both networks, and of the bijective one the round trip of
random colours, forward without the clamp and back, with the iterations that
each solver took and the largest Lipschitz constant that was measured in a block.
"""

import functools
import json
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax import experiment, metrics
from lutjax.commands import selection
from lutjax.looks import task as looks
from lutjax.lut import interpolate
from lutjax.nn import fixed_point, residual_flow
from lutjax.systems.lutflow import inverse
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.types import Loaded

_MODEL = flags.DEFINE_string('model', None, 'A bijective run.', required=True)
_FREE = flags.DEFINE_string('free', None, 'A free run of the same looks.')
_TRIPS = flags.DEFINE_integer('trips', 32, 'Looks of each class run backwards.')
_LIMITS = {'newton': 20, 'anderson': 20, 'banach': 200}


def classes(entries: list[dict[str, Any]]) -> dict[str, list[int]]:
  """Returns the indices of the looks of each class."""
  found: dict[str, list[int]] = {
    'monochrome': [],
    'foldless': [],
    'folding': [],
    'strictly invertible': [],
  }
  for i, entry in enumerate(entries):
    stats = entry['stats']
    folded = 'foldless' if stats['fold_neg_frac'] == 0 else 'folding'
    found['monochrome' if stats['monochrome'] else folded].append(i)
    if stats['fold_nonpos_frac'] == 0:
      found['strictly invertible'].append(i)
  return found


def forward_errors(loaded: Loaded, want: list[jax.Array], rgb: Any) -> np.ndarray:
  """Returns the mean CIE76 of each look."""

  @jax.jit
  def error(variables: Any, index: jax.Array, want: jax.Array) -> jax.Array:
    batch = {'rgb': rgb, 'lut': index}
    got = lutflow.apply(loaded.config, variables, batch)
    return metrics.colour_errors(got, want).cie76.mean()

  variables = jax.device_put(loaded.variables)
  return np.array(
    [float(error(variables, jnp.int32(i), target)) for i, target in enumerate(want)]
  )


def round_trips(loaded: Loaded, chosen: list[int], rgb: Any) -> list[str]:
  """Returns a cell for each solver, and one for the Lipschitz constant."""
  shape = loaded.config.flow
  flow, codes = lutflow.codes_of(loaded.config, loaded.variables)
  mapped = jax.jit(functools.partial(residual_flow.apply, shape))
  norm = jax.jit(functools.partial(inverse.lipschitz, shape))
  cells = []
  for method in fixed_point.METHODS:
    solve = jax.jit(
      functools.partial(inverse.invert, shape, method=method, limit=_LIMITS[method])
    )
    worst, most = 0.0, 0
    for i in chosen:
      solved = solve(flow, mapped(flow, rgb, codes[i]), codes[i])
      worst = max(worst, float(jnp.abs(solved.rgb - rgb).max()))
      most = max(most, int(solved.iterations.max()))
    cells.append(f'{worst:.1e} in {most}')
  largest = max(float(norm(flow, rgb, codes[i]).max()) for i in chosen)
  return [*cells, f'{largest:.3f}']


def main(argv: list[str]) -> None:
  """Prints the table."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
  (job,) = looks.gather(lutflow_task.Config(), sources, print).jobs
  rgb = metrics.uniform_colours(jax.random.key(0), 2048)
  sample = jax.jit(interpolate.trilinear)
  want = [sample(table, rgb) for table in job.data['table']]
  bijective = selection.find_models(_MODEL.value)[0].loaded
  errors = {'bijective': forward_errors(bijective, want, rgb)}
  if _FREE.value:
    free = selection.find_models(_FREE.value)[0].loaded
    errors['free'] = forward_errors(free, want, rgb)
  heads = [f'{name}, CIE76' for name in errors]
  solvers = [f'{name}: round trip, iterations' for name in fixed_point.METHODS]
  print(' | '.join(['| class', 'looks', *heads, *solvers, 'Lipschitz constant |']))
  print('|---' * (3 + len(heads) + len(solvers)) + '|')
  for name, indices in classes(json.loads((folder / 'names.json').read_text())).items():
    means = [f'{found[indices].mean():.3f}' for found in errors.values()]
    cells = round_trips(bijective, indices[: _TRIPS.value], rgb)
    print(f'| {name} | {len(indices)} | ' + ' | '.join([*means, *cells]) + ' |')
  config = bijective.config
  layers = len(config.flow.fans)
  largest = float(np.abs(bijective.variables.params['flow']['scales']).max())
  bound = config.coefficient**layers * largest
  print(
    f'bound of a block: {config.coefficient}^{layers} x {largest:.3f} = {bound:.3f}; '
    f'plain iteration gains at least that each time: {bound:.3f}^k'
  )


if __name__ == '__main__':
  app.run(main)
