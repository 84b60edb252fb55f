"""Rounding during training (quantisation-aware training).

Values are rounded in the forward pass, and gradients pass unchanged (the
straight-through estimator of Bengio et al. 2013).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array

# Steps are powers of 2^(1/16), so that one byte holds each.
OCTAVE = 16
_PACE = 0.3


def snap(values: Array, step: Array) -> Array:
  """Rounds to multiples of a step.

  Args:
    values: Float32.
    step: Positive, broadcast against `values`; learns too, through both the
      values in units of it and the units themselves.

  Returns:
    Multiples of `step`.
  """
  units = values / step
  return step * (units + jax.lax.stop_gradient(jnp.round(units) - units))


def to_bits(values: Array, bits: int) -> Array:
  """Rounds the columns of `[..., M, C]` to signed integers of so many bits.

  The step of a column is its largest magnitude over `2^(bits - 1) - 1`.

  Args:
    values: `[..., M, C]` float.
    bits: Of an integer with its sign, at least 2.
  """
  return snap(values, column_step(values, bits))


def column_step(values: Array, bits: int) -> Array:
  """Returns the steps `[..., 1, C]` of `to_bits`, held fixed in gradients.

  Args:
    values: `[..., M, C]` float.
    bits: Of an integer with its sign, at least 2.
  """
  largest = jnp.max(jnp.abs(values), axis=-2, keepdims=True)
  step = jnp.maximum(largest, 1e-12) / (2 ** (bits - 1) - 1)
  return jax.lax.stop_gradient(step)


def exponent_of(step: float) -> float:
  """Returns the parameter whose `step_of` is about a step."""
  return math.log2(step) / _PACE


def index_of(exponent: Array) -> Array:
  """Returns the byte, int8, that holds a learned step."""
  return jnp.clip(jnp.round(OCTAVE * _PACE * exponent), -127, 127).astype(jnp.int8)


def exponent_of_index(index: np.ndarray) -> np.ndarray:
  """Returns the float32 parameter that `index_of` gives that byte for."""
  return index.astype(np.float32) / np.float32(OCTAVE * _PACE)


def step_of(exponent: Array) -> Array:
  """Returns the step of a learned parameter, one of those that a byte holds.

  Args:
    exponent: Float32; a change of 1 is a factor of 2^0.3, so that one
      learning rate serves steps and weights.
  """
  free = jnp.clip(OCTAVE * _PACE * exponent, -127.0, 127.0)
  held = free + jax.lax.stop_gradient(jnp.round(free) - free)
  return jnp.exp2(held / OCTAVE)


def laplace_bits(units: Array) -> Array:
  """Estimates what an entropy coder spends on the columns of a matrix.

  Each column is taken as Laplacian of its own mean magnitude, and a value
  costs minus the logarithm of the probability of the unit interval around it.

  Args:
    units: `[M, C]`, values in units of their step, rounded or not.

  Returns:
    Scalar, bits.
  """
  sizes = jnp.abs(units)
  scale = jnp.mean(sizes, axis=0, keepdims=True) + 0.05
  inner = jnp.minimum(sizes, 0.5)
  within = 1.0 - jnp.exp(-0.5 / scale) * jnp.cosh(inner / scale)
  beyond = sizes / scale - jnp.log(jnp.sinh(0.5 / scale))
  nats = jnp.where(sizes < 0.5, -jnp.log(within), beyond)
  return jnp.sum(nats) / jnp.log(2.0)
