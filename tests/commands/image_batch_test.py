import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import errors
from lutjax.commands import image_batch
from lutjax.data import images

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)


class ImageBatchTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def save(self, *names: str) -> None:
    for name in names:
      images.write(self.folder / name, images.Image(PIXELS))

  def find(self, *patterns: str, out: str) -> list[image_batch.Item]:
    paths = [str(self.folder / pattern) for pattern in patterns]
    return image_batch.find(paths, self.folder / out, say=lambda line: None)

  def test_folders_keep_their_layout(self):
    self.save('in/a.png', 'in/deep/b.png')
    targets = [item.target for item in self.find('in', out='out')]
    self.assertEqual(
      targets, [self.folder / 'out/a.png', self.folder / 'out/deep/b.png']
    )
    (item,) = self.find('in/a.png', out='b.tif')
    self.assertEqual(item.target, self.folder / 'b.tif')
    with self.assertRaisesRegex(errors.InputError, 'found 2 images, expected a folder'):
      self.find('in', out='b.tif')
    with self.assertRaisesRegex(errors.InputError, '--images: found nothing'):
      image_batch.find([], self.folder / 'out')

  def test_targets_of_others_are_marked(self):
    self.save('in/a.png', 'more/a.png', 'in/c.png', 'out/c.png')
    shared = {
      item.source.relative_to(self.folder).as_posix(): item.shared
      for item in self.find('in', 'more', 'out', out='out')
    }
    want = {'in/a.png': True, 'more/a.png': True, 'in/c.png': True, 'out/c.png': True}
    self.assertEqual(shared, want)

  def test_each_is_changed_and_one_failure_is_one_line(self):
    self.save('in/a.png', 'in/b.png')

    def change(source: pathlib.Path, image: images.Image) -> image_batch.Changed:
      if source.name == 'a.png':
        raise errors.ImageError(f'{source.name}: cannot be changed')
      return image_batch.Changed(image._replace(pixels=255 - image.pixels))

    failed = image_batch.rewrite(self.find('in', out='out'), change)
    self.assertEqual(failed, ['a.png: cannot be changed'])
    got = images.read(self.folder / 'out/b.png').pixels
    np.testing.assert_array_equal(got, 255 - PIXELS)
    self.assertFalse((self.folder / 'out/a.png').exists())


if __name__ == '__main__':
  absltest.main()
