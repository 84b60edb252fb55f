import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import errors
from lutjax.data import images, pairs


def _write(path, value, size=(4, 6)):
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.full((*size, 3), value, np.uint8)
  images.write(path, images.Image(pixels))


class PairsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.said = []

  def _find(self, *patterns):
    return pairs.find([str(self.folder / p) for p in patterns], say=self.said.append)

  def test_before_and_after_are_matched_by_stem(self):
    for name in ('a.png', 'deep/b.png', 'alone.png'):
      _write(self.folder / 'warm/before' / name, 10)
    for name in ('a.jpg', 'deep/b.png'):
      _write(self.folder / 'warm/after' / name, 20)
    found = self._find('warm')
    self.assertEqual([pair.before.name for pair in found], ['a.png', 'b.png'])
    self.assertEqual([list(pair.after) for pair in found], [['warm'], ['warm']])
    self.assertIn('left out alone', self.said[0])

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
    self.assertRegex(self.said[0], '002.*003_x')

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
