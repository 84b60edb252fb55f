"""Memory and pace of the gamut task, on images made by the code.

python benchmarks/gamut_fleet.py --count=5000 --side=256
python benchmarks/gamut_fleet.py --count=1 --megapixels=100

Prints images per second, the most resident memory while the first 500 are worked
on, its largest rise until the last is (the report comes after), and the peak.
"""

import json
import os
import pathlib
import resource
import shutil
import tempfile
import threading
import time

import jax
import numpy as np
from absl import app, flags

from lutjax import config
from lutjax.data import images, synthetic
from lutjax.fit import runs
from lutjax.tasks import experiment, fitting

_CONFIG = pathlib.Path(__file__).resolve().parent.parent / 'configs/gamut_mlp.py'
_COUNT = flags.DEFINE_integer('count', 500, 'Images.')
_SIDE = flags.DEFINE_integer('side', 256, 'Of each image, pixels.')
_MEGAPIXELS = flags.DEFINE_float('megapixels', 0.0, 'Size of each image instead.')
_SET = flags.DEFINE_multi_string('set', ['codec=seeded'], 'Config fields.')


def main(argv: list[str]) -> None:
  del argv
  jax.config.update('jax_num_cpu_devices', len(os.sched_getaffinity(0)))
  folder = pathlib.Path(tempfile.mkdtemp())
  try:
    _make(folder / 'in')
    _run(folder)
  finally:
    shutil.rmtree(folder)


def _make(folder: pathlib.Path) -> None:
  side = round((_MEGAPIXELS.value * 1e6) ** 0.5) or _SIDE.value
  base = synthetic.photo(0, 768, 768, wide_gamut=True)
  codes = images.from_float(base, 16)
  repeats = -(-side // 768) + 1
  rng = np.random.default_rng(0)
  for i in range(_COUNT.value):
    y, x = rng.integers(0, 768, 2)
    tiled = np.tile(np.roll(codes, (y, x), (0, 1)), (repeats, repeats, 1))
    path = folder / f'{i // 500}/{i:05d}.png'
    images.write(path, images.Image(np.ascontiguousarray(tiled[:side, :side])))


def _run(folder: pathlib.Path) -> None:
  wanted = config.load(_CONFIG)
  wanted = config.override(wanted, _SET.value)
  sources = experiment.Sources(images=[str(folder / 'in')])
  samples: list[tuple[int, float]] = []
  stop = threading.Event()

  def watch() -> None:
    # Reads what was added only, so that watching takes no memory of its own.
    done, read, path = 0, 0, folder / 'out' / runs.METRICS
    while not stop.wait(0.5):
      if path.exists():
        with open(path, 'rb') as file:
          file.seek(read)
          added = file.read()
        done, read = done + added.count(b'\n'), read + len(added)
      samples.append((done, _resident()))

  watcher = threading.Thread(target=watch)
  watcher.start()
  before = _resident()
  began, cpu = time.perf_counter(), time.process_time()
  failed = fitting.fit(wanted, sources, folder / 'out')
  seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
  stop.set()
  watcher.join()
  settling = min(500, max(_COUNT.value // 4, 1))
  early = [size for done, size in samples if done <= settling]
  late = [size for done, size in samples if settling < done < _COUNT.value]
  settled = max(early, default=before)
  print(
    json.dumps(
      {
        'images': _COUNT.value,
        'failed': len(failed),
        'images_per_second': _COUNT.value / seconds,
        'core_seconds_per_image': cpu / _COUNT.value,
        'megabytes_before': before,
        'megabytes_while_settling': settled,
        'megabytes_at_last': late[-1] if late else settled,
        'rise_since': max(late, default=settled) / settled - 1,
        'peak_megabytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
      },
      indent=1,
    )
  )


def _resident() -> float:
  pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
  return pages * resource.getpagesize() / 2**20


if __name__ == '__main__':
  app.run(main)
