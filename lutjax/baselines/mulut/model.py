"""MuLUT: pictures restored by several tables of four pixels, in stages.

Tables of Li et al., "MuLUT: Cooperating Multiple Look-Up Tables for Efficient Image
Super-Resolution" (ECCV 2022), run as they were published: a rival, which is not trained
here. A stage averages its tables, each over four rotations of the picture; the last
one gives `scale**2` sub-pixels for each pixel. All of it is in whole numbers.

Variables are one int8 array for each stage, `[P, nodes**4, columns]`: the P tables of
its patterns (`simplex`), 1 column, or `scale**2` in the last stage.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.baselines.mulut import simplex
from lutjax.data import degradations
from lutjax.types import Array, Batch, Key, PyTree, Variables

# Middle of the codes that stages hand on: tables of inner stages hold what is above.
_MIDDLE = 127
# Sides of the tiles that pictures are cut into: few, since each is compiled, and small,
# since larger ones leave the cache.
_SIDES = (36, 52, 64)
# A call takes the time of so many pixels beside its own.
_CALL_PIXELS = 250
_BICUBIC_X4 = degradations.Degradation('bicubic', 4)


@dataclasses.dataclass(frozen=True)
class Config:
  """A cascade of tables.

  Attributes:
    stages: Letters of the patterns of each stage, see `simplex.PATTERNS`.
    sampling_bits: A table has a node for every `2**sampling_bits` codes, 3 to 7.
    restores: What it undoes; its scale is that of the last stage.
  """

  stages: tuple[str, ...] = ('sdy', 'sdy')
  sampling_bits: int = 4
  restores: degradations.Degradation = _BICUBIC_X4

  def __post_init__(self):
    known = simplex.PATTERNS
    if not self.stages or not all(
      letters and len({*letters}) == len(letters) and {*letters} <= {*known}
      for letters in self.stages
    ):
      raise ValueError(
        f'Expected stages of different letters of {"".join(known)}, got {self.stages}.'
      )
    if not 3 <= self.sampling_bits <= 7:
      raise ValueError(f'Expected sampling_bits from 3 to 7, got {self.sampling_bits}.')

  @property
  def shapes(self) -> list[tuple[int, int, int]]:
    """The shape of the tables of each stage."""
    rows = simplex.nodes(self.sampling_bits) ** 4
    columns = [1] * (len(self.stages) - 1) + [self.restores.scale**2]
    return [(len(letters), rows, count) for letters, count in zip(self.stages, columns)]

  @property
  def reach(self) -> int:
    """How many pixels away from its own a pixel of the result reads."""
    return sum(map(simplex.reach, self.stages))


def restore_plane(config: Config, tables: Sequence[Array], plane: Array) -> Array:
  """Restores one channel.

  Stages see their input continued beyond the picture by its outermost pixels. An inner
  stage gives the average of what its tables say, plus 127; the last one the average
  over patterns of sums over rotations, since its tables hold a quarter each. Both are
  clipped to 0..255 and rounded, ties to even.

  Args:
    config: Stages, sampling and scale.
    tables: Of each stage, see the head of this module.
    plane: `[H, W]` integers in 0..255.

  Returns:
    `[scale H, scale W]` uint8.

  Raises:
    ValueError: when tables have other shapes than the config says.
  """
  rows, columns = (
    np.clip(np.arange(-config.reach, side + config.reach), 0, side - 1)
    for side in plane.shape
  )
  last = jnp.array(plane.shape) - 1
  window = plane[rows][:, columns]
  return restore_window(config, tables, window, jnp.zeros_like(last), last)


def restore_window(
  config: Config, tables: Sequence[Array], window: Array, first: Array, last: Array
) -> Array:
  """Restores a part of one channel, as `restore_plane` restores it within the whole.

  Args:
    config: Stages, sampling and scale.
    tables: Of each stage.
    window: `[h + 2 reach, w + 2 reach]` integers in 0..255: the part and what is
      around it, continued where the picture ends.
    first: `[2]` int32, row and column of the picture's first pixel, counted from the
      part's; 0 or less.
    last: `[2]` int32, of the picture's last pixel; 0 or more.

  Returns:
    `[scale h, scale w]` uint8; beyond `last` it means nothing.

  Raises:
    ValueError: when tables have other shapes than the config says.
  """
  if [table.shape for table in tables] != config.shapes:
    raise ValueError(
      f'Expected tables {config.shapes}, got {[table.shape for table in tables]}.'
    )
  codes = jnp.asarray(window, jnp.int32)
  step = 2**config.sampling_bits
  margin = config.reach
  for table, letters in zip(tables[:-1], config.stages):
    sums = simplex.ensemble(table, codes, letters, config.sampling_bits)[..., 0, 0]
    parts = 4 * len(letters) * step
    codes = jnp.clip(simplex.divide(sums + _MIDDLE * parts, parts), 0, 255)
    margin -= simplex.reach(letters)
    rows, columns = (
      jnp.clip(jnp.arange(-margin, side - margin), low, high) + margin
      for side, low, high in zip(codes.shape, first, last)
    )
    codes = codes[rows][:, columns]
  letters = config.stages[-1]
  sums = simplex.ensemble(tables[-1], codes, letters, config.sampling_bits)
  codes = jnp.clip(simplex.divide(sums, len(letters) * step), 0, 255)
  height, width, scale, _ = codes.shape
  shuffled = codes.astype(jnp.uint8).transpose(0, 2, 1, 3)
  return shuffled.reshape(height * scale, width * scale)


def process(config: Config, variables: Variables) -> Callable[[np.ndarray], np.ndarray]:
  """Returns what restores whole pictures, tile by tile.

  Tiles are of few sizes, so that little is compiled, and memory does not grow with the
  picture. The result is that of `restore_plane` for each channel.

  Args:
    config: Stages, sampling and scale.
    variables: The tables.

  Returns:
    `pixels -> pixels`, uint8 `[H, W, C]` to uint8 `[scale H, scale W, C]`.
  """
  tables = [jnp.asarray(table) for table in variables.params]
  scale, reach = config.restores.scale, config.reach

  def restore_picture(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or not pixels.size:
      raise ValueError(
        f'Expected pixels uint8 [H, W, C], got {pixels.dtype} {pixels.shape}.'
      )
    height, width, channels = pixels.shape
    side = _tile_side(height, width)
    result = np.empty((scale * height, scale * width, channels), np.uint8)
    for top, left in itertools.product(range(0, height, side), range(0, width, side)):
      place = np.array([top, left], np.int32)
      last = np.array([height - 1, width - 1], np.int32) - place
      around = np.arange(-reach, side + reach)
      rows, columns = (
        np.clip(around, -start, end) + start for start, end in zip(place, last)
      )
      windows = [pixels[rows[:, None], columns, c] for c in range(channels)]
      # All are asked for before the first is waited for.
      tiles = [_jitted(config, tables, window, -place, last) for window in windows]
      target = result[scale * top :, scale * left :][: scale * side, : scale * side]
      for channel, tile in enumerate(tiles):
        target[..., channel] = np.asarray(tile)[: len(target), : target.shape[1]]
    return result

  return restore_picture


# Compiled once for all models of one form.
_jitted = jax.jit(restore_window, static_argnums=0)


def _tile_side(height: int, width: int) -> int:
  """Returns the side of the tiles that cover a picture at the least cost."""

  def cost(side: int) -> int:
    return -(-height // side) * -(-width // side) * ((side + 4) ** 2 + _CALL_PIXELS)

  return min(_SIDES, key=cost)


def init(config: Config, key: Key) -> Variables:
  """Returns tables of zeros, in the shapes of real ones.

  Args:
    config: Stages, sampling and scale.
    key: Not used: nothing is random.
  """
  del key
  return Variables(tuple(jnp.zeros(shape, jnp.int8) for shape in config.shapes))


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Restores planes.

  Args:
    config: Stages, sampling and scale.
    variables: The tables.
    batch: `patch` `[B, H, W]`, integers in 0..255.

  Returns:
    `[B, scale H, scale W]` uint8.
  """
  restore_one = functools.partial(restore_plane, config, variables.params)
  return jax.lax.map(restore_one, jnp.asarray(batch['patch']))


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Refuses: these tables come from elsewhere.

  Args:
    config: Not used.
    params: Not used.
    stats: Not used.
    batch: Not used.
    key: Not used.

  Raises:
    InputError: always.
  """
  del config, params, stats, batch, key
  raise errors.InputError(
    'mulut: found a fit of its tables, expected a folder of published ones: they are '
    'run here, not trained'
  )


def table_bytes(config: Config, variables: Variables) -> int:
  """Returns the bytes of the tables in memory.

  Args:
    config: Not used.
    variables: The tables.
  """
  del config
  return sum(np.asarray(table).nbytes for table in variables.params)
