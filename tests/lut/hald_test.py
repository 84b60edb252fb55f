import subprocess

import hypothesis
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st

from lutjax import errors
from lutjax.lut import hald, lattice

try:
  import imageio_ffmpeg
except ImportError:
  imageio_ffmpeg = None


class HaldTest(parameterized.TestCase):
  @parameterized.parameters(2, 4)
  @absltest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
  def test_identity_is_that_of_ffmpeg(self, level):
    run = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-f', 'lavfi']
    run += ['-i', f'haldclutsrc=level={level},format=rgb48le']
    run += ['-frames:v', '1', '-f', 'rawvideo', '-']
    pixels = np.frombuffer(subprocess.run(run, capture_output=True).stdout, '<u2')
    want = pixels.reshape(level**3, level**3, 3)
    np.testing.assert_array_equal(np.rint(hald.identity(level) * 65535), want)

  @hypothesis.settings(deadline=None, max_examples=20)
  @hypothesis.given(st.integers(2, 5), st.sampled_from(['u1', 'u2', 'f4']))
  def test_round_trip_is_exact(self, level, kind):
    shape = (level**2,) * 3 + (3,)
    table = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    image = hald.from_lattice(table)
    self.assertEqual(image.shape, (level**3, level**3, 3))
    np.testing.assert_array_equal(hald.to_lattice(image), table)

  @parameterized.parameters(2, 3, 8)
  def test_identity_holds_the_node_colours(self, level):
    got = hald.to_lattice(hald.identity(level))
    np.testing.assert_array_equal(got, lattice.identity(level**2))

  def test_first_row_of_the_identity(self):
    row = hald.identity(2)[0]
    np.testing.assert_array_equal(row[:4, 0], np.float32([0, 1 / 3, 2 / 3, 1]))
    np.testing.assert_array_equal(row[4:, 1], np.float32([1 / 3] * 4))

  @parameterized.parameters(
    ((27, 64, 3), r'64 x 27 pixels, expected a Hald .* sides of 8, 27, 64'),
    ((100, 100, 3), '100 x 100 pixels'),
    ((1, 1, 3), '1 x 1 pixels'),
    ((27, 27, 4), r'an image \(27, 27, 4\)'),
    ((27, 27), r'an image \(27, 27\)'),
  )
  def test_refuses_other_pictures(self, shape, message):
    with self.assertRaisesRegex(errors.LutError, f'^a.png: found {message}'):
      hald.to_lattice(np.zeros(shape), source='a.png')

  @parameterized.parameters(17, 33, 1)
  def test_refuses_other_sizes(self, size):
    with self.assertRaisesRegex(errors.LutError, r'expected .* N of 4, 9, 16, 25'):
      hald.from_lattice(np.zeros((size, size, size, 3)))

  @parameterized.parameters(1, 17, 0, -2)
  def test_refuses_other_levels(self, level):
    with self.assertRaisesRegex(errors.LutError, f'level {level}, expected 2 to 16'):
      hald.identity(level)


if __name__ == '__main__':
  absltest.main()
