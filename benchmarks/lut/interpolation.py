"""Applying a 3D LUT to a 12-megapixel float32 image: ours and four engines.

  python -m benchmarks.lut.interpolation [--size=33] [--rounds=7] [--noise=0.02]

One thread, pinned to one core. The engines alternate in this process (ffmpeg in
its own) on a smooth image with noise and a table of random numbers, and every
figure is megapixels per CPU second, the median over the rounds. Two settings
are compared with OpenColorIO, each with its like:

* in place: the result overwrites the image (ours: the image is donated);
* new image: the result takes fresh memory, whose page faults count.

ffmpeg's figure is its run with the filter less its run without. Afterwards the
runs in place on one and on two host devices: wall-clock time, and the time of
the busiest thread, which is what the clock shows where the cores are free.

The goals, per CPU second: at least 1.0 times OpenColorIO's trilinear and 0.55
times its tetrahedral interpolation, in less than 64 MB besides the result.
"""

import concurrent.futures
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable

import imageio_ffmpeg
import jax
import numpy as np
import PyOpenColorIO as ocio
from absl import app, flags
from jax.sharding import AxisType

from lutjax.lut import interpolate, lattice

_SIZE = flags.DEFINE_integer('size', 33, 'Nodes per axis.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Runs of each engine.')
_NOISE = flags.DEFINE_float('noise', 0.02, 'Deviation of the noise in the image.')
_CORE = flags.DEFINE_integer('core', 0, 'The core for the runs on one thread.')
_DEVICES = flags.DEFINE_integer('devices', 1, 'Host devices; 2 for wall-clock only.')

_HEIGHT, _WIDTH = 3000, 4000
_MEGAPIXELS = _HEIGHT * _WIDTH / 1e6
_FRAMES = 3  # that ffmpeg reads per run
_METHODS = ('trilinear', 'tetrahedral')
_GOALS = {'trilinear': 1.0, 'tetrahedral': 0.55}

# An engine takes nothing and returns the seconds it needed.
Engine = Callable[[], float]


def _image() -> np.ndarray:
  """Returns ramps in three directions with noise, `[H, W, 3]` in [0, 1]."""
  y, x = np.mgrid[0 : 1 : _HEIGHT * 1j, 0 : 1 : _WIDTH * 1j].astype(np.float32)
  image = np.stack([x, y, (x + y) / 2], axis=-1)
  noise = np.random.default_rng(0).standard_normal(image.shape, np.float32)
  return np.clip(image + _NOISE.value * noise, 0, 1)


def _seconds(function: Callable[[], object], clock: Callable[[], float]) -> float:
  start = clock()
  function()
  return clock() - start


def _ours(table: np.ndarray, image: np.ndarray, method: str) -> dict[str, Engine]:
  """Returns our two engines, compiled; prints what they hold besides."""
  lut = jax.device_put(lattice.from_table(table))
  source = jax.device_put(image)

  def run(lut: lattice.Lut, image: jax.Array) -> jax.Array:
    return interpolate.apply(lut, image, method=method)

  fresh = jax.jit(run).lower(lut, source).compile()
  donated = jax.jit(run, donate_argnums=1).lower(lut, source).compile()
  size_bytes = max(
    compiled.memory_analysis().temp_size_in_bytes for compiled in (fresh, donated)
  )
  print(f'{method}: {size_bytes / 1e6:.2f} MB of temporary memory')

  def new_image() -> float:
    return _seconds(lambda: fresh(lut, source).block_until_ready(), time.process_time)

  def in_place() -> float:
    own = jax.block_until_ready(jax.numpy.array(image))
    return _seconds(lambda: donated(lut, own).block_until_ready(), time.process_time)

  return {'lutjax, in place': in_place, 'lutjax, new image': new_image}


def _processor(table: np.ndarray, method: str) -> ocio.CPUProcessor:
  lut = ocio.Lut3DTransform(gridSize=table.shape[0])
  linear = method == 'trilinear'
  lut.setInterpolation(ocio.INTERP_LINEAR if linear else ocio.INTERP_TETRAHEDRAL)
  lut.setData(table.ravel())
  return ocio.Config.CreateRaw().getProcessor(lut).getDefaultCPUProcessor()


