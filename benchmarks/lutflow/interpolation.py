"""One LutFlow against its looks, both interpolated in three ways.

  python -m benchmarks.lutflow.interpolation --model=RUN

Reads `luts/dev512.npz` under `LUTJAX_DATA`; every look is decoded to 33^3.
Prints mean CIE76 over 4,096 uniform colours, the mean over looks: rows are how
the decoded lattice is read, columns how the look itself is.
"""

import functools
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from lutjax import experiment, metrics
from lutjax.commands import selection
from lutjax.looks import task as looks
from lutjax.lut import interpolate
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task

_MODEL = flags.DEFINE_string('model', None, 'Run folder or artefact.', required=True)
_METHODS = ('trilinear', 'tetrahedral', 'prism')


def main(argv: list[str]) -> None:
  """Prints the table."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  sources = experiment.Sources(luts=[str(folder / 'dev512.npz')])
  (job,) = looks.gather(lutflow_task.Config(), sources, print).jobs
  loaded = selection.find_models(_MODEL.value)[0].loaded
  decode = jax.jit(functools.partial(lutflow.lattice, loaded.config, size=33))
  rgb = metrics.uniform_colours(jax.random.key(0), 4096)

  @jax.jit
  def compare(got: jax.Array, want: jax.Array) -> jax.Array:
    read = [
      [interpolate.METHODS[name](table, rgb) for name in _METHODS]
      for table in (got, want)
    ]
    rows = [
      [metrics.colour_errors(one, other).cie76.mean() for other in read[1]]
      for one in read[0]
    ]
    return jnp.array(rows)

  variables = jax.device_put(loaded.variables)
  found = [
    compare(decode(variables, jnp.int32(i)), table)
    for i, table in enumerate(job.data['table'])
  ]
  mean = np.mean(jax.device_get(found), axis=0)
  print('| model \\ truth | ' + ' | '.join(_METHODS) + ' |')
  print('|---' * 4 + '|')
  for name, row in zip(_METHODS, mean):
    print(f'| {name} | ' + ' | '.join(f'{value:.3f}' for value in row) + ' |')


if __name__ == '__main__':
  app.run(main)
