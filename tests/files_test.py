import os
import pathlib
import subprocess
import sys

from absl.testing import absltest

from lutjax import errors, files


class FilesTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_a_failed_write_leaves_the_old_file_and_no_temporary(self):
    path = self.folder / 'a.bin'
    files.write_bytes(path, b'old')
    with self.assertRaises(KeyError), files.replacing(path) as temporary:
      temporary.write_bytes(b'half')
      raise KeyError
    self.assertEqual(path.read_bytes(), b'old')
    self.assertEqual(os.listdir(self.folder), ['a.bin'])

  def test_makes_folders_and_keeps_the_extension_of_the_temporary(self):
    path = self.folder / 'deep' / 'a.png'
    with files.replacing(path) as temporary:
      self.assertEqual(temporary.suffix, '.png')
      temporary.write_bytes(b'new')
    self.assertEqual(path.read_bytes(), b'new')

  def test_a_thread_that_has_yet_to_open_its_file_leaves_none(self):
    code = """
import os, sys, threading
from lutjax import files
given, removed, ended = (threading.Event() for _ in range(3))
def write(path):
  try:
    with files.replacing(path) as temporary:
      given.set()
      removed.wait()
      temporary.write_bytes(b'half')
  finally:
    ended.set()
threading.Thread(target=write, args=(sys.argv[1],), daemon=True).start()
given.wait()
files.remove_unfinished()
removed.set()
ended.wait()
threading.Thread(target=files.write_bytes, args=(sys.argv[2], b''), daemon=True).start()
os._exit(7)
"""
    paths = (str(self.folder / 'a.png'), str(self.folder / 'b.png'))
    ended = subprocess.run(
      [sys.executable, '-c', code, *paths], stderr=subprocess.PIPE, check=False
    )
    self.assertEqual(ended.returncode, 7, ended.stderr)
    self.assertEmpty(list(self.folder.iterdir()))

  def test_does_not_overwrite_unless_asked(self):
    path = self.folder / 'a.bin'
    files.write_bytes(path, b'old')
    with self.assertRaisesRegex(errors.InputError, 'exists already'):
      files.write_bytes(path, b'new', overwrite=False)
    self.assertEqual(path.read_bytes(), b'old')

  def test_a_long_name_is_written_whole(self):
    path = self.folder / ('x' * 250 + '.bin')
    files.write_bytes(path, b'1')
    self.assertEqual(path.read_bytes(), b'1')

  def test_writing_says_what_is_wrong(self):
    (self.folder / 'file').write_bytes(b'')
    for name, message in (('file/a.bin', 'File exists|Not a dir'), ('x' * 300, 'long')):
      with self.assertRaisesRegex(errors.InputError, message):
        files.write_bytes(self.folder / name, b'1')
    files.write_bytes(self.folder / ('漢' * 80), b'1')

  def test_reading_says_what_is_wrong(self):
    (self.folder / 'dangling').symlink_to(self.folder / 'nowhere')
    for name, message in (
      ('', 'is a folder'),
      ('missing', 'No such file'),
      ('dangling', 'is a link to .*nowhere, which is missing'),
    ):
      with self.assertRaisesRegex(errors.LutError, message):
        files.read_bytes(self.folder / name, error=errors.LutError)

  def test_parts_end_where_the_file_does(self):
    path = self.folder / 'a.bin'
    path.write_bytes(b'0123456789')
    with files.opened(path) as file:
      self.assertEqual(files.size_of(file), 10)
      for start, size, want in (
        (2, 3, b'234'),
        (8, 1 << 62, b'89'),
        (10, 1, b''),
        (99, 5, b''),
      ):
        self.assertEqual(files.read_at(file, start, size), want)


if __name__ == '__main__':
  absltest.main()
