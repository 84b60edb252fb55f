import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import grid


class GridTest(parameterized.TestCase):
  @parameterized.parameters((8, 4), (9, 3), (3, 7), (1, 5), (1000, 64))
  def test_places_are_centres_of_equal_parts(self, length, count):
    centres = (np.arange(count) + 0.5) * length / count
    np.testing.assert_array_equal(grid.places(length, count), np.floor(centres))

  def test_pixels_are_those_of_the_picture(self):
    rows, columns = np.meshgrid(np.arange(6), np.arange(10), indexing='ij')
    picture = np.stack([rows, columns], axis=-1).astype(np.uint8)
    got = grid.sample(picture, 3)
    np.testing.assert_array_equal(got[:, 0, 0], [1, 3, 5])
    np.testing.assert_array_equal(got[0, :, 1], [1, 5, 8])
    self.assertEqual((got.shape, got.dtype), ((3, 3, 2), np.uint8))

  def test_a_picture_of_that_side_is_kept(self):
    picture = np.random.default_rng(0).random((5, 5, 3))
    np.testing.assert_array_equal(grid.sample(picture, 5), picture)


if __name__ == '__main__':
  absltest.main()
