"""Grids of pixels against the centres of even parts in exact numbers."""

import fractions

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import grid


class GridTest(parameterized.TestCase):
  @parameterized.parameters(
    (1, 1), (1, 7), (7, 1), (5, 5), (7, 3), (3, 7), (4000, 64), (999, 1000), (6, 2)
  )
  def test_places_are_those_of_the_centres_of_even_parts(self, length, count):
    got = grid.places(length, count)
    part = fractions.Fraction(length, count)
    want = [int((i + fractions.Fraction(1, 2)) * part) for i in range(count)]
    np.testing.assert_array_equal(got, want)

  def test_pixels_are_those_of_the_picture(self):
    picture = np.arange(6 * 9 * 3, dtype=np.uint16).reshape(6, 9, 3)
    got = grid.sample(picture, 3)
    self.assertEqual(got.dtype, np.uint16)
    # Of six rows and nine columns, the middles of three parts each.
    np.testing.assert_array_equal(got, picture[1::2, 1::3])
    got[:] = 0
    self.assertEqual(picture[1, 1, 0], 30)

  def test_a_picture_of_the_right_size_is_as_it_is(self):
    picture = np.random.default_rng(0).random((8, 8, 3), np.float32)
    np.testing.assert_array_equal(grid.sample(picture, 8), picture)

  def test_a_smaller_picture_repeats_its_pixels(self):
    picture = np.random.default_rng(0).random((2, 4, 3), np.float32)
    want = np.repeat(np.repeat(picture, 4, axis=0), 2, axis=1)
    np.testing.assert_array_equal(grid.sample(picture, 8), want)


if __name__ == '__main__':
  absltest.main()
