"""The native kernels and OpenColorIO on a photo of 12 megapixels.

  python -m benchmarks.lut.native --photos=../shared/data/photos [--size=33]

One core. Ours and OpenColorIO (PackedImageDesc, lossless) alternate in this process;
figures are megapixels per CPU second, medians over the rounds, and the median of the
ratios of neighbouring runs. Pixels are those of photos, joined and repeated, 8-bit
codes and all; without `--photos` they are ramps with noise.

* in place: a call on numpy arrays of float32, the result overwrites the pixels;
* new image: the same into fresh memory, whose page faults count;
* 8 bit, 16 bit: in place, codes;
* donated: a jitted JAX function whose pixels are donated, against "in place".

The goals are those of the issue that asked for the kernels, on AVX2.
"""

import os
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
import PyOpenColorIO as ocio
from absl import app, flags

from benchmarks import processor
from lutjax.data import images
from lutjax.lut import interpolate
from lutjax.native import library

_PHOTOS = flags.DEFINE_multi_string('photos', [], 'Files, folders or globs.')
_SIZE = flags.DEFINE_integer('size', 33, 'Nodes per axis.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Runs of each engine.')
_CORE = flags.DEFINE_integer('core', 1, 'The core that all runs on.')
_RANDOM = flags.DEFINE_boolean('random', False, 'Random pixels instead.')

_HEIGHT, _WIDTH = 3000, 4000
_UNIT = np.float32([[0, 0, 0], [1, 1, 1]])
_GOALS = {
  ('trilinear', 'in place'): 4.5,
  ('tetrahedral', 'in place'): 1.8,
  ('trilinear', 'new image'): 3.3,
  ('tetrahedral', 'new image'): 1.4,
  ('trilinear', 'donated'): 2.5,
  ('tetrahedral', 'donated'): 1.0,
  ('trilinear', '8 bit'): 4.0,
  ('tetrahedral', '8 bit'): 2.2,
  ('trilinear', '16 bit'): 4.0,
  ('tetrahedral', '16 bit'): 2.2,
}

_DEPTHS = {
  'float32': ocio.BIT_DEPTH_F32,
  'uint8': ocio.BIT_DEPTH_UINT8,
  'uint16': ocio.BIT_DEPTH_UINT16,
}

# An engine takes nothing and returns the CPU seconds that it needed.
Engine = Callable[[], float]


def _pixels() -> np.ndarray:
  """Returns `[H, W, 3]` in [0, 1]."""
  rng = np.random.default_rng(0)
  if _RANDOM.value:
    return rng.random((_HEIGHT, _WIDTH, 3), np.float32)
  if not _PHOTOS.value:
    y, x = np.mgrid[0 : 1 : _HEIGHT * 1j, 0 : 1 : _WIDTH * 1j].astype(np.float32)
    ramps = np.stack([x, y, (x + y) / 2], axis=-1)
    noise = rng.standard_normal(ramps.shape, np.float32)
    return np.clip(ramps + 0.02 * noise, 0, 1)
  parts: list[np.ndarray] = []
  for found in images.find_images(_PHOTOS.value):
    parts.append(
      images.to_float(images.read(found.path).pixels[..., :3]).reshape(-1, 3)
    )
    if sum(map(len, parts)) >= _HEIGHT * _WIDTH:
      break
  return np.resize(np.concatenate(parts), (_HEIGHT, _WIDTH, 3))


def _seconds(function: Callable[[], object]) -> float:
  start = time.process_time()
  function()
  return time.process_time() - start


def _opencolorio(
  table: np.ndarray, method: str, depth: ocio.BitDepth = ocio.BIT_DEPTH_F32
) -> ocio.CPUProcessor:
  lut = ocio.Lut3DTransform(gridSize=table.shape[0])
  linear = method == 'trilinear'
  lut.setInterpolation(ocio.INTERP_LINEAR if linear else ocio.INTERP_TETRAHEDRAL)
  lut.setData(table.ravel())
  made = ocio.Config.CreateRaw().getProcessor(lut)
  return made.getOptimizedCPUProcessor(depth, depth, ocio.OPTIMIZATION_LOSSLESS)


