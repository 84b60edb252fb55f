"""Tasks whose right LUT depends on the picture, made of any photo.

A photo is a set of colours `[P, 3]` in [0, 1] with weights `[P]` of 0 or 1, so that
photos of several sizes share a program; codes are those of sRGB. A task draws what is
done to the photo (`before`) and what is wanted of it (`after`), both of which are maps
of single colours once the statistics of the photo are known. Beside it stands a
classical estimator of the same thing, measured on `before` alone.

  white_balance: The photo in a seeded cast, gains 0.6 to 1.6 per channel in linear
    light, clipped; wanted is the photo after grey-world gains, the mean of the
    channels' means over each (Buchsbaum 1980).
  exposure: The photo exposed by -2 to 2 EV in linear light, clipped; wanted is a mean
    luminance of 0.18, before clipping.
  levels: Levels of each channel squeezed into a seeded range; wanted is the range from
    the darkest to the lightest half percent of the photo, stretched to [0, 1].
  histogram: Levels raised to a seeded power; wanted is each channel of the photo with
    a normal histogram (mean 0.45, standard deviation 0.22).
  undo: The photo under a random look; wanted is the photo. There is no estimator.
  look: Wanted is the photo under the one look: the same LUT is right for all.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from lutjax.color import transfer
from lutjax.lut import interpolate
from lutjax.types import Array, Key

Kind = Literal['white_balance', 'exposure', 'levels', 'histogram', 'undo', 'look']
# What may be wanted: that, or what was made elsewhere.
Wanted = Literal['pairs', Kind]

# Rec. 709.
_LUMINANCE = (0.2126, 0.7152, 0.0722)
_GREY = 0.18
_BINS = 256
_TAIL = 0.005
_WANTED_MEAN, _WANTED_SPREAD = 0.45, 0.22
# Means below this are those of a black picture, which no gain helps.
_BLACK = 1e-4


class Drawn(NamedTuple):
  """What a task makes of a photo.

  Attributes:
    before: `[P, 3]` float32 in [0, 1], what is given.
    after: `[P, 3]` float32 in [0, 1], what is wanted.
  """

  before: Array
  after: Array


def draw(
  kind: Kind, key: Key, rgb: Array, weights: Array, looks: Array | None = None
) -> Drawn:
  """Makes a pair of a photo.

  Args:
    kind: The task.
    key: Of what is drawn.
    rgb: `[P, 3]` float32 in [0, 1].
    weights: `[P]` float32, what each colour counts.
    looks: `[L, N, N, N, 3]` float32, for `undo` and `look`.

  Raises:
    ValueError: where looks are missing.
  """
  if kind in ('undo', 'look'):
    if looks is None:
      raise ValueError(f'Expected looks for {kind}, got None.')
    chosen = looks[jax.random.randint(key, (), 0, len(looks))]
    graded = jnp.clip(interpolate.tetrahedral(chosen, rgb), 0.0, 1.0)
    return Drawn(rgb, graded) if kind == 'look' else Drawn(graded, rgb)
  return Drawn(_SPOILED[kind](key, rgb), estimate(kind, rgb, weights))


def estimate(kind: Kind, rgb: Array, weights: Array) -> Array:
  """Does what a task wants by statistics of the colours themselves.

  Args:
    kind: A task with an estimator (`has_estimator`).
    rgb: `[P, 3]` float32 in [0, 1].
    weights: `[P]` float32.

  Returns:
    `[P, 3]` float32 in [0, 1].
  """
  return _ESTIMATORS[kind](rgb, weights)


def has_estimator(kind: str) -> bool:
  """Returns whether a task has a classical estimator."""
  return kind in _ESTIMATORS


def _gained(rgb: Array, gains: Array) -> Array:
  """Multiplies linear light and clips it."""
  linear = jnp.clip(transfer.srgb_to_linear(rgb) * gains, 0.0, 1.0)
  return transfer.linear_to_srgb(linear)


def _cast(key: Key, rgb: Array) -> Array:
  return _gained(rgb, jax.random.uniform(key, (3,), minval=0.6, maxval=1.6))


def _exposed(key: Key, rgb: Array) -> Array:
  return _gained(rgb, jnp.exp2(jax.random.uniform(key, (), minval=-2.0, maxval=2.0)))


def _squeezed(key: Key, rgb: Array) -> Array:
  low_key, high_key = jax.random.split(key)
  low = jax.random.uniform(low_key, (3,), maxval=0.25)
  high = jax.random.uniform(high_key, (3,), minval=0.7)
  return low + (high - low) * rgb


def _powered(key: Key, rgb: Array) -> Array:
  power = jnp.exp2(jax.random.uniform(key, (), minval=-1.0, maxval=1.0))
  # The slope at black is not asked for: nothing here is trained.
  return jnp.power(rgb, power)


def _mean(values: Array, weights: Array) -> Array:
  """Returns the weighted mean over the first axis."""
  each = jnp.tensordot(weights, values, 1, precision='highest')
  return each / jnp.maximum(jnp.sum(weights), 1.0)


def _grey_world(rgb: Array, weights: Array) -> Array:
  means = _mean(transfer.srgb_to_linear(rgb), weights)
  return _gained(rgb, jnp.mean(means) / jnp.maximum(means, _BLACK))


def _mid_grey(rgb: Array, weights: Array) -> Array:
  linear = transfer.srgb_to_linear(rgb)
  luminance = _mean(
    jnp.dot(linear, jnp.array(_LUMINANCE), precision='highest'), weights
  )
  return _gained(rgb, _GREY / jnp.maximum(luminance, _BLACK))


def _shares_below(channel: Array, weights: Array) -> Array:
  """Returns the share of colours below each of `_BINS + 1` levels from 0 to 1."""
  bins = jnp.clip((channel * _BINS).astype(jnp.int32), 0, _BINS - 1)
  counts = jnp.zeros(_BINS).at[bins].add(weights)
  below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(counts)])
  return below / jnp.maximum(below[-1], 1.0)


def _stretched(rgb: Array, weights: Array) -> Array:
  levels = jnp.linspace(0.0, 1.0, _BINS + 1)

  def one(channel: Array) -> Array:
    shares = _shares_below(channel, weights)
    low, high = jnp.interp(jnp.array([_TAIL, 1.0 - _TAIL]), shares, levels)
    return jnp.clip((channel - low) / jnp.maximum(high - low, 1.0 / _BINS), 0.0, 1.0)

  return jax.vmap(one, in_axes=1, out_axes=1)(rgb)


def _matched(rgb: Array, weights: Array) -> Array:
  levels = jnp.linspace(0.0, 1.0, _BINS + 1)

  def one(channel: Array) -> Array:
    share = jnp.interp(channel, levels, _shares_below(channel, weights))
    edge = 0.5 / _BINS
    normal = jax.scipy.special.ndtri(jnp.clip(share, edge, 1.0 - edge))
    return jnp.clip(_WANTED_MEAN + _WANTED_SPREAD * normal, 0.0, 1.0)

  return jax.vmap(one, in_axes=1, out_axes=1)(rgb)


_SPOILED: dict[str, Callable[[Key, Array], Array]] = {
  'white_balance': _cast,
  'exposure': _exposed,
  'levels': _squeezed,
  'histogram': _powered,
}
_ESTIMATORS: dict[str, Callable[[Array, Array], Array]] = {
  'white_balance': _grey_world,
  'exposure': _mid_grey,
  'levels': _stretched,
  'histogram': _matched,
}
