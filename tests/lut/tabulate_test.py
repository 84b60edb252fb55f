import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import interpolate, lattice, tabulate

_RNG = np.random.default_rng(0)
_TABLE = _RNG.uniform(size=(5, 5, 5, 3)).astype(np.float32)


class ResampleTest(parameterized.TestCase):
  @parameterized.parameters(*interpolate.METHODS)
  def test_same_size_changes_nothing(self, method):
    got = tabulate.resample(lattice.from_table(_TABLE), 5, method=method)
    np.testing.assert_array_equal(got, _TABLE)

  def test_finer_trilinear_lattice_is_the_same_map(self):
    lut = lattice.from_table(_TABLE)
    fine = lattice.from_table(tabulate.resample(lut, 9))
    rgb = _RNG.uniform(-0.1, 1.1, (1000, 3)).astype(np.float32)
    got, want = (interpolate.sample(x, rgb, method='trilinear') for x in (fine, lut))
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_bakes_curves_domain_and_knots(self):
    domain = np.float32([[0, -1, 0.2], [2, 1, 0.8]])
    knots = [np.float32([0, 0.1, 0.3, 0.7, 1])] * 3
    gamma = np.linspace(0, 1, 64)[:, None] ** np.float32([2, 1, 0.5])
    shaper = lattice.Shaper(gamma, np.float32([[0] * 3, [1] * 3]))
    lut = lattice.from_table(_TABLE, domain, shaper, knots=knots)
    baked = tabulate.resample(lut, 4)
    want = interpolate.sample(lut, lattice.identity(4), method='trilinear')
    np.testing.assert_allclose(baked, want, atol=1e-6)
    self.assertGreater(
      np.abs(baked - tabulate.resample(lut._replace(knots=None), 4)).max(), 0.01
    )

  def test_baking_keeps_the_domain_that_colours_enter_by(self):
    domain = np.float32([[-1, 0, 0], [1, 2, 1]])
    baked = tabulate.bake(lattice.from_table(_TABLE, domain), 9)
    np.testing.assert_array_equal(baked.domain, domain)
    np.testing.assert_allclose(baked.table[::2, ::2, ::2], _TABLE, atol=1e-6)

  def test_runs_under_jit_and_vmap(self):
    tables = np.stack([_TABLE, 1 - _TABLE])
    many = jax.vmap(lambda table: tabulate.resample(lattice.from_table(table), 3))
    got = jax.jit(many)(tables)
    np.testing.assert_allclose(got[0] + got[1], np.ones((3, 3, 3, 3)), atol=1e-6)

  def test_refuses_fewer_channels(self):
    with self.assertRaisesRegex(
      ValueError, r'colours \[..., 1\], got float32 \(9, 3\)'
    ):
      tabulate.resample(lattice.from_table(np.zeros((4, 3))), 3)


if __name__ == '__main__':
  absltest.main()
