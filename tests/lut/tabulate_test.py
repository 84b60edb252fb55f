import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import interpolate, lattice, tabulate

_sample = jax.jit(interpolate.sample, static_argnames='method')
_RNG = np.random.default_rng(0)
_TABLE = _RNG.uniform(size=(5, 5, 5, 3)).astype(np.float32)


def _wave(x):
  """Returns sin(x) y, `[..., 1]`."""
  return jnp.sin(x[..., :1]) * x[..., 1:]


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

  def test_bakes_curves_and_knots_of_four_dimensions(self):
    rng = np.random.default_rng(4)
    knots = [np.float32([0, 0.1, 1]), np.float32([0, 1]), np.float32([0, 0.7, 1])] * 2
    curves = lattice.Shaper(
      np.sort(rng.uniform(size=(5, 4)), axis=0), [[-1] * 4, [2] * 4]
    )
    curves = curves._replace(domain=np.float32(curves.domain))
    table = rng.uniform(size=(3, 2, 3, 3, 5))
    lut = lattice.from_table(table, shaper=curves, knots=knots[:4])
    baked = tabulate.bake(lut, (4, 3, 2, 3), method='tetrahedral')
    self.assertEqual(baked.table.shape, (4, 3, 2, 3, 5))
    nodes = -1 + 3 * lattice.nodes((4, 3, 2, 3))
    want = _sample(lut, nodes, method='tetrahedral')
    np.testing.assert_allclose(baked.table, want, atol=1e-6)

  def test_refuses_sizes_of_other_dimensions(self):
    with self.assertRaisesRegex(
      ValueError, r'colours \[..., 1\], got float32 \(3, 2\)'
    ):
      tabulate.resample(lattice.from_table(np.zeros((4, 3))), (3, 3))


class FunctionTest(parameterized.TestCase):
  def test_nodes_of_a_function_are_its_values(self):
    knots = [np.float32([0, 0.2, 1]), np.float32([0, 0.5, 0.6, 1])]
    domain = np.float32([[0, -2], [3, 2]])
    lut = tabulate.from_function(_wave, (3, 4), domain=domain, knots=knots)
    x, y = np.meshgrid(3 * knots[0], 4 * knots[1] - 2, indexing='ij')
    np.testing.assert_allclose(lut.table[..., 0], np.sin(x) * y, atol=1e-6)
    at = np.stack([x, y], axis=-1)
    np.testing.assert_allclose(
      _sample(lut, at, method='trilinear'), _wave(at), atol=1e-6
    )

  def test_slopes_of_knots_pass(self):
    def total(axis):
      return tabulate.tabulate(lambda x: x**2, (3,), knots=[axis]).sum()

    axis = np.float32([0, 0.3, 1])
    np.testing.assert_allclose(jax.jit(jax.grad(total))(axis), 2 * axis)


class DeviationTest(parameterized.TestCase):
  def measure(self, lut, method='trilinear'):
    @jax.jit
    def off(colours):
      return abs(interpolate.sample(lut, colours, method=method) - _wave(colours))[:, 0]

    return off

  def test_finds_the_largest_error_of_a_function_of_two_dimensions(self):
    domain = np.float32([[0, -2], [3, 2]])
    lut = tabulate.from_function(_wave, (7, 5), domain=domain)
    found = tabulate.deviation(self.measure(lut), lut)
    self.assertLess(found.nodes, 1e-6)
    # Linear in y; along x the chord of a sine, at its top half the step from 1.5.
    x = np.linspace(0, 3, 7)
    fine = np.linspace(0, 3, 60001)
    want = 2 * np.abs(np.sin(fine) - np.interp(fine, x, np.sin(x))).max()
    np.testing.assert_allclose(found.largest, want, rtol=1e-4)
    self.assertAlmostEqual(abs(found.worst[1]), 2, delta=1e-3)
    off = self.measure(lut)(found.worst[None])
    np.testing.assert_allclose(off, [found.largest], rtol=1e-5)

  def test_a_node_that_is_wrong_is_found_and_named(self):
    lut = tabulate.from_function(_wave, (7, 5))
    table = np.array(lut.table)
    table[2, 3] += 1
    lut = lut._replace(table=table)
    found = tabulate.deviation(self.measure(lut), lut)
    self.assertAlmostEqual(found.nodes, 1, delta=1e-5)
    self.assertLessEqual(found.between, found.nodes)
    np.testing.assert_allclose(found.worst, [2 / 6, 3 / 4], atol=1e-6)
    table[2, 3] = np.nan
    found = tabulate.deviation(self.measure(lut._replace(table=table)), lut)
    self.assertTrue(np.isnan(found.largest))

  def test_the_cells_of_a_finer_table_are_looked_at(self):
    table = np.zeros((9, 9, 1), np.float32)
    table[5, 3] = 1  # Between the nodes of the baked one.
    fine = lattice.from_table(table)
    baked = tabulate.bake(fine, 3)

    def off(colours):
      return interpolate.sample(fine, colours, method='trilinear')[:, 0]

    found = tabulate.deviation(jax.jit(off), baked, lut=fine)
    self.assertEqual((found.nodes, found.between), (0, 1))
    np.testing.assert_array_equal(found.worst, np.float32([5 / 8, 3 / 8]))

  @parameterized.parameters(1, 2, 4, 5)
  def test_probes_of_any_dimension_hold_nodes_and_centres(self, dimensions):
    sizes = (4, 3, 2, 3, 2)[:dimensions]
    knots = [np.linspace(0, 1, n, dtype=np.float32) ** 2 for n in sizes]
    for axes in (None, knots):
      lut = lattice.from_table(np.zeros((*sizes, 1)), knots=axes)
      found = {tuple(x) for x in np.round(tabulate.probes(None, lut), 5)}
      for x in lattice.nodes(sizes, knots=axes).reshape(-1, dimensions):
        self.assertIn(tuple(np.round(x, 5)), found)
      used = knots if axes else [np.linspace(0, 1, n) for n in sizes]
      centre = np.float32([(axis[0] + axis[1]) / 2 for axis in used])
      self.assertIn(tuple(np.round(centre, 5)), found)


class DocumentTest(absltest.TestCase):
  def test_the_examples_of_the_page_run(self):
    page = (pathlib.Path(__file__).parents[2] / 'docs/lut.md').read_text()
    blocks = re.findall(r'```python\n(.*?)```', page, re.S)
    self.assertNotEmpty(blocks)
    names = {}
    for block in blocks:
      exec(block, names)
    # What the page says of them.
    ink, graded = names['ink'], names['graded']
    self.assertEqual(ink.table.shape, (9, 9, 9, 9, 3))
    np.testing.assert_allclose(names['lab'][0], [100, 0, 0], atol=0.01)
    for found, largest in (('even', 4.75), ('found', 2.73)):
      self.assertAlmostEqual(names[found].largest, largest, delta=0.05)
    want = 1 - np.exp(-names['image'] * 2**0.5)
    np.testing.assert_allclose(graded, want, atol=0.03)
    for leaf in jax.tree.leaves(names['slopes']):
      self.assertGreater(float(abs(leaf).max()), 0)


if __name__ == '__main__':
  absltest.main()
