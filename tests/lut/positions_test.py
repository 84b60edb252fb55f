import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import positions

_evenly = jax.jit(positions.evenly, static_argnums=1)


class PlacingTest(parameterized.TestCase):
  @parameterized.parameters(2, 24, 33)
  def test_evenly_matches_numpy_in_double(self, size):
    position = np.random.default_rng(size).uniform(size=5000).astype(np.float32)
    node, fraction = _evenly(position, size)
    scaled = position.astype(np.float64) * (size - 1)
    # One unit in the last place of the scaled position, which is below 32.
    np.testing.assert_allclose(node + np.float64(fraction), scaled, atol=2.0**-19)
    self.assertBetween(float(fraction.min()), 0.0, 1.0)
    self.assertLess(int(node.max()), size - 1)

  @parameterized.parameters(7, 23, 50, 242)
  def test_nodes_have_whole_places(self, size):
    position = (np.arange(size) / (size - 1)).astype(np.float32)
    node, fraction = _evenly(position, size)
    np.testing.assert_array_equal(node + fraction, np.arange(size))
    self.assertContainsSubset(np.unique(fraction), [0.0, 1.0])

  def test_among_inverts_interpolation(self):
    knots = np.float32([0, 0.1, 0.15, 0.7, 1])
    position = np.random.default_rng(0).uniform(-0.2, 1.2, 5000).astype(np.float32)
    node, fraction = jax.jit(positions.among)(position, knots)
    back = knots[node] * (1 - fraction) + knots[node + 1] * fraction
    np.testing.assert_allclose(back, np.clip(position, 0, 1), atol=1e-7)

  def test_normalize_clamps_and_keeps_nan_and_slopes(self):
    x = np.float32([-np.inf, -2, 0, 2, np.inf, np.nan])
    limits = np.float32([-2, 2])
    np.testing.assert_array_equal(
      positions.normalize(x, limits), [0, 0, 0.5, 1, 1, np.nan]
    )
    slopes = jax.vmap(jax.grad(positions.normalize), (0, None))(x[:5], limits)
    np.testing.assert_array_equal(slopes, [0, 0.25, 0.25, 0.25, 0])


if __name__ == '__main__':
  absltest.main()
