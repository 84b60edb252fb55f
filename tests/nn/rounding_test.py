"""Tests of `lutjax.nn.rounding`."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.nn import rounding


class RoundingTest(parameterized.TestCase):
  @settings(deadline=None, max_examples=50)
  @given(st.floats(-50, 50, width=32), st.floats(0.015625, 4, width=32))
  def test_snaps_to_the_nearest_multiple(self, value, step):
    got = float(rounding.snap(jnp.float32(value), jnp.float32(step)))
    self.assertAlmostEqual(got / step, round(got / step), delta=1e-3)
    self.assertLessEqual(abs(got - value), 0.501 * step)

  def test_gradient_passes_as_if_nothing_were_rounded(self):
    slope = jax.grad(lambda value: rounding.snap(value, 0.5) ** 2)(jnp.float32(0.6))
    self.assertAlmostEqual(float(slope), 2 * 0.5, places=5)

  @parameterized.parameters(4, 5, 6, 8)
  def test_columns_use_their_whole_range(self, bits):
    values = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    rounded = rounding.to_bits(jnp.asarray(values), bits)
    units = np.asarray(rounded / rounding.column_step(jnp.asarray(values), bits))
    np.testing.assert_allclose(units, np.rint(units), atol=1e-3)
    np.testing.assert_array_equal(np.abs(np.rint(units)).max(0), 2 ** (bits - 1) - 1)

  def test_a_byte_holds_a_learned_step(self):
    exponent = jnp.linspace(-26.0, 26.0, 301)
    index = np.asarray(rounding.index_of(exponent))
    again = rounding.exponent_of_index(index)
    np.testing.assert_array_equal(rounding.index_of(jnp.asarray(again)), index)
    np.testing.assert_allclose(
      rounding.step_of(jnp.asarray(again)), rounding.step_of(exponent), rtol=1e-6
    )
    self.assertAlmostEqual(
      float(rounding.step_of(jnp.float32(rounding.exponent_of(0.02)))), 0.02, delta=5e-4
    )

  def test_laplace_bits_are_those_of_the_distribution(self):
    values = np.rint(np.random.default_rng(0).laplace(size=(20000, 1)) * 3.0)
    share = np.unique(values, return_counts=True)[1] / len(values)
    entropy = -float(share @ np.log2(share))
    got = float(rounding.laplace_bits(jnp.asarray(values, jnp.float32))) / len(values)
    self.assertAlmostEqual(got, entropy, delta=0.03)

  def test_gradients_of_bits_are_finite_at_zero(self):
    slope = jax.grad(rounding.laplace_bits)(jnp.zeros((5, 2)))
    self.assertTrue(np.isfinite(slope).all())


if __name__ == '__main__':
  absltest.main()
