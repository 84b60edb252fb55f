"""Reptile: a meta-learned initialisation that few steps fit to an image.

After Nichol, Achiam and Schulman (arXiv 1803.02999) as GamutMLP uses it: from
the current initialisation some images are fitted; the gradient of the
initialisation is its distance from the mean of what came out. With plain
gradient steps at an outer rate of 1 the initialisation becomes that mean.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.types import Array, Key, PyTree


class State(NamedTuple):
  """The state of the training.

  Attributes:
    params: The initialisation.
    opt_state: Of the outer optimizer.
    step: Outer steps taken, int32.
    key: Typed key; step i draws from `fold_in(key, i)`.
  """

  params: PyTree
  opt_state: PyTree
  step: Array
  key: Key


def init(
  config: gamut_mlp.Config, outer: optax.GradientTransformation, key: Key
) -> State:
  """Returns the state before the first outer step.

  Args:
    config: Of the network.
    outer: Optimizer of the outer loop.
    key: Split into that of the network and that of the loop.
  """
  init_key, loop_key = jax.random.split(key)
  params = gamut_mlp.init(config, init_key).params
  return State(params, outer.init(params), jnp.zeros((), jnp.int32), loop_key)


def step(
  config: gamut_mlp.Config,
  outer: optax.GradientTransformation,
  inner: optax.GradientTransformation,
  state: State,
  batch: PyTree,
  *,
  inner_steps: int,
  sample: Callable[[Key, PyTree], PyTree],
) -> tuple[State, Array]:
  """Takes one outer step.

  Args:
    config: The network's.
    outer: Moves the initialisation.
    inner: Moves what is fitted to each image, from a new state each time.
    state: From `init` or the step before.
    batch: What `sample` draws from, with a leading axis over images.
    inner_steps: Steps of the fit of each image.
    sample: `(key, image) -> ` a batch as `gamut_mlp.loss` takes it.

  Returns:
    The state after the step, and the mean loss over images of the last tenth
    of the inner steps.
  """

  def fit(image: PyTree, key: Key) -> tuple[PyTree, Array]:
    def one(carry: PyTree, step_key: Key) -> tuple[PyTree, Array]:
      params, moments = carry
      drawn = sample(step_key, image)

      def loss(params: PyTree) -> Array:
        return gamut_mlp.loss(config, params, (), drawn, step_key)[0]

      value, slope = jax.value_and_grad(loss)(params)
      updates, moments = inner.update(slope, moments, params)
      return (optax.apply_updates(params, updates), moments), value

    start = state.params, inner.init(state.params)
    keys = jax.random.split(key, inner_steps)
    (params, _), losses = jax.lax.scan(one, start, keys)
    return params, jnp.mean(losses[-max(1, inner_steps // 10) :])

  count = len(jax.tree.leaves(batch)[0])
  keys = jax.random.split(jax.random.fold_in(state.key, state.step), count)
  fitted, losses = jax.lax.map(lambda both: fit(*both), (batch, keys))
  slope = jax.tree.map(lambda p, f: p - jnp.mean(f, axis=0), state.params, fitted)
  updates, opt_state = outer.update(slope, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  return State(params, opt_state, state.step + 1, state.key), losses.mean()
