import io

import numpy as np
import PIL.Image
import PIL.ImageFilter
from absl.testing import absltest, parameterized

from lutjax.data import pair_causes, pair_floor, synthetic

SIZE = (240, 320)
PHOTO = synthetic.photo(3, *SIZE)


def _bytes(values):
  return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)


def _jpeg(values, quality):
  file = io.BytesIO()
  PIL.Image.fromarray(_bytes(values)).save(file, 'JPEG', quality=quality)
  return np.asarray(PIL.Image.open(file)) / 255.0


def _look(rgb):
  return np.clip(rgb**0.8 * np.array([1.0, 0.95, 0.85]) + 0.03, 0.0, 1.0)


def _picture(before, after, kept=None, jpeg=False):
  kept = np.ones(before.shape[:2], bool) if kept is None else kept
  codes = (_bytes(values).astype(np.float32) / 255 for values in (before, after))
  return pair_floor.Picture(*codes, kept, jpeg)


def _vignette(after, strength=1.2):
  height, width = after.shape[:2]
  y, x = np.mgrid[0:height, 0:width]
  from_centre = (x / width - 0.5) ** 2 + (y / height - 0.5) ** 2
  return after * (1.0 - strength * from_centre)[..., None]


def _measure(*pictures):
  floor, cause = pair_causes.measure(pictures)
  return floor, cause, pair_causes.describe('film', floor, cause)


class PairCausesTest(parameterized.TestCase):
  def test_a_clean_pair_has_rounding_only(self):
    floor, cause, line = _measure(_picture(PHOTO, _look(PHOTO)))
    self.assertEqual(cause.kind, 'rounding')
    self.assertGreater(floor.psnr, 55.0)
    self.assertRegex(line, r'^film: floor \d\d\.\d dB')

  @parameterized.parameters(1.2, 0.3)
  def test_a_vignette_depends_on_the_place(self, strength):
    after = _vignette(_look(PHOTO), strength)
    _, cause, line = _measure(_picture(PHOTO, after))
    self.assertEqual(cause.kind, 'place')
    self.assertGreater(cause.share, 0.8)
    self.assertRegex(line, r'closer than .* dB .*; \d\d % of it depends on the place')

  def test_a_local_edit_depends_on_the_place(self):
    after = _look(PHOTO)
    after[60:130, 90:180] *= 0.6
    self.assertEqual(_measure(_picture(PHOTO, after))[1].kind, 'place')

  @parameterized.parameters((2, 1), (-1, 0), (0, -37))
  def test_a_shift_is_found_to_the_pixel(self, right, down):
    after = np.roll(_look(PHOTO), (down, right), (0, 1))
    floor, cause, line = _measure(_picture(PHOTO, after))
    self.assertEqual((cause.kind, cause.shift), ('shift', (right, down)))
    self.assertGreater(cause.share, 0.8)
    self.assertLess(floor.psnr, 35.0)
    self.assertIn(f'lies ({right}, {down}) pixels', line)

  def test_a_shift_of_a_negative_is_found(self):
    after = np.roll(1.0 - _look(PHOTO), (1, 2), (0, 1))
    self.assertEqual(_measure(_picture(PHOTO, after))[1].shift, (2, 1))

  def test_noise_is_noise(self):
    noise = np.random.default_rng(0).normal(0.0, 0.03, PHOTO.shape)
    after = _look(PHOTO) + noise
    floor, cause, line = _measure(_picture(PHOTO, after))
    self.assertEqual(cause.kind, 'noise')
    self.assertBetween(floor.psnr, 30.0, 31.2)  # 30.5, and less where it clips.
    self.assertIn('looks like noise', line)
    self.assertEqual(
      _measure(_picture(PHOTO, after, jpeg=True))[1].kind, 'noise or jpeg'
    )

  @parameterized.parameters(50, 85)
  def test_jpeg_is_known_by_its_blocks(self, quality):
    # Turned upside down, with a height that is no multiple of 8, the grid moves.
    after = _jpeg(_look(PHOTO)[:-3], quality)[::-1]
    _, cause, line = _measure(_picture(PHOTO[:-3][::-1], after))
    self.assertEqual(cause.kind, 'jpeg')
    self.assertIn('looks like JPEG', line)

  @parameterized.parameters(
    PIL.ImageFilter.UnsharpMask(1.5, 80, 0), PIL.ImageFilter.GaussianBlur(1)
  )
  def test_sharpening_and_blur_depend_on_the_neighbours(self, edit):
    after = PIL.Image.fromarray(_bytes(_look(PHOTO))).filter(edit)
    _, cause, line = _measure(_picture(PHOTO, np.asarray(after) / 255.0))
    self.assertEqual(cause.kind, 'detail')
    self.assertIn('neighbouring pixels', line)

  def test_looks_of_their_own_differ_from_picture_to_picture(self):
    other = synthetic.photo(4, *SIZE)
    pictures = [_picture(PHOTO, _look(PHOTO)), _picture(other, 0.8 * _look(other))]
    for picture in pictures:
      self.assertEqual(pair_causes.measure([picture])[1].kind, 'rounding')
    _, cause, line = _measure(*pictures)
    self.assertEqual(cause.kind, 'picture')
    self.assertIn('from picture to picture', line)

  def test_pixels_that_do_not_count_are_not_looked_at(self):
    kept = np.ones(SIZE, bool)
    kept[:, :60] = False
    rng = np.random.default_rng(0)
    before, after = PHOTO.copy(), _look(PHOTO)
    before[:, :60] = rng.uniform(size=(SIZE[0], 60, 3))
    self.assertEqual(_measure(_picture(before, after, kept))[1].kind, 'rounding')
    shifted = np.roll(after, (1, 2), (0, 1))
    self.assertEqual(_measure(_picture(before, shifted, kept))[1].shift, (2, 1))

  @parameterized.parameters((1, 1), (4, 6), (1, 400), (33, 8), (40, 40))
  def test_tiny_and_flat_pictures_are_fine(self, height, width):
    rng = np.random.default_rng(0)
    for before in (
      np.full((height, width, 3), 0.4),
      rng.uniform(size=(height, width, 3)),
    ):
      for after in (before, rng.uniform(size=before.shape), _vignette(before)):
        measured = pair_causes.measure([_picture(before, after)])
        if measured is not None:
          self.assertRegex(pair_causes.describe('film', *measured), 'film: .*dB')


if __name__ == '__main__':
  absltest.main()
