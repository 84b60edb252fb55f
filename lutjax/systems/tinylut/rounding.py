"""Integers in training: rounding and clipping with straight-through gradients.

Activations are float32 that hold integers. Sums of table entries stay far below 2^24,
so they are exact, and training sees the bits that integer inference gives.
"""

import functools

import jax
import jax.numpy as jnp

from lutjax.types import Array

# Range of a table entry, and of a pixel less its offset.
LOW, HIGH = -128, 127
# Taken off a pixel of 8 bits.
OFFSET = 128


@jax.custom_jvp
def ste_round(values: Array) -> Array:
  """Rounds half to even; gradients pass unchanged.

  Args:
    values: Float32.
  """
  return jnp.round(values)


@ste_round.defjvp
def _ste_round_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
  return ste_round(*primals), tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def clip(values: Array, low: int, high: int) -> Array:
  """Clips to a range whose ends are values like others.

  Integers lie on the ends often, where `jnp.clip` halves the gradient.

  Args:
    values: Float32; gradients come back from those within the range, ends included.
    low: The least.
    high: The largest.
  """
  return jnp.clip(values, low, high)


@clip.defjvp
def _clip_jvp(
  low: int, high: int, primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
  (values,) = primals
  inside = (values >= low) & (values <= high)
  return clip(values, low, high), jnp.where(inside, tangents[0], 0.0)


def entry(values: Array) -> Array:
  """Rounds and clips to what a table entry of 8 bits holds.

  Args:
    values: Float32; no gradient comes back from where it is clipped.
  """
  return clip(ste_round(values), LOW, HIGH)


def split(pixels: Array, msb_bits: int) -> tuple[Array, Array]:
  """Splits pixels in their most and least significant bits (TinyLUT, section 3.2).

  Args:
    pixels: Float32 integers, 0 to 255.
    msb_bits: 1 to 8.

  Returns:
    `high`, floor((pixel - 128) / 2^(8 - msb_bits)), signed, and `low`, what is left,
    0 or more; the same shape.
  """
  step = 2.0 ** (8 - msb_bits)
  centred = pixels - OFFSET
  high = jnp.floor(centred / step)
  return high, centred - step * high
