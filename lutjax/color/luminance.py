"""Luminance and colour apart: those of one picture with those of another.

Luminance is Y, relative to white, of sRGB in linear light. What is left of a colour is
the ratio of its channels there, which scaling keeps: its chromaticity.
"""

import jax.numpy as jnp

from lutjax.color import matrices, spaces, transfer
from lutjax.types import Array

# Less light than this counts as none: the darkest blue of 16 bits has eight times it.
_LEAST = 1e-8


def with_luminance_of(srgb: Array, other: Array) -> Array:
  """Returns colours as light as others, by scaling them in linear light.

  `linear * Y(other) / Y(linear)`, which keeps their chromaticity; grey of Y(other)
  where they are black and so have none, and where the others are black. A colour of
  0 or less light, as outside of the gamut, counts as black.

  Args:
    srgb: `[..., 3]` float, whose chromaticity is kept.
    other: `[..., 3]` float sRGB, whose luminance is taken.

  Returns:
    `[..., 3]`, unclipped: a saturated colour leaves [0, 1] where it gets lighter.
  """
  linear = transfer.srgb_to_linear(srgb)
  want = _luminance(transfer.srgb_to_linear(other))
  has = _luminance(linear)
  black = (has < _LEAST) | (want < _LEAST)
  scaled = linear * (want / jnp.where(black, 1.0, has))
  return transfer.linear_to_srgb(jnp.where(black, want, scaled))


def _luminance(linear: Array) -> Array:
  """Returns Y of linear sRGB, `[..., 1]`."""
  return matrices.apply(spaces.SRGB_TO_XYZ[1:2], linear)
