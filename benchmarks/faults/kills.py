"""Fits that are killed at random moments, and go on until they are done.

  python -m benchmarks.faults.kills [--times=20] [--only=nilut,gamut_mlp,lutflow]

Each time a run is started afresh, killed by SIGKILL at a moment drawn evenly from the
time that an undisturbed run works (after its first line, before its last), and started
again. It must end with the artefacts of the undisturbed run, byte for byte, each once
and each with one line, and leave no temporary behind. `lost` is the number of models
that were missing or differed; `lost s` what both parts took beyond an undisturbed run:
the second start (`start s`: imports, programs from the cache) and the work that no
checkpoint or artefact held. `killed` is less than `times` where a run had ended before.
"""

import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import jax
import numpy as np
from absl import app, flags

from benchmarks import processor
from lutjax.data import images, synthetic
from lutjax.lut import cube, lattice

_TIMES = flags.DEFINE_integer('times', 20, 'Kills of each system.')
_ONLY = flags.DEFINE_list('only', ['nilut', 'gamut_mlp', 'lutflow'], 'Systems.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of the moments.')
_QUICK = ('pictures=none', 'nodes=5', 'random_colours=64', 'photo_colours=64')
_SETS = {
  'nilut': (
    *('widths=8', 'activations=relu', 'steps=2000', 'segment_steps=20'),
    *('checkpoint_seconds=0.2', *_QUICK),
  ),
  'gamut_mlp': ('codec=seeded', 'model.waves.waves=16', 'pictures=none'),
  'lutflow': (
    *('widths=(8,)', 'blocks=1', 'conditioned=(1,)', 'gains=()', 'activation=tanh'),
    *('turned=false', 'loss=l1', 'precision=fp32', 'mended=false', 'balance=0'),
    *('batch_size=64', 'warmup_steps=0', 'steps=4000', 'segment_steps=20'),
    *('checkpoint_seconds=0.2', *_QUICK),
  ),
}
_ROW = '{:10} {:>6} {:>6} {:>7} {:>5} {:>13} {:>14} {:>8} {:>8}'


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_platforms', 'cpu')
  print(processor.describe())
  print(f'load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores')
  heads = (
    'system',
    'times',
    'killed',
    'models',
    'lost',
    'lost s, mean',
    'lost s, worst',
  )
  print(_ROW.format(*heads, 'whole s', 'start s'), flush=True)
  lost = 0
  with tempfile.TemporaryDirectory() as folder:
    top = pathlib.Path(folder)
    _write_inputs(top)
    for system in _ONLY.value:
      lost += _try(top, system)
  sys.exit(lost > 0)


def _try(top: pathlib.Path, system: str) -> int:
  """Kills and resumes one system; prints its row and returns what was lost."""
  rng = random.Random(f'{_SEED.value} {system}')
  # The first run compiles, the second finds the programs in the cache.
  for _ in range(2):
    shutil.rmtree(top / system, ignore_errors=True)
    whole, started = _finish(top, system, system)
  want = _artefacts(top / system)
  lost, killed, seconds = 0, 0, []
  for i in range(_TIMES.value):
    out = f'{system}-{i}'
    began = time.monotonic()
    process = _start(top, system, out)
    _wait_for_line(process, top / out)
    # Until the artefacts are done, at the earliest; the report may be hit, too.
    time.sleep(rng.uniform(0.0, whole - started))
    killed += process.poll() is None
    process.kill()
    process.communicate()
    ran = time.monotonic() - began
    again, _ = _finish(top, system, out)
    seconds.append(ran + again - whole)
    lost += _check(top / out, want)
    shutil.rmtree(top / out)
  figures = (statistics.mean(seconds), max(seconds))
  print(
    _ROW.format(
      *(system, _TIMES.value, killed, len(want), lost),
      *(f'{s:.2f}' for s in figures),
      *(f'{whole:.2f}', f'{started:.2f}'),
    ),
    flush=True,
  )
  return lost


def _start(top: pathlib.Path, system: str, out: str) -> subprocess.Popen:
  source = '--images' if system == 'gamut_mlp' else '--luts'
  return subprocess.Popen(
    [
      *(sys.executable, '-m', 'launch.fit', f'--config={system}', f'--out={top / out}'),
      f'{source}={top / source.strip("-")}',
      *(f'--set={assignment}' for assignment in _SETS[system]),
    ],
    env={**os.environ, 'LUTJAX_CACHE': str(top / 'cache'), 'JAX_PLATFORMS': 'cpu'},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _finish(top: pathlib.Path, system: str, out: str) -> tuple[float, float]:
  """Runs to the end; returns the seconds in all, and those to the first new line."""
  began = time.monotonic()
  process = _start(top, system, out)
  _wait_for_line(process, top / out)
  started = time.monotonic() - began
  _, stderr = process.communicate()
  if process.returncode:
    sys.exit(f'{out}: exit code {process.returncode}: {stderr}')
  return time.monotonic() - began, started


def _wait_for_line(process: subprocess.Popen, run: pathlib.Path) -> None:
  """Waits for a line that the process writes, or for its end."""
  metrics = run / 'metrics.jsonl'
  before = metrics.stat().st_size if metrics.exists() else 0
  while process.poll() is None:
    if metrics.exists() and metrics.stat().st_size > before:
      return
    time.sleep(0.005)


def _check(run: pathlib.Path, want: dict[str, bytes]) -> int:
  """Returns how many models differ from an undisturbed run, and says what is amiss."""
  got = _artefacts(run)
  lost = [name for name in want.keys() | got.keys() if want.get(name) != got.get(name)]
  lines = (run / 'metrics.jsonl').read_text().splitlines()
  events = [json.loads(line) for line in lines]
  names = [event['name'] for event in events if event['event'] == 'model']
  twice = sorted({name for name in names if names.count(name) > 1})
  left = list(run.rglob('*-tmp*'))
  for what, found in (('lost', lost), ('twice', twice), ('left', left)):
    if found:
      print(f'{run.name}: {what}: {found}')
  return len(lost) + len(twice) + len(left)


def _artefacts(run: pathlib.Path) -> dict[str, bytes]:
  paths = [*run.glob('*.lutjax'), *run.glob('models/*'), *run.glob('images/*')]
  return {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}


def _write_inputs(top: pathlib.Path) -> None:
  for name, table in synthetic.looks(0, count=6, size=5).items():
    path = top / 'luts' / f'{name}.cube'
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cube.render(lattice.from_table(table)))
  (top / 'images').mkdir()
  for i in range(120):
    photo = np.rint(65535 * synthetic.photo(i, 48, 64)).astype(np.uint16)
    images.write(top / f'images/{i:03}.png', images.Image(photo))


if __name__ == '__main__':
  app.run(main)
