import functools
import unittest

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.models import gamut_mlp
from lutjax.models.gamut import reptile

_CONFIG = gamut_mlp.Config(width=8, octaves=2)


def _images():
  rng = np.random.default_rng(0)
  rgb = rng.uniform(size=(2, 256, 3)).astype(np.float32)
  xy = rng.uniform(-1, 1, (2, 256, 2)).astype(np.float32)
  # Two images that both want the same shift: what an initialisation can learn.
  return {'xy': xy, 'rgb': rgb, 'target': rgb + 0.1}


class ReptileTest(unittest.TestCase):
  def test_later_images_start_better(self):
    step = jax.jit(
      functools.partial(
        reptile.step,
        _CONFIG,
        inner_steps=4,
        inner_rate=0.05,
        batch_size=64,
        rate=1e-2,
      )
    )
    state = reptile.init(_CONFIG, jax.random.key(0), 1e-2)
    losses = []
    for i in range(60):
      state, loss = step(state, _images(), jax.random.key(i))
      losses.append(float(loss))
    self.assertLess(losses[-1], losses[0] / 4)
    self.assertTrue(all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state)))

  def test_no_inner_step_moves_nothing_but_by_adam_of_zero(self):
    state = reptile.init(_CONFIG, jax.random.key(0), 1e-2)
    moved, _ = reptile.step(
      _CONFIG,
      state,
      _images(),
      jax.random.key(0),
      inner_steps=1,
      inner_rate=0.0,
      batch_size=8,
      rate=1e-2,
    )
    jax.tree.map(np.testing.assert_allclose, moved.params, state.params)


if __name__ == '__main__':
  unittest.main()
