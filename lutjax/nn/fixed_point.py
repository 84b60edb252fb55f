"""Inverse of `y = x + step(x)` where `step` is a contraction, colour by colour.

Banach's iteration `x <- y - step(x)` reduces the error by the Lipschitz constant
each time. Newton's needs the 3 by 3 derivative of every colour, from three
forward derivatives, and few iterations; where it does not reduce the error of a
colour, that colour takes Banach's step instead, so that it converges
wherever Banach's does. Anderson's mixes the last steps and needs no derivative.
All stop once every colour is within the tolerance.
Gradients come from the implicit function theorem, whatever the iteration.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.types import Array

METHODS = ('newton', 'anderson', 'banach')


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
  iteration = _ITERATIONS[method]

  def residual(x: Array) -> Array:
    return x + step(x) - y

  def iterate(residual: Callable, start: Array) -> tuple[Array, tuple[Array, Array]]:
    def unsolved(carry: tuple) -> Array:
      _, left, _, count = carry
      return (jnp.max(jnp.abs(left)) > tolerance) & (count < limit)

    def body(carry: tuple) -> tuple:
      x, left, memory, count = carry
      x, memory = iteration(residual, x, left, memory)
      return x, residual(x), memory, count + 1

    left = residual(start)
    before = (jnp.zeros_like(start), jnp.zeros_like(start)) * 2
    first = (start, left, before, jnp.zeros((), jnp.int32))
    x, left, _, count = jax.lax.while_loop(unsolved, body, first)
    # As a float, since integers beside a root have no tangent.
    return x, (count.astype(jnp.float32), jnp.max(jnp.abs(left)))

  x, (count, left) = jax.lax.custom_root(
    residual, y, iterate, _solve_linear, has_aux=True
  )
  return Solved(x, count.astype(jnp.int32), left)


def jacobian(function: Callable[[Array], Array], x: Array) -> Array:
  """Returns the derivative of each colour, `[..., 3, 3]`, outputs by inputs.

  Args:
    function: Maps `[..., 3]` to `[..., 3]`, each colour on its own.
    x: `[..., 3]`, where it is taken.
  """
  columns = [
    jax.jvp(function, (x,), (jnp.broadcast_to(jnp.eye(3)[i], x.shape),))[1]
    for i in range(3)
  ]
  return jnp.stack(columns, axis=-1)


def _banach(residual: Callable, x: Array, left: Array, memory: tuple) -> tuple:
  return x - left, memory


def _newton(residual: Callable, x: Array, left: Array, memory: tuple) -> tuple:
  tried = x - _solve_3x3(jacobian(residual, x), left)
  closer = _size(residual(tried)) <= _size(left)
  return jnp.where(closer, tried, x - left), memory


def _anderson(residual: Callable, x: Array, left: Array, memory: tuple) -> tuple:
  """Two residuals back: the mix of steps that would have left the least.

  Where the mix leaves more than Banach's step, that is taken instead.
  """
  x1, left1, x2, left2 = memory
  first, second = left - left1, left1 - left2
  aa, ab, bb = (jnp.sum(p * q, -1) for p, q in _pairs(first, second))
  ridge = 1e-7 * (aa + bb) + 1e-20
  aa, bb = aa + ridge, bb + ridge
  a, b = jnp.sum(first * left, -1), jnp.sum(second * left, -1)
  determinant = aa * bb - ab * ab
  one = ((a * bb - b * ab) / determinant)[..., None]
  two = ((b * aa - a * ab) / determinant)[..., None]
  tried = x - left - one * (x - x1 - first) - two * (x1 - x2 - second)
  plain = x - left
  closer = _size(residual(tried)) <= _size(residual(plain))
  return jnp.where(closer, tried, plain), (x, left, x1, left1)


def _pairs(first: Array, second: Array) -> tuple:
  return (first, first), (first, second), (second, second)


_ITERATIONS = {'newton': _newton, 'anderson': _anderson, 'banach': _banach}


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
