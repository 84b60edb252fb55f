import functools
import unittest

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import reptile

_CONFIG = gamut_mlp.Config(width=8, octaves=2)


def _images():
  rng = np.random.default_rng(0)
  rgb = rng.uniform(size=(2, 256, 3)).astype(np.float32)
  xy = rng.uniform(-1, 1, (2, 256, 2)).astype(np.float32)
  # Two images that both want the same shift: what an initialisation can learn.
  return {'xy': xy, 'rgb': rgb, 'target': rgb + 0.1}


def _sample(key, image):
  index = jax.random.randint(key, (64,), 0, 256)
  return {name: values[index] for name, values in image.items()}


def _step(outer, inner, inner_steps):
  partial = functools.partial(
    reptile.step, _CONFIG, outer, inner, inner_steps=inner_steps, sample=_sample
  )
  return jax.jit(partial)


class ReptileTest(unittest.TestCase):
  def test_later_images_start_better(self):
    outers = optax.adam(1e-2), optax.sgd(0.5)
    for outer, inner in zip(outers, (optax.sgd(0.05), optax.adam(5e-3))):
      step = _step(outer, inner, 4)
      state = reptile.init(_CONFIG, outer, jax.random.key(0))
      losses = []
      for _ in range(60):
        state, loss = step(state, _images())
        losses.append(float(loss))
      self.assertLess(losses[-1], losses[0] / 4)
      self.assertTrue(all(jnp.isfinite(v).all() for v in jax.tree.leaves(state.params)))

  def test_a_plain_outer_step_takes_the_mean_of_the_fits(self):
    outer = optax.sgd(1.0)
    start = reptile.init(_CONFIG, outer, jax.random.key(0))
    both, _ = _step(outer, optax.sgd(0.05), 3)(start, _images())

    def loss(params, image, key):
      return gamut_mlp.loss(_CONFIG, params, (), _sample(key, image), key)[0]

    fitted = []
    for i, key in enumerate(jax.random.split(jax.random.fold_in(start.key, 0), 2)):
      params, image = start.params, {k: v[i] for k, v in _images().items()}
      for step_key in jax.random.split(key, 3):
        slope = jax.grad(loss)(params, image, step_key)
        params = jax.tree.map(lambda p, s: p - 0.05 * s, params, slope)
      fitted.append(params)
    mean = jax.tree.map(lambda a, b: (a + b) / 2, *fitted)
    close = functools.partial(np.testing.assert_allclose, atol=1e-6)
    jax.tree.map(close, both.params, mean)


if __name__ == '__main__':
  unittest.main()
