"""Training steps of the systems.

  [taskset -c 1] python -m benchmarks.nn.steps [--rounds=9] [--systems=nilut,tinylut]

The whole steps of `benchmarks.jobs`, by default those of the systems that are small
networks: drawing a batch, loss, gradient and Adam, in one scan, on made-up data. Wall
and process time, medians over rounds, after compilation. The last loss tells whether
two versions do the same.
"""

import statistics
import time
from collections.abc import Callable

import jax
from absl import app, flags

from benchmarks import jobs, processor

_ROUNDS = flags.DEFINE_integer('rounds', 9, 'Runs of each.')
_SYSTEMS = flags.DEFINE_list(
  'systems', ['nilut', 'gamut_mlp', 'lutflow'], 'Which, of benchmarks.jobs.'
)
_STEPS = {'nilut': 1000, 'gamut_mlp': 500, 'lutflow': 40, 'tinylut': 4, 'img2lut': 2}


def _compiled(job: jobs.Job, steps: int) -> Callable[[], float]:
  """Returns a function that runs `steps` from the start and returns the last loss."""
  state = jax.jit(job.start)(jax.random.key(0))
  compiled = jax.jit(job.advance(steps)).lower(state, job.data).compile()
  return lambda: float(compiled(state, job.data)[1][-1])


def main(argv: list[str]) -> None:
  """Prints a line for each system."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  print(processor.describe())
  for name in _SYSTEMS.value:
    steps = _STEPS[name]
    run = _compiled(jobs.JOBS[name](), steps)
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
