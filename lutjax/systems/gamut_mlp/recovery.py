"""Reducing wide-gamut colours to 8-bit sRGB codes, and recovering them.

`prophoto` is linear ProPhoto in [0, 1], `codes` are sRGB, uint8, both
`[..., 3]`. A channel whose code lies strictly between 0 and 255 is known to
half a step; a code of 0 or 255 says only on which side of the bound the channel
lies. What a codec predicts is the **excess**: unclipped linear sRGB less the
decoded code, in clipped channels alone.

GamutMLP (CVPR 2023) recovers every pixel by its network; the gate and the
projection here make any prediction agree with what the codes already say.
"""

from typing import Literal

import jax.numpy as jnp
import numpy as np

from lutjax.color import spaces, transfer
from lutjax.types import Array

Quantiser = Literal['round', 'truncate']

# Decoding by table gives the same bits everywhere.
_CODES = np.arange(256) / 255.0
_DECODED = np.where(
  _CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4
).astype(np.float32)
# How far a clipped channel may stay inside its bound: half of the half step that
# would round to another code, so that 16-bit files of the result keep codes too.
_INSIDE_LOW = 0.25 / 255 / 12.92
_INSIDE_HIGH = 1.0 - ((254.75 / 255 + 0.055) / 1.055) ** 2.4


def reduce(prophoto: Array, quantiser: Quantiser = 'round') -> Array:
  """Clips to the sRGB gamut and quantises (equation 1 of the paper).

  Args:
    prophoto: `[..., 3]` float32, linear.
    quantiser: `round`, or the paper's `truncate`, which darkens by half a step.

  Returns:
    `[..., 3]` uint8 sRGB codes.
  """
  return quantise(prophoto_to_linear(prophoto), quantiser)


def quantise(linear: Array, quantiser: Quantiser = 'round') -> Array:
  """Clips and encodes linear sRGB `[..., 3]` to uint8 codes; see `reduce`.

  Args:
    linear: `[..., 3]` float.
    quantiser: `round`, or `truncate`.
  """
  srgb = transfer.linear_to_srgb(jnp.clip(linear, 0.0, 1.0))
  scaled = 255.0 * srgb + (0.5 if quantiser == 'round' else 0.0)
  return jnp.clip(jnp.floor(scaled), 0.0, 255.0).astype(jnp.uint8)


def expand(codes: Array) -> Array:
  """Decodes codes to linear ProPhoto (equation 2): the clip expansion."""
  return linear_to_prophoto(decode(codes))


def decode(codes: Array) -> Array:
  """Decodes sRGB codes `[...]` uint8 to linear float32, by table."""
  return jnp.asarray(_DECODED)[jnp.asarray(codes).astype(jnp.int32)]


def prophoto_to_linear(prophoto: Array) -> Array:
  """Takes linear ProPhoto to linear sRGB, unclipped; `[..., 3]` both."""
  return spaces.convert(prophoto, 'prophoto', 'srgb')


def linear_to_prophoto(linear: Array) -> Array:
  """Takes linear sRGB to linear ProPhoto; `[..., 3]` both."""
  return spaces.convert(linear, 'srgb', 'prophoto')


def is_clipped(codes: Array) -> Array:
  """Returns which channels `[..., 3]` sit at code 0 or 255."""
  return (codes == 0) | (codes == 255)


def surroundings(codes: np.ndarray) -> np.ndarray:
  """Counts the clipped pixels around each.

  Args:
    codes: `[H, W, 3]` uint8, an image; beyond its edge the edge goes on.

  Returns:
    `[H, W, 3]` int8: of the 3 x 3 pixels around, those at code 255 less those
    at code 0, in each channel.
  """
  side = (codes == 255).astype(np.int8) - (codes == 0)
  side = np.pad(side, [(1, 1), (1, 1), (0, 0)], mode='edge')
  rows = side[:-2] + side[1:-1] + side[2:]
  return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def excess(prophoto: Array, codes: Array) -> Array:
  """Returns the excess of clipped channels, zero in the others.

  Args:
    prophoto: `[..., 3]` float32, linear.
    codes: `[..., 3]` uint8, what is stored of it.

  Returns:
    `[..., 3]` float32, linear sRGB.
  """
  lost = prophoto_to_linear(prophoto) - decode(codes)
  return jnp.where(is_clipped(codes), lost, 0.0)


def recover(codes: Array, predicted: Array) -> Array:
  """Combines codes and a predicted excess to colours that agree with both bounds.

  The prediction is gated (only clipped channels move, and only outwards), then
  pulled along the straight line to the clip expansion until it lies inside
  ProPhoto's own bounds. The clip expansion is inside, since the matrix from
  sRGB has no negative entry and rows that sum to one; and every point of the
  line reduces to the stored codes.

  Args:
    codes: `[..., 3]` uint8.
    predicted: `[..., 3]` float32 excess, anything, NaN counted as zero.

  Returns:
    `[..., 3]` float32 linear ProPhoto in [0, 1]; `reduce` of it is `codes`.
  """
  predicted = jnp.where(jnp.isnan(predicted), 0.0, predicted)
  outwards = jnp.where(
    codes == 0,
    jnp.clip(predicted, -4.0, _INSIDE_LOW),
    jnp.where(codes == 255, jnp.clip(predicted, -_INSIDE_HIGH, 4.0), 0.0),
  )
  clip = expand(codes)
  move = linear_to_prophoto(outwards)
  room = jnp.where(move > 0.0, 1.0 - clip, clip)
  size = jnp.abs(move)
  share = jnp.where(size > room, room / jnp.where(size > 0.0, size, 1.0), 1.0)
  share = jnp.clip(jnp.min(share, axis=-1, keepdims=True), 0.0, 1.0)
  return jnp.clip(clip + share * move, 0.0, 1.0)
