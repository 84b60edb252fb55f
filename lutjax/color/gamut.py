"""Reducing wide-gamut colours to sRGB: the out-of-gamut mask, hard and soft clip.

Colours are linear sRGB, `[..., 3]`, unbounded: `spaces.convert` brings ProPhoto
here and back. The mask and both reductions are those that GamutMLP (Le, Price,
Cohen and Brown, CVPR 2023) uses and compares with, from the paper and its code.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lutjax.types import Array

# Soft clipping leaves what lies between these two alone.
LOW_KNEE = 0.05
HIGH_KNEE = 0.9


class SoftClipBounds(NamedTuple):
  """What a soft clip must store beside the image to be inverted, two floats.

  Attributes:
    low: Scalar, at most 0: the value that became 0.
    high: Scalar, at least 1: the value that became 1.
  """

  low: Array
  high: Array


def out_of_gamut(linear: Array, *, epsilon: float = 1e-6) -> Array:
  """Marks the colours outside the sRGB gamut.

  One channel below 0 or above 1 suffices, but colours with all three below 0
  (black) or all three above 1 (white) do not count.

  Args:
    linear: `[..., 3]` float, linear sRGB.
    epsilon: How far outside a channel must be: more than the rounding of a
      matrix whose rows sum to 1, so that white stays inside.

  Returns:
    `[...]` bool.
  """
  below = jnp.asarray(linear) < -epsilon
  above = jnp.asarray(linear) > 1.0 + epsilon
  alike = jnp.all(below, axis=-1) | jnp.all(above, axis=-1)
  return jnp.any(below | above, axis=-1) & ~alike


def clip(linear: Array) -> Array:
  """Clips every channel to [0, 1]; the slope is 0 outside and 1 on the bounds.

  Args:
    linear: `[..., 3]` float, linear sRGB.

  Returns:
    `[..., 3]` in [0, 1].
  """
  linear = jnp.asarray(linear)
  return jnp.where(linear < 0.0, 0.0, jnp.where(linear > 1.0, 1.0, linear))


def soft_clip_bounds(linear: Array) -> SoftClipBounds:
  """Returns the extremes of a whole image, at least as wide as [0, 1].

  Args:
    linear: `[..., 3]` float, linear sRGB. Bounds of tiles combine by minimum
      and maximum.

  Returns:
    The bounds, scalars.
  """
  return SoftClipBounds(
    jnp.minimum(jnp.min(linear), 0.0), jnp.maximum(jnp.max(linear), 1.0)
  )


def soft_clip(linear: Array, bounds: SoftClipBounds) -> Array:
  """Compresses out-of-gamut colours into the ends of the range.

  Channel by channel, [low, 0.05] goes to [0, 0.05] and [0.9, high] to [0.9, 1],
  linearly. Pixels that are dark in all three channels, or bright in all three,
  keep their values, so that black and white stay; the result is clipped.

  Args:
    linear: `[..., 3]` float, linear sRGB.
    bounds: From `soft_clip_bounds`, to be kept for `soft_expand`.

  Returns:
    `[..., 3]` in [0, 1].
  """
  linear = jnp.asarray(linear)
  dark, bright = _ends(linear)
  low = LOW_KNEE * (linear - bounds.low) / (LOW_KNEE - bounds.low)
  high = 1.0 - (1.0 - HIGH_KNEE) * (bounds.high - linear) / (bounds.high - HIGH_KNEE)
  return clip(jnp.where(dark, low, jnp.where(bright, high, linear)))


def soft_expand(inside: Array, bounds: SoftClipBounds) -> Array:
  """Inverts `soft_clip`, except where all channels were dark or bright.

  Args:
    inside: `[..., 3]` float in [0, 1], linear sRGB.
    bounds: The bounds that `soft_clip` was given.

  Returns:
    `[..., 3]`, from `low` to `high`.
  """
  inside = jnp.asarray(inside)
  dark, bright = _ends(inside)
  low = bounds.low + inside * (LOW_KNEE - bounds.low) / LOW_KNEE
  high = bounds.high - (1.0 - inside) * (bounds.high - HIGH_KNEE) / (1.0 - HIGH_KNEE)
  return jnp.where(dark, low, jnp.where(bright, high, inside))


def _ends(linear: Array) -> tuple[Array, Array]:
  """Marks the channels to squeeze at the dark and the bright end, `[..., 3]`."""
  dark, bright = linear <= LOW_KNEE, linear >= HIGH_KNEE
  dark &= ~jnp.all(dark, axis=-1, keepdims=True)
  bright &= ~jnp.all(bright, axis=-1, keepdims=True)
  return dark, bright
