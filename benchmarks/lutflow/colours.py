"""LutFlow on three sets of colours: the whole cube, natural ones, and the rest.

  python -m benchmarks.lutflow.colours --models=RUN,RUN --images=PHOTOS

Reads `luts/dev512.npz` under `LUTJAX_DATA`. Natural colours are pixels of the
photos; the rest are uniform colours in those of 16^3 cells where the photos
have none. Prints CIE76 and CIEDE2000, the mean of the looks' means, of their
medians, p95 and worst, and the bytes without names.
"""

import functools
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax import experiment, metrics
from lutjax.commands import selection
from lutjax.data import images
from lutjax.looks import natural_colours
from lutjax.looks import task as looks
from lutjax.lut import interpolate
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task

_MODELS = flags.DEFINE_list('models', [], 'Run folders or artefacts of LutFlow.')
_IMAGES = flags.DEFINE_list('images', [], 'Photos.')
_COUNT = flags.DEFINE_integer('colours', 2048, 'Of each set.')
_CELLS = 16


def colour_sets(pool: np.ndarray, count: int) -> dict[str, np.ndarray]:
  """Returns three sets of `[count, 3]` colours."""
  rng = np.random.default_rng(1)
  seen = np.zeros((_CELLS,) * 3, bool)
  seen[tuple(np.minimum(pool * _CELLS, _CELLS - 1).astype(int).T)] = True
  uniform = rng.uniform(size=(50 * count, 3)).astype(np.float32)
  outside = uniform[~seen[tuple((uniform * _CELLS).astype(int).T)]]
  return {
    'whole cube': uniform[:count],
    'natural': pool[rng.integers(0, len(pool), count)],
    f'outside ({1 - seen.mean():.0%} of the cube)': outside[:count],
  }


def main(argv: list[str]) -> None:
  """Prints the table."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
  (job,) = looks.gather(lutflow_task.Config(), sources, print).jobs
  found = images.find_images(_IMAGES.value, say=print)
  pool = natural_colours.draw([path for path, _ in found], 1 << 18)
  sample = jax.jit(interpolate.trilinear)
  print('| model | bytes | colours | CIE76 | medians | p95 | worst | CIEDE2000 |')
  print('|---' * 8 + '|')
  for name, rgb in colour_sets(pool, _COUNT.value).items():
    want = [sample(table, rgb) for table in job.data['table']]
    for run in _MODELS.value:
      (opened,) = selection.find_models(run)
      config = opened.loaded.config
      apply = jax.jit(functools.partial(_errors, config))
      variables = jax.device_put(opened.loaded.variables)
      errors = [
        jax.device_get(apply(variables, rgb, jnp.int32(i), target))
        for i, target in enumerate(want)
      ]
      statistics = [metrics.lut_statistics(one.cie76) for one in errors]
      summary = metrics.summarize(statistics)
      cells = [
        pathlib.Path(run).name,
        f'{opened.size_bytes - lutflow.names_bytes(config):,}',
        name,
        f'{summary.mean_of_means:.3f}',
        f'{summary.mean_of_medians:.3f}',
        f'{summary.p95_of_means:.2f}',
        f'{summary.max_of_means:.2f}',
        f'{np.mean([one.ciede2000.mean() for one in errors]):.3f}',
      ]
      print('| ' + ' | '.join(cells) + ' |', flush=True)


def _errors(
  config: lutflow.Config, variables: Any, rgb: Any, index: Any, want: Any
) -> metrics.ColourErrors:
  got = lutflow.apply(config, variables, {'rgb': rgb, 'lut': index})
  return metrics.colour_errors(got, want)


if __name__ == '__main__':
  app.run(main)
