import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest

from lutjax import errors
from lutjax.color import profiles
from lutjax.data import images, pairs, synthetic

# Linear Display P3 to linear sRGB, both of white D65 (CSS Color 4).
P3_TO_SRGB = np.array(
  [
    [1.2249401762805598, -0.2249401762805598, 0.0],
    [-0.0420569547096881, 1.0420569547096881, 0.0],
    [-0.0196375545903344, -0.0786360455506319, 1.0982736001409663],
  ]
)
CASES = pathlib.Path(__file__).resolve().parent.parent / 'cases'


def _write(path, value, size=(4, 6)):
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.full((*size, 3), value, np.uint8)
  images.write(path, images.Image(pixels))


class PairsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def _find(self, *patterns):
    return pairs.find([str(self.folder / p) for p in patterns], say=self.lines.append)

  def test_before_and_after_are_matched_by_stem(self):
    for name in ('a.png', 'deep/b.png', 'alone.png'):
      _write(self.folder / 'warm/before' / name, 10)
    for name in ('a.jpg', 'deep/b.png'):
      _write(self.folder / 'warm/after' / name, 20)
    found = self._find('warm')
    self.assertEqual([pair.before.name for pair in found], ['a.png', 'b.png'])
    self.assertEqual([list(pair.after) for pair in found], [['warm'], ['warm']])
    self.assertIn('left out alone', self.lines[0])
    with self.assertRaisesRegex(
      errors.InputError, '--pairs: alone: before or after is'
    ):
      pairs.find([str(self.folder / 'warm')], complete=True, say=self.fail)
    (self.folder / 'warm/before/alone.png').unlink()
    whole = pairs.find([str(self.folder / 'warm')], complete=True, say=self.fail)
    self.assertEqual(whole, found)

  def test_two_files_are_named_after_the_second(self):
    _write(self.folder / 'x.png', 51)
    _write(self.folder / 'kodak.png', 255)
    (pair,) = self._find('x.png', 'kodak.png')
    read = pairs.read(pair)
    np.testing.assert_allclose(read.before, np.full((24, 3), 0.2), atol=1e-6)
    np.testing.assert_allclose(read.after['kodak'], np.ones((24, 3)))
    self.assertLen(read.digests, 2)

  def test_styles_and_the_blend_stand_beside_the_picture(self):
    for name in ('001', '001_LUT01', '001_LUT_2', '001_blend', '002', '003_x'):
      _write(self.folder / f'{name}.png', 10)
    (pair,) = self._find('.')
    self.assertEqual(pair.before.name, '001.png')
    self.assertEqual(sorted(pair.after), ['LUT01', 'LUT_2', 'blend'])
    self.assertRegex(self.lines[0], '002.*003_x')
    with self.assertRaisesRegex(errors.InputError, '--pairs: 002, 003_x: before or'):
      pairs.find([str(self.folder)], complete=True, say=self.fail)

  def _read(self, before, after):
    (pair,) = pairs.find([str(before), str(after)], say=self.lines.append)
    return pairs.read(pair, say=self.lines.append)

  def test_orientation_is_applied(self):
    read = self._read(CASES / 'pair_before_orientation3.png', CASES / 'pair_after.png')
    want = read.before.astype(np.float64) ** 0.8
    np.testing.assert_allclose(read.after['pair_after'], want, atol=0.51 / 255)
    self.assertRegex(
      self.lines[0], 'orientation3.png: turned by its EXIF orientation 3'
    )

  def test_transparent_pixels_are_left_out(self):
    read = self._read(CASES / 'pair_before_transparent.png', CASES / 'pair_after.png')
    self.assertEqual(read.kept.shape, (120, 160))
    self.assertFalse(read.kept[:, :60].any())
    self.assertTrue(read.kept[:, 60:].all())
    self.assertLen(read.before, 120 * 100)
    want = read.before.astype(np.float64) ** 0.8
    np.testing.assert_allclose(read.after['pair_after'], want, atol=0.51 / 255)
    self.assertRegex(self.lines[0], 'left out 7,200 of 19,200 pixels')
    laid = pairs.to_picture(read, 'pair_after')
    np.testing.assert_array_equal(laid.before[laid.kept], read.before)
    self.assertFalse(laid.before[:, :60].any())

  def test_transparency_after_counts_too(self):
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[1, 2, 3] = 254
    images.write(self.folder / 'after.png', images.Image(pixels))
    _write(self.folder / 'before.png', 10)
    read = self._read(self.folder / 'before.png', self.folder / 'after.png')
    self.assertLen(read.after['after'], 23)
    pixels[..., 3] = 0
    images.write(self.folder / 'after.png', images.Image(pixels))
    with self.assertRaisesRegex(errors.InputError, 'no pixel that is opaque'):
      self._read(self.folder / 'before.png', self.folder / 'after.png')

  def test_a_result_under_another_profile_is_converted(self):
    photo = synthetic.photo(1, 40, 60).astype(np.float64)
    bits = images.from_float(photo.astype(np.float32), 16)
    images.write(self.folder / 'before.png', images.Image(bits))
    linear = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)
    p3 = linear @ np.linalg.inv(P3_TO_SRGB).T
    coded = np.where(p3 <= 0.0031308, 12.92 * p3, 1.055 * p3 ** (1 / 2.4) - 0.055)
    icc = profiles.icc_profile('display_p3')
    wide = images.Image(images.from_float(coded.astype(np.float32), 16), icc)
    images.write(self.folder / 'after.png', wide)
    read = self._read(self.folder / 'before.png', self.folder / 'after.png')
    np.testing.assert_allclose(read.after['after'], read.before, atol=2e-3)
    self.assertRegex(
      self.lines[0], r'after.png: converted from Display P3 to sRGB \(it'
    )
    foreign = images.Image(bits, b'a profile of nobody')
    images.write(self.folder / 'after.png', foreign)
    with self.assertRaisesRegex(errors.InputError, 'after.png: .* of .*before.png'):
      self._read(self.folder / 'before.png', self.folder / 'after.png')

  def test_a_grey_result_of_another_size_is_matched(self):
    photo = synthetic.photo(1, 60, 90)
    after = np.repeat(photo.mean(axis=-1, keepdims=True), 3, axis=-1)
    images.write(self.folder / 'before.png', images.Image(images.from_float(photo, 16)))
    small = images.from_float(after.reshape(30, 2, 45, 2, 3).mean(axis=(1, 3)), 8)
    PIL.Image.fromarray(small[..., 0]).save(self.folder / 'mono.jpg', quality=100)
    read = self._read(self.folder / 'before.png', self.folder / 'mono.jpg')
    self.assertEqual(read.kept.shape, (30, 45))
    want = read.before.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    np.testing.assert_allclose(read.after['mono'], want, atol=2.5 / 255)
    self.assertTrue(read.jpeg['mono'])
    self.assertRegex('|'.join(self.lines), 'from grey to RGB.*90 x 60 pixels averaged')

  def test_a_picture_without_styles_is_an_error_where_pairs_must_be_complete(self):
    for name in ('1', '1_warm', '2', '3_x'):
      _write(self.folder / f's/{name}.png', 1)
    with self.assertRaisesRegex(errors.InputError, '--pairs: 2, 3_x: before or after'):
      pairs.find([str(self.folder / 's')], complete=True)
    self.assertLen(self._find('s'), 1)

  def test_refuses_pictures_of_other_sizes(self):
    _write(self.folder / 'x.png', 1)
    _write(self.folder / 'y.png', 1, size=(5, 6))
    (pair,) = self._find('x.png', 'y.png')
    with self.assertRaisesRegex(
      errors.InputError, r'y.png: found 6 x 5 pixels, expected 6 x 4'
    ):
      pairs.read(pair)

  def test_refuses_what_holds_no_pair(self):
    _write(self.folder / 'x.png', 1)
    _write(self.folder / 'y.png', 1)
    with self.assertRaisesRegex(errors.InputError, 'neither before/ and after/'):
      self._find('.')
    with self.assertRaisesRegex(errors.InputError, 'nowhere: no such file'):
      self._find('nowhere')
    with self.assertRaisesRegex(errors.InputError, 'two files or two folders'):
      self._find('x.png', '.')
    _write(self.folder / 'p/before/a.png', 1)
    _write(self.folder / 'p/after/b.png', 1)
    with self.assertRaisesRegex(errors.InputError, 'no picture of the same name'):
      self._find('p')


if __name__ == '__main__':
  absltest.main()
