import pathlib
import subprocess
import unittest

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

  def ffmpeg(self, *arguments):
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, '-v', 'error', *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_spaces_are_applied_and_written_exactly(self):
    problems, _ = in_process.run(
      'apply', lut=_CONFIG, images=self.picture, out=self.path('b.tif'), **_SPACES
    )
    self.assertEmpty(problems)
    want = _PIXELS.copy()
    processor = ocio.Config.CreateFromFile(_CONFIG).getProcessor(*_SPACES.values())
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    np.testing.assert_allclose(
      images.read(self.path('b.tif')).pixels, want, rtol=3e-6, atol=3e-6
    )
    clf = self.path('look.clf')
    in_process.run('export', lut=_CONFIG, format='clf', out=clf, **_SPACES)
    in_process.run('apply', lut=clf, images=self.picture, out=self.path('c.tif'))
    np.testing.assert_allclose(
      images.read(self.path('c.tif')).pixels, want, rtol=3e-6, atol=3e-6
    )
    options = {'size': 17, 'shaper': 'log', 'domain': '-0.1,3'}
    _, told = in_process.run('export', lut=clf, out=self.path('d.cube'), **options)
    self.assertRegex(told, r'baked to 17\^3 nodes for inputs from -0.1 to 3')
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
    picture = images.read(out).pixels
    want = tiles.from_lattice(np.rint(lut.table * 65535.0), layout)
    np.testing.assert_array_equal(picture, want)
    _, told = in_process.run('export', lut=out, out=self.path('back.cube'))
    self.assertRegex(told, f'read as {layout} of 16 nodes per axis')
    back = cube.read(self.path('back.cube')).lut.table
    np.testing.assert_allclose(back, lut.table, atol=1e-5)

  @unittest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
  def test_a_video_is_graded(self):
    clip = self.path('clip.mkv')
    colour = ('-f', 'lavfi', '-i', 'color=c=0x646464:s=64x16:r=5', '-frames:v', '3')
    self.ffmpeg(*colour, '-pix_fmt', 'yuv444p', '-c:v', 'ffv1', clip)
    (self.folder / 'in.cube').write_bytes(
      cube.render(lattice.from_table(1 - lattice.identity(2)))
    )
    given = {'lut': self.path('in.cube'), 'images': clip, 'out': self.path('o.mkv')}
    problems, _ = in_process.run('apply', **given)
    self.assertEmpty(problems)
    graded = self.ffmpeg('-i', given['out'], '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-')
    self.assertLen(graded, 3 * 64 * 16 * 3)
    np.testing.assert_allclose(np.frombuffer(graded, np.uint8), 155, atol=2)
    given['overwrite'] = True
    # Grey stays grey at its own luminance.
    in_process.run('apply', **given, only='colour')
    kept = self.ffmpeg('-i', given['out'], '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-')
    np.testing.assert_allclose(np.frombuffer(kept, np.uint8), 100, atol=2)
    with self.assertRaisesRegex(errors.InputError, '--bits: .* a video'):
      in_process.run('apply', **given, bits=8)
    with self.assertRaisesRegex(errors.InputError, 'expected one video alone'):
      in_process.run('apply', **{**given, 'images': f'{clip},{self.picture}'})

  @unittest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
  def test_pixels_of_a_video_that_a_part_of_a_look_clips_are_counted(self):
    clip = self.path('clip.mkv')
    colour = ('-f', 'lavfi', '-i', 'color=c=0x2020e0:s=64x16:r=5', '-frames:v', '3')
    self.ffmpeg(*colour, '-pix_fmt', 'yuv444p', '-c:v', 'ffv1', clip)
    (self.folder / 'in.cube').write_bytes(
      cube.render(lattice.from_table(1 - lattice.identity(2)))
    )
    given = {'lut': self.path('in.cube'), 'images': clip, 'out': self.path('o.mkv')}
    _, told = in_process.run('apply', **given, only='luminance')
    self.assertIn('3,072 of 3,072 pixels (100 %) leave 0 to 1 by --only=lum', told)

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
