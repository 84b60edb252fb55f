"""Reading 65^3 `.cube` files: ours, OpenColorIO and colour-science.

  python -m benchmarks.lut.cube_reading [--size=65] [--rounds=7] [--nocolour]

The three readers alternate in this process, on files of random numbers:

* fixed: `0.123456`, rows of equal width, what most software writes;
* fixed, CRLF: the same with Windows line ends;
* variable: 9 significant digits, what keeps float32 exactly;
* exponents: `1.234560e-01`.

Times are CPU seconds, medians over the rounds; OpenColorIO's caches are cleared
before each reading. The goal is at most a third of its time where rows have
equal width, and at most its time elsewhere.
"""

import pathlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np
import PyOpenColorIO as ocio
from absl import app, flags

from lutjax.lut import cube

_SIZE = flags.DEFINE_integer('size', 65, 'Nodes per axis.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Readings of each file by each reader.')
_COLOUR = flags.DEFINE_bool('colour', True, 'Whether to time colour-science too.')

# Format of a number, line end, and the most that we may take of OpenColorIO's time.
_FILES = {
  'fixed': ('%.6f', '\n', 1 / 3),
  'fixed, CRLF': ('%.6f', '\r\n', 1 / 3),
  'variable': ('%.9g', '\n', 1.0),
  'exponents': ('%.6e', '\n', 1.0),
}


def _opencolorio(path: str) -> None:
  ocio.ClearAllCaches()
  ocio.Config.CreateRaw().getProcessor(ocio.FileTransform(path))


def _readers() -> dict[str, Callable[[str], object]]:
  readers = {'lutjax': cube.read, 'opencolorio': _opencolorio}
  if _COLOUR.value:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      import colour
    readers['colour-science'] = colour.read_LUT
  return readers


def _write(path: pathlib.Path, form: str, end: str) -> None:
  table = np.random.default_rng(0).uniform(size=(_SIZE.value**3, 3))
  table = table.astype(np.float32)
  row = ' '.join([form] * 3) + end
  rows = row * len(table) % tuple(table.ravel().tolist())
  path.write_bytes(f'LUT_3D_SIZE {_SIZE.value}{end}{rows}'.encode())


def _medians(
  readers: dict[str, Callable[[str], object]], path: str
) -> dict[str, float]:
  seconds: dict[str, list[float]] = {name: [] for name in readers}
  for i in range(_ROUNDS.value):
    order = list(readers.items())
    for name, read in order[:: 1 if i % 2 else -1]:
      start = time.process_time()
      read(path)
      seconds[name].append(time.process_time() - start)
  return {name: statistics.median(values) for name, values in seconds.items()}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  readers = _readers()
  print(f'{"rows":12} {"MB":>5}', *(f'{name:>15}' for name in readers), ' of OCIO')
  with tempfile.TemporaryDirectory() as folder:
    for label, (form, end, limit) in _FILES.items():
      path = pathlib.Path(folder, f'{label}.cube')
      _write(path, form, end)
      medians = _medians(readers, str(path))
      ratio = medians['lutjax'] / medians['opencolorio']
      verdict = 'met' if ratio <= limit else 'MISSED'
      print(
        f'{label:12} {path.stat().st_size / 1e6:5.1f}',
        *(f'{median:13.4f} s' for median in medians.values()),
        f'{ratio:8.2f} (goal {limit:.2f}: {verdict})',
      )


if __name__ == '__main__':
  app.run(main)
