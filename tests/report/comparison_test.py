"""Tests of the picture of one look."""

import unittest

import jax
import numpy as np
from absl.testing import parameterized

from lutjax.lut import lattice
from lutjax.report import canvas, comparison

try:
  import skimage.color as skimage_color
except ImportError:
  skimage_color = None

_measure = jax.jit(comparison.measure)
_IDENTITY = np.asarray(lattice.identity(9))
_PHOTO = np.random.default_rng(0).integers(0, 256, (373, 560, 3), np.uint8)
_RGB = _PHOTO.astype(np.float32) / 255


class MeasureTest(parameterized.TestCase):
  def test_a_perfect_model_has_no_error(self):
    shown = _measure(_IDENTITY, _IDENTITY, _RGB)
    np.testing.assert_allclose(shown.truth, _RGB, atol=1e-6)
    np.testing.assert_array_equal(shown.model, shown.truth)
    np.testing.assert_array_equal(shown.photo_error, np.zeros((373, 560)))
    np.testing.assert_array_equal(shown.node_error, np.zeros((9, 9, 9)))

  @unittest.skipIf(skimage_color is None, 'needs scikit-image')
  def test_errors_are_those_of_scikit_image(self):
    model = _IDENTITY * np.array([0.9, 1.0, 0.7], np.float32)
    shown = _measure(_IDENTITY, model, _RGB)
    want = skimage_color.deltaE_ciede2000(
      skimage_color.rgb2lab(_RGB), skimage_color.rgb2lab(_RGB * [0.9, 1.0, 0.7])
    )
    # scikit-image rounds its matrix to six digits: 0.01 of Lab where it shows.
    np.testing.assert_allclose(shown.photo_error, want, rtol=1e-3, atol=2e-3)
    want = skimage_color.deltaE_ciede2000(
      skimage_color.rgb2lab(_IDENTITY), skimage_color.rgb2lab(model)
    )
    np.testing.assert_allclose(shown.node_error, want, rtol=1e-3, atol=2e-3)

  @parameterized.parameters(((9, 9, 9, 3), (5, 5, 5, 3)), ((9, 9, 3), (9, 9, 3)))
  def test_refuses_lattices_that_differ(self, one, other):
    with self.assertRaisesRegex(ValueError, r'two lattices \[N, N, N, 3\], got \('):
      comparison.measure(np.zeros(one), np.zeros(other), _RGB)


class DrawTest(parameterized.TestCase):
  def _draw(self, model, name='look'):
    shown = _measure(_IDENTITY, model, _RGB)
    return comparison.draw(name, _IDENTITY, model, _PHOTO, shown, note='$ok$')

  def test_shows_the_photo_before_and_after(self):
    picture = self._draw(_IDENTITY[..., ::-1])
    across, down = comparison.PHOTO
    left, top = 28, 130
    panels = [
      picture.pixels[top : top + down, x : x + across].astype(int)
      for x in (left, left + across + 32, left + 2 * (across + 32))
    ]
    np.testing.assert_array_equal(panels[0], _PHOTO)
    np.testing.assert_array_equal(panels[1], _PHOTO)
    np.testing.assert_allclose(panels[2], _PHOTO[..., ::-1], atol=1)

  def test_what_was_drawn_before_leaves_no_trace(self):
    good = self._draw(np.float32(0.9) * _IDENTITY).pixels
    self._draw(np.float32(40.0) * _IDENTITY[::-1], 'another look')
    # No finite error, hence no histogram.
    self._draw(np.full_like(_IDENTITY, np.nan), 'a broken look')
    again = self._draw(np.float32(0.9) * _IDENTITY).pixels
    np.testing.assert_array_equal(again, good)

  def test_the_border_that_the_page_leaves_out_is_white(self):
    picture = self._draw(_IDENTITY)
    margin = picture.margin
    below = picture.pixels[picture.header :]
    self.assertGreater(margin, 0)
    for edge in (below[:, :margin], below[:, -margin:], below[-margin:]):
      np.testing.assert_array_equal(edge, 255)
    self.assertTrue((picture.pixels[: picture.header] < 255).any())

  def test_a_worse_model_has_brighter_maps(self):
    brightness = []
    for gain in (1.0, 0.97, 0.8):
      picture = self._draw(np.float32(gain) * _IDENTITY)
      brightness.append(picture.pixels[562 : 562 + 373, 28 : 28 + 560].mean())
    self.assertLess(brightness[0], brightness[1])
    self.assertLess(brightness[1], brightness[2])

  @parameterized.parameters(np.nan, np.inf, 1e9)
  def test_takes_models_that_went_wrong(self, value):
    model = _IDENTITY.copy()
    model[3:6, 2:, :] = value
    picture = self._draw(model, name='映画 $x$ \n' * 20)
    self.assertEqual(picture.thumbnail.shape, (72, 108, 3))
    self._draw(np.full_like(model, value))

  def test_takes_the_smallest_lattice(self):
    table = np.asarray(lattice.identity(2))
    shown = jax.eval_shape(comparison.measure, table, table, _RGB)
    shown = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shown)
    picture = comparison.draw('two', table, table, _PHOTO, shown)
    self.assertEqual(picture.pixels.shape[2], 3)


class ScaleTest(parameterized.TestCase):
  def test_the_bar_shows_the_colours_of_the_maps(self):
    sheet = canvas.Canvas(400, 60)
    sheet.error_bar(0, 0, 400, 20)
    bar = sheet.pixels()[10].astype(int)
    for tick in canvas.ERROR_TICKS:
      column = round(399 * np.sqrt(tick / canvas.ERROR_LIMIT))
      got = canvas.error_colours(np.array([tick], float))[0]
      np.testing.assert_allclose(got, bar[column], atol=6)
