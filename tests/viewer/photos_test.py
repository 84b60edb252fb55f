import io
import pathlib

import numpy as np
from absl.testing import absltest
from PIL import Image

from lutjax import errors
from lutjax.color import profiles
from lutjax.data import synthetic
from lutjax.viewer import page, photos


def _pixels(photo) -> np.ndarray:
  return np.asarray(Image.open(io.BytesIO(photo.content)))


class PhotosTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.said = []

  def read(self, name: str):
    return photos.from_files([str(self.folder / name)], say=self.said.append)

  def test_made_up_photos_are_those_of_their_seeds(self):
    noon, evening = photos.made_up()
    self.assertLess(len(noon.content) + len(evening.content), 100_000)
    # A quarter of the size, since that takes a sixteenth of the time.
    want = synthetic.photo(photos.SEEDS['Noon'], 160, 240)
    small = Image.fromarray(_pixels(noon)).resize((240, 160), Image.Resampling.LANCZOS)
    error = np.square(np.asarray(small) / 255 - want).mean()
    self.assertLess(float(error), 1e-3)

  def test_large_photos_are_made_smaller_and_turned(self):
    steep = np.linspace(0, 255, 2000).astype(np.uint8)
    image = Image.fromarray(np.tile(steep[None, :, None], (100, 1, 3)))
    exif = image.getexif()
    exif[0x0112] = 6  # The top of the scene is on the right.
    image.save(self.folder / 'turned.jpg', exif=exif)
    (photo,) = self.read('turned.jpg')
    pixels = _pixels(photo)
    self.assertEqual(pixels.shape, (1440, 72, 3))
    self.assertLess(int(pixels[5].max()), 10)
    self.assertGreater(int(pixels[-5].min()), 245)
    self.assertRegex(self.said[-1], r'turned.jpg: 100 x 2000 pixels, 72 x 1440 in')
    self.assertEqual(photo.name, 'turned')

  def test_photos_share_the_room_that_a_page_has(self):
    rng = np.random.default_rng(0)
    for name in ('a.png', 'b.png', 'c.png'):
      noise = rng.integers(0, 256, (300, 400, 3), np.uint8)
      Image.fromarray(noise).save(self.folder / name)
    for room in (1_000_000, 120_000, 40_000):
      made = photos.from_files([str(self.folder)], room=room, say=self.said.append)
      sizes = [len(photo.content) for photo in made]
      written = page.render('', [], made)
      self.assertLessEqual(len(written) - len(page.render('', [], [])), room)
      self.assertGreater(min(sizes), min(room // 3 * 3 // 4, 320_000 // 3) // 3)
    self.assertRegex(self.said[-1], rf'c.png: 400 x 300 .* {sizes[-1]:,} bytes$')

  def test_what_a_photo_leaves_is_for_those_that_follow(self):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.new('RGB', (400, 300)).save(self.folder / 'a.png')
    Image.fromarray(noise).save(self.folder / 'b.png')
    black, noisy = photos.from_files([str(self.folder)], room=60_000)
    self.assertLess(len(black.content), 1_000)
    self.assertGreater(len(noisy.content), 60_000 // 2 * 3 // 4)
    for room in (10, -1_000_000):
      several = photos.from_files([str(self.folder)], room=room, say=self.said.append)
      # No less than shows anything, although there is no room.
      self.assertLessEqual(len(several[1].content), 8_000)
      self.assertGreater(len(several[1].content), 3_000)

  def test_colours_are_those_that_the_profile_means(self):
    green = Image.new('RGB', (32, 32), (60, 180, 90))
    green.save(self.folder / 'p3.png', icc_profile=profiles.icc_profile('display_p3'))
    (photo,) = self.read('p3.png')
    # Of colour-science: `RGB_to_RGB` of P3 and sRGB, with their curves.
    want = np.array([0.0, 182.0, 82.0])
    np.testing.assert_allclose(_pixels(photo)[16, 16], want, atol=6)

  def test_profile_that_is_none_is_named(self):
    Image.new('RGB', (4, 4)).save(self.folder / 'junk.jpg', icc_profile=b'junk' * 50)
    with self.assertRaisesRegex(errors.ImageError, 'junk.jpg: found a profile'):
      self.read('junk.jpg')

  def test_noise_stays_within_the_limit(self):
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    Image.fromarray(noise).save(self.folder / 'noise.png', compress_level=1)
    (photo,) = self.read('noise.png')
    self.assertLess(len(photo.content), 160_001)
    # As large as fits, which is a matter of quality first.
    self.assertGreater(_pixels(photo).shape[0], 300)
    for i in range(7):
      Image.fromarray(noise[:160, :160]).save(self.folder / f'several{i}.png')
    several = self.read('several*.png')
    self.assertLess(max(len(photo.content) for photo in several), 320_000 // 7 + 1)

  def test_nothing_to_show(self):
    with self.assertRaises(errors.ImageError):
      self.read('none.png')


if __name__ == '__main__':
  absltest.main()
