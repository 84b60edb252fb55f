"""Penalties on a lattice: what is cheap in data but ugly in a picture.

Lattices are `[N, N, N, 3]`, indexed `[r, g, b]`, N at least 2. Each penalty is a
scalar, 0 for the identity but for `smoothness`, and differentiable almost everywhere.
Neighbours are compared as they are, whatever the size: the same look has a smoother
lattice at a larger size.
"""

import jax
import jax.numpy as jnp

from lutjax.types import Array


def smoothness(lattice: Array, *, ends: float = 1.0) -> Array:
  """Squared total variation: the mean squared step to the next node.

  The term of Zeng et al. (TPAMI 2020, equation 6) over all three output channels; the
  variance of two neighbours, which others penalise, is half of a squared step.

  Args:
    lattice: `[N, N, N, 3]`.
    ends: How much the first and the last step along an axis count; 2 in their code.

  Returns:
    The sum over axes of the means over nodes, scalar.
  """
  total = jnp.zeros(())
  for axis in range(3):
    square = jnp.square(jnp.diff(lattice, axis=axis))
    if ends != 1.0:
      square = square * _ends_weigh(square.shape[axis], axis, ends)
    total += jnp.mean(square)
  return total


def bending(lattice: Array) -> Array:
  """Mean squared second difference along each axis, which is 0 for affine maps.

  Args:
    lattice: `[N, N, N, 3]`, N at least 3.

  Returns:
    The sum over axes of the means over nodes, scalar.
  """
  return sum(
    (jnp.mean(jnp.square(jnp.diff(lattice, n=2, axis=axis))) for axis in range(3)),
    jnp.zeros(()),
  )


def monotonicity(lattice: Array, *, all_axes: bool = False) -> Array:
  """How far channels fall where an input rises.

  Args:
    lattice: `[N, N, N, 3]`.
    all_axes: Whether every output counts along every input (Zeng et al., equation 7),
      which punishes what saturates colours too; or red along red alone, and so on.

  Returns:
    The sum over axes of the mean fall, scalar.
  """
  total = jnp.zeros(())
  for axis in range(3):
    seen = lattice if all_axes else lattice[..., axis]
    total += jnp.mean(jax.nn.relu(-jnp.diff(seen, axis=axis)))
  return total


def neutrality(lattice: Array) -> Array:
  """How coloured neutral inputs become: the mean variance of a grey's channels.

  Args:
    lattice: `[N, N, N, 3]`.

  Returns:
    The mean over the grey diagonal, scalar.
  """
  greys = jnp.arange(lattice.shape[0])
  return jnp.mean(jnp.var(lattice[greys, greys, greys], axis=-1))


def _ends_weigh(steps: int, axis: int, ends: float) -> Array:
  """Returns weights of steps that broadcast along an axis of a lattice."""
  weights = jnp.ones(steps).at[jnp.array([0, steps - 1])].set(ends)
  return weights.reshape([-1 if i == axis else 1 for i in range(4)])
