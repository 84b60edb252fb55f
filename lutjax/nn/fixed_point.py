"""Undoing `y = x + step(x)` where `step` is a contraction, colour by colour.

Banach's iteration `x <- y - step(x)` gains a factor of the Lipschitz constant
each time. Newton's needs the 3 by 3 derivative of every colour, from three
forward derivatives, and a handful of iterations; where it does not bring a
colour closer, that colour takes Banach's step instead, so that it converges
wherever Banach's does. Both stop once every colour is within the tolerance.
Gradients come from the implicit function theorem, whatever the iteration.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.types import Array

METHODS = ('newton', 'banach')


class Solved(NamedTuple):
  """What was found.

  Attributes:
    x: `[..., 3]`.
    iterations: int32, taken.
    residual: Largest `|x + step(x) - y|` that is left.
  """

  x: Array
  iterations: Array
  residual: Array


def invert(
  step: Callable[[Array], Array],
  y: Array,
  *,
  method: str = 'newton',
  tolerance: float = 1e-6,
  limit: int = 20,
) -> Solved:
  """Solves `x + step(x) = y` for x.

  Args:
    step: `[..., 3] -> [..., 3]`, each colour on its own.
    y: `[..., 3]` float32.
    method: Of `METHODS`.
    tolerance: Largest residual to stop at.
    limit: Iterations at most.

  Returns:
    The solution; differentiable in `y` and in all that `step` closes over.

  Raises:
    ValueError: on another method.
  """
  if method not in METHODS:
    raise ValueError(f'Expected method of {METHODS}, got {method!r}.')
  advance = {'newton': _newton, 'banach': _banach}[method]

  def residual(x: Array) -> Array:
    return x + step(x) - y

  def iterate(residual: Callable, start: Array) -> tuple[Array, tuple[Array, Array]]:
    def unsolved(carry: tuple) -> Array:
      _, left, count = carry
      return (jnp.max(jnp.abs(left)) > tolerance) & (count < limit)

    def body(carry: tuple) -> tuple:
      x, left, count = carry
      x, left = advance(residual, x, left)
      return x, left, count + 1

    first = (start, residual(start), jnp.zeros((), jnp.int32))
    x, left, count = jax.lax.while_loop(unsolved, body, first)
    return x, (count, jnp.max(jnp.abs(left)))

  x, (count, left) = jax.lax.custom_root(
    residual, y, iterate, _solve_linear, has_aux=True
  )
  return Solved(x, count, left)


def jacobian(function: Callable[[Array], Array], x: Array) -> Array:
  """Returns the derivative of each colour, `[..., 3, 3]`, outputs by inputs."""
  columns = [
    jax.jvp(function, (x,), (jnp.broadcast_to(jnp.eye(3)[i], x.shape),))[1]
    for i in range(3)
  ]
  return jnp.stack(columns, axis=-1)


def _banach(residual: Callable, x: Array, left: Array) -> tuple[Array, Array]:
  x = x - left
  return x, residual(x)


def _newton(residual: Callable, x: Array, left: Array) -> tuple[Array, Array]:
  tried = x - _solve_3x3(jacobian(residual, x), left)
  closer = _size(residual(tried)) <= _size(left)
  x = jnp.where(closer, tried, x - left)
  return x, residual(x)


def _size(left: Array) -> Array:
  return jnp.max(jnp.abs(left), axis=-1, keepdims=True)


def _solve_linear(linear: Callable[[Array], Array], right: Array) -> Array:
  columns = [linear(jnp.broadcast_to(jnp.eye(3)[i], right.shape)) for i in range(3)]
  return _solve_3x3(jnp.stack(columns, axis=-1), right)


def _solve_3x3(matrix: Array, right: Array) -> Array:
  """Cramer's rule: no decomposition, any backend."""
  a, b, c = matrix[..., 0], matrix[..., 1], matrix[..., 2]
  bc, ca, ab = jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)
  determinant = jnp.sum(a * bc, axis=-1, keepdims=True)
  singular = jnp.abs(determinant) < 1e-12
  adjugate = jnp.stack([bc, ca, ab], axis=-2)
  solved = jnp.sum(adjugate * right[..., None, :], axis=-1)
  return jnp.where(singular, right, solved / jnp.where(singular, 1.0, determinant))
