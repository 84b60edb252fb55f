"""Orientation, profiles and sizes, against Pillow, LittleCMS and plain numpy."""

import io
import pathlib

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.color import profiles
from lutjax.data import images, pair_matching


def _picture(rgb, icc=None, name='a.png', opaque=None):
  rgb = np.asarray(rgb, np.float32)
  opaque = np.ones(rgb.shape[:2], bool) if opaque is None else opaque
  return pair_matching.Picture(pathlib.Path(name), rgb, opaque, icc)


def _overlap(larger, count):
  """Returns the `[count, larger]` float64 weights of an area mean."""
  scale = larger / count
  weights = np.zeros((count, larger))
  for i in range(count):
    for j in range(larger):
      weights[i, j] = (
        max(0.0, min(i * scale + scale, j + 1) - max(i * scale, j)) / scale
      )
  return weights


class ReadTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def _read(self, name):
    return pair_matching.read(self.folder / name, self.lines.append)

  @parameterized.product(
    orientation=tuple(range(1, 9)), name=('a.png', 'a.jpg', 'a.webp', 'a.tif')
  )
  def test_turns_as_pillow_does(self, orientation, name):
    rng = np.random.default_rng(orientation)
    image = PIL.Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8))
    exif = PIL.Image.Exif()
    exif[274] = orientation
    image.save(self.folder / name, exif=exif, lossless=True, quality=95)
    with PIL.Image.open(self.folder / name) as image:
      want = np.asarray(PIL.ImageOps.exif_transpose(image)) / 255.0
    np.testing.assert_allclose(self._read(name).rgb, want, atol=1e-6)
    self.assertLen(self.lines, orientation > 1)

  def test_broken_exif_turns_nothing(self):
    for exif in (b'MM\0*\0\0\0\x08\xff\xff', b'MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0'):
      pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
      images.write(self.folder / 'a.png', images.Image(pixels, exif=exif))
      np.testing.assert_allclose(self._read('a.png').rgb, pixels / 255.0, atol=1e-6)

  def test_grey_and_palette_are_colours_too(self):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (16, 24), np.uint8)
    PIL.Image.fromarray(grey).save(self.folder / 'g.png')
    PIL.Image.fromarray(grey).save(self.folder / 'g.jpg', quality=100)
    tifffile.imwrite(self.folder / 'g.tif', grey.astype(np.uint16) * 257)
    for name in ('g.png', 'g.jpg', 'g.tif'):
      want = np.repeat(grey[..., None] / 255.0, 3, axis=-1)
      atol = 0.02 if name == 'g.jpg' else 1e-6
      np.testing.assert_allclose(self._read(name).rgb, want, atol=atol)
    self.assertLen(self.lines, 3)
    image = PIL.Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8))
    indexed = image.quantize(32)
    indexed.save(self.folder / 'p.png')
    want = np.asarray(indexed.convert('RGB')) / 255.0
    np.testing.assert_allclose(self._read('p.png').rgb, want, atol=1e-6)

  def test_says_what_it_clips(self):
    pixels = np.full((4, 4, 3), 0.5, np.float32)
    pixels[0, 0] = (-0.5, 0.5, 2.0)
    tifffile.imwrite(self.folder / 'f.tif', pixels, photometric='rgb')
    self.assertEqual(self._read('f.tif').rgb.max(), 1.0)
    self.assertRegex(self.lines[0], r'6\.25% of the pixels .*from -0\.5 to 2\)')


class SpaceTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.lines = []

  def _converted(self, picture, other):
    return pair_matching.to_space_of(picture, other, self.lines.append)

  def test_converts_as_littlecms_does(self):
    rng = np.random.default_rng(0)
    codes = rng.integers(60, 190, (32, 32, 3), np.uint8)
    p3, srgb = (profiles.icc_profile(name) for name in ('display_p3', 'srgb'))
    want = PIL.ImageCms.profileToProfile(
      PIL.Image.fromarray(codes), io.BytesIO(p3), io.BytesIO(srgb)
    )
    got = self._converted(_picture(codes / 255.0, p3), _picture(codes / 255.0, srgb))
    self.assertEqual(got.icc, srgb)
    inside = np.all((got.rgb > 0.0) & (got.rgb < 1.0), axis=-1)
    self.assertGreater(inside.mean(), 0.8)
    np.testing.assert_allclose(
      got.rgb[inside], np.asarray(want)[inside] / 255.0, atol=1.5 / 255
    )
    self.assertRegex(self.lines[0], 'converted from Display P3 to sRGB')

  def test_there_and_back_is_exact(self):
    rng = np.random.default_rng(1)
    start = rng.uniform(0.0, 1.0, (64, 64, 3)).astype(np.float32)
    none = _picture(start)
    wide = _picture(start, profiles.icc_profile('rec2020'))
    there = self._converted(none, wide)
    self.assertIn('sRGB (it has no profile) to Rec. 2020', self.lines[0])
    self.assertNotIn('clipped', self.lines[0])
    back = self._converted(there, none)
    np.testing.assert_allclose(back.rgb, start, atol=2e-4)

  def test_says_what_lies_beyond_the_other_space(self):
    red = np.zeros((2, 2, 3))
    red[0, 0, 0] = 1.0
    wide = _picture(red, profiles.icc_profile('rec2020'))
    got = self._converted(wide, _picture(red))
    np.testing.assert_allclose(got.rgb[0, 0], [1.0, 0.0, 0.0], atol=1e-6)
    self.assertRegex(
      self.lines[0], r'25\.00% of the pixels lie beyond it, by up to 0\.'
    )

  def test_equal_spaces_are_left_alone(self):
    rgb = np.random.default_rng(2).uniform(size=(8, 8, 3))
    other = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB')).tobytes()
    got = self._converted(_picture(rgb, other), _picture(rgb))
    np.testing.assert_array_equal(got.rgb, rgb.astype(np.float32))
    self.assertEmpty(self.lines)

  def test_refuses_what_has_no_matrix_and_names_both(self):
    lab = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('LAB')).tobytes()
    before = _picture(np.zeros((2, 2, 3)), profiles.icc_profile('adobe_rgb'), 'b.png')
    for icc, words in ((lab, 'Lab colours'), (b'nothing', 'that of a.png is damaged')):
      after = _picture(np.zeros((2, 2, 3)), icc, 'a.png')
      with self.assertRaisesRegex(
        errors.InputError, f'a.png: found .* to "Adobe RGB .*" of b.png.*{words}'
      ):
        self._converted(after, before)


class SizeTest(parameterized.TestCase):
  @parameterized.parameters((40, 60, 20, 30), (41, 61, 17, 25), (33, 50, 32, 49))
  def test_area_means_are_exact(self, height, width, down, right):
    pixels = np.random.default_rng(0).uniform(size=(height, width, 3))
    want = np.einsum(
      'ih,jw,hwc->ijc', _overlap(height, down), _overlap(width, right), pixels
    )
    got = pair_matching.area_mean(pixels.astype(np.float32), (down, right))
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_whole_factors_equal_pillow(self):
    grey = np.random.default_rng(0).uniform(size=(30, 45)).astype(np.float32)
    want = np.asarray(PIL.Image.fromarray(grey).reduce(3))
    got = pair_matching.area_mean(grey[..., None], (10, 15))[..., 0]
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_larger_pictures_follow_the_smallest(self):
    lines = []
    rng = np.random.default_rng(0)
    opaque = np.ones((80, 120), bool)
    opaque[0, 0] = False
    large = _picture(rng.uniform(size=(80, 120, 3)), name='l.png', opaque=opaque)
    small = _picture(rng.uniform(size=(40, 60, 3)), name='s.png')
    got = pair_matching.to_one_size([large, small], lines.append)
    self.assertEqual([one.rgb.shape for one in got], [(40, 60, 3)] * 2)
    self.assertEqual(np.count_nonzero(~got[0].opaque), 1)
    self.assertRegex(lines[0], r'l\.png: 120 x 80 pixels averaged to 60 x 40 \(means')
    self.assertLen(lines, 1)

  @parameterized.parameters(
    ((4000, 6000), (1000, 1500)),
    ((4003, 6000), (1000, 1500)),
    ((667, 1000), (333, 500)),
    ((6000, 4000), (1024, 683)),
  )
  def test_a_rounded_size_has_the_same_shape(self, large, small):
    pictures = [_picture(np.zeros((*size, 1))) for size in (small, large)]
    got = pair_matching.to_one_size(pictures, lambda line: None)
    self.assertEqual(got[1].rgb.shape[:2], small)

  @parameterized.parameters(
    ((4, 6), (5, 6)), ((40, 60), (60, 40)), ((40, 60), (40, 59)), ((100, 150), (49, 75))
  )
  def test_refuses_other_shapes(self, one, other):
    pictures = [_picture(np.zeros((*size, 3))) for size in (one, other)]
    with self.assertRaisesRegex(
      errors.InputError,
      f'found {other[1]} x {other[0]} pixels, expected {one[1]} x {one[0]}',
    ):
      pair_matching.to_one_size(pictures, lambda line: None)


if __name__ == '__main__':
  absltest.main()
