import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import artefacts
from lutjax.baselines import grid
from lutjax.commands import restore
from lutjax.types import Loaded, Variables

RNG = np.random.default_rng(0)


class RestoreTest(absltest.TestCase):
  def test_grey_is_asked_for_once_and_alpha_never(self):
    asked = []

    def process(pixels: np.ndarray) -> np.ndarray:
      asked.append(pixels.shape)
      return (255 - pixels).repeat(2, 0).repeat(2, 1)

    pixels = RNG.integers(0, 256, (4, 5, 4), dtype=np.uint8)
    pixels[..., 3] = 9
    got = restore.restored(process, pixels, 2)
    np.testing.assert_array_equal(got[::2, 1::2, :3], 255 - pixels[..., :3])
    np.testing.assert_array_equal(got[..., 3], 9)
    pixels[..., 1:3] = pixels[..., :1]
    got = restore.restored(process, pixels[..., :3], 2)
    np.testing.assert_array_equal(got[1::2, ::2], 255 - pixels[..., :3])
    self.assertEqual(asked, [(4, 5, 3), (4, 5, 1)])

  def test_refuses_a_model_of_looks(self):
    path = pathlib.Path(self.create_tempdir().full_path) / 'a.png'
    restore.images.write(path, restore.images.Image(np.zeros((2, 2, 3), np.uint8)))
    (model,) = grid.ENTRY.models
    looks = artefacts.Opened(path, 0, Loaded(model, grid.Config(), Variables(())))
    with self.assertRaisesRegex(ValueError, 'Expected a model that restores pictures'):
      restore.restore_images(looks, [str(path)], path.parent / 'out')


if __name__ == '__main__':
  absltest.main()
