import io
import unittest

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images, jxl

try:
  import pillow_jxl
except ImportError:
  pillow_jxl = None

_PIXELS = np.random.default_rng(0).integers(0, 65536, (24, 40, 4), np.uint16)


def _encoded(pixels):
  return imagecodecs.jpegxl_encode(pixels, lossless=True)


@unittest.skipIf(pillow_jxl is None, 'needs pillow-jxl-plugin')
class JxlTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.path = f'{self.create_tempdir().full_path}/a.jxl'
    self.lines = []

  def read(self, content):
    with open(self.path, 'wb') as file:
      file.write(content)
    return images.read(self.path, convert=True, say=self.lines.append)

  @parameterized.product(kind=('u1', 'u2', 'f4'), channels=(3, 4))
  def test_pixels_are_exact(self, kind, channels):
    pixels = _PIXELS[..., :channels]
    if kind == 'f4':
      pixels = pixels / 65535
    pixels = np.ascontiguousarray(pixels.astype(kind))
    np.testing.assert_array_equal(self.read(_encoded(pixels)).pixels, pixels)
    self.assertEmpty(self.lines)

  def test_grey_is_repeated_and_said(self):
    grey = np.ascontiguousarray(_PIXELS[..., 0])
    found = self.read(_encoded(grey)).pixels
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, axis=-1))
    self.assertIn('converted from grey', self.lines[0])

  # Multiples of eight, ratios, and every number of bits have codes of their own.
  @parameterized.parameters(
    (8, 8), (256, 512), (264, 8), (9, 12), (10, 12), (16, 9), (9, 16), (12, 15),
    (513, 3), (3, 9000), (1, 300_000),
  )  # fmt: skip
  def test_the_head_gives_the_size(self, height, width):
    content = _encoded(np.zeros((height, width, 3), np.uint8))
    self.assertEqual(jxl.read_head(content, 'a'), (height, width, 1))

  @parameterized.parameters(1, 3, 6, 8)
  def test_profile_exif_and_orientation_are_those_of_a_jpeg_inside(self, turn):
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB'))
    exif = PIL.Image.Exif()
    exif[274] = turn
    exif[271] = 'maker'
    few = np.uint8(64 + _PIXELS[:3, :5, :3] // 512)
    picture = PIL.Image.fromarray(few).resize((40, 24), PIL.Image.Resampling.BICUBIC)
    jpeg = io.BytesIO()
    extra = {'icc_profile': profile.tobytes(), 'exif': exif.tobytes()}
    picture.save(jpeg, 'JPEG', quality=98, subsampling=0, **extra)
    found = self.read(imagecodecs.jpegxl_encode_jpeg(jpeg.getvalue()))
    self.assertEqual(found.icc, profile.tobytes())
    kept = PIL.Image.Exif()
    kept.load(found.exif)
    self.assertEqual((kept[271], kept.get(274, 1)), ('maker', turn))
    want = np.asarray(PIL.Image.open(jpeg)).astype(int)
    # libjxl rounds coefficients towards zero, by quality.
    self.assertLessEqual(np.abs(found.pixels.astype(int) - want).max(), 4)

  def test_broken_files_are_named(self):
    content = _encoded(np.ascontiguousarray(_PIXELS[..., :3]))
    for cut in (2, 5, 12, 20, len(content) // 2):
      with self.assertRaisesRegex(errors.ImageError, '^[^\n]*a.jxl: [^\n]*$'):
        self.read(content[:cut])

  def test_a_picture_that_is_too_large_is_not_decoded(self):
    # 2^30 by 2^30, and nothing behind it.
    sides = 0
    sides |= 3 << 1 | (2**30 - 1) << 3 | 1 << 33 | 1 << 36
    content = jxl.CODESTREAM + sides.to_bytes(30, 'little')
    with self.assertRaisesRegex(errors.ImageError, 'found 1073741824 x 1073741824'):
      self.read(content)


if __name__ == '__main__':
  absltest.main()
