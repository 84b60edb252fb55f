import math
import os
import pathlib

import imageio.v3 as iio
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations, resize, synthetic
from lutjax.restoration import quality

try:
  from skimage import color
  from skimage import metrics as peer
except ImportError:
  color = peer = None

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_SET5 = ('baby', 'bird', 'butterfly', 'head', 'woman')
_PACK = 'needs the pictures of restoration under LUTJAX_DATA'


def _codes(height: int, width: int) -> np.ndarray:
  """Returns made-up scenery, `[H, W, 3]` uint8."""
  photo = synthetic.photo(1, height, width)
  return np.rint(255 * np.clip(photo, 0, 1)).astype(np.uint8)


def _pair() -> tuple[np.ndarray, np.ndarray]:
  """Returns a picture and the same as JPEG, got and want, `[56, 75, 3]` uint8."""
  want = _codes(56, 75)
  return degradations.degrade(degradations.Degradation('jpeg', 10), want, 0), want


def _blocking_by_pairs(plane: np.ndarray, block: int) -> float:
  """Adds up every pair of neighbours on its own, in Python's doubles."""
  height, width = plane.shape
  sums, counts = {True: 0.0, False: 0.0}, {True: 0, False: 0}
  for i in range(height):
    for j in range(width):
      for k, m in ((i, j + 1), (i + 1, j)):
        if k < height and m < width:
          crosses = (i // block, j // block) != (k // block, m // block)
          sums[crosses] += (float(plane[i, j]) - float(plane[k, m])) ** 2
          counts[crosses] += 1
  if not counts[True] or sums[True] / counts[True] <= sums[False] / counts[False]:
    return 0.0
  eta = math.log2(block) / math.log2(min(height, width))
  return eta * (sums[True] / counts[True] - sums[False] / counts[False])


def _scikit_ssim(got: np.ndarray, want: np.ndarray) -> float:
  options = {'sigma': 1.5, 'gaussian_weights': True, 'use_sample_covariance': False}
  return peer.structural_similarity(got, want, data_range=255, **options)


class QualityTest(parameterized.TestCase):
  def test_luma_of_known_colours(self):
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]])
    got = quality.luma(colours.astype(np.uint8))
    np.testing.assert_allclose(got, [[16, 235, 81.481, 40.966]], atol=1e-12)
    grey = np.array([[0, 7], [255, 16]], np.uint8)
    for pixels in (grey, grey[..., None]):
      np.testing.assert_array_equal(quality.luma(pixels), grey)
      self.assertEqual(quality.luma(pixels).dtype, np.float64)

  def test_figures_are_those_of_scikit_image(self):
    if peer is None:
      self.skipTest('needs scikit-image')
    got, want = _pair()
    luma = color.rgb2ycbcr(got)[..., 0], color.rgb2ycbcr(want)[..., 0]
    np.testing.assert_allclose(quality.luma(got), luma[0], atol=1e-9)
    whole = peer.peak_signal_noise_ratio(want, got, data_range=255)
    self.assertAlmostEqual(quality.psnr(got, want), whole, places=9)
    for shave in (0, 1, 4):
      inner = [plane[shave : 56 - shave, shave : 75 - shave] for plane in luma]
      level = peer.peak_signal_noise_ratio(*inner, data_range=255)
      self.assertAlmostEqual(quality.psnr_y(got, want, shave), level, places=9)
    self.assertAlmostEqual(quality.ssim_y(got, want), _scikit_ssim(*luma), delta=1e-5)

  def test_ssim_is_the_mean_over_channels(self):
    got, want = _pair()
    single = [quality.ssim(got[..., k], want[..., k]) for k in range(3)]
    self.assertAlmostEqual(quality.ssim(got, want), np.mean(single), delta=1e-6)

  def test_codes_need_not_be_whole(self):
    want = _codes(20, 30)[..., 0]
    got = degradations.noisy(want, 50, 0)
    square = np.mean((got - want) ** 2)
    level = 10 * np.log10(255**2 / square)
    self.assertAlmostEqual(quality.psnr(got, want), level, places=9)

  @parameterized.parameters(
    (48, 64, 8), (45, 51, 8), (19, 16, 8), (8, 8, 8), (9, 30, 4), (12, 12, 2)
  )
  def test_psnr_b_is_that_of_every_pair(self, height, width, block):
    want = _codes(height, width)[..., 0]
    got = degradations.degrade(degradations.Degradation('jpeg', 5), want, 0)
    square = np.mean((got.astype(float) - want) ** 2)
    square += _blocking_by_pairs(got, block)
    level = 10 * math.log10(255**2 / square)
    self.assertAlmostEqual(quality.psnr_b(got, want, block), level, places=9)

  def test_psnr_b_looks_for_blocks_in_the_restored_picture(self):
    smooth = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8)
    blocks = smooth // 8 * 8
    self.assertEqual(quality.psnr_b(smooth, blocks), quality.psnr(smooth, blocks))
    steps = np.kron(np.arange(20).reshape(4, 5) * 8, np.ones((8, 8)))
    self.assertLess(quality.psnr_b(steps, smooth), quality.psnr(steps, smooth) - 0.5)
    # Blocks that lie elsewhere are the picture's own.
    moved = np.roll(steps, (4, 4), (0, 1))
    self.assertEqual(quality.psnr_b(moved, smooth), quality.psnr(moved, smooth))
    self.assertLess(quality.psnr_b(steps, steps), math.inf)

  def test_psnr_b_of_colour_is_that_of_luma(self):
    got, want = _pair()
    self.assertEqual(
      quality.psnr_b(got, want), quality.psnr_b(quality.luma(got), quality.luma(want))
    )

  def test_equal_pictures(self):
    want = _codes(56, 75)
    self.assertEqual(quality.psnr(want, want), math.inf)
    self.assertEqual(quality.psnr_y(want, want, 4), math.inf)
    self.assertAlmostEqual(quality.ssim_y(want, want), 1.0, delta=1e-6)
    flat = np.full((16, 16), 9, np.uint8)
    self.assertEqual(quality.psnr_b(flat, flat), math.inf)

  def test_refusals(self):
    got, want = _pair()
    for function in (quality.psnr, quality.psnr_b):
      with self.assertRaisesRegex(ValueError, r'same shape .* got \[55, 75'):
        function(got[1:], want)
    with self.assertRaisesRegex(ValueError, r'not empty, got \[0, 19\]'):
      quality.psnr_y(got[:8], want[:8], 28)
    with self.assertRaisesRegex(ValueError, 'shave of at least 0, got -1'):
      quality.psnr_y(got, want, -1)
    with self.assertRaisesRegex(ValueError, r'or \[H, W, 3\], got \[56, 75, 2\]'):
      quality.luma(got[..., :2])
    with self.assertRaisesRegex(ValueError, r'11 x 11 pixels'):
      quality.ssim_y(got[:10], want[:10])
    with self.assertRaisesRegex(ValueError, r'no smaller, got 8 and \[7, 75\]'):
      quality.psnr_b(got[:7], want[:7])
    with self.assertRaisesRegex(ValueError, 'block of at least 2 .* got 1 and'):
      quality.psnr_b(got, want, 1)


