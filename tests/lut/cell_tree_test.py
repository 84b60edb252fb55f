import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import cell_tree


def _walk(tree, colour):
  """Returns the rows of the leaves that hold a colour."""
  node, rows = 0, []
  while node < len(tree.skip):
    inside = (tree.low[node] <= colour).all() and (colour <= tree.high[node]).all()
    if inside and tree.row[node] >= 0:
      rows.append(int(tree.row[node]))
    node = node + 1 if inside and tree.row[node] < 0 else int(tree.skip[node])
  return rows


class BuildTest(parameterized.TestCase):
  @parameterized.parameters(((2, 2, 2),), ((5, 5, 5),), ((4, 7, 3),))
  def test_walk_finds_every_cell_that_may_hold_a_colour(self, sizes):
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(*sizes, 3)).astype(np.float32)
    tree = cell_tree.build(table)
    for colour in rng.uniform(0.2, 0.8, (20, 3)):
      want = []
      for place in np.ndindex(*(size - 1 for size in sizes)):
        cell = table[tuple(slice(i, i + 2) for i in place)].reshape(-1, 3)
        if (cell.min(axis=0) <= colour).all() and (colour <= cell.max(axis=0)).all():
          want.append(int(np.ravel_multi_index(place, sizes)))
      self.assertCountEqual(_walk(tree, colour), want)

  def test_every_cell_is_a_leaf_once(self):
    tree = cell_tree.build(np.zeros((4, 3, 6, 3), np.float32))
    leaves = tree.row[tree.row >= 0]
    self.assertLen(set(leaves.tolist()), 3 * 2 * 5)
    self.assertLen(leaves, 3 * 2 * 5)
    self.assertEqual(tree.skip[0], len(tree.skip))


if __name__ == '__main__':
  absltest.main()
