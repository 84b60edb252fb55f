"""How long commands take before they do anything.

  python -m benchmarks.start [--rounds=7]

Wall seconds of whole processes, medians: `--help`; one picture of 64 x 64 through a
`.cube` file of 33^3, files read from the cache of the disk; and, to tell what is ours,
a process that imports JAX and does nothing.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import PIL.Image
from absl import app, flags

from benchmarks import processor
from lutjax.lut import cube, lattice

_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Runs of each.')


def main(argv: list[str]) -> None:
  del argv
  print(processor.describe())
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    lut, picture = root / 'look.cube', root / 'picture.png'
    lut.write_bytes(cube.render(lattice.from_table(lattice.identity(33))))
    PIL.Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(picture)
    apply = [sys.executable, '-m', 'launch.apply']
    files = [f'--lut={lut}', f'--images={picture}', f'--out={root / "graded.png"}']
    for name, command in {
      'import jax': [sys.executable, '-c', 'import jax'],
      'launch.apply --help': [*apply, '--help'],
      'launch.apply --lut, one small picture': [*apply, *files, '--overwrite'],
    }.items():
      print(f'{name:40} {_seconds(command):.2f} s')


def _seconds(command: Sequence[str]) -> float:
  taken = []
  for _ in range(_ROUNDS.value):
    began = time.perf_counter()
    # `--help` ends with 1.
    subprocess.run(command, capture_output=True, check=False)
    taken.append(time.perf_counter() - began)
  return statistics.median(taken)


if __name__ == '__main__':
  app.run(main)
