"""Folded rows: every sum that can occur becomes the level that it should."""

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import folding, inference, structure


class FoldingTest(parameterized.TestCase):
  @parameterized.parameters(1, 4, 9, 12, 16)
  def test_sums_become_levels_with_halves_to_even(self, parts):
    how = folding.Divisor(parts, 256, -32, 31)
    sums, skips = np.meshgrid(
      np.arange(-128 * parts, 127 * parts + 1), [-32, -7, 0, 31]
    )
    start = folding._start(how)
    folded = (start + sums + folding._skip(skips, how)) & 0xFFFF
    got = inference._level(folded.astype(np.uint16), how)
    want = np.clip(np.rint(sums / parts) + skips, -32, 31) + 32
    np.testing.assert_array_equal(got, want)

  def test_low_bits_of_positions_are_looked_up_together(self):
    config = structure.Config()
    self.assertEqual(folding.groups(config, 'high'), [[k] for k in range(9)])
    self.assertEqual(folding.groups(config, 'low'), [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    self.assertEqual(folding.spacing(config, 'low'), 64)

  def test_corners_of_turned_windows(self):
    got = folding.corners(structure.Config())
    np.testing.assert_array_equal(got, [[0, 0], [0, 2], [2, 2], [2, 0]])


if __name__ == '__main__':
  absltest.main()
