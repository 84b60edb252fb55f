"""Metrics against scikit-image and numpy, and the colours they are taken on."""

import functools
import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized

from lutjax import metrics

try:
  import skimage.metrics as peer
except ImportError:
  peer = None

_ssim = jax.jit(metrics.ssim)
_ssim_slope = jax.jit(jax.grad(metrics.ssim))
_colour_errors = jax.jit(metrics.colour_errors)


def _images(noise: float) -> tuple[np.ndarray, np.ndarray]:
  """Returns waves over a ramp, and the same with noise: `[60, 70, 3]`."""
  rng = np.random.default_rng(0)
  down, across = np.mgrid[:60, :70]
  want = across / 70 + 0.2 * np.sin(down / 5)
  want = np.clip(want[..., None] * [1.0, 0.8, 0.5], 0, 1)
  got = np.clip(want + noise * rng.normal(size=want.shape), 0, 1)
  return got.astype(np.float32), want.astype(np.float32)


@unittest.skipIf(peer is None, 'needs scikit-image')
class ImageOracleTest(parameterized.TestCase):
  @parameterized.parameters(1e-3, 0.02, 0.2)
  def test_ssim(self, noise):
    got, want = _images(noise)
    expected = peer.structural_similarity(
      got.astype(np.float64),
      want.astype(np.float64),
      gaussian_weights=True,
      sigma=1.5,
      use_sample_covariance=False,
      data_range=1.0,
      channel_axis=-1,
    )
    np.testing.assert_allclose(_ssim(got, want), expected, atol=1e-6)

  @parameterized.parameters(1e-3, 0.02, 0.2)
  def test_psnr(self, noise):
    got, want = _images(noise)
    exact = got.astype(np.float64), want.astype(np.float64)
    expected = peer.peak_signal_noise_ratio(*exact, data_range=1.0)
    np.testing.assert_allclose(metrics.psnr(got, want), expected, atol=2e-5)
    np.testing.assert_allclose(
      metrics.psnr(255 * got, 255 * want, peak=255.0), expected, atol=2e-5
    )
    error = np.sqrt(peer.mean_squared_error(*exact))
    np.testing.assert_allclose(metrics.rmse(got, want), error, rtol=1e-5)


class ImageTest(parameterized.TestCase):
  def test_marked_pixels_alone_count(self):
    got, want = _images(0.1)
    marked = np.random.default_rng(1).uniform(size=want.shape[:2]) < 0.3
    square = np.mean((got - want)[marked].astype(np.float64) ** 2)
    error = metrics.rmse(got, want, where=marked)
    np.testing.assert_allclose(error, np.sqrt(square), rtol=1e-5)
    level = metrics.psnr(got, want, where=marked)
    np.testing.assert_allclose(level, -10 * np.log10(square), atol=1e-4)
    self.assertTrue(np.isnan(metrics.psnr(got, want, where=np.zeros_like(marked))))

  def test_equal_images(self):
    _, want = _images(0.0)
    self.assertEqual(metrics.psnr(want, want), np.inf)
    self.assertEqual(metrics.rmse(want, want), 0)
    np.testing.assert_allclose(_ssim(want, want), 1.0, atol=1e-6)

  def test_slopes_are_finite(self):
    got, want = _images(0.1)
    for function in (metrics.psnr, metrics.rmse):
      self.assertTrue(np.all(np.isfinite(jax.grad(function)(got, want))))
      np.testing.assert_array_equal(jax.grad(function)(want, want), np.zeros_like(want))
    flat = np.zeros_like(want)
    for one, two in ((got, want), (want, want), (flat, flat), (flat, want)):
      self.assertTrue(np.all(np.isfinite(_ssim_slope(one, two))))

  def test_ssim_refuses_small_or_unlike_images(self):
    with self.assertRaisesRegex(ValueError, r'11 x 11 pixels, got \[10, 40, 3\]'):
      metrics.ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))
    with self.assertRaisesRegex(ValueError, r'\[40, 40, 3\] and \[40, 40, 1\]'):
      metrics.ssim(np.zeros((40, 40, 3)), np.zeros((40, 40, 1)))


