import pathlib
import unittest

import imageio.v3 as iio
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images
from lutjax.lut import cube, lattice, tiles
from tests.launch import in_process

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None
try:
  import imageio_ffmpeg
except ImportError:
  imageio_ffmpeg = None

_CONFIG = 'ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4'
_SPACES = {'from': 'ACEScg', 'to': 'sRGB - Display'}
_PIXELS = np.random.default_rng(0).uniform(-0.1, 3.0, (6, 9, 3)).astype('f4')


class FormatsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.picture = str(self.folder / 'a.tif')
    images.write(self.picture, images.Image(_PIXELS))

  def path(self, name):
    return str(self.folder / name)

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_spaces_are_applied_and_written_exactly(self):
    problems, _ = in_process.run(
      'apply', lut=_CONFIG, images=self.picture, out=self.path('b.tif'), **_SPACES
    )
    self.assertEmpty(problems)
    want = _PIXELS.copy()
    processor = ocio.Config.CreateFromFile(_CONFIG).getProcessor(*_SPACES.values())
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    np.testing.assert_allclose(iio.imread(self.path('b.tif')), want, atol=2e-6)
    clf = self.path('look.clf')
    in_process.run('export', lut=_CONFIG, format='clf', out=clf, **_SPACES)
    in_process.run('apply', lut=clf, images=self.picture, out=self.path('c.tif'))
    np.testing.assert_allclose(iio.imread(self.path('c.tif')), want, atol=2e-6)
    options = {'size': 17, 'shaper': 'log', 'domain': '-0.1,3'}
    _, told = in_process.run('export', lut=clf, out=self.path('d.cube'), **options)
    self.assertRegex(
      told, r'baked to 17\^3 nodes for inputs from -0.1 to 3: 0\.\d+ off'
    )
    found = cube.read(self.path('d.cube'))
    self.assertEqual(found.kind, '1D+3D')

  @parameterized.parameters('strip_up', 'tiles')
  def test_pictures_in_layouts_of_games_and_phones(self, layout):
    lut = lattice.from_table(lattice.identity(16) ** 0.8)
    (self.folder / 'in.cube').write_bytes(cube.render(lut))
    out = self.path('lut.png')
    size = {'size': 16} if layout == 'strip_up' else {'level': 4}
    given = {'format': 'hald', 'layout': layout, **size}
    in_process.run('export', lut=self.path('in.cube'), out=out, **given)
    picture = iio.imread(out)
    want = tiles.from_lattice(np.rint(lut.table * 65535.0), layout)
    np.testing.assert_array_equal(picture, want)
    _, told = in_process.run('export', lut=out, out=self.path('back.cube'))
    self.assertRegex(told, f'read as {layout} of 16 nodes per axis')
    back = cube.read(self.path('back.cube')).lut.table
    np.testing.assert_allclose(back, lut.table, atol=1e-5)

  @unittest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
  def test_a_video_is_graded(self):
    clip = self.path('clip.mkv')
    frames = np.full((3, 16, 16, 3), 100, np.uint8)
    iio.imwrite(clip, frames, codec='ffv1', pixelformat='yuv444p', macro_block_size=1)
    (self.folder / 'in.cube').write_bytes(
      cube.render(lattice.from_table(1 - lattice.identity(2)))
    )
    given = {'lut': self.path('in.cube'), 'images': clip, 'out': self.path('o.mkv')}
    problems, _ = in_process.run('apply', **given)
    self.assertEmpty(problems)
    np.testing.assert_allclose(iio.imread(self.path('o.mkv')), 155, atol=2)
    with self.assertRaisesRegex(errors.InputError, '--bits: .* a video'):
      in_process.run('apply', **given, bits=8)
    with self.assertRaisesRegex(errors.InputError, 'expected one video alone'):
      in_process.run('apply', **{**given, 'images': f'{clip},{self.picture}'})

  @parameterized.parameters(
    ({'from': 'a'}, 'expected --from and --to together'),
    ({'lut': 'ocio://default'}, 'found a config, expected --from and --to beside it'),
    ({'layout': 'tiles', 'lut': 'a.cube'}, '--layout=tiles: .* expected a picture'),
    ({'model': 'a', 'lut': None, 'layout': 'tiles'}, '--layout: .* --model'),
  )
  def test_refuses_flags_without_a_meaning(self, given, message):
    given = {'lut': 'a.cube', 'images': self.picture, 'out': self.path('x'), **given}
    given = {key: value for key, value in given.items() if value is not None}
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run('apply', **given)

  @parameterized.parameters(
    ({'domain': '0,1'}, '--domain: .* no chain of steps'),
    ({'layout': 'strip', 'format': 'hald', 'level': 4}, '--level: .* a strip'),
    ({'layout': 'strip'}, 'expected a picture'),
  )
  def test_refuses_flags_of_exports(self, given, message):
    (self.folder / 'in.cube').write_bytes(
      cube.render(lattice.from_table(lattice.identity(2)))
    )
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run('export', lut=self.path('in.cube'), out=self.path('x'), **given)


if __name__ == '__main__':
  absltest.main()
