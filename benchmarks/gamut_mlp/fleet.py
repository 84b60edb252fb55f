"""Memory and throughput of the gamut task, on synthetic images.

python -m benchmarks.gamut_mlp.fleet --count=5000 --side=256
python -m benchmarks.gamut_mlp.fleet --count=1 --megapixels=100

Runs `launch.fit` on them and watches it from outside. Prints images per second, the
most resident memory while the first 500 are worked on, its largest rise until the
last is done, its largest while the report is written, and the peak, the last also
in bytes per pixel of an image.
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

from lutjax.data import images, synthetic
from lutjax.fit import runs

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_COUNT = flags.DEFINE_integer('count', 500, 'Images.')
_SIDE = flags.DEFINE_integer('side', 256, 'Of each image, pixels.')
_MEGAPIXELS = flags.DEFINE_float('megapixels', 0.0, 'Size of each image instead.')
_SUFFIX = flags.DEFINE_string('suffix', '.png', 'Of the sources: .png or .tif.')
_FOLDER = flags.DEFINE_string('folder', '', 'For the images and the run; kept.')
_SET = flags.DEFINE_multi_string('set', ['codec=seeded'], 'Config fields.')


def main(argv: list[str]) -> None:
  del argv
  side = round((_MEGAPIXELS.value * 1e6) ** 0.5) or _SIDE.value
  folder = pathlib.Path(_FOLDER.value or tempfile.mkdtemp()).resolve()
  try:
    _make(folder / 'in', side)
    print(json.dumps(_watched(folder, side), indent=1))
  finally:
    if not _FOLDER.value:
      shutil.rmtree(folder)


def _make(folder: pathlib.Path, side: int) -> None:
  base = synthetic.photo(0, 768, 768, wide_gamut=True)
  codes = images.from_float(base, 16)
  repeats = -(-side // 768) + 1
  rng = np.random.default_rng(0)
  for i in range(_COUNT.value):
    y, x = rng.integers(0, 768, 2)
    path = folder / f'{i // 500}/{i:05d}{_SUFFIX.value}'
    if not path.exists():
      tiled = np.tile(np.roll(codes, (y, x), (0, 1)), (repeats, repeats, 1))
      images.write(path, images.Image(np.ascontiguousarray(tiled[:side, :side])))


def _watched(folder: pathlib.Path, side: int) -> dict[str, float]:
  """Runs the launcher and returns what was seen of it."""
  shutil.rmtree(folder / 'out', ignore_errors=True)
  began = time.perf_counter()
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'launch.fit', '--config=configs/gamut_mlp.py'),
      *(f'--images={folder / "in"}', f'--out={folder / "out"}'),
      *(f'--set={field}' for field in _SET.value),
    ],
    cwd=_ROOT,
  )
  samples: list[tuple[int, float]] = []
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
    samples.append((done, _resident(process.pid, 'VmRSS')))
    peak = max(peak, _resident(process.pid, 'VmHWM'))
    time.sleep(0.2)
  usage = resource.getrusage(resource.RUSAGE_CHILDREN)
  settling = min(500, max(_COUNT.value // 4, 1))
  settled = max(size for count, size in samples if count <= settling)
  late = [size for count, size in samples if settling < count < _COUNT.value]
  report = [size for count, size in samples if count >= _COUNT.value]
  return {
    'exit_code': process.returncode,
    'images': _COUNT.value,
    'images_per_second': _COUNT.value / seconds,
    'core_seconds_per_image': (usage.ru_utime + usage.ru_stime) / _COUNT.value,
    'megabytes_while_settling': settled,
    'megabytes_at_last': late[-1] if late else settled,
    'rise_since': max(late, default=settled) / settled - 1,
    'megabytes_of_report': max(report, default=settled),
    'peak_megabytes': peak,
    'peak_bytes_per_pixel': peak * 2**20 / side**2,
  }


def _resident(process: int, field: str) -> float:
  """Returns megabytes that a process holds now (`VmRSS`) or held at most (`VmHWM`)."""
  try:
    lines = pathlib.Path(f'/proc/{process}/status').read_text().splitlines()
  except OSError:
    return 0.0
  return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == '__main__':
  app.run(main)
