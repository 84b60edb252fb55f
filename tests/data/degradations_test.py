import io

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.data import degradations, resize, synthetic


def _picture(*shape: int) -> np.ndarray:
  """Returns made-up scenery, `[H, W]` or `[H, W, C]` uint8."""
  photo = synthetic.photo(1, *shape[:2])
  codes = np.rint(255 * np.clip(photo, 0, 1)).astype(np.uint8)
  return codes[..., : shape[2]] if len(shape) == 3 else codes[..., 0]


class DegradationTest(parameterized.TestCase):
  def test_names_and_scales(self):
    for degradation, text, scale in (
      (degradations.Degradation('bicubic', 4), 'bicubic x4', 4),
      (degradations.Degradation('noise', 25), 'noise sigma 25', 1),
      (degradations.Degradation('jpeg', 10), 'jpeg quality 10', 1),
    ):
      self.assertEqual(str(degradation), text)
      self.assertEqual(degradation.scale, scale)

  def test_refuses_other_kinds_and_strengths(self):
    with self.assertRaisesRegex(ValueError, "bicubic, noise, jpeg, got 'blur'"):
      degradations.Degradation('blur', 1)  # pyrefly: ignore[bad-argument-type]
    for kind, strength in (('bicubic', 5), ('noise', 0), ('jpeg', 101)):
      with self.assertRaisesRegex(ValueError, f'strength of {kind} from 1 to'):
        degradations.Degradation(kind, strength)


class DegradeTest(parameterized.TestCase):
  @parameterized.parameters(2, 3, 4)
  def test_bicubic_cuts_and_shrinks(self, factor):
    pixels = _picture(43, 50, 3)
    got = degradations.degrade(degradations.Degradation('bicubic', factor), pixels, 0)
    height, width = 43 // factor, 50 // factor
    self.assertEqual(got.shape, (height, width, 3))
    want = resize.shrink(pixels[: factor * height, : factor * width], factor)
    np.testing.assert_array_equal(got, want)

  def test_noise_is_rounded_and_cut(self):
    pixels = _picture(40, 50, 3)
    pixels[:20, :25] = 0
    pixels[20:, 25:] = 255
    drawn = np.random.default_rng(7).standard_normal(pixels.shape)
    exact = pixels + 25 * drawn
    np.testing.assert_array_equal(degradations.noisy(pixels, 25, 7), exact)
    got = degradations.degrade(degradations.Degradation('noise', 25), pixels, 7)
    want = np.clip(np.round(exact), 0, 255)
    np.testing.assert_array_equal(got, want)
    self.assertEqual(got.dtype, np.uint8)
    other = degradations.degrade(degradations.Degradation('noise', 25), pixels, 8)
    self.assertGreater(np.mean(other != got), 0.5)

  def test_noise_is_gaussian_and_not_cut(self):
    black = np.zeros((200, 200), np.uint8)
    noise = degradations.noisy(black, 50, 0)
    self.assertEqual(noise.dtype, np.float64)
    self.assertAlmostEqual(noise.mean(), 0, delta=1)
    self.assertAlmostEqual(noise.std(), 50, delta=1)

  @parameterized.parameters(10, 40, 100)
  def test_jpeg_is_what_pillow_writes(self, quality):
    degradation = degradations.Degradation('jpeg', quality)
    for shape in ((43, 50), (43, 50, 3)):
      pixels = _picture(*shape)
      file = io.BytesIO()
      PIL.Image.fromarray(pixels).save(file, 'JPEG', quality=quality)
      want = np.array(PIL.Image.open(file))
      got = degradations.degrade(degradation, pixels, 0)
      np.testing.assert_array_equal(got, want)
      self.assertEqual((got.dtype, got.shape), (pixels.dtype, pixels.shape))
    column = degradations.degrade(degradation, _picture(43, 50)[..., None], 0)
    np.testing.assert_array_equal(
      column[..., 0], degradations.degrade(degradation, _picture(43, 50), 0)
    )

  def test_jpeg_takes_views_and_a_pixel(self):
    degradation = degradations.Degradation('jpeg', 10)
    pixels = _picture(43, 50, 3)
    np.testing.assert_array_equal(
      degradations.degrade(degradation, pixels[::-1], 0),
      degradations.degrade(degradation, pixels[::-1].copy(), 0),
    )
    one = degradations.degrade(degradation, pixels[:1, :1], 0)
    self.assertEqual(one.shape, (1, 1, 3))

  def test_the_picture_is_left_alone(self):
    pixels = _picture(16, 24, 3)
    kept = pixels.copy()
    for kind in ('bicubic', 'noise', 'jpeg'):
      degradations.degrade(degradations.Degradation(kind, 2), pixels, 0)
    np.testing.assert_array_equal(pixels, kept)

  def test_undone_enlarges_or_leaves(self):
    small = _picture(11, 13, 3)
    got = degradations.undone(degradations.Degradation('bicubic', 3), small)
    np.testing.assert_array_equal(got, resize.enlarge(small, 3))
    for kind in ('noise', 'jpeg'):
      got = degradations.undone(degradations.Degradation(kind, 10), small)
      np.testing.assert_array_equal(got, small)

  def test_refuses_what_is_no_picture(self):
    good = np.zeros((8, 8, 3), np.uint8)
    for kind in ('bicubic', 'noise', 'jpeg'):
      degradation = degradations.Degradation(kind, 3)
      for bad in (good.astype(np.float32), good[0, 0], good[:0]):
        with self.assertRaisesRegex(ValueError, 'uint8, at least one, got'):
          degradations.degrade(degradation, bad, 0)
        with self.assertRaisesRegex(ValueError, 'uint8, at least one, got'):
          degradations.undone(degradation, bad)
    with self.assertRaisesRegex(ValueError, r'at least 3 pixels, got \[2, 8, 3\]'):
      degradations.degrade(degradations.Degradation('bicubic', 3), good[:2], 0)
    with self.assertRaisesRegex(ValueError, r'1 or 3 channels .* got \[8, 8, 2\]'):
      degradations.degrade(degradations.Degradation('jpeg', 3), good[..., :2], 0)
    wide = np.zeros((1, 65501), np.uint8)
    with self.assertRaisesRegex(ValueError, r'at most 65500 .* got \[1, 65501\]'):
      degradations.degrade(degradations.Degradation('jpeg', 3), wide, 0)


if __name__ == '__main__':
  absltest.main()
