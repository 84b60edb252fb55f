"""The native kernels and OpenColorIO on a photo of 12 megapixels.

  python -m benchmarks.lut.native --photos=../shared/data/photos [--size=33] [--wide]

One core. Ours and OpenColorIO (PackedImageDesc, lossless) alternate in this process;
figures are megapixels per CPU second, medians over the rounds, and the median of the
ratios of neighbouring runs. Pixels are those of photos, joined and repeated, 8-bit
codes and all; without `--photos` they are ramps with noise.

* in place: a call on numpy arrays of float32, the result overwrites the pixels;
* new image: the same into fresh memory, whose page faults count;
* 8 bit, 16 bit: in place, codes;
* donated: a jitted JAX function whose pixels are donated, against "in place";
* curves: 1,024 samples per channel in front of the lattice, in place; also with half
  the strength, for which OpenColorIO has no step (its figure is without); and alone.

`--wide` adds, in place, lattices of 17 and 65 nodes per axis, and random pixels.

The goals are those of the issue that asked for the kernels, on AVX2.
"""

import functools
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
_WIDE = flags.DEFINE_boolean('wide', False, 'Other sizes and pixels, too.')
_RANDOM = flags.DEFINE_boolean('random', False, 'Random pixels instead.')

_HEIGHT, _WIDTH = 3000, 4000
_UNIT = np.float32([[0, 0, 0], [1, 1, 1]])
_AXIS = np.linspace(0, 1, 1024)
_CURVES = np.stack([_AXIS**0.45, _AXIS**0.5, _AXIS**0.6], axis=-1).astype(np.float32)
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
  ('tetrahedral', 'curves'): 1.3,
  ('tetrahedral', 'curves, mix'): 1.25,
  ('curves', 'in place'): 1.3,
}

_DEPTHS = {
  'float32': ocio.BIT_DEPTH_F32,
  'uint8': ocio.BIT_DEPTH_UINT8,
  'uint16': ocio.BIT_DEPTH_UINT16,
}

# An engine takes nothing and returns the CPU seconds that it needed.
Engine = Callable[[], float]


def _pixels(*, random: bool) -> np.ndarray:
  """Returns `[H, W, 3]` in [0, 1]."""
  rng = np.random.default_rng(0)
  if random:
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


def _lattice(table: np.ndarray, method: str) -> ocio.Transform:
  lut = ocio.Lut3DTransform(gridSize=table.shape[0])
  linear = method == 'trilinear'
  lut.setInterpolation(ocio.INTERP_LINEAR if linear else ocio.INTERP_TETRAHEDRAL)
  lut.setData(table.ravel())
  return lut


def _curves() -> ocio.Transform:
  lut = ocio.Lut1DTransform(len(_CURVES), False)
  lut.setInterpolation(ocio.INTERP_LINEAR)
  lut.setData(_CURVES.ravel())
  return lut


def _opencolorio(
  *steps: ocio.Transform, depth: ocio.BitDepth = ocio.BIT_DEPTH_F32
) -> ocio.CPUProcessor:
  made = ocio.Config.CreateRaw().getProcessor(ocio.GroupTransform(list(steps)))
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


def _in_place(
  pixels: np.ndarray,
  kernel: Callable[[np.ndarray, np.ndarray], object],
  *steps: ocio.Transform,
) -> tuple[Engine, Engine]:
  """Returns ours and theirs on a copy of pixels, which they overwrite."""
  peer = _opencolorio(*steps, depth=_DEPTHS[pixels.dtype.name])
  own = pixels.copy()

  def ours() -> float:
    np.copyto(own, pixels)
    return _seconds(lambda: kernel(own, own))

  def theirs() -> float:
    np.copyto(own, pixels)
    return _seconds(lambda: peer.apply(_packed(own)))

  return ours, theirs


def _engines(
  table: np.ndarray, image: np.ndarray, method: str
) -> dict[str, tuple[Engine, Engine]]:
  """Returns ours and theirs, by what they do."""
  step = _lattice(table, method)
  peer = _opencolorio(step)
  native = functools.partial(library.interpolate, table, _UNIT, method=method)
  donated = jax.jit(interpolate.METHODS[method], donate_argnums=1)
  donated = donated.lower(table, image).compile()
  placed = jax.device_put(table)

  def ours_new() -> float:
    return _seconds(lambda: native(image))

  def theirs_new() -> float:
    return _seconds(lambda: peer.apply(_packed(image), _packed(np.empty_like(image))))

  def ours_donated() -> float:
    given = jax.block_until_ready(jax.numpy.array(image))
    return _seconds(lambda: donated(placed, given).block_until_ready())

  in_place = _in_place(image, native, step)
  engines = {
    'in place': in_place,
    'new image': (ours_new, theirs_new),
    'donated': (ours_donated, in_place[1]),
  }
  for bits, dtype in ((8, np.uint8), (16, np.uint16)):
    codes = np.rint(image * np.iinfo(dtype).max).astype(dtype)
    engines[f'{bits} bit'] = _in_place(codes, native, step)
  shaped = functools.partial(native, shaper=(_CURVES, _UNIT))
  mixed = functools.partial(shaped, strength=0.5)
  engines['curves'] = _in_place(image, shaped, _curves(), step)
  engines['curves, mix'] = _in_place(image, mixed, _curves(), step)
  return engines


def _report(name: str, work: str, engines: tuple[Engine, Engine]) -> None:
  megapixels = _HEIGHT * _WIDTH / 1e6
  pairs = [[engine() for engine in engines] for _ in range(_ROUNDS.value)]
  ours, theirs = (megapixels / statistics.median(times) for times in zip(*pairs))
  ratio = statistics.median(their / our for our, their in pairs)
  goal = _GOALS.get((name, work))
  print(
    f'{name:12}{work:12}{ours:7.0f} MP/s, OpenColorIO{theirs:5.0f} MP/s, '
    f'{ratio:5.2f}' + ('' if goal is None else f' (goal {goal})')
  )


def _table(size: int) -> np.ndarray:
  return np.random.default_rng(1).uniform(size=(size,) * 3 + (3,)).astype(np.float32)


def _compare(image: np.ndarray) -> None:
  for method in library.METHODS:
    for work, engines in _engines(_table(_SIZE.value), image, method).items():
      _report(method, work, engines)
  alone = functools.partial(library.curves, _CURVES, _UNIT)
  _report('curves', 'in place', _in_place(image, alone, _curves()))


def _compare_wide(image: np.ndarray) -> None:
  random = _pixels(random=True)
  for size, pixels, name in (
    (17, image, '17^3'),
    (65, image, '65^3'),
    (33, random, 'random 33^3'),
  ):
    table = _table(size)
    for method in library.METHODS:
      native = functools.partial(library.interpolate, table, _UNIT, method=method)
      _report(method, name, _in_place(pixels, native, _lattice(table, method)))


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  if not library.targets():
    raise app.UsageError('The kernels are not built, or LUTJAX_NATIVE turns them off.')
  jax.config.update('jax_platforms', 'cpu')
  print(f'{processor.describe()}; targets: {", ".join(library.targets())}')
  os.sched_setaffinity(0, {_CORE.value})
  image = _pixels(random=_RANDOM.value)
  _compare(image)
  if _WIDE.value:
    _compare_wide(image)


if __name__ == '__main__':
  app.run(main)