def _packed(image: np.ndarray) -> ocio.PackedImageDesc:
  height, width, channels = image.shape
  return ocio.PackedImageDesc(
    image,
    width,
    height,
    ocio.CHANNEL_ORDERING_RGB,
    _DEPTHS[image.dtype.name],
    image.itemsize,
    image.itemsize * channels,
    image.itemsize * channels * width,
  )


def _of_codes(
  table: np.ndarray, image: np.ndarray, method: str, dtype: str
) -> tuple[Engine, Engine]:
  """Returns ours and theirs in place, on codes."""
  peer = _opencolorio(table, method, _DEPTHS[dtype])
  codes = np.rint(image * np.iinfo(dtype).max).astype(dtype)
  own = codes.copy()

  def ours() -> float:
    np.copyto(own, codes)
    return _seconds(lambda: library.interpolate(table, _UNIT, own, own, method=method))

  def theirs() -> float:
    np.copyto(own, codes)
    return _seconds(lambda: peer.apply(_packed(own)))

  return ours, theirs


def _engines(
  table: np.ndarray, image: np.ndarray, method: str
) -> dict[str, tuple[Engine, Engine]]:
  """Returns ours and theirs, by what they do."""
  peer = _opencolorio(table, method)
  own = image.copy()
  donated = jax.jit(interpolate.METHODS[method], donate_argnums=1)
  donated = donated.lower(table, image).compile()
  placed = jax.device_put(table)

  def native(source: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    return library.interpolate(table, _UNIT, source, out, method=method)

  def ours_in_place() -> float:
    np.copyto(own, image)
    return _seconds(lambda: native(own, own))

  def theirs_in_place() -> float:
    np.copyto(own, image)
    return _seconds(lambda: peer.apply(_packed(own)))

  def ours_new() -> float:
    return _seconds(lambda: native(image, None))

  def theirs_new() -> float:
    return _seconds(lambda: peer.apply(_packed(image), _packed(np.empty_like(image))))

  def ours_donated() -> float:
    given = jax.block_until_ready(jax.numpy.array(image))
    return _seconds(lambda: donated(placed, given).block_until_ready())

  return {
    'in place': (ours_in_place, theirs_in_place),
    'new image': (ours_new, theirs_new),
    'donated': (ours_donated, theirs_in_place),
    '8 bit': _of_codes(table, image, method, 'uint8'),
    '16 bit': _of_codes(table, image, method, 'uint16'),
  }


def _compare(table: np.ndarray, image: np.ndarray) -> None:
  megapixels = _HEIGHT * _WIDTH / 1e6
  for method in ('trilinear', 'tetrahedral'):
    for work, engines in _engines(table, image, method).items():
      pairs = [[engine() for engine in engines] for _ in range(_ROUNDS.value)]
      ours, theirs = (megapixels / statistics.median(times) for times in zip(*pairs))
      ratio = statistics.median(their / our for our, their in pairs)
      print(
        f'{method:12}{work:10}{ours:7.0f} MP/s, OpenColorIO{theirs:5.0f} MP/s, '
        f'{ratio:5.2f} (goal {_GOALS[method, work]})'
      )


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  if not library.targets():
    raise app.UsageError('The kernels are not built, or LUTJAX_NATIVE turns them off.')
  jax.config.update('jax_platforms', 'cpu')
  print(f'{processor.describe()}; targets: {", ".join(library.targets())}')
  os.sched_setaffinity(0, {_CORE.value})
  shape = (_SIZE.value,) * 3 + (3,)
  table = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
  _compare(table, _pixels())


if __name__ == '__main__':
  app.run(main)
