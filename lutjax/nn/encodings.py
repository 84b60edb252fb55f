"""Encodings of coordinates as waves, fixed or seeded.

Seeded waves are made from an integer hash of their number, not from a library's
random generator, so that every decoder makes the same bits. Angles are in turns.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax.types import Array

# cos(2 pi r) for |r| <= 1/2 as a polynomial in r^2, to 5e-5: by least squares
# at 4,001 Chebyshev points. Both sides of a code use it, so it need not be finer.
_COSINE = (0.999959, -19.73094, 64.67144, -82.39081, 45.62105)
# sin(pi r) / r and cos(pi r) for |r| <= 1/2, likewise in r^2, to 4e-9.
_HALF_SINE = (3.14159258, -5.167706866, 2.550031194, -0.5980441939, 0.07721838615)
_HALF_COSINE = (
  0.9999999998,
  -4.934802137,
  4.05870916,
  -1.335212003,
  0.2349373138,
  -0.02439632435,
)
_MASK = np.uint64(0xFFFFFFFF)


class Waves(NamedTuple):
  """Seeded waves `cos(inputs @ frequency + phase)`.

  Attributes:
    frequency: `[D, F]` float32, turns per unit of input.
    phase: `[F]` float32, turns.
  """

  frequency: np.ndarray
  phase: np.ndarray


def frequency(values: Array, octaves: int) -> Array:
  """Encodes coordinates by sines and cosines of octaves.

  The frequency encoding of GamutMLP (section 3.2) in the order of the
  published networks: for each coordinate, for each octave k from 0,
  sin(2^k pi x), then cos(2^k pi x).

  Args:
    values: `[..., D]` float, usually in [-1, 1].
    octaves: Count of octaves K.

  Returns:
    `[..., 2 * D * K]`.
  """
  values = jnp.asarray(values)
  # Angles in half turns: doubling and taking the nearest integer off are exact.
  turns = values[..., None] * (2.0 ** np.arange(octaves)).astype(values.dtype)
  nearest = jnp.round(turns)
  rest = turns - nearest
  sign = 1.0 - 2.0 * jnp.abs(nearest - 2.0 * jnp.round(nearest / 2.0))
  square = rest * rest
  sine = sign * rest * _polynomial(_HALF_SINE, square)
  cosine = sign * _polynomial(_HALF_COSINE, square)
  waves = jnp.stack([sine, cosine], axis=-1)
  return waves.reshape(*values.shape[:-1], 2 * values.shape[-1] * octaves)


def draw_waves(seed: int, count: int, spread: tuple[float, ...]) -> Waves:
  """Draws waves of normal frequencies and uniform phases (Rahimi, Recht 2007).

  A frequency is the sum of the four bytes of a hash, which is close to
  normal, times its input's spread: exact in float32 on every machine.

  Args:
    seed: 32 bits.
    count: How many waves, F.
    spread: Standard deviation of the frequencies of each input, in radians
      per unit; its length is D.

  Returns:
    The waves.
  """
  numbers = np.arange(count * (len(spread) + 1)).reshape(count, -1)
  hashed = hash_counters(seed, numbers)
  parts = [(hashed >> np.uint32(8 * i)) & np.uint32(255) for i in range(4)]
  total = np.sum(parts, axis=0).astype(np.float32) - np.float32(510.0)
  # The sum of four bytes has the variance 4 (256^2 - 1) / 12.
  unit = np.asarray(spread, np.float64) / (2 * np.pi * np.sqrt((256**2 - 1) / 3))
  phase = (hashed[:, -1] >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
  return Waves((total[:, :-1] * unit.astype(np.float32)).T.copy(), phase)


def waves(drawn: Waves, inputs: Array) -> Array:
  """Evaluates seeded waves.

  The cosine is reduced to half a turn and taken by a polynomial: a twentieth
  of the cost of the library's on CPU.

  Args:
    drawn: From `draw_waves`.
    inputs: `[..., D]` float32.

  Returns:
    `[..., F]` float32, in [-1, 1] to 5e-5.

  Raises:
    ValueError: if the last axis of `inputs` is not D.
  """
  inputs = jnp.asarray(inputs)
  if inputs.shape[-1] != drawn.frequency.shape[0]:
    raise ValueError(
      f'Expected inputs [..., {drawn.frequency.shape[0]}], got {inputs.shape}.'
    )
  turns = jnp.matmul(inputs, drawn.frequency, precision='highest') + drawn.phase
  square = jnp.square(turns - jnp.round(turns))
  return _polynomial(_COSINE, square)


def hash_counters(seed: int, counters: np.ndarray) -> np.ndarray:
  """Hashes numbers to 32 evenly spread bits each.

  Two rounds of multiply and shift by the constants of `lowbias32` (C. Wellons,
  hash prospector), once for the seed and once for the counter.

  Args:
    seed: 32 bits.
    counters: Integers below 2^32, any shape.

  Returns:
    uint32 of the same shape.
  """
  mixed = _mix(np.array(seed, np.uint64) & _MASK)
  return _mix((counters.astype(np.uint64) + mixed) & _MASK).astype(np.uint32)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
  value = jnp.full_like(x, coefficients[-1])
  for coefficient in coefficients[-2::-1]:
    value = value * x + coefficient
  return value


def _mix(value: np.ndarray) -> np.ndarray:
  value = value ^ (value >> np.uint64(16))
  value = (value * np.uint64(0x7FEB352D)) & _MASK
  value = value ^ (value >> np.uint64(15))
  value = (value * np.uint64(0x846CA68B)) & _MASK
  return value ^ (value >> np.uint64(16))
