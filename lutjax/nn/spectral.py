"""Bounding the spectral norm of layers (Miyato et al. 2018).

A vector per layer follows its weight by power iteration, one step per call,
and so stays close to the leading singular vector while the weight moves.
"""

import jax
import jax.numpy as jnp

from lutjax.types import Array, Key, PyTree


def init(key: Key, weights: PyTree) -> PyTree:
  """Draws a unit vector `[fan_out]` for every weight `[fan_in, fan_out]`.

  Args:
    key: Split among the weights.
    weights: Leaves `[fan_in, fan_out]`.
  """
  leaves, tree = jax.tree.flatten(weights)
  keys = jax.random.split(key, len(leaves))
  vectors = [
    _unit(jax.random.normal(each, (leaf.shape[1],))) for each, leaf in zip(keys, leaves)
  ]
  return tree.unflatten(vectors)


def iterate(vectors: PyTree, weights: PyTree, *, count: int = 1) -> PyTree:
  """Returns the vectors after steps of power iteration; gradients do not flow.

  Args:
    vectors: Leaves `[fan_out]`, of length 1.
    weights: Leaves `[fan_in, fan_out]`.
    count: Steps.
  """

  def one(vector: Array, weight: Array) -> Array:
    weight = jax.lax.stop_gradient(weight)
    for _ in range(count):
      vector = _unit(weight.T @ (weight @ vector))
    return vector

  return jax.tree.map(one, vectors, weights)


def norm(vector: Array, weight: Array) -> Array:
  """Estimates the largest singular value, from below; differentiable.

  Args:
    vector: `[fan_out]`, from `iterate`.
    weight: `[fan_in, fan_out]`.
  """
  forward = weight @ jax.lax.stop_gradient(vector)
  return jnp.sqrt(jnp.sum(forward * forward) + 1e-24)


def bound(vectors: PyTree, weights: PyTree, coefficient: float) -> PyTree:
  """Scales each weight down until its estimated norm is at most `coefficient`.

  Args:
    vectors: From `iterate`.
    weights: Leaves `[fan_in, fan_out]`.
    coefficient: Bound on the spectral norm, above 0.
  """
  return jax.tree.map(
    lambda vector, weight: (
      weight / jnp.maximum(1.0, norm(vector, weight) / coefficient)
    ),
    vectors,
    weights,
  )


def _unit(vector: Array) -> Array:
  return vector / jnp.sqrt(jnp.sum(vector * vector) + 1e-24)