class PublishedTest(absltest.TestCase):
  """Figures that papers print, to their last digit."""

  def setUp(self):
    super().setUp()
    if not (_DATA / 'restoration').is_dir():
      self.skipTest(_PACK)

  def test_tinylut_and_bicubic_on_set5(self):
    scores = []
    for name in _SET5:
      want = iio.imread(_DATA / f'restoration/set5/HR/{name}.png')
      small = iio.imread(_DATA / f'restoration/set5/LR_x4/{name}.png')
      file = _DATA / f'tinylut_published/expected_set5_x4/{name}.png'
      got, bicubic = iio.imread(file), resize.enlarge(small, 4)
      level, alike = quality.psnr_y(got, want, 4), quality.ssim_y(got, want)
      scores.append((level, alike, quality.psnr_y(bicubic, want, 4)))
      if peer is not None:
        exact = _scikit_ssim(quality.luma(got), quality.luma(want))
        self.assertAlmostEqual(alike, exact, delta=1e-5)
    level, alike, bicubic = np.mean(scores, 0)
    self.assertAlmostEqual(level, 30.2204, delta=5e-5)
    self.assertAlmostEqual(alike, 0.85351, delta=5e-6)
    self.assertAlmostEqual(bicubic, 28.4290, delta=5e-5)

  def test_jpeg_on_classic5(self):
    scores = []
    for file in sorted((_DATA / 'restoration/classic5').glob('*.png')):
      want = iio.imread(file)
      got = degradations.degrade(degradations.Degradation('jpeg', 10), want, 0)
      scores.append((quality.psnr_b(got, want), quality.psnr(got, want)))
    self.assertLen(scores, 5)
    np.testing.assert_allclose(np.mean(scores, 0), [25.21, 27.82], atol=5e-3)

  def test_noise_on_set12(self):
    scores = []
    for seed, file in enumerate(sorted((_DATA / 'restoration/set12').glob('*.png'))):
      want = iio.imread(file)
      cut = degradations.degrade(degradations.Degradation('noise', 25), want, seed)
      exact = degradations.noisy(want, 25, seed)
      scores.append((quality.psnr(exact, want), quality.psnr(cut, want)))
    self.assertLen(scores, 12)
    # 20.17 dB is what sigma 25 comes to.
    np.testing.assert_allclose(np.mean(scores, 0), [20.17, 20.35], atol=0.02)


if __name__ == '__main__':
  absltest.main()
