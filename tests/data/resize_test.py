import itertools
import math
import os
import pathlib

import imageio.v3 as iio
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.data import resize

_SET5 = (
  pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'restoration/set5'
)
_IMAGES = ('baby', 'bird', 'butterfly', 'head', 'woman')


def _cubic(x: float) -> float:
  x = abs(x)
  if x <= 1:
    return 1.5 * x**3 - 2.5 * x**2 + 1
  return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def _matrix(count: int, scale: float) -> np.ndarray:
  """Returns what `imresize` multiplies an axis by, `[outputs, count]` float64."""
  shrink = min(scale, 1.0)
  width = 4 / shrink
  matrix = np.zeros((math.ceil(count * scale), count))
  for output in range(len(matrix)):
    centre = (output + 0.5) / scale - 0.5
    left = math.floor(centre - width / 2)
    for at in range(left, left + math.ceil(width) + 2):
      mirrored = at % (2 * count)
      mirrored = mirrored if mirrored < count else 2 * count - 1 - mirrored
      matrix[output, mirrored] += shrink * _cubic(shrink * (centre - at))
  return matrix / matrix.sum(1, keepdims=True)


def _imresize(pixels: np.ndarray, scale: float) -> np.ndarray:
  for axis in (0, 1):
    filtered = np.tensordot(_matrix(pixels.shape[axis], scale), pixels, (1, axis))
    # True halves, which doubles may miss by a little at a factor of 3, round up.
    codes = np.floor(np.moveaxis(filtered, 0, axis) + 0.5 + 1e-9)
    pixels = np.clip(codes, 0, 255)
  return pixels.astype(np.uint8)


def _pictures(factor: int):
  """Yields pictures of odd sizes: noise, black and white, and down to one pixel."""
  rng = np.random.default_rng(factor)
  for shape in ((37, 53, 3), (41, 23), (1, 29, 1), (31, 1), (1, 1, 3), (2, 3)):
    yield rng.integers(0, 256, shape, np.uint8)
    yield rng.integers(0, 2, shape, np.uint8) * np.uint8(255)


class ResizeTest(parameterized.TestCase):
  @parameterized.parameters(*_IMAGES)
  def test_gives_the_supplied_pictures_of_set5(self, name):
    if not _SET5.is_dir():
      self.skipTest('needs restoration/set5 under LUTJAX_DATA')
    large = iio.imread(_SET5 / f'HR/{name}.png')
    small = iio.imread(_SET5 / f'LR_x4/{name}.png')
    np.testing.assert_array_equal(resize.shrink(large, 4), small)

  @parameterized.parameters(1, 2, 3, 4, 5, resize.MAX_FACTOR)
  def test_is_imresize_in_float64(self, factor):
    for pixels in _pictures(factor):
      np.testing.assert_array_equal(
        resize.shrink(pixels, factor), _imresize(pixels, 1 / factor)
      )
      np.testing.assert_array_equal(
        resize.enlarge(pixels, factor), _imresize(pixels, factor)
      )

  @parameterized.parameters(2, 3, 4)
  def test_pillow_differs_by_a_code_or_two_inside(self, factor):
    """Pillow filters columns first and leaves out what lies beyond the border.

    Colours are such that neither cuts anything between the passes.
    """
    pixels = np.random.default_rng(0).integers(80, 176, (60, 84, 3), np.uint8)
    for shape, function in (
      ((84 // factor, 60 // factor), resize.shrink),
      ((84 * factor, 60 * factor), resize.enlarge),
    ):
      want = PIL.Image.fromarray(pixels).resize(shape, PIL.Image.Resampling.BICUBIC)
      got = function(pixels, factor)
      rim = 2 if function is resize.shrink else 2 * factor
      gap = np.abs(np.array(want, int) - got)[rim:-rim, rim:-rim]
      self.assertLessEqual(gap.max(), 2)
      self.assertLess(np.mean(gap > 0), 0.35)
      self.assertLess(np.mean(gap > 1), 1e-3)

  def test_one_colour_stays(self):
    for code, factor in itertools.product((0, 1, 254, 255), (2, 3, 4)):
      pixels = np.full((7, 9, 3), code, np.uint8)
      np.testing.assert_array_equal(resize.shrink(pixels, factor), code)
      np.testing.assert_array_equal(resize.enlarge(pixels, factor), code)

  def test_channels_are_apart_and_views_do(self):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)
    view = pixels[::-1, 5:, 1]
    self.assertFalse(view.flags.c_contiguous)
    np.testing.assert_array_equal(
      resize.shrink(pixels[::-1, 5:], 4)[..., 1], resize.shrink(view, 4)
    )

  def test_modcrop_cuts_at_the_bottom_and_right(self):
    pixels = np.arange(7 * 10 * 3).reshape(7, 10, 3)
    np.testing.assert_array_equal(resize.modcrop(pixels, 4), pixels[:4, :8])
    np.testing.assert_array_equal(resize.modcrop(pixels[..., 0], 3), pixels[:6, :9, 0])
    np.testing.assert_array_equal(resize.modcrop(pixels, 1), pixels)
    self.assertEqual(resize.modcrop(pixels, 8).shape, (0, 8, 3))

  def test_refuses_what_is_no_picture(self):
    good = np.zeros((4, 4), np.uint8)
    for bad in (good.astype(np.float32), good[0], good[:0], good[..., None, None]):
      with self.assertRaisesRegex(ValueError, r'uint8, at least one, got \['):
        resize.shrink(bad, 2)
    for factor in (0, -1, resize.MAX_FACTOR + 1):
      for function in (resize.shrink, resize.enlarge, resize.modcrop):
        with self.assertRaisesRegex(ValueError, f'from 1 to 16, got {factor}'):
          function(good, factor)
    with self.assertRaisesRegex(ValueError, r'\[H, W, ...\], got \[4\]'):
      resize.modcrop(good[0], 2)


if __name__ == '__main__':
  absltest.main()
