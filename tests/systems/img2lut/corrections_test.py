"""Tasks computed again in float64."""

import functools

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice
from lutjax.systems.img2lut import corrections

RNG = np.random.default_rng(0)
COUNT, ROOM = 500, 600
RGB = RNG.uniform(0.02, 0.9, (ROOM, 3)).astype(np.float32)
WEIGHTS = (np.arange(ROOM) < COUNT).astype(np.float32)

KEYS = jax.random.split(jax.random.key(1), 64)

draw = jax.jit(corrections.draw, static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def _draws(kind, keys, rgb):
  return jax.vmap(lambda key: corrections.draw(kind, key, rgb, WEIGHTS))(keys)


@functools.cache
def _many(kind):
  return jax.device_get(_draws(kind, KEYS, RGB))


def linear(srgb):
  srgb = np.asarray(srgb, np.float64)
  return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encoded(light):
  light = np.clip(light, 0.0, 1.0)
  return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


class CorrectionsTest(parameterized.TestCase):
  def test_white_balance_undoes_a_cast_by_grey_world(self):
    before, after = _many('white_balance')
    light = linear(RGB)
    means = light[:COUNT].mean(axis=0)
    want = encoded(light * means.mean() / means)
    for i in range(64):
      np.testing.assert_allclose(after[i], want, atol=2e-5)
    # Gains are seen where nothing clips.
    dark = RGB.max(axis=-1) < 0.5
    gains = (linear(before) / light)[:, dark]
    self.assertLess(np.ptp(gains, axis=1).max(), 2e-3)
    gains = gains.mean(axis=1)
    self.assertBetween(gains.min(), 0.6, 0.75)
    self.assertBetween(gains.max(), 1.45, 1.6001)
    self.assertLessEqual(before.max(), 1.0)

  def test_exposure_wants_a_mean_luminance(self):
    before, after = _many('exposure')
    light = linear(RGB)
    luminance = light[:COUNT] @ np.array([0.2126, 0.7152, 0.0722])
    want = encoded(light * 0.18 / luminance.mean())
    np.testing.assert_allclose(after[0], want, atol=2e-5)
    dark = RGB.max(axis=-1) < 0.4
    stops = np.log2(linear(before) / light)[:, dark]
    self.assertLess(np.ptp(stops, axis=(1, 2)).max(), 5e-3)
    self.assertBetween(stops.min(), -2.001, -1.5)
    self.assertBetween(stops.max(), 1.5, 2.001)

  def test_levels_want_the_range_of_the_photo(self):
    before, after = _many('levels')
    for channel in range(3):
      shown = RGB[:COUNT, channel]
      low, high = np.quantile(shown.astype(np.float64), [0.005, 0.995])
      want = np.clip((RGB[:, channel] - low) / (high - low), 0.0, 1.0)
      # Quantiles are read off 256 bins.
      np.testing.assert_allclose(after[0][:, channel], want, atol=1.5 / 256)
      slope = np.polyfit(RGB[:, channel], before[0][:, channel], 1)
      squeezed = np.polyval(slope, RGB[:, channel])
      np.testing.assert_allclose(before[0][:, channel], squeezed, atol=1e-5)
    self.assertBetween(before.min(), 0.0, 0.1)
    self.assertLessEqual(before.max(), 0.98)

  def test_histogram_wants_normal_levels(self):
    before, after = _many('histogram')
    shown = after[0][:COUNT]
    np.testing.assert_allclose(shown.mean(axis=0), 0.45, atol=0.01)
    np.testing.assert_allclose(shown.std(axis=0), 0.22, atol=0.015)
    order = np.argsort(RGB[:COUNT, 0])
    self.assertGreaterEqual(np.diff(shown[order, 0]).min(), -1e-6)
    powers = np.log(before) / np.log(RGB)
    self.assertLess(np.ptp(powers, axis=(1, 2)).max(), 1e-3)
    self.assertBetween(powers.min(), 0.5, 0.6)
    self.assertBetween(powers.max(), 1.7, 2.001)

  @parameterized.parameters('white_balance', 'exposure', 'levels', 'histogram')
  def test_colours_without_weight_do_not_count(self, kind):
    other = RGB.copy()
    other[COUNT:] = 0.999
    one, two = _many(kind), _draws(kind, KEYS, other)
    np.testing.assert_array_equal(one.after[:, :COUNT], two.after[:, :COUNT])
    self.assertGreater(np.abs(one.after[:, COUNT:] - two.after[:, COUNT:]).max(), 0.1)
    self.assertTrue(corrections.has_estimator(kind))

  @parameterized.parameters('white_balance', 'exposure', 'levels', 'histogram')
  def test_pictures_of_one_colour_are_finite(self, kind):
    for colour in ([0.0] * 3, [1.0] * 3, [0.5] * 3, [1.0, 0.0, 0.0]):
      rgb = np.broadcast_to(np.float32(colour), RGB.shape)
      for drawn in draw(kind, jax.random.key(2), rgb, WEIGHTS):
        self.assertBetween(float(drawn.min()), 0.0, 1.0)
        self.assertBetween(float(drawn.max()), 0.0, 1.0)

  def test_looks_are_those_that_are_given(self):
    identity = lattice.identity(3)
    looks = np.stack([0.5 * identity, identity[..., ::-1]]).astype(np.float32)
    found = set()
    for i in range(12):
      before, after = draw('undo', jax.random.key(i), RGB, WEIGHTS, looks)
      np.testing.assert_array_equal(after, RGB)
      wanted = (0.5 * RGB, RGB[:, ::-1])
      fits = [np.allclose(before, want, atol=1e-6) for want in wanted]
      self.assertEqual(sum(fits), 1)
      found.add(fits.index(True))
    self.assertEqual(found, {0, 1})
    before, after = draw('look', jax.random.key(0), RGB, WEIGHTS, looks[:1])
    np.testing.assert_array_equal(before, RGB)
    np.testing.assert_allclose(after, 0.5 * RGB, atol=1e-6)
    self.assertFalse(corrections.has_estimator('undo'))
    with self.assertRaisesRegex(ValueError, 'Expected looks for undo, got None'):
      draw('undo', jax.random.key(0), RGB, WEIGHTS)


if __name__ == '__main__':
  absltest.main()
