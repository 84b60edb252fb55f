"""Inverses of 3D lattices: ours and OpenColorIO's, exact and fast.

  taskset -c 1 python -m benchmarks.lut.inverse [--sizes=17,33,65] [--rounds=7]

A smooth look that is one-to-one, with values inside [0, 1], and colours that it was
given, evenly drawn. The inverses alternate in this process. Times are CPU
microseconds a colour, medians over the rounds, without what is made once (ours: the
index, and compiling; OpenColorIO's: its processor); errors are the largest distance
in a channel from the colours. The goals are at most the time of its exact inverse,
and an error of at most 1e-6.
"""

import functools
import pathlib
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import PyOpenColorIO as ocio
from absl import app, flags

from lutjax.lut import interpolate, inverse, lattice, lattice_search

_SIZES = flags.DEFINE_list('sizes', ['17', '33', '65'], 'Nodes per axis.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Times that each inverse runs.')
_COLOURS = flags.DEFINE_integer('colours', 50_000, 'How many colours.')

_MIX = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
_GOAL = 1e-6


def _look(size: int) -> np.ndarray:
  nodes = lattice.identity(size).astype(np.float64)
  table = 0.03 + 0.9 * (0.5 * nodes + 0.5 * nodes**1.7) @ _MIX.T
  return (table + 0.02 * np.sin(3 * nodes[..., [1, 2, 0]])).astype(np.float32)


def _opencolorio(table: np.ndarray, level: int, values: np.ndarray) -> Callable:
  lut = ocio.Lut3DTransform(gridSize=len(table))
  lut.setInterpolation(ocio.INTERP_TETRAHEDRAL)
  lut.setData(table.ravel())
  lut.setDirection(ocio.TRANSFORM_DIR_INVERSE)
  processor = ocio.Config.CreateRaw().getProcessor(lut).getOptimizedCPUProcessor(level)

  def run() -> np.ndarray:
    mapped = values.copy()
    processor.applyRGB(mapped)
    return mapped

  return run


def _ours(table: np.ndarray, values: np.ndarray) -> Callable:
  prepared = lattice_search.prepare(lattice.from_table(table))
  compiled = jax.jit(inverse.invert)
  call = functools.partial(compiled, *jax.tree.map(jnp.asarray, (prepared, values)))
  return lambda: jax.block_until_ready(call()).rgb


def _processor() -> str:
  lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
  return next((x.split(': ')[1] for x in lines if x.startswith('model name')), '')


def main(argv: list[str]) -> None:
  """Prints the table."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  print(f'{_processor()}; {_COLOURS.value} colours, {_ROUNDS.value} rounds')
  rng = np.random.default_rng(0)
  rgb = rng.uniform(size=(_COLOURS.value, 3)).astype(np.float32)
  for size in map(int, _SIZES.value):
    table = _look(size)
    values = np.asarray(interpolate.sample(lattice.from_table(table), rgb))
    runs = {
      'lutjax exact': _ours(table, values),
      'opencolorio exact': _opencolorio(table, ocio.OPTIMIZATION_NONE, values),
      'opencolorio fast': _opencolorio(table, ocio.OPTIMIZATION_DEFAULT, values),
    }
    found = {name: np.abs(run() - rgb).max() for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(_ROUNDS.value):
      for name, run in list(runs.items())[:: 1 if i % 2 else -1]:
        start = time.process_time()
        run()
        times[name].append((time.process_time() - start) / len(rgb) * 1e6)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name in runs:
      print(f'{size:3} {name:18} {medians[name]:7.3f} us, error {found[name]:.1e}')
    ratio = medians['lutjax exact'] / medians['opencolorio exact']
    met = ratio <= 1 and found['lutjax exact'] <= _GOAL
    print(f'    {ratio:.2f} of its exact time: {"met" if met else "MISSED"}')


if __name__ == '__main__':
  app.run(main)
