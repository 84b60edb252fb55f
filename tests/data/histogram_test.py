"""Tests of `lutjax.data.histogram`."""

import pathlib
import tempfile

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import histogram


class HistogramTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.path = pathlib.Path(folder) / 'colours.npz'

  def test_counts_every_colour_once(self):
    rgb = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.99, 0.3, 0.6]])
    counts = histogram.of_colours(rgb, 4)
    self.assertEqual(counts.sum(), 3)
    self.assertEqual((counts[0, 0, 0], counts[3, 3, 3], counts[3, 1, 2]), (1, 1, 1))

  def test_draws_as_often_as_was_counted(self):
    counts = np.zeros((4, 4, 4), np.uint32)
    counts[1, 2, 3], counts[3, 0, 0] = 300, 100
    rgb = histogram.draw(np.random.default_rng(0), counts, 4000)
    again = histogram.of_colours(rgb, 4)
    self.assertEqual(again.sum(), again[1, 2, 3] + again[3, 0, 0])
    self.assertAlmostEqual(again[1, 2, 3] / 4000, 0.75, delta=0.03)
    within = rgb[rgb[:, 0] < 0.5] * 4 % 1.0
    np.testing.assert_allclose(within.mean(axis=0), 0.5, atol=0.03)

  def test_comes_back_from_its_file(self):
    counts = np.random.default_rng(0).integers(0, 9, (5, 5, 5), np.uint32)
    histogram.write(self.path, counts)
    np.testing.assert_array_equal(histogram.read(self.path), counts)

  @parameterized.parameters(
    (np.ones((3, 3, 4)), r'found counts \[3, 3, 4\]'),
    (np.ones((1, 1, 1)), r'found counts \[1, 1, 1\]'),
    (np.zeros((3, 3, 3)), 'all zero'),
    (np.full((3, 3, 3), -1), 'negative'),
    (np.full((3, 3, 3), np.nan), 'not finite'),
  )
  def test_refuses_what_is_no_histogram(self, counts, message):
    histogram.write(self.path, counts)
    with self.assertRaisesRegex(errors.InputError, message):
      histogram.read(self.path)

  def test_refuses_other_archives_and_damage(self):
    np.savez(self.path, luts=np.ones(3))
    with self.assertRaisesRegex(errors.InputError, 'found no counts'):
      histogram.read(self.path)
    self.path.write_bytes(self.path.read_bytes()[:40])
    with self.assertRaisesRegex(errors.InputError, 'cannot be read'):
      histogram.read(self.path)
    with self.assertRaisesRegex(errors.InputError, 'missing|No such'):
      histogram.read(self.path.with_name('none.npz'))


if __name__ == '__main__':
  absltest.main()
