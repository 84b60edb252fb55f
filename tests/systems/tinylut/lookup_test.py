"""Lookups against plain indexing and plain sums, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import lookup


class LookupTest(parameterized.TestCase):
  # One pixel, a chunk less one, more than two chunks.
  @parameterized.parameters((1, 1), (23, 89), (64, 66))
  def test_values_and_gradients(self, height, width):
    rng = np.random.default_rng(height)
    tables = rng.normal(size=(5, 12, 3)).astype(np.float32)
    slopes = rng.normal(size=tables.shape).astype(np.float32)
    levels = rng.integers(-6, 6, (height, width, 5))
    upstream = rng.normal(size=(height, width, 3)).astype(np.float32)

    def run(tables, levels):
      return lookup.lookup(tables, slopes, levels, -6)

    got, back = jax.vjp(run, tables, jnp.asarray(levels, jnp.float32))
    channels = np.arange(5)
    rows = tables.astype(np.float64)[channels, levels + 6]
    np.testing.assert_allclose(got, rows.sum(2), rtol=1e-5, atol=1e-5)
    by_table, by_level = back(upstream)
    want = np.zeros(tables.shape)
    np.add.at(want, (channels, levels + 6), upstream[:, :, None, :])
    np.testing.assert_allclose(by_table, want, rtol=1e-4, atol=1e-4)
    want = np.einsum('hwco,hwo->hwc', slopes[channels, levels + 6], upstream)
    np.testing.assert_allclose(by_level, want, rtol=1e-4, atol=1e-4)

  def test_pixels_get_no_gradient(self):
    tables, levels = jnp.ones((2, 4, 3)), jnp.ones((2, 2))

    def run(tables, levels):
      return jnp.sum(lookup.lookup(tables, None, levels, 0))

    by_table, by_level = jax.grad(run, argnums=(0, 1))(tables, levels)
    np.testing.assert_array_equal(by_table[:, 1], np.full((2, 3), 2.0))
    np.testing.assert_array_equal(by_level, np.zeros((2, 2)))


if __name__ == '__main__':
  absltest.main()
