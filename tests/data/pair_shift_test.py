import numpy as np
from absl.testing import absltest

from lutjax.data import pair_floor, pair_shift, synthetic


class PairShiftTest(absltest.TestCase):
  def test_a_move_must_lower_the_spread(self):
    before = synthetic.photo(3, 96, 128)
    rows, columns = (index.ravel() for index in np.indices(before.shape[:2]))
    kept = np.ones(before.shape[:2], bool)
    noise = np.random.default_rng(0).normal(0.0, 0.03, before.shape)
    after = (before**0.8 + noise).astype(np.float32)
    still = pair_floor.Picture(before, after, kept)
    self.assertEqual(pair_shift.find(still, rows, columns), (0.0, (0, 0)))
    moved = still._replace(after=np.roll(after, (-2, 3), (0, 1)))
    share, move = pair_shift.find(moved, rows, columns)
    self.assertEqual(move, (3, -2))
    self.assertGreater(share, 0.3)


if __name__ == '__main__':
  absltest.main()
