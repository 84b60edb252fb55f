import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized

from lutjax.nn import encodings

_frequency = jax.jit(encodings.frequency, static_argnums=1)


class FrequencyTest(parameterized.TestCase):
  def test_matches_float64_in_the_published_order(self):
    values = np.random.default_rng(0).uniform(-1, 1, (64, 5)).astype(np.float32)
    want = np.stack(
      [
        wave(np.pi * 2.0**k * values[:, d].astype(np.float64))
        for d in range(5)
        for k in range(12)
        for wave in (np.sin, np.cos)
      ],
      axis=-1,
    )
    # Angles are reduced exactly, so high octaves are as good as low ones.
    np.testing.assert_allclose(_frequency(values, 12), want, atol=1e-6)

  def test_gradient_is_finite_at_the_bounds(self):
    slope = jax.grad(lambda x: _frequency(x, 4).sum())(jnp.array([-1.0, 0.0, 1.0]))
    self.assertTrue(np.isfinite(slope).all())


class WavesTest(parameterized.TestCase):
  def test_hash_is_that_of_any_machine(self):
    # lowbias32 in plain Python integers.
    def mix(x):
      x ^= x >> 16
      x = x * 0x7FEB352D & 0xFFFFFFFF
      x ^= x >> 15
      x = x * 0x846CA68B & 0xFFFFFFFF
      return x ^ x >> 16

    got = encodings.hash_counters(7, np.arange(100))
    want = [mix((i + mix(7)) & 0xFFFFFFFF) for i in range(100)]
    np.testing.assert_array_equal(got, want)

  def test_frequencies_are_normal_and_phases_even(self):
    drawn = encodings.draw_waves(3, 4000, (5.0, 2.5))
    radians = 2 * np.pi * drawn.frequency
    np.testing.assert_allclose(radians.std(axis=1), (5.0, 2.5), rtol=0.05)
    np.testing.assert_allclose(radians.mean(axis=1), 0.0, atol=0.25)
    np.testing.assert_allclose(
      np.quantile(drawn.phase, (0.25, 0.75)), (0.25, 0.75), atol=0.03
    )

  def test_waves_are_cosines(self):
    drawn = encodings.draw_waves(0, 32, (30.0, 3.0))
    inputs = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype(np.float32)
    turns = inputs.astype(np.float64) @ drawn.frequency + drawn.phase
    got = encodings.waves(drawn, inputs)
    np.testing.assert_allclose(got, np.cos(2 * np.pi * turns), atol=1e-4)

  def test_seeds_differ_and_counts_nest(self):
    a, b = (encodings.draw_waves(s, 8, (1.0,)) for s in (0, 1))
    self.assertFalse(np.array_equal(a.frequency, b.frequency))
    more = encodings.draw_waves(0, 16, (1.0,))
    np.testing.assert_array_equal(more.phase[:8], a.phase)

  def test_refuses_inputs_of_another_width(self):
    with self.assertRaisesRegex(ValueError, r'\[\.\.\., 2\], got \(4, 3\)'):
      encodings.waves(encodings.draw_waves(0, 8, (1.0, 1.0)), jnp.zeros((4, 3)))


if __name__ == '__main__':
  unittest.main()
