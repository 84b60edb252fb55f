import fractions

import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.baselines.mulut import simplex


class SimplexTest(parameterized.TestCase):
  @parameterized.parameters(16, 48, 192)
  def test_divides_as_fractions_do(self, denominator):
    numerators = np.arange(-3 * denominator, 5 * denominator)
    want = [round(fractions.Fraction(int(n), denominator)) for n in numerators]
    np.testing.assert_array_equal(
      simplex.divide(jnp.asarray(numerators), denominator), want
    )

  def test_is_exact_where_a_table_is_linear(self):
    """A table of weighted pixels gives the weighted pixels, between nodes too."""
    bits, weights = 6, (3, -5, 7, 2)
    size = simplex.nodes(bits)
    grid = np.indices((size,) * 4).reshape(4, -1).T
    table = (grid @ weights)[None, :, None].astype(np.int8)
    window = np.random.default_rng(0).integers(0, 256, (5 + 4, 4 + 4))
    want = np.zeros((5, 4), int)
    turned = window
    for _ in range(4):
      y, x = (np.arange(side - 4)[:, None] + 2 for side in turned.shape)
      taps = [turned[y + dy, x.T + dx] for dy, dx in ((0, 0), (0, 2), (2, 0), (2, 2))]
      want = want + np.tensordot(weights, np.array(taps), 1)
      turned, want = np.rot90(turned), np.rot90(want)
    got = simplex.ensemble(table, jnp.asarray(window), 'd', bits)
    np.testing.assert_array_equal(got[..., 0, 0], want)

  def test_nodes_are_exact(self):
    bits = 7
    table = np.random.default_rng(0).integers(-128, 128, (1, 81, 4), np.int8)
    for code in (0, 128):
      window = jnp.full((3, 3), code)
      (row,) = np.ravel_multi_index([[code // 128]] * 4, (3,) * 4)
      cells = table[0, row].reshape(2, 2).astype(int)
      want = sum(np.rot90(cells, turn) for turn in range(4)) * 2**bits
      got = simplex.ensemble(table, window, 's', bits)
      np.testing.assert_array_equal(got[0, 0], want)

  def test_refuses_tables_of_another_shape(self):
    with self.assertRaisesRegex(ValueError, r'tables \[2, 81, a square\]'):
      simplex.ensemble(jnp.zeros((2, 16, 4), jnp.int8), jnp.zeros((5, 5)), 'sd', 7)
    with self.assertRaisesRegex(ValueError, r'got \(1, 81, 3\)'):
      simplex.ensemble(jnp.zeros((1, 81, 3), jnp.int8), jnp.zeros((3, 3)), 's', 7)


if __name__ == '__main__':
  absltest.main()
