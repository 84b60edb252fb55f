import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice, split

_DOMAIN = np.array([[-0.5, 0.0, 0.0], [1.5, 1.0, 2.0]])
_AXIS = _DOMAIN[0] + np.linspace(0, 1, 7)[:, None] * (_DOMAIN[1] - _DOMAIN[0])
_NODES = np.stack(np.meshgrid(*_AXIS.T, indexing='ij'), axis=-1)
_MATRIX = np.array([[0.8, 0.3, -0.1], [0.1, 0.7, 0.2], [-0.2, 0.1, 1.1]])


class SplitTest(parameterized.TestCase):
  def assert_adds_up(self, parts, table):
    bent = np.stack(np.meshgrid(*parts.curves.T, indexing='ij'), axis=-1)
    got = bent @ parts.matrix.T + parts.rest
    np.testing.assert_allclose(got, table, atol=1e-12)

  def test_curves_are_curves(self):
    table = np.tanh(_NODES) + 0.1
    parts = split.split(table, _DOMAIN)
    self.assertAlmostEqual(parts.by_curves, 1.0)
    self.assertAlmostEqual(parts.by_both, 1.0)
    self.assert_adds_up(parts, table)

  def test_curves_before_a_matrix_are_found(self):
    table = (np.tanh(_NODES) + 0.1) @ _MATRIX.T
    parts = split.split(table, _DOMAIN)
    self.assertLess(parts.by_curves, 0.95)
    self.assertGreater(parts.by_both, 0.999)
    self.assertLess(np.abs(parts.rest).max(), 0.02)
    self.assert_adds_up(parts, table)

  def test_shares_are_those_of_least_squares(self):
    table = _NODES + 0.2 * np.sin(4 * _NODES[..., [1, 2, 0]] * _NODES)
    parts = split.split(table, _DOMAIN)
    self.assert_adds_up(parts, table)
    change = np.sum((table - _NODES) ** 2)
    left = np.sum(parts.rest**2)
    self.assertAlmostEqual(parts.by_both, 1 - left / change)
    # By columns that mark the node of a channel, for each output.
    marks = [np.eye(7)[index.ravel()] for index in np.indices((7, 7, 7))]
    alone = 0.0
    for channel, mark in enumerate(marks):
      alone += np.linalg.lstsq(mark, table[..., channel].ravel())[1].sum()
    self.assertAlmostEqual(parts.by_curves, 1 - alone / change)
    # All nine curves, added up, are more than curves before a matrix.
    columns = np.concatenate(marks, axis=1)
    most = [table[..., k].ravel() for k in range(3)]
    fits = [columns @ np.linalg.lstsq(columns, k)[0] - k for k in most]
    self.assertGreaterEqual(left, np.sum(np.square(fits)) - 1e-9)
    self.assertGreaterEqual(parts.by_both, parts.by_curves)

  @parameterized.parameters(0.0, 1.0)
  def test_what_changes_nothing_or_all_is_finite(self, strength):
    nodes = lattice.identity(5)
    parts = split.split(nodes * (1 - strength), np.array([[0.0] * 3, [1.0] * 3]))
    self.assertTrue(all(np.isfinite(part).all() for part in parts))
    self.assertAlmostEqual(parts.by_curves, strength)

  def test_refuses_other_shapes(self):
    with self.assertRaisesRegex(ValueError, r'\[N, N, N, 3\], got \(5, 5, 3\)'):
      split.split(np.zeros((5, 5, 3)), _DOMAIN)
    with self.assertRaisesRegex(ValueError, r'domain \[2, 3\], got \(3,\)'):
      split.split(_NODES, _DOMAIN[0])


if __name__ == '__main__':
  absltest.main()
