"""What a step sees: crops of pictures, drawn and spoiled on the device.

A draw depends on the key of its step alone, so that a resumed fit repeats it.
"""

import dataclasses
import typing

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax.fit import loop
from lutjax.systems.img2lut import corrections
from lutjax.types import Array, Batch, Key, PyTree

KINDS = typing.get_args(corrections.Wanted)


@dataclasses.dataclass(frozen=True)
class Config:
  """What is learned of which pictures.

  Attributes:
    task: What is wanted of a picture: what is `after` in `pairs`, or what is made of
      photos; see `corrections`.
    kept: Side of the grids that pictures are kept on.
    crop: Least side of a crop, as a share of the picture's; 1 for whole pictures.
    pixels: Of a crop, that a step compares; 0 for all, in their order.
    test_share: Of the pictures, by the SHA-256 of their files, that are measured in the
      end and never trained on.
    validation_share: Of the pictures, that are measured after each segment.
    pool_megabytes: Of the grids; beyond it they are made smaller.
    constant_steps: In which the best lattice for all pictures together is fitted.
    oracle_steps: In which the best lattice of each test picture is fitted.
    seed: Of what is done to pictures that are measured.
    side: What the network sees; set by the task's `complete`.
  """

  task: corrections.Wanted = 'pairs'
  kept: int = 256
  crop: float = 0.6
  pixels: int = 1024
  test_share: float = 0.2
  validation_share: float = 0.1
  pool_megabytes: int = 1024
  constant_steps: int = 1000
  oracle_steps: int = 500
  seed: int = 0
  side: int = 0

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      kept='[32, 4096]',
      crop='(0, 1]',
      pixels='[0, inf)',
      test_share='[0, 1]',
      validation_share='[0, 1)',
      pool_megabytes='[1, 65536]',
      constant_steps='[1, inf)',
      oracle_steps='[1, inf)',
      seed='[0, 4294967295]',
    )


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws a batch.

  Args:
    config: Complete.

  Returns:
    `(key, data, batch size) -> batch` of `image` `[B, S, S, 3]`, and `rgb` and `target`
    `[B, P, 3]`, colours of the same crop. `data` has `before` `[M, K, K, 3]`; `after`
    for pairs; `looks` `[L, N, N, N, 3]` for tasks that need them.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    keys = jax.random.split(key, batch_size)
    return jax.vmap(lambda one: _example(config, one, data))(keys)

  return sample


def shown(config: Config, key: Key, pair: PyTree, looks: Array | None) -> PyTree:
  """Returns a picture as it is measured during training: whole, not turned.

  Args:
    config: Complete.
    key: Of what is done to it.
    pair: `before` `[S, S, 3]` float32, and `after` of pairs.
    looks: See `sampler`.

  Returns:
    `image` and `target`, `[S, S, 3]` float32.
  """
  side = pair['before'].shape[0]
  flat = jax.tree.map(lambda leaf: leaf.reshape(-1, 3), pair)
  drawn = _drawn(config, key, flat, looks)
  return {
    'image': drawn.before.reshape(side, side, 3),
    'target': drawn.after.reshape(side, side, 3),
  }


def to_float(codes: Array) -> Array:
  """Returns codes of 8 or 16 bits as float32 in [0, 1], floats as they are."""
  if not jnp.issubdtype(codes.dtype, jnp.integer):
    return codes
  return codes.astype(jnp.float32) * np.float32(1.0 / np.iinfo(codes.dtype).max)


def _example(config: Config, key: Key, data: PyTree) -> PyTree:
  index_key, crop_key, turn_key, draw_key, pixel_key = jax.random.split(key, 5)
  index = jax.random.randint(index_key, (), 0, data['before'].shape[0])
  rows, columns = _crop(config, crop_key, data['before'].shape[1])
  flips = jax.random.bernoulli(turn_key, 0.5, (3,))
  rows = jnp.where(flips[0], rows[::-1], rows)
  columns = jnp.where(flips[1], columns[::-1], columns)

  def cut(pictures: Array) -> Array:
    picture = to_float(pictures[index, rows[:, None], columns])
    picture = jnp.where(flips[2], jnp.swapaxes(picture, 0, 1), picture)
    return picture.reshape(-1, 3)

  flat = {name: cut(data[name]) for name in ('before', 'after') if name in data}
  drawn = _drawn(config, draw_key, flat, data.get('looks'))
  image = drawn.before.reshape(config.side, config.side, 3)
  if not config.pixels:
    return {'image': image, 'rgb': drawn.before, 'target': drawn.after}
  chosen = jax.random.randint(pixel_key, (config.pixels,), 0, config.side**2)
  return {'image': image, 'rgb': drawn.before[chosen], 'target': drawn.after[chosen]}


def _drawn(
  config: Config, key: Key, flat: PyTree, looks: Array | None
) -> corrections.Drawn:
  if config.task == 'pairs':
    return corrections.Drawn(flat['before'], flat['after'])
  weights = jnp.ones(len(flat['before']))
  return corrections.draw(config.task, key, flat['before'], weights, looks)


def _crop(config: Config, key: Key, side: int) -> tuple[Array, Array]:
  """Returns the rows and columns of a random crop, on an even grid."""
  share_key, place_key = jax.random.split(key)
  shares = jax.random.uniform(share_key, (2,), minval=config.crop)
  first = jax.random.uniform(place_key, (2,)) * (1.0 - shares)
  steps = (jnp.arange(config.side) + 0.5) / config.side

  def places(start: Array, share: Array) -> Array:
    at = jnp.floor((start + share * steps) * side).astype(jnp.int32)
    return jnp.clip(at, 0, side - 1)

  return places(first[0], shares[0]), places(first[1], shares[1])
