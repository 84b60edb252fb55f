"""`launch.apply` on photos of 12 megapixels, whole commands on all cores.

  python -m benchmarks.lut.apply --photos=../shared/data/photos [--count=24]

Wall seconds to grade the same photos through a LUT of 33^3, tetrahedrally, from files
to files; medians over the rounds, in which the rivals take turns. Half of the photos
are JPEG files, half TIFF files of 16 bits.

* `launch.apply`: one command, start-up and all;
* ffmpeg: `lut3d`, a process per photo, as many at a time as there are cores; JPEG
  only, at the quality whose files are nearest in size to ours;
* OpenColorIO: a Python script with Pillow (quality and subsampling as ours) or
  tifffile, start-up and all, in as many threads as there are cores;
* codecs: reading and writing alone, by our codecs, in our threads.

The last line is the peak memory of `launch.apply` on one TIFF file of 16 bits and 100
megapixels, which has 600 MB of pixels.
"""

import concurrent.futures
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import imageio_ffmpeg
import numpy as np
import PIL.Image
import tifffile
from absl import app, flags

from benchmarks import processor
from lutjax.commands import image_batch
from lutjax.data import images
from lutjax.lut import cube, lattice

_PHOTOS = flags.DEFINE_multi_string('photos', [], 'Files, folders or globs.')
_COUNT = flags.DEFINE_integer('count', 24, 'Photos, half of them TIFF.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Runs of each.')
_MEMORY = flags.DEFINE_bool('memory', True, 'Whether memory is measured, too.')

_HEIGHT, _WIDTH = 3000, 4000
_QUALITY = 95
_CORES = len(os.sched_getaffinity(0))


def main(argv: list[str]) -> None:
  del argv
  print(f'{processor.describe()}; {_COUNT.value} photos of 12 megapixels')
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    lut = root / 'look.cube'
    table = np.asarray(lattice.identity(33), np.float32) ** np.float32([1.2, 1.1, 0.9])
    lut.write_bytes(cube.render(lattice.from_table(table)))
    for kind in ('jpg', 'tif'):
      files = _photos(root / kind, kind, _COUNT.value // 2)
      _race(kind, files, lut, root / 'out')
      shutil.rmtree(root / kind)
    if _MEMORY.value:
      _memory(root, lut)


def _photos(folder: pathlib.Path, kind: str, count: int) -> list[pathlib.Path]:
  """Writes photos that are enlarged to 12 megapixels, or ramps with noise."""
  folder.mkdir()
  found = (
    [path for path, _ in images.find_images(_PHOTOS.value)] if _PHOTOS.value else []
  )
  rng = np.random.default_rng(0)
  made = []
  for i in range(count):
    if found:
      small = images.read(found[i % len(found)], convert=True, say=lambda _: None)
      picture = PIL.Image.fromarray(images.from_float(images.to_float(small.pixels), 8))
    else:
      picture = PIL.Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    large = np.asarray(picture.convert('RGB').resize((_WIDTH, _HEIGHT)))
    path = folder / f'{i:03d}.{kind}'
    if kind == 'jpg':
      PIL.Image.fromarray(large).save(path, quality=_QUALITY, subsampling=0)
    else:
      noise = rng.integers(0, 257, large.shape, np.uint16)
      tifffile.imwrite(path, large * np.uint16(255) + noise, photometric='rgb')
    made.append(path)
  return made


def _race(
  kind: str, files: Sequence[pathlib.Path], lut: pathlib.Path, out: pathlib.Path
) -> None:
  engines: dict[str, Callable[[pathlib.Path], None]] = {
    'launch.apply': lambda to: _ours(files, lut, to),
    'OpenColorIO': lambda to: _script(files, lut, to),
    'codecs': lambda to: _codecs(files, to),
  }
  if kind == 'jpg':
    _ours(files[:1], lut, out)
    scale = _nearest_scale(files[0], lut, out, (out / files[0].name).stat().st_size)
    engines['ffmpeg'] = lambda to: _each(files, lambda f: _by_ffmpeg(f, lut, to, scale))
  seconds: dict[str, list[float]] = {name: [] for name in engines}
  for _ in range(_ROUNDS.value):
    for name, run in engines.items():
      shutil.rmtree(out, ignore_errors=True)
      out.mkdir()
      began = time.perf_counter()
      run(out)
      seconds[name].append(time.perf_counter() - began)
  shutil.rmtree(out)
  ours = seconds['launch.apply']
  for name, taken in seconds.items():
    ratio = statistics.median(other / own for other, own in zip(taken, ours))
    print(f'{kind}  {name:14} {statistics.median(taken):7.2f} s  ratio {ratio:.2f}')


def _each(files: Sequence[pathlib.Path], one: Callable[[pathlib.Path], None]) -> None:
  with concurrent.futures.ThreadPoolExecutor(_CORES) as pool:
    list(pool.map(one, files))


def _ours(files: Sequence[pathlib.Path], lut: pathlib.Path, out: pathlib.Path) -> None:
  subprocess.run(
    [
      *(sys.executable, '-m', 'launch.apply', f'--lut={lut}', '--overwrite'),
      *(f'--images={",".join(map(str, files))}', f'--out={out}{os.sep}'),
    ],
    check=True,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )


def _script(
  files: Sequence[pathlib.Path], lut: pathlib.Path, out: pathlib.Path
) -> None:
  script = pathlib.Path(__file__).with_name('opencolorio_script.py')
  paths = [str(path) for path in (lut, out, *files)]
  subprocess.run([sys.executable, str(script), str(_CORES), *paths], check=True)


def _codecs(files: Sequence[pathlib.Path], out: pathlib.Path) -> None:
  items = image_batch.find([str(path) for path in files], out, say=lambda _: None)
  image_batch.rewrite(
    items,
    lambda _, image: image_batch.Changed(image),
    say=lambda _: None,
  )


def _by_ffmpeg(
  path: pathlib.Path, lut: pathlib.Path, out: pathlib.Path, scale: float
) -> None:
  subprocess.run(
    [
      *(imageio_ffmpeg.get_ffmpeg_exe(), '-loglevel', 'error', '-y', '-i', str(path)),
      *('-vf', f'lut3d={lut}', '-qscale:v', str(scale), '-qmin', '1'),
      *('-pix_fmt', 'yuvj444p', '-threads', '1', str(out / path.name)),
    ],
    check=True,
  )


def _nearest_scale(
  path: pathlib.Path, lut: pathlib.Path, out: pathlib.Path, size: int
) -> float:
  """Returns ffmpeg's quality whose file is nearest in size to ours."""
  found = {}
  for scale in (1, 1.5, 2, 3, 4, 5):
    _by_ffmpeg(path, lut, out, scale)
    found[abs((out / path.name).stat().st_size - size)] = scale
  return found[min(found)]


def _memory(root: pathlib.Path, lut: pathlib.Path) -> None:
  """Prints the peak of one command on a large picture."""
  pixels = np.zeros((10_000, 10_000, 3), np.uint16)
  pixels += np.arange(10_000, dtype=np.uint16)[:, None]
  path = root / 'large.tif'
  tifffile.imwrite(path, pixels, photometric='rgb')
  megabytes = pixels.nbytes / 1e6
  del pixels
  began = time.perf_counter()
  _ours([path], lut, root / 'graded')
  seconds = time.perf_counter() - began
  peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
  print(
    f'100 megapixels of 16 bits, {megabytes:.0f} MB: {seconds:.1f} s, peak '
    f'{peak:.0f} MB'
  )


if __name__ == '__main__':
  app.run(main)
