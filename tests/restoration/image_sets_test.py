import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import degradations
from lutjax.restoration import image_sets

RNG = np.random.default_rng(0)
DOUBLED = degradations.Degradation('bicubic', 2)


def quiet(line: str) -> None:
  del line


class ImageSetsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def save(self, *names: str, shape=(12, 14)) -> None:
    for name in names:
      path = self.folder / name
      path.parent.mkdir(parents=True, exist_ok=True)
      pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
      PIL.Image.fromarray(pixels).save(path)

  def originals(self, *patterns: str):
    paths = [str(self.folder / pattern) for pattern in patterns]
    return image_sets.of_originals(paths, quiet)

  def pairs(self, *patterns: str):
    paths = [str(self.folder / pattern) for pattern in patterns]
    return image_sets.of_pairs(paths, 2, quiet)

  @parameterized.parameters(
    ('Set5', 'Set5'),
    ('set5/HR', 'set5'),
    ('set5/original', 'set5'),
    ('Set5/GTmod12', 'Set5'),
    ('Set14/LR_bicubic/X4', 'Set14'),
    ('Urban100/image_SRF_4_HR', 'Urban100'),
  )
  def test_sets_are_named_after_their_folders(self, folder, name):
    self.save(f'{folder}/a.png')
    (found,), problems = self.originals(folder)
    self.assertEmpty(problems)
    self.assertEqual(found.name, name)

  def test_pictures_have_the_order_of_their_names(self):
    self.save('a/deep/1.png', 'a/2.png', 'a/10.png')
    (found,), _ = self.originals('a')
    names = [(one.name, one.index) for one in found.examples]
    self.assertEqual(names, [('10.png', 0), ('2.png', 1), ('deep/1.png', 2)])

  def test_files_of_a_folder_are_one_set(self):
    self.save('a/1.png', 'a/2.png', 'a/3.png', 'b/1.png')
    sets, _ = self.originals('a/1.png', 'a/[23].png', 'b')
    counts = {one.name: len(one.examples) for one in sets}
    self.assertEqual(counts, {'a': 3, 'b': 1})

  def test_names_that_would_be_alike_are_whole(self):
    self.save('x/a/1.png', 'y/a/1.png')
    sets, _ = self.originals('x/a', 'y/a')
    self.assertEqual(
      [one.name for one in sets], [str(self.folder / f'{name}/a') for name in 'xy']
    )
    sets, _ = self.pairs('x/a', 'y/a', 'y/a', 'y/a')
    self.assertLen({one.name for one in sets}, 2)

  def test_what_is_not_there_is_not_run(self):
    self.save('a/1.png')
    (self.folder / 'empty').mkdir()
    sets, problems = self.originals('b', 'a', 'empty')
    self.assertEqual([bool(one.not_run) for one in sets], [True, False, True])
    self.assertLen(problems, 2)
    sets, problems = self.pairs('a', 'b')
    self.assertEqual([one.not_run for one in sets], ['nothing is there'])
    self.assertLen(problems, 1)

  def test_partners_share_their_stems(self):
    self.save('LR/a.png', 'LR/bx2.png', 'LR/deep/c_x2.png', 'LR/x2.png', 'LR/dx4.png')
    self.save('HR/a.tif', 'HR/b.png', 'HR/deep/c.png', 'HR/x2.png', 'HR/e.png')
    (found,), lonely = self.pairs('LR', 'HR')
    names = {one.name: one.low.name for one in found.examples}
    want = {'a.tif': 'a.png', 'b.png': 'bx2.png', 'deep/c.png': 'c_x2.png'}
    self.assertEqual(names, want | {'x2.png': 'x2.png'})
    self.assertLen(lonely, 2)
    self.assertIn('LR/dx4.png: found no partner', lonely[0])
    self.assertIn('HR/e.png: found no partner', lonely[1])

  def test_two_files_are_a_pair(self):
    self.save('low.png', 'high.png')
    (found,), lonely = self.pairs('low.png', 'high.png')
    self.assertEmpty(lonely)
    self.assertLen(found.examples, 1)

  def test_grey_and_colour_partners_get_as_many_channels(self):
    self.save('LR/a.png', shape=(6, 7))
    self.save('HR/a.png', shape=(12, 14, 3))
    (found,), _ = self.pairs('LR', 'HR')
    sample = image_sets.load(found.examples[0], DOUBLED, 0, quiet)
    self.assertEqual(sample.low.shape, (6, 7, 3))
    self.assertEqual(sample.high.shape, (12, 14, 3))

  def test_originals_are_cut_to_the_factor(self):
    self.save('a/1.png', shape=(23, 25))
    (found,), _ = self.originals('a')
    sample = image_sets.load(found.examples[0], DOUBLED, 0, quiet)
    self.assertEqual(sample.high.shape, (22, 24, 1))
    self.assertEqual(sample.low.shape, (11, 12, 1))
    self.assertIsNone(sample.uncut)

  def test_alpha_is_left_out_and_named(self):
    self.save('a/1.png', shape=(12, 12, 4))
    (found,), _ = self.originals('a')
    lines = []
    sample = image_sets.load(found.examples[0], DOUBLED, 0, lines.append)
    self.assertEqual(sample.high.shape, (12, 12, 3))
    self.assertEqual(lines, [f'{self.folder / "a/1.png"}: alpha left out'])

  def test_refuses_an_odd_number_of_folders(self):
    with self.assertRaisesRegex(errors.InputError, 'found 3 folders, expected LR,HR'):
      self.pairs('a', 'b', 'c')


if __name__ == '__main__':
  absltest.main()
