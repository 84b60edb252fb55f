import jax
import numpy as np
from absl.testing import absltest

from lutjax.color import luminance

_Y = np.array([0.2126729, 0.7151522, 0.0721750])
_RNG = np.random.default_rng(0)
_with = jax.jit(luminance.with_luminance_of)


def _linear(srgb):
  srgb = np.asarray(srgb, np.float64)
  size = np.abs(srgb)
  curve = np.where(size > 0.04045, ((size + 0.055) / 1.055) ** 2.4, size / 12.92)
  return np.sign(srgb) * curve


def _encoded(linear):
  size = np.abs(linear)
  curve = np.where(size > 0.0031308, 1.055 * size ** (1 / 2.4) - 0.055, 12.92 * size)
  return np.sign(linear) * curve


class LuminanceTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.srgb, self.other = _RNG.uniform(0.02, 1, (2, 64, 3)).astype('f4')

  def test_luminance_is_that_of_one_and_chromaticity_that_of_the_other(self):
    got = np.asarray(_with(self.srgb, self.other))
    linear, light = _linear(self.srgb), _linear(self.other) @ _Y
    want = _encoded(linear * (light / (linear @ _Y))[:, None])
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(_linear(got) @ _Y, light, rtol=5e-6)
    self.assertGreater(got.max(), 1.0)

  def test_a_colour_of_the_same_luminance_stays(self):
    np.testing.assert_allclose(_with(self.srgb, self.srgb), self.srgb, atol=1e-6)

  def test_black_has_no_colour(self):
    srgb, other = self.srgb.copy(), self.other.copy()
    srgb[:16], srgb[16:32] = 0.0, [-1.0, 0.1, 0.0]
    other[32:48], other[48:] = 0.0, [0.0, -0.2, 0.0]
    got = np.asarray(_with(srgb, other))
    grey = _encoded(_linear(other) @ _Y)[:, None].repeat(3, 1)
    np.testing.assert_allclose(got, grey, atol=1e-6)
    np.testing.assert_array_equal(got[32:48], 0.0)

  def test_the_darkest_colours_of_16_bits_keep_their_colour(self):
    blue = np.zeros((64, 3), np.float32)
    blue[:, 2] = np.arange(1, 65) / 65535
    np.testing.assert_allclose(_with(blue, blue), blue, rtol=1e-5)

  def test_derivatives_are_finite(self):
    black = np.zeros((64, 3), np.float32)
    slope = jax.jit(
      jax.grad(lambda a, b: luminance.with_luminance_of(a, b).sum(), (0, 1))
    )
    for given in ((black, black), (black, self.other), (self.srgb, black)):
      for part in slope(*given):
        self.assertTrue(np.isfinite(part).all())


if __name__ == '__main__':
  absltest.main()
