import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images

try:
  import OpenEXR
except ImportError:
  OpenEXR = None

_PIXELS = np.random.default_rng(0).uniform(-0.5, 9.0, (5, 7, 4)).astype('f4')


@unittest.skipIf(OpenEXR is None, 'needs OpenEXR')
class ExrTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.path = f'{self.create_tempdir().full_path}/a.exr'
    self.lines = []

  def put(self, *parts):
    header = {'compression': OpenEXR.ZIP_COMPRESSION, 'type': OpenEXR.scanlineimage}
    held = [
      OpenEXR.Part({**header, 'name': name}, channels, name) for name, channels in parts
    ]
    with OpenEXR.File(held) as file:
      file.write(self.path)

  def read(self):
    return images.read(self.path, convert=True, say=self.lines.append)

  @parameterized.parameters(np.float16, np.float32)
  def test_half_and_float_are_exact(self, dtype):
    pixels = np.ascontiguousarray(_PIXELS[..., :3], dtype)
    self.put(('a', {'RGB': pixels}))
    np.testing.assert_array_equal(self.read().pixels, pixels.astype('f4'))
    self.assertEmpty(self.lines)

  def test_first_part_with_colours_and_the_others_named(self):
    depth = np.ones((5, 7), np.float32)
    colours = np.ascontiguousarray(_PIXELS[..., :3])
    self.put(('depth', {'Z': depth}), ('beauty', {'RGB': colours, 'mask': depth}))
    np.testing.assert_array_equal(self.read().pixels, colours)
    self.assertRegex(self.lines[0], 'a.exr: not read: depth, mask')
    self.put(('depth', {'Z': depth}))
    with self.assertRaisesRegex(errors.ImageError, 'found channels Z, expected R, G'):
      self.read()

  def test_what_is_written_is_multiplied_by_its_alpha(self):
    pixels = _PIXELS.copy()
    pixels[..., 3] = 0.5
    images.write(self.path, images.Image(pixels, icc=b'x'), say=self.lines.append)
    self.assertRegex(self.lines.pop(0), 'a.exr: dropped: ICC profile')
    with OpenEXR.File(self.path) as file:
      held = file.channels()['RGBA'].pixels
    np.testing.assert_array_equal(held[..., :3], pixels[..., :3] / 2)
    np.testing.assert_allclose(self.read().pixels, pixels, rtol=1e-6)

  def test_damaged_files_take_one_line(self):
    images.write(self.path, images.Image(_PIXELS[..., :3]))
    with open(self.path, 'rb') as file:
      content = file.read()
    for bad in (content[:40], content[:-30], content[:8] + b'\xff' * 40):
      with self.assertRaises(errors.ImageError) as caught:
        images.decode(bad, 'a.exr')
      self.assertNotIn('\n', str(caught.exception))


if __name__ == '__main__':
  absltest.main()
