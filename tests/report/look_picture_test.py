"""Tests of the picture of a look by itself."""

import colorsys

import numpy as np
from absl.testing import absltest

from lutjax.lut import lattice
from lutjax.report import comparison, look_picture

ACROSS, DOWN = comparison.PHOTO
RNG = np.random.default_rng(0)


class HueDiscTest(absltest.TestCase):
  def test_hues_are_those_of_colorsys(self):
    side = 21
    disc = look_picture.hue_disc(side)
    for row, column in np.ndindex(side, side):
      y, x = (np.array([row, column]) + 0.5) / side * 2 - 1
      hue, radius = np.arctan2(y, x) / (2 * np.pi) % 1, min(np.hypot(x, y), 1)
      want = colorsys.hsv_to_rgb(hue, radius, 1)
      np.testing.assert_allclose(disc[row, column], want, atol=1e-6)


class DrawTest(absltest.TestCase):
  def draw(self, table, ring=None):
    photo = RNG.integers(0, 256, (DOWN, ACROSS, 3), np.uint8)
    disc = look_picture.hue_disc(DOWN)
    greys = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    pixels = look_picture.draw(
      '$a$_b', table, greys, photo, 255 - photo, disc if ring is None else ring
    )
    return photo, pixels

  def test_shows_the_photo_before_and_after_and_the_slices(self):
    table = lattice.identity(6)
    photo, pixels = self.draw(table)
    self.assertEqual(pixels.dtype, np.uint8)
    for left, want in ((28, photo), (28 + ACROSS + 32, 255 - photo)):
      box = pixels[130 : 130 + DOWN, left : left + ACROSS]
      np.testing.assert_array_equal(box, want)
    # The first plane has no blue: black below, red right, green up.
    bottom = pixels.shape[0] - 28 - 1
    np.testing.assert_array_equal(pixels[bottom, 28], [0, 0, 0])
    np.testing.assert_array_equal(pixels[bottom, 28 + 270], [255, 0, 0])
    np.testing.assert_array_equal(pixels[bottom - 270, 28], [0, 255, 0])

  def test_disc_shows_outputs_and_ring_inputs(self):
    _, pixels = self.draw(lattice.identity(2), np.zeros((DOWN, DOWN, 3), np.float32))
    left = 28 + 2 * (ACROSS + 32) + (ACROSS - DOWN) // 2
    top = 100 + 30 + DOWN + 50 + 30
    box = pixels[top : top + DOWN, left : left + DOWN]
    middle = DOWN // 2
    np.testing.assert_array_equal(box[middle, middle], [0, 0, 0])
    np.testing.assert_allclose(box[middle, -10], [255, 0, 0], atol=8)

  def test_values_outside_are_drawn(self):
    _, pixels = self.draw(lattice.identity(3) * 40 - 2)
    self.assertEqual(pixels.shape[-1], 3)


if __name__ == '__main__':
  absltest.main()
