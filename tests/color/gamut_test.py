"""Gamut masks and reductions: their definition, in numpy, and round trips."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.color import gamut

_soft_clip = jax.jit(gamut.soft_clip)
_soft_expand = jax.jit(gamut.soft_expand)


def _image() -> np.ndarray:
  rng = np.random.default_rng(0)
  return rng.uniform(-0.15, 1.4, (64, 48, 3)).astype(np.float32)


class MaskTest(parameterized.TestCase):
  @parameterized.parameters(
    ((0.2, 0.5, 0.9), False),
    ((0.0, 0.0, 0.0), False),
    ((1.0, 1.0, 1.0), False),
    ((1.0000005, 0.5, 0.5), False),
    ((1.00001, 0.5, 0.5), True),
    ((0.5, -0.00001, 0.5), True),
    ((-0.1, -0.2, -0.3), False),
    ((1.1, 1.2, 1.3), False),
    ((1.1, 1.2, 1.0), True),
    ((-0.1, -0.2, 1.3), True),
  )
  def test_marks(self, colour, want):
    got = gamut.out_of_gamut(jnp.array(colour, jnp.float32))
    self.assertEqual(bool(got), want)

  def test_takes_another_margin(self):
    colour = jnp.array([1.001, 0.5, 0.5])
    self.assertFalse(gamut.out_of_gamut(colour, epsilon=0.01))


class ClipTest(parameterized.TestCase):
  def test_matches_numpy(self):
    image = _image()
    np.testing.assert_array_equal(gamut.clip(image), np.clip(image, 0, 1))

  def test_slope_is_whole_on_the_bounds(self):
    values = jnp.array([-0.1, 0.0, 0.5, 1.0, 1.1])
    slope = jax.vmap(jax.grad(gamut.clip))(values)
    np.testing.assert_array_equal(slope, [0, 1, 1, 1, 0])


class SoftClipTest(parameterized.TestCase):
  def test_matches_its_definition(self):
    image = _image()
    low, high = image.min(), image.max()
    want = image.astype(np.float64)
    for pixel in want.reshape(-1, 3):
      dark, bright = pixel <= 0.05, pixel >= 0.9
      if not dark.all():
        pixel[dark] = np.interp(pixel[dark], [low, 0.05], [0, 0.05])
      if not bright.all():
        pixel[bright] = np.interp(pixel[bright], [0.9, high], [0.9, 1])
    bounds = gamut.soft_clip_bounds(image)
    np.testing.assert_array_equal(bounds, (low, high))
    got = _soft_clip(image, bounds)
    np.testing.assert_allclose(got, np.clip(want, 0, 1), atol=2e-7)

  def test_comes_back_but_for_black_and_white(self):
    image = _image()
    bounds = gamut.soft_clip_bounds(image)
    back = np.asarray(_soft_expand(_soft_clip(image, bounds), bounds))
    lost = np.all(image <= 0.05, axis=-1) | np.all(image >= 0.9, axis=-1)
    self.assertLess(lost.mean(), 0.1)
    np.testing.assert_allclose(back[~lost], image[~lost], atol=2e-6)
    np.testing.assert_array_equal(back[lost], np.clip(image[lost], 0, 1))

  def test_leaves_an_image_inside_alone(self):
    image = np.clip(_image(), 0.001, 0.999)
    bounds = gamut.soft_clip_bounds(image)
    np.testing.assert_array_equal(bounds, (0, 1))
    np.testing.assert_allclose(_soft_clip(image, bounds), image, atol=1e-7)

  @settings(deadline=None, max_examples=50)
  @given(st.floats(-0.5, 2, width=32), st.floats(-0.5, 2, width=32))
  def test_keeps_the_order(self, one, two):
    bounds = gamut.SoftClipBounds(jnp.float32(-0.5), jnp.float32(2))
    low, high = np.float32(sorted((one, two)))
    got = _soft_clip(np.array([[low, 0.5, 0.5], [high, 0.5, 0.5]]), bounds)
    self.assertLessEqual(got[0, 0], got[1, 0] + 1e-7)

  def test_slopes_are_finite(self):
    edges = jnp.array([[-0.15, 0.05, 0.9], [0, 0, 0], [1, 1, 1], [1.4, 0.9, 0.05]])

    def total(image):
      bounds = gamut.soft_clip_bounds(image)
      return jnp.sum(gamut.soft_expand(gamut.soft_clip(image, bounds), bounds))

    slope = jax.jit(jax.grad(total))
    self.assertTrue(np.all(np.isfinite(slope(edges))))
    self.assertTrue(np.all(np.isfinite(slope(jnp.zeros((4, 3))))))
