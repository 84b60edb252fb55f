import contextlib
import pathlib

from absl.testing import absltest

from lutjax import errors, files
from lutjax.data import listing

_NAMES = ('b.png', 'a/c.PNG', 'a/b/d.tif', 'a/notes.txt', '.hidden.png')


class ListingTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []
    for name in _NAMES:
      files.write_bytes(self.folder / name, b'')

  def find(self, *patterns: str, extensions=('.png', '.tif')) -> list[str]:
    found = listing.find(
      [str(self.folder / p) for p in patterns], extensions, say=self.lines.append
    )
    for item in found:
      self.assertTrue(item.path.is_file())
    return [str(item.relative) for item in found]

  def test_a_folder_gives_its_files_at_any_depth(self):
    self.assertEqual(self.find(''), ['a/b/d.tif', 'a/c.PNG', 'b.png'])
    self.assertLen(self.lines, 1)
    self.assertIn('skipped 2 files: .hidden.png, notes.txt', self.lines[0])

  def test_what_exists_is_no_glob(self):
    name = 'film, look [v1] (2).png'
    files.write_bytes(self.folder / 'mine [a], b' / name, b'')
    self.assertEqual(self.find(f'mine [a], b/{name}'), [name])
    self.assertEqual(self.find('mine [a], b'), [name])
    self.assertEqual(self.find('mine [a], b/*.png'), [name])
    self.assertEqual(self.find('mine [a], b/film*[[]v1]*'), [name])

  def test_commas_separate_what_does_not_exist(self):
    for name in ('one, two.png', 'one', 'x,y', 'y,z', 'z'):
      files.write_bytes(self.folder / name, b'')
    self.enter_context(contextlib.chdir(self.folder))
    for text, want in (
      ('', []),
      ('b.png', ['b.png']),
      ('b.png, a', ['b.png', 'a']),
      ('one, two.png', ['one, two.png']),
      ('a,one, two.png,b.png', ['a', 'one, two.png', 'b.png']),
      ('one, two.png,one, two.png', ['one, two.png'] * 2),
      ('x,y,z', ['x,y', 'z']),
      ('x,y,y,z', ['x,y', 'y,z']),
      ('*.png,nowhere, one', ['*.png', 'nowhere', 'one']),
      ('nowhere,b.png', ['nowhere', 'b.png']),
    ):
      self.assertEqual(listing.split(text), want, text)

  def test_a_long_list_is_split_at_once(self):
    names = [f'{i}.png' for i in range(1000)]
    self.assertEqual(listing.split(','.join(names)), names)

  def test_unfinished_files_are_skipped(self):
    with files.replacing(self.folder / 'e.png') as temporary:
      temporary.write_bytes(b'half')
      self.assertNotIn('lutjax', ''.join(self.find('')))

  def test_a_named_file_is_taken_whatever_it_is(self):
    self.assertEqual(self.find('a/notes.txt', 'b.png'), ['notes.txt', 'b.png'])
    self.assertEmpty(self.lines)

  def test_a_glob_counts_from_its_fixed_part(self):
    self.assertEqual(self.find('*/*'), ['a/b/d.tif', 'a/c.PNG'])
    self.assertEqual(self.find('a/*.PNG'), ['c.PNG'])
    self.assertEqual(self.find('**/*.tif'), ['a/b/d.tif'])

  def test_each_file_comes_once(self):
    self.assertEqual(self.find('b.png', '', '*.png'), ['b.png', 'a/b/d.tif', 'a/c.PNG'])

  def test_a_name_with_brackets_is_a_name_first(self):
    files.write_bytes(self.folder / 'x[1].png', b'')
    self.assertEqual(self.find('x[1].png'), ['x[1].png'])

  def test_says_what_means_nothing(self):
    for pattern, message in (
      ('missing', 'missing: No such file'),
      ('*.jpg', r'\*.jpg: found no file to use, expected .png .tif'),
    ):
      with self.assertRaisesRegex(errors.InputError, message):
        self.find(pattern)
    with self.assertRaisesRegex(errors.InputError, 'found no file to use, expected .j'):
      self.find('a', extensions=('.jpg',))
    with self.assertRaisesRegex(errors.LutError, 'found an empty name'):
      listing.find([''], ('.png',), error=errors.LutError)


if __name__ == '__main__':
  absltest.main()
