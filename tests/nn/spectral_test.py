"""Tests of `lutjax.nn.spectral`."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from lutjax.nn import spectral


def _weights():
  rng = np.random.default_rng(0)
  shapes = [(3, 32), (32, 16), (16, 3)]
  return [jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes]


class SpectralTest(absltest.TestCase):
  def test_norm_is_that_of_the_svd(self):
    weights = _weights()
    vectors = spectral.init(jax.random.key(0), weights)
    vectors = spectral.iterate(vectors, weights, count=100)
    for vector, weight in zip(vectors, weights):
      want = np.linalg.svd(np.asarray(weight), compute_uv=False)[0]
      self.assertAlmostEqual(float(spectral.norm(vector, weight)), want, delta=1e-3)

  def test_bound_is_kept_and_small_weights_stay(self):
    weights = [*_weights(), 0.01 * jnp.eye(4)]
    vectors = spectral.init(jax.random.key(0), weights)
    vectors = spectral.iterate(vectors, weights, count=100)
    bounded = spectral.bound(vectors, weights, 0.9)
    for weight in bounded[:-1]:
      largest = np.linalg.svd(np.asarray(weight), compute_uv=False)[0]
      self.assertAlmostEqual(largest, 0.9, delta=1e-3)
    np.testing.assert_array_equal(bounded[-1], weights[-1])

  def test_vectors_follow_a_moving_weight(self):
    weight = _weights()[1]
    vector = spectral.init(jax.random.key(0), weight)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0]
    step = np.eye(16) + 0.002 * (turn - np.eye(16))
    for _ in range(200):
      weight = weight @ jnp.asarray(step, jnp.float32)
      vector = spectral.iterate(vector, weight)
    want = np.linalg.svd(np.asarray(weight), compute_uv=False)[0]
    self.assertGreater(float(spectral.norm(vector, weight)), 0.97 * want)


if __name__ == '__main__':
  absltest.main()
