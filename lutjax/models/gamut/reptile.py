"""Reptile: an initialisation from which a few steps fit any image.

After Nichol, Achiam and Schulman (arXiv 1803.02999) as GamutMLP uses it: from
the current initialisation some images are fitted by plain gradient steps; the
gradient of the initialisation is its distance from the mean of what came out.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from lutjax.models import gamut_mlp
from lutjax.types import Array, Key, PyTree


class State(NamedTuple):
  """What the training carries.

  Attributes:
    params: The initialisation.
    opt_state: Of the outer optimizer.
  """

  params: PyTree
  opt_state: PyTree


def optimizer(rate: float) -> optax.GradientTransformation:
  """Returns the outer optimizer, Adam."""
  return optax.adam(rate)


def init(config: gamut_mlp.Config, key: Key, rate: float) -> State:
  """Returns the state before the first outer step."""
  params = gamut_mlp.init(config, key).params
  return State(params, optimizer(rate).init(params))


def step(
  config: gamut_mlp.Config,
  state: State,
  batch: PyTree,
  key: Key,
  *,
  inner_steps: int,
  inner_rate: float,
  batch_size: int,
  rate: float,
) -> tuple[State, Array]:
  """Takes one outer step.

  Args:
    config: The network's.
    state: From `init` or the step before.
    batch: Of I images, `xy` `[I, P, 2]`, `rgb` and `target` `[I, P, 3]`.
    key: Typed key.
    inner_steps: Gradient steps on each image.
    inner_rate: Of those.
    batch_size: Pixels of each.
    rate: Of the outer optimizer.

  Returns:
    The state after the step, and the mean loss of the last inner steps.
  """

  def fit(image: PyTree, key: Key) -> tuple[PyTree, Array]:
    def inner(params: PyTree, step_key: Key) -> tuple[PyTree, Array]:
      index = jax.random.randint(step_key, (batch_size,), 0, len(image['xy']))
      drawn = {name: values[index] for name, values in image.items()}

      def loss(params: PyTree) -> Array:
        return gamut_mlp.loss(config, params, (), drawn, step_key)[0]

      value, slope = jax.value_and_grad(loss)(params)
      return jax.tree.map(lambda p, s: p - inner_rate * s, params, slope), value

    params, losses = jax.lax.scan(
      inner, state.params, jax.random.split(key, inner_steps)
    )
    return params, losses[-1]

  keys = jax.random.split(key, len(batch['xy']))
  fitted, losses = jax.lax.map(lambda both: fit(*both), (batch, keys))
  slope = jax.tree.map(lambda p, f: p - jnp.mean(f, axis=0), state.params, fitted)
  updates, opt_state = optimizer(rate).update(slope, state.opt_state)
  return State(optax.apply_updates(state.params, updates), opt_state), losses.mean()
