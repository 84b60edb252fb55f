"""Thousands of images or LUTs in one run: is memory flat, are files closed?

  python -m benchmarks.load --system=gamut_mlp --count=10000 --sides=64,128,256
  python -m benchmarks.load --system=gamut_mlp --count=1 --megapixels=100
  python -m benchmarks.load --system=nilut --count=2000 --sides=9,17,33

Makes images in ProPhoto (or looks) of mixed sizes, runs `launch.fit` on them and
watches it from outside, five times a second. Prints how many a second, core-seconds of
each, the most resident memory and open files in the first tenth and after it, the
peak, also in bytes per pixel of the largest image, and what the run said of its
programs and stages. The goals: memory after the first tenth at most 5 % higher, open
files flat, as many compilations as there are sizes of work.
"""

import json
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

from benchmarks import processor
from lutjax import files
from lutjax.data import images, synthetic
from lutjax.fit import runs
from lutjax.lut import cube, lattice

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_SYSTEM = flags.DEFINE_enum('system', 'gamut_mlp', ['gamut_mlp', 'nilut'], 'What runs.')
_COUNT = flags.DEFINE_integer('count', 500, 'Images, or LUTs.')
_SIDES = flags.DEFINE_list('sides', ['64', '128', '256'], 'Pixels, or nodes, in turn.')
_MEGAPIXELS = flags.DEFINE_float('megapixels', 0.0, 'Size of each image instead.')
_SUFFIX = flags.DEFINE_string('suffix', '.png', 'Of the images: .png or .tif.')
_FOLDER = flags.DEFINE_string('folder', '', 'For the inputs and the run; kept.')
_SET = flags.DEFINE_multi_string('set', [], 'Config fields.')

# What makes a run short enough to be one of thousands.
_SETTINGS = {
  'gamut_mlp': ('codec=seeded',),
  'nilut': ('steps=500', 'segment_steps=500', 'pictures=none'),
}


def main(argv: list[str]) -> None:
  """Prints the figures as JSON."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  side = round((_MEGAPIXELS.value * 1e6) ** 0.5)
  sides = [side] if side else [int(text) for text in _SIDES.value]
  folder = pathlib.Path(_FOLDER.value or tempfile.mkdtemp()).resolve()
  print(processor.describe())
  try:
    make = _make_images if _SYSTEM.value == 'gamut_mlp' else _make_looks
    make(folder / 'in', sides)
    print(json.dumps(_watched(folder, max(sides)), indent=1))
  finally:
    if not _FOLDER.value:
      shutil.rmtree(folder)


def _make_images(folder: pathlib.Path, sides: list[int]) -> None:
  base = synthetic.photo(0, 768, 768, wide_gamut=True)
  codes = images.from_float(base, 16)
  rng = np.random.default_rng(0)
  for i in range(_COUNT.value):
    side = sides[i % len(sides)]
    y, x = rng.integers(0, 768, 2)
    path = folder / f'{i // 500}/{i:05d}{_SUFFIX.value}'
    if not path.exists():
      repeats = -(-side // 768) + 1
      tiled = np.tile(np.roll(codes, (y, x), (0, 1)), (repeats, repeats, 1))
      images.write(path, images.Image(np.ascontiguousarray(tiled[:side, :side])))


def _make_looks(folder: pathlib.Path, sides: list[int]) -> None:
  rng = np.random.default_rng(0)
  for i in range(_COUNT.value):
    path = folder / f'{i:05d}.cube'
    if not path.exists():
      powers = rng.uniform(0.5, 2.0, 3)
      table = lattice.identity(sides[i % len(sides)]) ** powers
      content = cube.render(lattice.from_table(table.astype(np.float32)))
      files.write_bytes(path, content)


def _watched(folder: pathlib.Path, side: int) -> dict[str, object]:
  """Runs the launcher and returns what was seen of it."""
  shutil.rmtree(folder / 'out', ignore_errors=True)
  system = _SYSTEM.value
  inputs = '--images' if system == 'gamut_mlp' else '--luts'
  fields = (*_SETTINGS[system], *_SET.value)
  began = time.perf_counter()
  with open(folder / 'said.txt', 'w+') as said:
    process = subprocess.Popen(
      [
        *(sys.executable, '-m', 'launch.fit', f'--config=configs/{system}.py'),
        *(f'{inputs}={folder / "in"}', f'--out={folder / "out"}'),
        *(f'--set={field}' for field in fields),
      ],
      cwd=_ROOT,
      stdout=said,
    )
    samples: list[tuple[int, float, int]] = []
    metrics = folder / 'out' / runs.METRICS
    done, read, seconds, peak = 0, 0, 0.0, 0.0
    while process.poll() is None:
      if metrics.exists():
        with open(metrics, 'rb') as file:
          file.seek(read)
          added = file.read()
        done, read = done + added.count(b'"event": "model"'), read + len(added)
      if done < _COUNT.value:
        seconds = time.perf_counter() - began
      samples.append((done, _resident(process.pid, 'VmRSS'), _opened(process.pid)))
      peak = max(peak, _resident(process.pid, 'VmHWM'))
      time.sleep(0.2)
    said.seek(0)
    lines = said.read().splitlines()
  usage = resource.getrusage(resource.RUSAGE_CHILDREN)
  tenth = max(_COUNT.value // 10, 1)
  early = [sample for sample in samples if sample[0] <= tenth]
  late = [sample for sample in samples if tenth < sample[0] < _COUNT.value] or early
  first, then = (max(size for _, size, _ in part) for part in (early, late))
  return {
    'exit_code': process.returncode,
    'done': done,
    'per_second': _COUNT.value / seconds,
    'core_seconds_each': (usage.ru_utime + usage.ru_stime) / _COUNT.value,
    'megabytes_first_tenth': first,
    'megabytes_later': then,
    'rise': then / first - 1,
    'files_first_tenth': max(number for _, _, number in early),
    'files_later': max(number for _, _, number in late),
    'peak_megabytes': peak,
    'peak_bytes_per_pixel': peak * 2**20 / side**2,
    'said': [line for line in lines if 'programs' in line or 'waited' in line],
  }


def _opened(process: int) -> int:
  """Returns how many files a process holds open."""
  try:
    return len(list(pathlib.Path(f'/proc/{process}/fd').iterdir()))
  except OSError:
    return 0


def _resident(process: int, field: str) -> float:
  """Returns megabytes that a process holds now (`VmRSS`) or held at most (`VmHWM`)."""
  try:
    lines = pathlib.Path(f'/proc/{process}/status').read_text().splitlines()
  except OSError:
    return 0.0
  return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == '__main__':
  app.run(main)
