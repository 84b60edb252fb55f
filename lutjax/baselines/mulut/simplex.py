"""Tables of four pixels, interpolated between their nodes in whole numbers.

A table has a node for every `2**sampling_bits` codes of each of its four pixels, and
one at 256: `nodes = 2**(8 - sampling_bits) + 1` per axis, row-major, the first pixel
slowest. Between nodes it is linear on the simplex that holds the four fractions
(MuLUT, Li et al., ECCV 2022, section 3.1; the rule is that of SR-LUT, Jo and Kim, CVPR
2021): the walk from the lower node to the upper one takes the axis of the largest
fraction first. With fractions in whole codes the weights are integers that sum to
`2**sampling_bits`, and nothing is rounded before the end.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lutjax.types import Array

# Rows and columns of the four pixels that a pattern reads, from the pixel at hand.
PATTERNS = {
  's': ((0, 0), (0, 1), (1, 0), (1, 1)),
  'd': ((0, 0), (0, 2), (2, 0), (2, 2)),
  'y': ((0, 0), (1, 1), (1, 2), (2, 1)),
}


def nodes(sampling_bits: int) -> int:
  """Returns the nodes per axis of a table."""
  return 2 ** (8 - sampling_bits) + 1


def reach(patterns: str) -> int:
  """Returns how many pixels away patterns read, in any rotation."""
  return max(max(tap) for pattern in patterns for tap in PATTERNS[pattern])


def ensemble(tables: Array, window: Array, patterns: str, sampling_bits: int) -> Array:
  """Sums what tables give, over patterns and over four rotations of the picture.

  Nothing is rotated but the places of the four pixels, and the sub-pixels of a sum.

  Args:
    tables: `[P, nodes**4, scale**2]` int8, a table for each pattern; columns are
      the sub-pixels, row-major.
    window: `[H + 2 reach, W + 2 reach]` int32 in 0..255.
    patterns: P letters of `PATTERNS`.
    sampling_bits: See above.

  Returns:
    `[H, W, scale, scale]` int32, the sums times `2**sampling_bits`.

  Raises:
    ValueError: when the tables are of another shape.
  """
  size = nodes(sampling_bits)
  scale = math.isqrt(tables.shape[-1])
  if tables.shape != (len(patterns), size**4, scale**2):
    raise ValueError(
      f'Expected tables [{len(patterns)}, {size**4}, a square], got {tables.shape}.'
    )
  margin = reach(patterns)
  height, width = (side - 2 * margin for side in window.shape)
  rows = jnp.asarray(tables).reshape(-1, scale**2)

  def add(total: Array, item: tuple[Array, Array]) -> tuple[Array, None]:
    pixels, start = item
    for row, weight in _walk(list(pixels), sampling_bits):
      # Rows one at a time: all five in one gather take 30 times as long on a CPU.
      values = rows.at[row + start].get(mode='promise_in_bounds').astype(jnp.int32)
      total += values * weight[:, None]
    return total, None

  def rotated(pixels: Array) -> Array:
    zeros = jnp.zeros((height * width, scale**2), jnp.int32)
    return jax.lax.scan(add, zeros, (pixels, starts))[0]

  starts = jnp.arange(len(patterns)) * size**4
  pixels = jnp.stack(
    [
      window[margin + y :, margin + x :][:height, :width].ravel()
      for rotation in range(4)
      for pattern in patterns
      for y, x in _rotated(PATTERNS[pattern], rotation)
    ]
  ).reshape(4, len(patterns), 4, height * width)
  # A loop, not twelve copies of its body: those compile in 17 s instead of 2 s, and
  # run at a tenth of the speed.
  sums = jax.lax.map(rotated, pixels).reshape(4, height, width, scale, scale)
  turned = [jnp.rot90(sums[rotation], -rotation, (2, 3)) for rotation in range(4)]
  return sum(turned[1:], turned[0])


def divide(numerator: Array, denominator: int) -> Array:
  """Divides whole numbers, rounding to the nearest, and ties to the even quotient.

  Args:
    numerator: int32.
    denominator: Positive and even.
  """
  shifted = numerator + denominator // 2
  quotient = shifted // denominator
  tie = shifted == quotient * denominator
  return quotient - (tie & (quotient % 2 == 1)).astype(quotient.dtype)


def _rotated(
  taps: Sequence[tuple[int, int]], rotation: int
) -> Sequence[tuple[int, int]]:
  """Returns where taps of a picture turned by quarters lie in the picture itself."""
  for _ in range(rotation):
    taps = [(x, -y) for y, x in taps]
  return taps


def _walk(pixels: Sequence[Array], sampling_bits: int) -> list[tuple[Array, Array]]:
  """Returns rows of a table and their weights, from the lower node to the upper."""
  size, step = nodes(sampling_bits), 2**sampling_bits
  strides = [size**3, size**2, size, 1]
  lower = [(pixel >> sampling_bits) * stride for pixel, stride in zip(pixels, strides)]
  # A fraction and its stride in one number, so that both are sorted at once.
  shift = (size**3).bit_length()
  keys = [
    (pixel & (step - 1)) << shift | stride for pixel, stride in zip(pixels, strides)
  ]
  for one, two in ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)):
    larger = jnp.maximum(keys[one], keys[two])
    keys[one], keys[two] = larger, jnp.minimum(keys[one], keys[two])
  walked = [lower[0] + lower[1] + lower[2] + lower[3]]
  for key in keys:
    walked.append(walked[-1] + (key & ((1 << shift) - 1)))
  fractions = [key >> shift for key in keys]
  weights = [above - below for above, below in zip([step, *fractions], [*fractions, 0])]
  return list(zip(walked, weights))