def _packed(image: np.ndarray) -> ocio.PackedImageDesc:
  return ocio.PackedImageDesc(image, image.shape[1], image.shape[0], 3)


def _opencolorio(
  table: np.ndarray, image: np.ndarray, method: str
) -> dict[str, Engine]:
  processor = _processor(table, method)
  own = image.copy()

  def in_place() -> float:
    np.copyto(own, image)
    return _seconds(lambda: processor.apply(_packed(own)), time.process_time)

  def new_image() -> float:
    return _seconds(
      lambda: processor.apply(_packed(own), _packed(np.empty_like(own))),
      time.process_time,
    )

  return {'OpenColorIO, in place': in_place, 'OpenColorIO, new image': new_image}


def _ffmpeg(folder: pathlib.Path, method: str) -> dict[str, Engine]:
  """Returns ffmpeg's lut3d on frames read from a file."""
  head = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-threads', '1']
  head += ['-filter_threads', '1', '-f', 'rawvideo', '-pix_fmt', 'gbrpf32le']
  head += ['-s', f'{_WIDTH}x{_HEIGHT}', '-stream_loop', str(_FRAMES - 1)]
  head += ['-i', str(folder / 'image.raw')]
  tail = ['-threads', '1', '-f', 'null', '-']
  cube = folder / 'table.cube'

  def run(option: list[str]) -> float:
    def clock() -> float:
      usage = resource.getrusage(resource.RUSAGE_CHILDREN)
      return usage.ru_utime + usage.ru_stime

    return _seconds(lambda: subprocess.run(head + option + tail, check=True), clock)

  def engine() -> float:
    with_filter = run(['-vf', f'lut3d=file={cube}:interp={method}'])
    return (with_filter - run([])) / _FRAMES

  return {'ffmpeg gbrpf32': engine}


def _torch(table: np.ndarray, image: np.ndarray) -> dict[str, Engine]:
  """Returns grid_sample, or nothing where torch is not installed."""
  try:
    import torch
  except ImportError:
    return {}
  torch.set_num_threads(1)
  volume = torch.from_numpy(table.transpose(3, 2, 1, 0).copy())[None]
  grid = torch.from_numpy(image * 2 - 1)[None, None]

  def engine() -> float:
    return _seconds(
      lambda: torch.nn.functional.grid_sample(
        volume, grid, padding_mode='border', align_corners=True
      ),
      time.process_time,
    )

  return {'torch grid_sample': engine}


def _colour(table: np.ndarray, image: np.ndarray, method: str) -> dict[str, Engine]:
  """Returns colour-science, on a sixteenth of the image."""
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import colour
  lut = colour.LUT3D(table)
  kernel = getattr(colour.algebra, f'table_interpolation_{method}')
  part = image[:, ::16]

  def engine() -> float:
    run = _seconds(lambda: lut.apply(part, interpolator=kernel), time.process_time)
    return run * image.size / part.size

  return {'colour-science': engine}


def _write_for_ffmpeg(folder: pathlib.Path, table: np.ndarray, image: np.ndarray):
  rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
  header = f'LUT_3D_SIZE {_SIZE.value}'
  np.savetxt(folder / 'table.cube', rows, '%.9g', header=header, comments='')
  planes = np.ascontiguousarray(image[..., [1, 2, 0]].transpose(2, 0, 1))
  (folder / 'image.raw').write_bytes(planes.tobytes())


def _one_thread(table: np.ndarray, image: np.ndarray, folder: pathlib.Path) -> None:
  """Prints what each engine does in a second of one core."""
  _write_for_ffmpeg(folder, table, image)
  for method in _METHODS:
    engines = _ours(table, image, method) | _opencolorio(table, image, method)
    engines |= _ffmpeg(folder, method) | _colour(table, image, method)
    if method == 'trilinear':
      engines |= _torch(table, image)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(_ROUNDS.value):
      for name, engine in engines.items():
        seconds[name].append(engine())
    speeds = {
      name: _MEGAPIXELS / statistics.median(times) for name, times in seconds.items()
    }
    for name, speed in speeds.items():
      like = 'in place' if name.endswith('in place') else 'new image'
      ratio = speed / speeds[f'OpenColorIO, {like}']
      goal = f'  (goal {_GOALS[method]:.2f})' if name.startswith('lutjax') else ''
      print(f'  {name:24}{speed:8.1f} MP/s{ratio:7.2f} x OpenColorIO{goal}')


