import jax
import jax.numpy as jnp
import numpy as np
import scipy.interpolate
from absl.testing import absltest, parameterized

from lutjax.lut import catmull_rom, lattice

_at = jax.jit(catmull_rom.catmull_rom)


def _spline(table, x):
  """Interpolates one colour in float64, by scipy, an axis at a time."""
  values = table.astype(np.float64)
  for position in np.clip(x.astype(np.float64), 0, 1):
    nodes = np.linspace(0, 1, len(values))
    slopes = np.gradient(values, nodes, axis=0)
    values = scipy.interpolate.CubicHermiteSpline(nodes, values, slopes)(position)
  return values


class CatmullRomTest(parameterized.TestCase):
  @parameterized.parameters(((6,),), ((5, 2),), ((5, 4, 7),), ((3, 2, 4, 3),))
  def test_is_the_hermite_spline_of_scipy(self, sizes):
    rng = np.random.default_rng(len(sizes))
    table = rng.uniform(size=(*sizes, 2)).astype(np.float32)
    x = rng.uniform(-0.1, 1.1, (40, len(sizes))).astype(np.float32)
    want = np.stack([_spline(table, one) for one in x])
    np.testing.assert_allclose(_at(table, x), want, atol=2e-6)

  def test_nodes_are_exact_and_affine_maps_stay(self):
    rng = np.random.default_rng(0)
    nodes = lattice.identity(6)
    table = rng.uniform(size=(6, 6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(_at(table, nodes), table)
    matrix = rng.normal(size=(3, 3)).astype(np.float32)
    x = rng.uniform(size=(500, 3)).astype(np.float32)
    np.testing.assert_allclose(_at(nodes @ matrix, x), x @ matrix, atol=2e-6)

  def test_slopes_do_not_jump_where_cells_meet(self):
    table = np.random.default_rng(1).uniform(size=(5, 5, 5, 1)).astype(np.float32)
    slope = jax.grad(lambda x: catmull_rom.catmull_rom(table, x)[0])
    below = slope(jnp.array([0.4999, 0.3, 0.8]))
    above = slope(jnp.array([0.5001, 0.3, 0.8]))
    self.assertGreater(float(jnp.abs(below).max()), 0.2)
    np.testing.assert_allclose(below, above, atol=2e-2)

  def test_nan_is_kept_and_infinity_clamped(self):
    table = np.random.default_rng(2).uniform(size=(6, 6, 6, 3)).astype(np.float32)
    x = np.float32([[np.nan, 0.2, 0.3], [np.inf, -np.inf, 0.4], [1.0, 0.0, 0.4]])
    got = _at(table, x)
    self.assertTrue(np.isnan(got[0]).all())
    np.testing.assert_array_equal(got[1], got[2])

  @parameterized.parameters(((5, 5, 3), (7, 3)), ((1, 5, 3), (7, 2)), ((3,), (7, 0)))
  def test_refuses_other_shapes(self, table, rgb):
    with self.assertRaisesRegex(ValueError, 'Expected a lattice'):
      catmull_rom.catmull_rom(jnp.zeros(table), jnp.zeros(rgb))


if __name__ == '__main__':
  absltest.main()
