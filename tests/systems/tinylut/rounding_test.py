"""Rounding, clipping and splitting of bits."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import rounding


class RoundingTest(parameterized.TestCase):
  def test_rounds_half_to_even_and_passes_gradients(self):
    values = jnp.array([-2.5, -1.5, 0.4, 0.5, 1.5, 2.6])
    got, back = jax.vjp(rounding.ste_round, values)
    np.testing.assert_array_equal(got, [-2, -2, 0, 0, 2, 3])
    np.testing.assert_array_equal(back(values)[0], values)

  def test_entries_are_of_8_bits(self):
    values = jnp.array([-300.0, -127.6, 0.2, 127.4, 130.0])
    got, back = jax.vjp(rounding.entry, values)
    np.testing.assert_array_equal(got, [-128, -128, 0, 127, 127])
    np.testing.assert_array_equal(back(jnp.ones(5))[0], [0, 1, 1, 1, 0])

  @parameterized.parameters(*range(1, 9))
  def test_split_bits_make_the_pixel_again(self, msb_bits):
    codes = np.arange(256)
    high, low = rounding.split(jnp.asarray(codes, jnp.float32), msb_bits)
    low_bits = 8 - msb_bits
    np.testing.assert_array_equal(high, (codes >> low_bits) - 2 ** (msb_bits - 1))
    np.testing.assert_array_equal(low, codes & (2**low_bits - 1))


if __name__ == '__main__':
  absltest.main()
