import pathlib
from unittest import mock

from absl.testing import absltest

from lutjax import assets, systems


class AssetsTest(absltest.TestCase):
  def test_finds_models_by_the_files_of_a_folder(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    for name in ('b.lutjax', 'a.lutjax', 'a.md', '__init__.py'):
      (folder / name).write_bytes(b'')
    with mock.patch.object(assets, '_FOLDER', folder):
      self.assertEqual(assets.names(), ['a', 'b'])
      self.assertEqual(assets.path('a'), folder / 'a.lutjax')
      for name in ('c', 'a.lutjax', '', '../a'):
        self.assertIsNone(assets.path(name))

  def test_what_ships_restores_pictures_and_has_a_card(self):
    size_bytes = 0
    for name in assets.names():
      content = assets.path(name).read_bytes()
      size_bytes += len(content)
      self.assertIsNotNone(systems.load(content, name).model.restorer)
      self.assertTrue(assets.path(name).with_suffix('.md').is_file(), name)
    self.assertLess(size_bytes, 200_000)


if __name__ == '__main__':
  absltest.main()
