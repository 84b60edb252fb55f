import pathlib

import numpy as np
from absl.testing import absltest

from lutjax.lut import cube, interpolate, lattice

from . import in_process


class ExportInverseTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.colours = np.random.default_rng(0).uniform(size=(512, 3)).astype(np.float32)

  def export(self, lut, **given):
    path, out = self.folder / 'look.cube', self.folder / 'back.cube'
    path.write_bytes(cube.render(lut, title='look'))
    problems, printed = in_process.run(
      'export', lut=path, inverse='true', out=out, **given
    )
    self.assertEmpty(problems)
    return cube.read(str(out)).lut, printed

  def test_lattice_leads_back_between_its_nodes(self):
    nodes = lattice.identity(5)
    look = lattice.from_table(0.6 * nodes + 0.2 * nodes[..., ::-1] ** 2)
    back, printed = self.export(look, size=9)
    self.assertEqual(back.table.shape, (9, 9, 9, 3))
    self.assertRegex(printed, r'greys CIE76 mean [\d.e-]+, max .*; uniform colours .*')
    self.assertRegex(printed, r'[1-9][\d.]* % of the nodes of the inverse are outside')
    rgb = self.colours
    found = interpolate.sample(back, interpolate.sample(look, rgb))
    self.assertLess(float(np.abs(found - rgb).mean()), 0.01)

  def test_curves_become_curves(self):
    table = np.linspace(0, 1, 64)[:, None] ** np.array([1.5, 0.8, 1.2])
    shaper = lattice.Shaper(table, [[0] * 3, [1] * 3])
    look = lattice.from_shaper(shaper)
    back, printed = self.export(look)
    self.assertTrue(lattice.is_curves(back))
    self.assertIn('0.0 % of the nodes', printed)
    found = interpolate.sample(back, interpolate.sample(look, self.colours))
    np.testing.assert_allclose(found, self.colours, atol=1e-3)


if __name__ == '__main__':
  absltest.main()
