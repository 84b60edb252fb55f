import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import ocio_files, ocio_writing
from lutjax.lut import lattice

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_RGB = np.random.default_rng(0).uniform(-0.1, 1.2, (2048, 3)).astype('f4')
_TABLE = lattice.identity(5) ** 0.8 * 0.9 + 0.03 * lattice.identity(5)[..., ::-1]
_CURVE = np.repeat(np.linspace(0, 1, 17)[:, None] ** 0.5, 3, axis=1).astype('f4')
_UNIT = np.array([[0.0] * 3, [1.0] * 3], np.float32)
_LUTS = {
  'plain': lattice.from_table(_TABLE),
  'domain': lattice.from_table(_TABLE, [[-0.1] * 3, [1.1] * 3]),
  'curves': lattice.from_table(_TABLE, None, lattice.Shaper(_CURVE, _UNIT)),
  'only curves': lattice.from_shaper(lattice.Shaper(_CURVE, _UNIT)),
}


@unittest.skipIf(ocio is None, 'needs opencolorio')
class WritingTest(parameterized.TestCase):
  def read(self, content, form):
    path = self.create_tempfile(f'a.{form}', content).full_path
    ocio.ClearAllCaches()
    return self.evaluate(ocio.FileTransform(path, interpolation=ocio.INTERP_LINEAR))

  def evaluate(self, transform):
    got = _RGB.copy()
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(got)
    return got

  @parameterized.parameters(
    lattice.from_table(_TABLE, knots=[[0, 0.1, 0.3, 0.6, 1]] * 3),
    lattice.from_table(_TABLE[:, :3]),
  )
  def test_uneven_lattices_are_refused(self, *lut):
    with self.assertRaisesRegex(errors.LutError, 'uneven knots or axes'):
      ocio_writing.encode((lattice.Lut(*lut),), 'clf')

  def want(self, lut):
    """Returns what OpenColorIO makes of the numbers themselves."""
    group = ocio.GroupTransform()
    if lut.shaper is not None:
      curve = ocio.Lut1DTransform(length=len(lut.shaper.table), inputHalfDomain=False)
      curve.setData(np.asarray(lut.shaper.table).ravel())
      group.appendTransform(curve)
    low, high = lut.domain[:, 0].tolist()
    scale = np.diag([*[1 / (high - low)] * 3, 1.0]).ravel().tolist()
    offset = [*[-low / (high - low)] * 3, 0.0]
    group.appendTransform(ocio.MatrixTransform(scale, offset))
    cube = ocio.Lut3DTransform(gridSize=len(lut.table))
    cube.setData(np.ascontiguousarray(lut.table).ravel())
    group.appendTransform(cube)
    return self.evaluate(group)

  @parameterized.parameters(
    ('plain', 'clf', 1e-6),
    ('plain', 'csp', 1e-6),
    ('plain', 'spi3d', 1e-6),
    ('plain', 'itx', 1e-6),
    ('plain', '3dl', 2e-4),
    ('domain', 'ctf', 1e-6),
    ('domain', 'csp', 2e-6),
    ('curves', 'clf', 1e-6),
    ('only curves', 'ctf', 1e-6),
    ('only curves', 'spi1d', 2e-6),
  )
  def test_opencolorio_reads_back_the_same(self, name, form, tolerance):
    lut = _LUTS[name]
    if form in ocio_writing.STEPS:
      content = ocio_writing.encode(ocio_writing.steps(lut), form)
    else:
      content = ocio_writing.bake(lut, form)
    got, want = self.read(content, form), self.want(lut)
    if form in ('clf', 'ctf'):  # These name tetrahedral interpolation.
      grey = np.repeat(_RGB[:, :1], 3, axis=1)
      self.assertEqual(got.shape, grey.shape)
      back = ocio_files.decode(content, f'a.{form}')
      kinds = [type(step) for step in back]
      self.assertIn(kinds[-1], (lattice.Lut, lattice.Shaper))
      table = back[-1].table
      own = lut.shaper.table if name == 'only curves' else lut.table
      np.testing.assert_allclose(table, own, atol=tolerance)
      return
    np.testing.assert_allclose(got, want, atol=tolerance)

  def test_spaces_keep_every_step(self):
    config = 'ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4'
    opened = ocio.Config.CreateFromFile(config)
    for source, target in (
      ('ACEScct', 'sRGB - Display'),
      ('sRGB - Display', 'ACEScct'),
      ('DaVinci Intermediate WideGamut', 'ACEScg'),
      ('Rec.1886 Rec.709 - Display', 'ACEScg'),
    ):
      content = ocio_writing.encode(ocio_files.between(config, source, target), 'ctf')
      want = _RGB.copy()
      processor = opened.getProcessor(source, target)
      processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
      scale = np.maximum(1.0, np.abs(want).max(axis=-1, keepdims=True))
      got = self.read(content, 'ctf')
      with self.subTest(f'{source} to {target}'):
        np.testing.assert_allclose(got / scale, want / scale, atol=1e-6)

  def test_refuses_what_a_format_cannot_hold(self):
    with self.assertRaisesRegex(errors.LutError, 'cannot hold: .*crosstalk'):
      ocio_writing.bake(_LUTS['plain'], 'spi1d')
    large = lattice.from_table(np.zeros((130, 130, 130, 3), np.float32))
    with self.assertRaisesRegex(errors.LutError, '130.*not be greater than .129'):
      ocio_writing.encode(ocio_writing.steps(large), 'clf')


if __name__ == '__main__':
  absltest.main()
