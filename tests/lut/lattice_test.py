import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st

from lutjax.lut import interpolate, lattice

_sample = jax.jit(interpolate.sample)


def _curves(size: int) -> lattice.Shaper:
  """Returns three rising curves from [-1, 2] to other ranges."""
  t = np.linspace(0, 1, size)[:, None]
  return lattice.Shaper(
    np.float32([-0.25, 3, 7]) + np.float32([1, 2, 0.5]) * t**1.5,
    np.float32([[-1] * 3, [2] * 3]),
  )


class LatticeTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=20)
  @hypothesis.given(st.integers(2, 40), st.data())
  def test_identity_entry_is_its_index_rounded_once(self, size, data):
    table = lattice.identity(size)
    index = data.draw(st.tuples(*[st.integers(0, size - 1)] * 3))
    want = [np.float32(i) / np.float32(size - 1) for i in index]
    np.testing.assert_array_equal(table[index], want)
    self.assertEqual(table.dtype, np.float32)

  def test_nodes_lie_at_the_knots_of_each_axis(self):
    knots = [np.float32([0, 0.2, 1]), np.float32([0, 1]), np.float32([0, 0.5, 0.7, 1])]
    for axes in (knots, [jnp.asarray(axis) for axis in knots]):
      got = lattice.nodes((3, 2, 4), knots=axes)
      self.assertEqual(got.shape, (3, 2, 4, 3))
      np.testing.assert_array_equal(got[1, 1, 2], np.float32([0.2, 1, 0.7]))
    np.testing.assert_array_equal(lattice.nodes((3, 2))[1, 1], [0.5, 1])
    with self.assertRaisesRegex(ValueError, r'knots of sizes \(3,\), got shapes'):
      lattice.nodes((3,), knots=knots)

  @parameterized.parameters(([4],), ([3, 2],), ([2, 3, 4],), ([2] * 4,), ([2] * 5,))
  def test_one_type_for_one_to_five_dimensions(self, sizes):
    lut = lattice.from_table(np.zeros((*sizes, 3)))
    np.testing.assert_array_equal(lut.domain, [[0] * len(sizes), [1] * len(sizes)])
    self.assertTrue(all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(lut)))
    self.assertEqual(len(jax.tree.leaves(lut)), 2)

  def test_numpy_stays_numpy_and_jax_stays_jax(self):
    lut = lattice.from_table(lattice.identity(2), shaper=_curves(5))
    self.assertTrue(all(type(leaf) is np.ndarray for leaf in jax.tree.leaves(lut)))
    curves = jax.tree.map(jnp.asarray, _curves(5))
    self.assertIsInstance(lattice.from_shaper(curves).table, jax.Array)

  def test_curves_alone_are_read_linearly(self):
    shaper = _curves(9)
    rgb = np.random.default_rng(0).uniform(-2, 3, (500, 3)).astype(np.float32)
    rows = np.linspace(-1, 2, 9)
    want = [np.interp(rgb[:, i], rows, shaper.table[:, i]) for i in range(3)]
    got = _sample(lattice.from_shaper(shaper), rgb)
    np.testing.assert_allclose(got, np.stack(want, -1), atol=2e-6)

  def test_constant_curves_keep_their_value(self):
    table = np.float32([[0, -3, 1e9]] * 4)
    lut = lattice.from_shaper(lattice.Shaper(table, np.float32([[0] * 3, [1] * 3])))
    got = _sample(lut, np.float32([[0, 0.3, 1], [1, 0, 0.5]]))
    np.testing.assert_array_equal(got, table[:2])

  def test_curves_are_made_under_jit_and_vmap(self):
    shaper = jax.tree.map(jnp.asarray, _curves(4))
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf + 1]), shaper)
    tables = jax.jit(jax.vmap(lattice.from_shaper))(many).table
    np.testing.assert_allclose(tables[1], lattice.from_shaper(shaper).table + 1)

  @parameterized.parameters(
    (np.zeros((2, 3, 1, 3)), {}, r'sizes of 2 or more, got \(2, 3, 1, 3\)'),
    (np.zeros((2,) * 6 + (3,)), {}, 'lattice .* 1 to 5 dimensions'),
    (np.zeros(3), {}, r'lattice .* got \(3,\)'),
    (np.zeros((2, 2, 2, 3)), {'domain': [0, 1]}, r'domain \[2, 3\], got \(2,\)'),
    (
      np.zeros((2, 3, 1)),
      {'knots': [[0, 1], [0, 1]]},
      r'knots of sizes \(2, 3\), got shapes \[\(2,\), \(2,\)\]',
    ),
    (
      np.zeros((2, 2, 2, 3)),
      {'shaper': lattice.Shaper(np.zeros((4, 1)), np.zeros((2, 1)))},
      r'shaper \[S, 3\], S >= 2, got \(4, 1\)',
    ),
    (
      np.zeros((2, 2, 2, 3)),
      {'shaper': lattice.Shaper(np.zeros((4, 3)), np.zeros((3, 2)))},
      r'domain \[2, 3\], got \(3, 2\)',
    ),
  )
  def test_refuses_parts_that_do_not_fit(self, table, parts, message):
    with self.assertRaisesRegex(ValueError, message):
      lattice.from_table(table, **parts)

  def test_refuses_a_single_node(self):
    with self.assertRaisesRegex(ValueError, 'size of 2 or more, got 1'):
      lattice.identity(1)


if __name__ == '__main__':
  absltest.main()
