import io

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images

_PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def _encoded(picture, kind, **options):
  stream = io.BytesIO()
  picture.save(stream, kind, **options)
  return stream.getvalue()


class PlainPicturesTest(parameterized.TestCase):
  def decode(self, content):
    self.lines = []
    return images.decode(content, 'a', convert=True, say=self.lines.append)

  @parameterized.parameters('BMP', 'PPM')
  def test_equals_pillow(self, kind):
    content = _encoded(PIL.Image.fromarray(_PIXELS), kind)
    np.testing.assert_array_equal(self.decode(content).pixels, _PIXELS)
    with self.assertRaisesRegex(errors.ImageError, '^a: found .* that'):
      images.decode(content[:-40], 'a')

  def test_ppm_keeps_16_bits_and_scales_others(self):
    codes = _PIXELS.astype(np.uint16) * 257 + 3
    head = b'P6\n# made here\n7 5\n65535\n'
    found = self.decode(head + codes.astype('>u2').tobytes())
    np.testing.assert_array_equal(found.pixels, codes)
    ten = (codes >> 6).astype('>u2')
    found = self.decode(b'P6 7 5 1023 ' + ten.tobytes())
    np.testing.assert_array_equal(found.pixels, np.rint(ten * (65535 / 1023)))
    self.assertRegex(self.lines[0], 'codes go to 1023, scaled to 65535')
    grey = self.decode(b'P5 7 5 255\n' + _PIXELS[..., 0].tobytes()).pixels
    np.testing.assert_array_equal(grey, np.repeat(_PIXELS[..., :1], 3, axis=2))
    with self.assertRaisesRegex(errors.ImageError, 'found 99999 x 99999 pixels'):
      self.decode(b'P6 99999 99999 255\n')

  def test_the_first_frame_of_a_gif(self):
    frames = [PIL.Image.new('RGB', (7, 5), c) for c in ('red', 'blue')]
    content = _encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(self.decode(content).pixels[0, 0, :3], [255, 0, 0])
    self.assertRegex(self.lines[0], 'animated, only the first frame')

  def test_they_are_not_written(self):
    with self.assertRaisesRegex(errors.ImageError, 'BMP is read but not written'):
      images.encode(images.Image(_PIXELS), 'BMP')


if __name__ == '__main__':
  absltest.main()
