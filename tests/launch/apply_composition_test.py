"""Several LUT files as one look, against OpenColorIO."""

import pathlib
import re
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.commands import selection
from lutjax.data import images
from lutjax.lut import cube, lattice
from tests.launch import in_process

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_RNG = np.random.default_rng(0)
_PIXELS = _RNG.uniform(-0.1, 1.2, (6, 9, 3)).astype('f4')


class CompositionTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    rows = np.linspace(0, 1, 9)[:, None] ** [0.6, 0.8, 1.3]
    self.save(
      'curves.cube', lattice.from_shaper(lattice.Shaper(rows, [[0] * 3, [1] * 3]))
    )
    for name, size in (('a, b.cube', 4), ('c.cube', 5)):
      table = lattice.identity(size) + _RNG.uniform(-0.2, 0.2, (size,) * 3 + (3,))
      self.save(name, lattice.from_table(table))
    self.picture = self.path('in.tif')
    images.write(self.picture, images.Image(_PIXELS))

  def save(self, name, lut):
    (self.folder / name).write_bytes(cube.render(lut))

  def path(self, name):
    return str(self.folder / name)

  def paths(self, *names):
    return ','.join(map(self.path, names))

  def applied(self, lut, **given):
    out = self.path('out.tif')
    given = {'images': self.picture, 'out': out, 'overwrite': True, **given}
    problems, _ = in_process.run('apply', lut=lut, **given)
    self.assertEmpty(problems)
    return images.read(out).pixels

  def wanted(self, pixels, *names):
    group = ocio.GroupTransform()
    for name in names:
      group.appendTransform(
        ocio.FileTransform(self.path(name), interpolation=ocio.INTERP_TETRAHEDRAL)
      )
    processor = ocio.Config.CreateRaw().getProcessor(group)
    want = np.array(pixels, np.float32)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    return want

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_files_are_applied_one_after_the_other_and_written_exactly(self):
    names = 'a, b.cube', 'curves.cube', 'c.cube'
    want = self.wanted(_PIXELS, *names)
    np.testing.assert_allclose(self.applied(self.paths(*names)), want, atol=1e-6)
    turned = self.wanted(_PIXELS, *reversed(names))
    self.assertGreater(np.abs(want - turned).max(), 0.01)
    clf = self.path('all.clf')
    in_process.run('export', lut=self.paths(*names), format='clf', out=clf)
    np.testing.assert_allclose(self.wanted(_PIXELS, 'all.clf'), want, atol=1e-6)
    # And on: what was written is a file among others.
    more = self.wanted(want, 'curves.cube')
    got = self.applied(self.paths('all.clf', 'curves.cube'))
    np.testing.assert_allclose(got, more, atol=2e-6)

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_baked_they_are_exact_at_nodes_and_the_rest_is_measured(self):
    names = 'a, b.cube', 'c.cube'
    lut, out = self.paths(*names), self.path('out.cube')
    problems, told = in_process.run('export', lut=lut, size=9, out=out)
    self.assertEmpty(problems)
    found = r'baked to 9\^3 nodes .*: (\S+) off between them at most, at '
    self.assertRegex(told, r'lattice of 4 x 4 x 4, lattice of 5 x 5 x 5, ' + found)
    nodes = lattice.identity(9)
    baked = cube.read(out).lut.table
    np.testing.assert_allclose(baked, self.wanted(nodes, *names), atol=2e-6)
    said = float(re.search(found, told)[1])
    rgb = _RNG.uniform(size=(20000, 3))
    gap = np.abs(self.wanted(rgb, *names) - self.wanted(rgb, 'out.cube')).max()
    self.assertBetween(gap, 0.3 * said, 1.01 * said)
    _, told = in_process.run('export', lut=lut, max_error=20, out=out, overwrite=True)
    self.assertRegex(told, r'17\^3 nodes: \d+\S* CIEDE2000 off at most, at ')

  def test_curves_before_a_lattice_are_one_lut(self):
    given = [self.path('curves.cube'), 'identity', self.path('c.cube')]
    (item,) = selection.named_looks(lut=given).items()
    name, look = item
    self.assertEqual(name, 'curves-then-identity-then-c')
    self.assertLen(look.own.shaper.table, 9)
    self.assertLen(look.own.table, 5)
    in_process.run('export', lut=','.join(given), out=self.path('one.cube'))
    self.assertEqual(cube.read(self.path('one.cube')).kind, '1D+3D')

  @parameterized.parameters(
    ('apply', {'lut': 'c.cube,ocio://default'}, 'found a config, expected --from'),
    ('apply', {'lut': 'c.cube,d.cube', 'from': 'a', 'to': 'b'}, 'found 2 files in'),
    ('apply', {'lut': 'c.cube,d.cube', 'layout': 'hald'}, 'expected a picture'),
    ('apply', {'lut': 'identity,no.cube'}, 'no.cube'),
    ('export', {'lut': 'c.cube,d.cube', 'info': True}, '--info: found 2 files'),
  )
  def test_refuses(self, command, given, message):
    if command == 'apply':
      given = {'images': self.picture, 'out': self.path('x.tif'), **given}
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run(command, **given)


if __name__ == '__main__':
  absltest.main()
