"""The device programs of gamut recovery, each of one shape for images of any size.

Pixels go through in blocks that are filled up, so that the number of
compilations depends neither on how many images there are nor on their sizes.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.color import gamut, transfer
from lutjax.data import images
from lutjax.fit import mesh as mesh_lib
from lutjax.nn import encodings
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import recovery, ridge, seeded
from lutjax.types import Array, PyTree

# Pixels per program: of whole images, and of those that are clipped.
BLOCK = 1 << 18
CLIPPED_BLOCK = 1 << 15
# Where a device has too little memory, blocks are halved down to this.
LEAST_BLOCK = 1 << 10
# Rows of waves that stay in a CPU's cache: fifteen times as fast as whole blocks.
_CPU_ROWS = 1 << 9
# Samples of a ridge regression: one program for small images, one for others, and
# one for the strict guard, which cannot hold on pixels that the fit has not seen.
SAMPLES = (8 * 1024, 100 * 1024, 512 * 1024)


class Programs:
  """Compiled programs, shared by threads, timed and counted.

  Args:
    say: Told where a device has too little memory for a block.

  Attributes:
    compilations: Programs compiled so far.
    compile_seconds: Wall time spent compiling them.
  """

  def __init__(self, say: Callable[[str], None] = print) -> None:
    self.compilations = 0
    self.compile_seconds = 0.0
    self._say = say
    self._most = BLOCK
    self._compiled: dict[Any, Callable[..., PyTree]] = {}
    self._lock = threading.Lock()

  def call(self, name: Any, function: Callable[..., PyTree], *args: PyTree) -> PyTree:
    """Runs a function as one program, compiled at its first call.

    Args:
      name: Of the function; shapes and dtypes are told apart by themselves.
      function: Pure.
      *args: Pytrees of arrays.
    """
    leaves = jax.tree.leaves(args)
    key = (name, *[(np.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves])
    with self._lock:
      if key not in self._compiled:
        began = time.perf_counter()
        self._compiled[key] = jax.jit(function).lower(*args).compile()
        self.compilations += 1
        self.compile_seconds += time.perf_counter() - began
    return self._compiled[key](*args)

  def in_blocks(
    self,
    name: Any,
    function: Callable[..., Array],
    fixed: tuple,
    arrays: tuple,
    size: int,
  ) -> np.ndarray:
    """Maps a function over the rows of arrays, block by block.

    Args:
      name: See `call`.
      function: `(*fixed, *blocks) -> [size, ...]`.
      fixed: Passed to each call.
      arrays: `[n, ...]` each; the last block is filled with zeros.
      size: Rows of a block; quarters of it serve what is left of a whole one, and
        blocks become smaller where a device has too little memory.

    Returns:
      `[n, ...]`.

    Raises:
      InputError: one line, where a device has too little memory for any block.
    """
    count = len(arrays[0])
    out: np.ndarray | None = None
    for start, got in self._blocks(name, function, fixed, arrays, size):
      if out is None:
        out = np.empty((count, *got.shape[1:]), got.dtype)
      stop = min(start + len(got), count)
      out[start:stop] = got[: stop - start]
    return np.empty(0) if out is None else out

  def _blocks(
    self,
    name: Any,
    function: Callable[..., Array],
    fixed: tuple,
    arrays: tuple,
    size: int,
  ) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the first row of each block, at least of one, and what it gave."""
    count, start = len(arrays[0]), 0
    while start < max(count, 1):
      whole = min(size, self._most)
      quarter = max(whole // 4, LEAST_BLOCK)
      # More than three quarters are one block, what is less is filled up less.
      rows = whole if count - start > 3 * quarter else quarter
      parts = [pad(array[start : start + rows], rows) for array in arrays]
      try:
        got = np.asarray(self.call(name, function, *fixed, *parts))
      except jax.errors.JaxRuntimeError as error:
        self._shrink(rows, error)
        continue
      yield start, got
      start += rows

  def _shrink(self, rows: int, error: jax.errors.JaxRuntimeError) -> None:
    """Halves blocks for good, where a device has too little memory for `rows`."""
    with self._lock:
      # Another thread may have done so.
      say = self._say if rows <= self._most else lambda line: None
      halved = mesh_lib.smaller_group(
        rows, error, say, unit='pixels', least=LEAST_BLOCK
      )
      self._most = min(self._most, halved)

  def reduce(
    self,
    encoded: np.ndarray,
    quantiser: recovery.Quantiser,
    bounds: tuple[float, float] | None = None,
  ) -> np.ndarray:
    """Reduces ROMM-encoded colours to sRGB codes, by a hard or a soft clip.

    Args:
      encoded: `[n, 3]` uint8 or uint16.
      quantiser: `round`, or `truncate`.
      bounds: Of the soft clip, low and high; None for a hard clip.
    """
    soft = bounds is not None
    function = functools.partial(_reduce, quantiser=quantiser, soft=soft)
    fixed, name = (np.array(bounds or (0, 1), np.float32),), ('reduce', quantiser, soft)
    out = np.empty(encoded.shape, np.uint8)
    for start in range(0, len(encoded), BLOCK):
      part = (images.to_float(encoded[start : start + BLOCK]),)
      out[start : start + BLOCK] = self.in_blocks(name, function, fixed, part, BLOCK)
    return out

  def soft_bounds(self, encoded: np.ndarray) -> tuple[float, float]:
    """Returns the bounds of a soft clip of ROMM-encoded colours `[n, 3]`."""
    low, high = 0.0, 1.0
    for start in range(0, len(encoded), BLOCK):
      part = (images.to_float(encoded[start : start + BLOCK]),)
      for _, ends in self._blocks('bounds', _bounds, (), part, BLOCK):
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return low, high

  def expand(self, codes: np.ndarray) -> np.ndarray:
    """Returns the clip expansion of codes `[n, 3]`."""
    return self.in_blocks('expand', recovery.expand, (), (codes,), BLOCK)

  def solve(
    self,
    config: seeded.Config,
    in_gamut: tuple[float, ...],
    samples: list[tuple[np.ndarray, ...]],
    devices: jax.sharding.Mesh,
    group_size: int,
  ) -> list[np.ndarray]:
    """Fits the seeded waves of some images in one program.

    Args:
      config: Of the waves.
      in_gamut: K weights of clipped pixels that lie in the gamut after all, each
        giving a fit of its own.
      samples: Per image what `samples_of` takes, padded alike; at most as many as
        `devices.size * group_size`.
      devices: Over which images are spread.
      group_size: Images vmapped together on a device.

    Returns:
      Weights `[K, waves + 9, 3]` per image.
    """
    full = devices.size * group_size
    filled = [*samples, *[samples[-1]] * (full - len(samples))]
    stacked = [np.stack(leaves) for leaves in zip(*filled)]
    one = functools.partial(solve_waves, config, in_gamut)
    many = mesh_lib.over_models(one, devices, group_size)
    placed = mesh_lib.place(stacked, devices)
    weights = np.asarray(self.call(('solve', config, in_gamut, full), many, *placed))
    return list(weights[: len(samples)])

  def predict_waves(
    self,
    drawn: encodings.Waves,
    weight: np.ndarray,
    codes: np.ndarray,
    where: np.ndarray,
  ) -> np.ndarray:
    """Predicts the excess of pixels by seeded waves; `[n, 3]`.

    Args:
      drawn: Frequencies and phases of the waves.
      weight: Their weights, one column per output.
      codes: `[n, 3]` uint8.
      where: `[n, 5]`, position and surroundings (`position_features`).
    """
    fixed, arrays = (drawn, weight), (codes, where)
    return self.in_blocks('waves', _predict_waves, fixed, arrays, CLIPPED_BLOCK)

  def predict_network(
    self,
    config: gamut_mlp.Config,
    layers: PyTree,
    codes: np.ndarray,
    places: np.ndarray,
  ) -> np.ndarray:
    """Runs a network on pixels; `[n, 3]`.

    Args:
      config: Of the network.
      layers: Its parameters.
      codes: `[n, 3]` uint8.
      places: `[n, 2]` positions; `position_features` if the network is solved.

    Returns:
      Linear ProPhoto colours, or the excess if the network is a solved one.
    """
    function = functools.partial(_predict_network, config)
    fixed, arrays = (layers,), (codes, places)
    return self.in_blocks(('network', config), function, fixed, arrays, CLIPPED_BLOCK)

  def excess_of(self, prophoto: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns the excess of linear ProPhoto colours over codes; `[n, 3]`.

    Args:
      prophoto: `[n, 3]` float32.
      codes: `[n, 3]` uint8.
    """
    arrays = (prophoto, codes)
    return self.in_blocks('excess', recovery.excess, (), arrays, CLIPPED_BLOCK)

  def target(self, encoded: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns the excess of ROMM-encoded colours over codes; `[n, 3]`.

    Args:
      encoded: `[n, 3]` uint8 or uint16.
      codes: `[n, 3]` uint8.
    """
    arrays = (images.to_float(encoded), codes)
    return self.in_blocks('target', _target, (), arrays, CLIPPED_BLOCK)

  def recover(
    self, codes: np.ndarray, excess: np.ndarray, threshold: float
  ) -> np.ndarray:
    """Recovers clipped pixels; `[n, 3]` linear ProPhoto.

    Args:
      codes: `[n, 3]` uint8.
      excess: `[n, 3]`, predicted.
      threshold: Size of an excess below which it counts as 0.
    """
    fixed, arrays = (np.float32(threshold),), (codes, excess)
    return self.in_blocks('recover', _recover, fixed, arrays, CLIPPED_BLOCK)

  def square_errors(self, got: np.ndarray, encoded: np.ndarray) -> np.ndarray:
    """Returns per pixel the squared error, and again where out of gamut; `[n, 2]`.

    A third column is 1 where out of gamut.

    Args:
      got: `[n, 3]` linear ProPhoto.
      encoded: `[n, 3]` uint8 or uint16, the original.
    """
    arrays = (got, images.to_float(encoded))
    return self.in_blocks('errors', _square_errors, (), arrays, CLIPPED_BLOCK)


def pad(array: np.ndarray, size: int) -> np.ndarray:
  """Fills an array up to `size` rows with zeros.

  Args:
    array: `[n, ...]`.
    size: At least n.
  """
  if len(array) == size:
    return array
  return np.pad(array, [(0, size - len(array))] + [(0, 0)] * (array.ndim - 1))


def places(index: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns row and column in [-1, 1] of flat pixel numbers; `[n, 2]` float32.

  Args:
    index: `[n]` flat pixel numbers.
    size: `(H, W)` of the image.
  """
  found = np.empty((len(index), 2), np.float32)
  for column, place, side in zip(found.T, np.divmod(index, size[1]), size):
    column[:] = place * (2.0 / max(side - 1, 1)) - 1
  return found


def position_features(index: np.ndarray, codes: np.ndarray) -> np.ndarray:
  """Returns positions of pixels and features of their neighbours.

  Args:
    index: Flat pixel numbers, ascending.
    codes: `[H, W, 3]` uint8, the whole image.

  Returns:
    `[n, 5]` float32: `places`, and `recovery.surroundings` as shares of nine.
  """
  height, width = codes.shape[:2]
  found = np.empty((len(index), 5), np.float32)
  found[:, 0], found[:, 1] = places(index, (height, width)).T
  step = max(1, BLOCK // width)
  first = index[0] // width // step * step if len(index) else height
  for start in range(first, height, step):
    inside = slice(*np.searchsorted(index, (start * width, (start + step) * width)))
    if inside.start == len(index):
      break
    above = min(start, 1)
    band = recovery.surroundings(codes[start - above : start + step + 1])[above:]
    around = band.reshape(-1, 3).take(index[inside] - start * width, axis=0)
    # Column by column: numpy is slow on rows of three.
    for column, counts in zip(found[inside, 2:].T, around.T):
      np.divide(counts, np.float32(9), out=column)
  return found


def clipped(codes: np.ndarray) -> np.ndarray:
  """Returns the flat numbers of pixels `[..., 3]` with a code of 0 or 255."""
  flat, parts = codes.reshape(-1, 3), [np.zeros(0, np.int64)]
  for start in range(0, len(flat), BLOCK):
    # 255 + 1 wraps to 0, so both ends give 0 or 1.
    ends = (flat[start : start + BLOCK] + np.uint8(1)) < 2
    parts.append(start + np.flatnonzero(ends[:, 0] | ends[:, 1] | ends[:, 2]))
  return np.concatenate(parts)


def _reduce(
  bounds: Array, encoded: Array, *, quantiser: recovery.Quantiser, soft: bool
) -> Array:
  linear = recovery.prophoto_to_linear(transfer.romm_to_linear(encoded))
  if soft:
    linear = gamut.soft_clip(linear, gamut.SoftClipBounds(bounds[0], bounds[1]))
  return recovery.quantise(linear, quantiser)


def _bounds(encoded: Array) -> Array:
  linear = recovery.prophoto_to_linear(transfer.romm_to_linear(encoded))
  return jnp.stack(gamut.soft_clip_bounds(linear))


def _target(encoded: Array, codes: Array) -> Array:
  return recovery.excess(transfer.romm_to_linear(encoded), codes)


def samples_of(
  encoded: Array, codes: Array, where: Array, ends: Array
) -> ridge.Samples:
  """Makes samples of the pixels that `Prepared.samples` names.

  Args:
    encoded: `[n, 3]` float, ROMM-encoded originals.
    codes: `[n, 3]` uint8.
    where: `[n, 5]`, position and surroundings.
    ends: `[3]` int32, as in `ridge.Samples`.

  Returns:
    Samples in two groups: of pixels out of gamut, and in it.
  """
  prophoto = transfer.romm_to_linear(encoded)
  lost = recovery.excess(prophoto, codes)
  outside = gamut.out_of_gamut(recovery.prophoto_to_linear(prophoto))
  counted = jnp.arange(len(codes)) < ends[2]
  groups = jnp.stack([counted & outside, counted & ~outside], axis=-1).astype('f4')
  samples = ridge.Samples(inputs_of(codes, where), lost[:, 0], groups, ends)
  channel = ridge.channel_of(samples)[:, None]
  return samples._replace(target=jnp.take_along_axis(lost, channel, 1)[:, 0])


def inputs_of(codes: Array, where: Array) -> Array:
  """Returns position, clip-expanded colour and surroundings in [-1, 1]; `[n, 8]`.

  Args:
    codes: `[n, 3]` uint8.
    where: `[n, 5]`, position and surroundings.
  """
  colour = 2.0 * recovery.expand(codes) - 1.0
  return jnp.concatenate([where[:, :2], colour, where[:, 2:]], axis=-1)


def solve_waves(
  config: seeded.Config, in_gamut: tuple[float, ...], *arrays: Array
) -> Array:
  """Fits the seeded waves of one image.

  Args:
    config: Of the waves.
    in_gamut: As `Programs.solve` takes them, K.
    *arrays: What `samples_of` takes.

  Returns:
    Weights `[K, waves + 9, 3]`.
  """
  samples, mixes = mixed(samples_of(*arrays), in_gamut)
  return seeded.solve(config, samples, mixes)


def mixed(
  samples: ridge.Samples, in_gamut: tuple[float, ...]
) -> tuple[ridge.Samples, Array]:
  """Returns samples and the mixes of their groups; one group where that suffices.

  Args:
    samples: In two groups, out of gamut and in it.
    in_gamut: Weights that the second group is tried with.
  """
  if in_gamut == (1.0,):
    one = jnp.sum(samples.groups, axis=1, keepdims=True)
    return samples._replace(groups=one), jnp.ones((1, 1))
  return samples, jnp.stack([jnp.ones(len(in_gamut)), jnp.array(in_gamut)], axis=-1)


def _predict_waves(
  drawn: encodings.Waves, weight: Array, codes: Array, where: Array
) -> Array:
  def rows(part: tuple[Array, Array]) -> Array:
    return seeded.predict(drawn, weight, inputs_of(*part))

  step = _CPU_ROWS if jax.default_backend() == 'cpu' else len(codes)
  parts = codes.reshape(-1, step, 3), where.reshape(-1, step, 5)
  return jax.lax.map(rows, parts).reshape(-1, 3)


def _predict_network(
  config: gamut_mlp.Config, layers: PyTree, codes: Array, where: Array
) -> Array:
  batch = {'xy': where[:, :2], 'rgb': recovery.expand(codes), 'around': where[:, 2:]}
  predict = gamut_mlp.excess if config.solved else gamut_mlp.apply
  return predict(config, gamut_mlp.Variables(layers), batch)


def _recover(threshold: Array, codes: Array, excess: Array) -> Array:
  moved = jnp.where(recovery.is_clipped(codes), excess, 0.0)
  size = jnp.max(jnp.abs(moved), axis=-1, keepdims=True)
  return recovery.recover(codes, jnp.where(size < threshold, 0.0, excess))


def _square_errors(got: Array, encoded: Array) -> Array:
  prophoto = transfer.romm_to_linear(encoded)
  outside = gamut.out_of_gamut(recovery.prophoto_to_linear(prophoto))
  square = jnp.sum(jnp.square(got - prophoto), axis=-1)
  return jnp.stack([square, jnp.where(outside, square, 0.0), outside], axis=-1)