def _two_devices(table: np.ndarray, image: np.ndarray) -> None:
  """Prints speeds on one and on two cores, by the clock and by the threads."""
  lut = lattice.from_table(table)
  for method in _METHODS:
    runs: dict[str, Callable[[], Callable[[], object]]] = {}
    for count in (1, _DEVICES.value):
      runs[f'lutjax, {count} device(s)'] = _sharded(lut, image, method, count)
      runs[f'OpenColorIO, {count} thread(s)'] = _threaded(table, image, method, count)
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
    for _ in range(_ROUNDS.value):
      for name, prepare in runs.items():
        run = prepare()
        before = _thread_seconds()
        wall = _seconds(run, time.perf_counter)
        spent = [now - before.get(key, 0) for key, now in _thread_seconds().items()]
        measured[name].append((wall, max(spent), sum(spent) / max(spent)))
    print(f'{method}, in place: wall-clock, per second of the busiest thread')
    for name, rows in measured.items():
      wall, busiest, cores = (statistics.median(column) for column in zip(*rows))
      speeds = f'{_MEGAPIXELS / wall:8.1f} MP/s{_MEGAPIXELS / busiest:8.1f} MP/s'
      print(f'  {name:24}{speeds}{cores:6.2f} cores used')


def _thread_seconds() -> dict[str, float]:
  """Returns the CPU seconds of each thread of this process."""
  tasks = pathlib.Path('/proc/self/task')
  return {
    task.name: int((task / 'schedstat').read_text().split()[0]) / 1e9
    for task in tasks.iterdir()
  }


def _sharded(
  lut: lattice.Lut, image: np.ndarray, method: str, count: int
) -> Callable[[], Callable[[], object]]:
  """Returns what prepares a run over `count` devices."""
  devices = jax.devices()[:count]
  mesh = jax.make_mesh((count,), ('row',), (AxisType.Auto,), devices=devices)

  def run(lut: lattice.Lut, image: jax.Array) -> jax.Array:
    return interpolate.apply_sharded(lut, image, mesh, method=method)

  split = jax.NamedSharding(mesh, jax.P('row'))
  fast = jax.jit(run, donate_argnums=1)
  lut = jax.device_put(lut, jax.NamedSharding(mesh, jax.P()))
  copy = jax.jit(jax.numpy.copy)

  def prepare() -> Callable[[], object]:
    own = jax.block_until_ready(copy(jax.device_put(image, split)))
    return lambda: fast(lut, own).block_until_ready()

  prepare()()
  return prepare


def _threaded(
  table: np.ndarray, image: np.ndarray, method: str, count: int
) -> Callable[[], Callable[[], object]]:
  """Returns what prepares a run of OpenColorIO in `count` threads."""
  processor = _processor(table, method)

  pool = concurrent.futures.ThreadPoolExecutor(count)

  def run(parts: list[np.ndarray]) -> None:
    list(pool.map(lambda part: processor.apply(_packed(part)), parts))

  def prepare() -> Callable[[], object]:
    parts = np.array_split(image.copy(), count)
    return lambda: run(parts)

  return prepare


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  os.environ['XLA_FLAGS'] = '--xla_cpu_multi_thread_eigen=false'
  jax.config.update('jax_platforms', 'cpu')
  jax.config.update('jax_num_cpu_devices', _DEVICES.value)
  shape = (_SIZE.value,) * 3 + (3,)
  table = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
  if _DEVICES.value > 1:
    _two_devices(table, _image())
    return
  cores = os.sched_getaffinity(0)
  os.sched_setaffinity(0, {_CORE.value})
  with tempfile.TemporaryDirectory() as folder:
    _one_thread(table, _image(), pathlib.Path(folder))
  os.sched_setaffinity(0, cores)
  subprocess.run([sys.executable, *sys.argv, '--devices=2'], check=True)


if __name__ == '__main__':
  app.run(main)