class ColourSetTest(parameterized.TestCase):
  def test_nodes(self):
    nodes = metrics.node_colours(3)
    np.testing.assert_array_equal(nodes[[0, 1, 3, 9, 26]], [
      [0, 0, 0], [0, 0, 0.5], [0, 0.5, 0], [0.5, 0, 0], [1, 1, 1],
    ])  # fmt: skip
    self.assertEqual(metrics.node_colours().shape, (33**3, 3))

  def test_uniform_colours_fill_the_cube(self):
    colours = metrics.uniform_colours(jax.random.key(0), 8192)
    again = metrics.uniform_colours(jax.random.key(0), 8192)
    np.testing.assert_array_equal(colours, again)
    np.testing.assert_allclose(np.mean(colours, axis=0), 0.5, atol=0.02)
    self.assertGreater(np.min(np.std(colours, axis=0)), 0.28)

  def test_photo_colours_are_spread_pixels(self):
    photo = np.arange(3000, dtype=np.int32).reshape(20, 50, 3)
    colours = np.asarray(metrics.photo_colours(jax.random.key(0), photo, 90))
    self.assertEqual(colours.shape, (90, 3))
    pixels = colours[:, 0] // 3
    np.testing.assert_array_equal(colours, 3 * pixels[:, None] + [0, 1, 2])
    np.testing.assert_array_equal(pixels // 11, np.arange(90))
    self.assertEqual(set(pixels % 11), set(range(11)))

  def test_a_small_photo_gives_all_it_has(self):
    photo = np.arange(30).reshape(2, 5, 3)
    colours = metrics.photo_colours(jax.random.key(0), photo, 100)
    np.testing.assert_array_equal(colours, photo.reshape(-1, 3))

  def test_every_code(self):
    codes = metrics.every_code()
    self.assertEqual((codes.shape, codes.dtype), ((256**3, 3), np.uint8))
    index = codes[::4097].astype(np.int64) @ [65536, 256, 1]
    np.testing.assert_array_equal(index, np.arange(0, 256**3, 4097))


@functools.partial(jax.jit, static_argnums=2)
def _map_errors(gain, colours, chunk):
  return metrics.map_errors(lambda rgb: gain * rgb, jnp.sqrt, colours, chunk=chunk)


class ColourErrorTest(parameterized.TestCase):
  @parameterized.parameters(64, 100, 1000)
  def test_chunks_change_nothing(self, chunk):
    colours = np.random.default_rng(0).uniform(size=(300, 3)).astype(np.float32)
    want = _colour_errors(0.9 * colours, np.sqrt(colours))
    got = _map_errors(0.9, colours, chunk)
    np.testing.assert_allclose(got.cie76, want.cie76, atol=1e-4)
    np.testing.assert_allclose(got.ciede2000, want.ciede2000, atol=1e-4)

  @parameterized.parameters(np.uint8, np.uint16)
  def test_codes_are_their_colours(self, dtype):
    top = np.iinfo(dtype).max
    codes = np.random.default_rng(0).integers(0, top, (300, 3), dtype, endpoint=True)
    colours = codes.astype(np.float32) / top
    want = _colour_errors(0.9 * colours, np.sqrt(colours))
    got = _map_errors(0.9, codes, 100)
    np.testing.assert_allclose(got.cie76, want.cie76, atol=2e-4)

  def test_maps_over_luts(self):
    colours = np.random.default_rng(0).uniform(size=(300, 3)).astype(np.float32)
    gains = np.array([0.5, 0.9], np.float32)
    got = jax.vmap(_map_errors, (0, None, None))(gains, colours, 100)
    for i, gain in enumerate(gains):
      want = _colour_errors(gain * colours, np.sqrt(colours))
      np.testing.assert_allclose(got.cie76[i], want.cie76, atol=1e-4)

  def test_is_what_lab_says(self):
    black, white = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    got = _colour_errors(black, white)
    np.testing.assert_allclose(got.cie76, [100], atol=1e-4)
    np.testing.assert_allclose(got.ciede2000, [100], atol=1e-4)


class SummaryTest(parameterized.TestCase):
  def test_statistics_of_known_errors(self):
    errors = np.stack([np.arange(101.0), np.full(101, 7.0)]).astype(np.float32)
    got = metrics.lut_statistics(errors)
    want = {'mean': 50, 'median': 50, 'p90': 90, 'p99': 99, 'max': 100}
    for name, value in want.items():
      np.testing.assert_allclose(getattr(got, name), [value, 7], err_msg=name)

  def test_summary_of_known_statistics(self):
    means = np.arange(1, 102.0)
    statistics = metrics.LutStatistics(
      mean=means, median=means / 2, p90=2 * means, p99=3 * means, max=4 * means[::-1]
    )
    want = metrics.Summary(
      mean_of_means=51.0,
      mean_of_medians=25.5,
      mean_of_p90s=102.0,
      mean_of_p99s=153.0,
      median_of_means=51.0,
      p90_of_means=91.0,
      p95_of_means=96.0,
      max_of_means=101.0,
      max_of_maxima=404.0,
      worst_lut=100,
      lut_count=101,
    )
    self.assertEqual(metrics.summarize(statistics), want)
    one_by_one = [metrics.LutStatistics(*row) for row in zip(*statistics)]
    self.assertEqual(metrics.summarize(one_by_one), want)

  def test_one_lut_is_its_own_summary(self):
    statistics = metrics.lut_statistics(np.arange(11.0))
    got = metrics.summarize(statistics)
    self.assertEqual((got.mean_of_means, got.max_of_means, got.lut_count), (5, 5, 1))

  def test_nan_is_not_hidden(self):
    errors = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])
    statistics = metrics.lut_statistics(errors)
    self.assertEqual(statistics.mean[0], 2)
    self.assertTrue(all(np.isnan(leaf[1]) for leaf in statistics))
    got = metrics.summarize(statistics)
    self.assertTrue(np.isnan(got.mean_of_means) and np.isnan(got.max_of_maxima))
    self.assertEqual(got.worst_lut, 1)

  @parameterized.parameters(((),), (metrics.LutStatistics(*[np.zeros(0)] * 5),))
  def test_refuses_no_luts(self, statistics):
    with self.assertRaisesRegex(ValueError, 'at least one LUT, got none'):
      metrics.summarize(statistics)
