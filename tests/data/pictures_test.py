import hashlib
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import pictures


class SourcesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def save(self, name, pixels, mode=None):
    path = self.folder / name
    path.parent.mkdir(exist_ok=True)
    PIL.Image.fromarray(pixels, mode).save(path)
    return path

  def test_pictures_come_in_the_order_of_their_digests_and_once(self):
    rng = np.random.default_rng(0)
    for i in range(8):
      self.save(f'{i}.png', rng.integers(0, 256, (4, 4, 3), np.uint8))
    again = self.folder / 'copy.png'
    again.write_bytes((self.folder / '3.png').read_bytes())
    (self.folder / 'gone.png').symlink_to('nowhere.png')
    found, problems = pictures.find([str(self.folder)], self.lines.append)
    self.assertLen(found, 8)
    digests = [hashlib.sha256(p.path.read_bytes()).hexdigest() for p in found]
    self.assertEqual([p.digest for p in found], sorted(digests))
    self.assertEqual(sorted(p.name for p in found), [f'{i}.png' for i in range(8)])
    self.assertEqual(self.lines, [f'same as others, used once: {again}'])
    self.assertLen(problems, 1)
    self.assertRegex(problems[0], 'gone.png: is a link to nowhere.png')
    self.assertBetween(found[0].rank, 0, found[-1].rank)
    self.assertLess(found[-1].rank, 1)

  @parameterized.parameters(
    ('00000000' + 'f' * 56, 0.0),
    ('40000000' + 'f' * 56, 0.25),
    ('ffffffff' + '0' * 56, 1 - 2.0**-32),
  )
  def test_the_rank_is_a_fraction_of_the_digest(self, digest, want):
    self.assertEqual(pictures.rank(digest), want)
    picture = pictures.Picture('x', self.folder / 'x.png', digest)
    self.assertEqual((picture.rank, picture.seed), (want, int(want * 2**32)))

  def test_names_stay_apart(self):
    one = self.save('a/x.png', np.zeros((4, 4), np.uint8))
    two = self.save('b/x.png', np.ones((4, 4), np.uint8))
    found, _ = pictures.find([str(one), str(two)], self.lines.append)
    self.assertLen({p.name for p in found} & {'x.png', str(one), str(two)}, 2)

  def test_grey_is_one_plane_however_it_is_stored(self):
    grey = np.random.default_rng(0).integers(0, 256, (5, 6), np.uint8)
    for name, pixels in (
      ('grey.png', grey),
      ('rgb.png', np.stack([grey] * 3, axis=-1)),
      ('alpha.png', np.stack([grey, grey], axis=-1)),
    ):
      held, alpha = pictures.read(self.save(name, pixels), self.lines.append)
      np.testing.assert_array_equal(held, grey[..., None])
      self.assertEqual(alpha, name == 'alpha.png')
    self.assertEmpty(self.lines)

  def test_colours_are_kept_without_alpha(self):
    rgba = np.random.default_rng(0).integers(0, 256, (5, 6, 4), np.uint8)
    held, alpha = pictures.read(self.save('a.png', rgba), self.lines.append)
    np.testing.assert_array_equal(held, rgba[..., :3])
    self.assertTrue(alpha)
    cmyk = self.save('a.tif', rgba, 'CMYK')
    self.assertEqual(pictures.read(cmyk, self.lines.append).pixels.shape, (5, 6, 3))
    self.assertRegex(self.lines[0], 'a.tif: converted from cmyk to RGB')

  def test_refuses_more_than_8_bits(self):
    path = self.save('deep.png', np.zeros((5, 6), np.uint16))
    with self.assertRaisesRegex(errors.ImageError, 'deep.png: found uint16 .* 8 bits'):
      pictures.read(path)

  def test_lists_some_names(self):
    self.assertEqual(pictures.listed(list('ab')), 'a, b')
    self.assertEqual(pictures.listed(list('abcdef')), 'a, b, c, d and 2 more')


if __name__ == '__main__':
  absltest.main()
