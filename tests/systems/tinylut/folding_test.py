"""Folded tables: groups, turned windows, the shapes that programs are compiled for."""

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import folding, structure
from tests.systems.tinylut import drawn


class FoldingTest(parameterized.TestCase):
  @parameterized.parameters(
    # Five sums at least, so that XLA vectorises them, or one that is ready.
    (3, 6, 'low', [2, 2, 2, 2, 1], 16),
    (3, 6, 'high', [1] * 9, 64),
    (3, 7, 'low', [2, 2, 2, 2, 1], 4),
    (3, 4, 'low', [2, 2, 2, 2, 1], 256),
    (2, 6, 'low', [4], 256),
    (1, 6, 'high', [1], 64),
  )
  def test_positions_that_are_looked_up_together(self, side, bits, branch, sizes, rows):
    config = structure.Config(kernel=side, msb_bits=bits)
    groups = folding.groups(config, branch)
    self.assertEqual([len(group) for group in groups], sizes)
    self.assertEqual([k for group in groups for k in group], [*range(side**2)])
    self.assertEqual(folding.spacing(config, branch), rows)
    self.assertEqual(folding.ready(config, branch), len(sizes) == 1)

  def test_corners_of_turned_windows(self):
    got = folding.corners(structure.Config())
    np.testing.assert_array_equal(got, [[0, 0], [0, 2], [2, 2], [2, 0]])
    # Moves reach out on all sides.
    got = folding.corners(structure.Config(shift_radius=1))
    np.testing.assert_array_equal(got, [[0, 0], [0, 2], [2, 2], [2, 0]])

  def test_a_look_of_8_bits_never_leaves_the_rows(self):
    config = structure.Config(pairs=1, shift_radius=1, headroom=3)
    program = folding.prepare(*drawn.entries(config))
    up = program['high']['layers'][-1]
    # 16 channels, and 16 skips that are not moved.
    self.assertEqual(up['rows'].shape, (4, 31 * 64 + folding.WINDOW, 16))
    self.assertEqual(up['rows'].dtype, np.uint16)
    self.assertEqual(up['shift'].shape, (4, 16, 2))
    self.assertBetween(up['shift'].min(), 0, up['shift'].max())
    self.assertEqual(up['shift'].max(), 2)
    depthwise = program['low']['layers'][1]
    self.assertEqual(depthwise['rows'].shape, (4, 8 * 4 + folding.WINDOW, 16))


if __name__ == '__main__':
  absltest.main()
