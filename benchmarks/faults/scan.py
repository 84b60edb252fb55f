"""How long a run folder of many models takes to open.

  python -m benchmarks.faults.scan [--models=100000]

Artefacts lie in folders of 1,000; each has a line as long as those of gamut_mlp. Wall
and CPU seconds of `Run`, which finds what is done, three times; at last with a tenth of
the artefacts touched, which are then read.
"""

import json
import os
import pathlib
import tempfile
import time

from absl import app, flags

from benchmarks import processor
from lutjax import files
from lutjax.fit import runs

_MODELS = flags.DEFINE_integer('models', 100_000, 'Lines.')
_LINE_BYTES, _ARTEFACT_BYTES = 690, 2000


def main(argv: list[str]) -> None:
  del argv
  print(processor.describe())
  print(f'load {os.getloadavg()[0]:.1f}')
  with tempfile.TemporaryDirectory() as top:
    folder = pathlib.Path(top)
    paths = _write(folder)
    for what in ('first', 'second', 'third', 'a tenth touched'):
      if what == 'a tenth touched':
        for path in paths[::10]:
          os.utime(path, (0, 0))
      began, busy = time.perf_counter(), time.process_time()
      run = runs.Run(folder, None, lambda name: f'images/{name}.png')
      wall, cpu = time.perf_counter() - began, time.process_time() - busy
      print(f'{what}: {len(run.done):,} models, {wall:.2f} s wall, {cpu:.2f} s CPU')
      del run


def _write(folder: pathlib.Path) -> list[pathlib.Path]:
  content = bytes(_ARTEFACT_BYTES)
  digest = files.digest(content)
  paths = []
  with open(folder / runs.METRICS, 'w') as metrics:
    for i in range(_MODELS.value):
      name = f'{i // 1000:03}/{i:06}'
      path = folder / f'images/{name}.png'
      if i % 1000 == 0:
        path.parent.mkdir(parents=True)
      path.write_bytes(content)
      state = path.stat()
      event = {'event': 'model', 'name': name, 'digest': digest}
      event['file'] = [state.st_size, state.st_mtime_ns]
      event['rest'] = 'x' * (_LINE_BYTES - len(json.dumps(event)))
      metrics.write(json.dumps(event) + '\n')
      paths.append(path)
  return paths


if __name__ == '__main__':
  app.run(main)
