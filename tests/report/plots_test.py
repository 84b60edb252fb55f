"""Tests of the generic plots."""

import pathlib
import tempfile

import numpy as np
from absl.testing import parameterized
from PIL import Image

from lutjax.report import canvas, plots

# Names that would be hidden, read as formulas, or lack a glyph.
_NAMES = ('_hidden', '$x^2$', 'a\nb', '映画', '', 'x' * 300)


def _middle(pixels, color):
  """Returns row and column of the middle of what is drawn in a colour."""
  rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
  return np.argwhere((pixels == rgb).all(-1)).mean(axis=0)


class CurvesTest(parameterized.TestCase):
  def test_later_is_further_right_and_nan_is_left_out(self):
    series = {
      'low': [(0.0, 1.0), (5.0, float('nan'))],
      'high': [(10.0, 2.0), (11.0, float('inf'))],
    }
    pixels = plots.curves(series, across='step', metric='dB', loose=['high'])
    low, high = (_middle(pixels[:, :1090], canvas.PALETTE[i]) for i in range(2))
    self.assertLess(high[0], low[0] - 100)
    self.assertGreater(high[1], low[1] + 100)

  def test_takes_any_names_and_nothing_at_all(self):
    series = {name: [(0, 1), (1, 2)] for name in _NAMES}
    pixels = plots.curves(series, across='', metric='')
    self.assertEqual(pixels.shape, (620, 1440, 3))
    plots.curves({}, across='step', metric='dB')


class RateDistortionTest(parameterized.TestCase):
  @parameterized.parameters(False, True)
  def test_better_is_higher_and_larger_is_further_right(self, log_value):
    series = {
      'small': [plots.Point(1_000, 30)],
      'large': [plots.Point(100_000, 50)],
    }
    pixels = plots.rate_distortion(series, metric='PSNR (dB)', log_value=log_value)
    plot = pixels[:, :1090]  # without the legend
    small, large = (_middle(plot, canvas.PALETTE[i]) for i in range(2))
    self.assertLess(large[0], small[0] - 100)
    self.assertGreater(large[1], small[1] + 100)

  def test_leaves_out_what_cannot_be_drawn(self):
    good = [plots.Point(100, 30, 'a'), plots.Point(1_000, 40, 'b')]
    bad = [
      plots.Point(0, 35, 'no size'),
      plots.Point(500, float('nan'), 'nan'),
      plots.Point(500, float('inf'), 'inf'),
    ]
    want = plots.rate_distortion({'x': good}, metric='dB')
    got = plots.rate_distortion({'x': good + bad}, metric='dB')
    np.testing.assert_array_equal(got, want)
    below = [plots.Point(500, -1.0, 'negative')]
    want = plots.rate_distortion({'x': good}, metric='dE', log_value=True)
    got = plots.rate_distortion({'x': below + good}, metric='dE', log_value=True)
    np.testing.assert_array_equal(got, want)

  def test_labels_of_one_spot_do_not_cover_each_other(self):
    points = [plots.Point(1_000, 40, 'label'), plots.Point(1_000, 40, 'label')]
    once = plots.rate_distortion({'x': points[:1]}, metric='dB')
    twice = plots.rate_distortion({'x': points}, metric='dB')
    ink = [(pixels != 255).any(-1).sum() for pixels in (once, twice)]
    self.assertGreater(ink[1] - ink[0], 100)

  def test_no_line_joins_loose_points(self):
    points = [plots.Point(100, 30), plots.Point(10_000, 40)]
    joined = plots.rate_distortion({'x': points}, metric='dB')
    loose = plots.rate_distortion({'x': points}, metric='dB', loose=['x'])
    ink = [(pixels != 255).any(-1).sum() for pixels in (joined, loose)]
    self.assertGreater(ink[0] - ink[1], 500)

  def test_takes_any_name_and_more_series_than_colours(self):
    names = [f'{name}{i}' for i in range(2) for name in _NAMES]
    series = {
      name: [plots.Point(10 * (i + 1), i, name), plots.Point(99, i)]
      for i, name in enumerate(names)
    }
    pixels = plots.rate_distortion({**series, 'empty': []}, metric='$', title='$\n映')
    self.assertEqual(pixels.shape, (900, 1440, 3))
    plots.rate_distortion({}, metric='dB')


class BarsTest(parameterized.TestCase):
  def test_the_length_of_a_bar_is_its_value(self):
    pixels = plots.bars({'one': {'a': 1.0, 'b': 3.0}}, metric='dB')
    plot = pixels[:, :1100]
    counts = []
    for color in canvas.PALETTE[:2]:
      rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
      counts.append((plot == rgb).all(-1).sum())
    self.assertAlmostEqual(counts[1] / counts[0], 3.0, delta=0.05)

  def test_takes_any_name_and_grows_with_its_rows(self):
    few = plots.bars({'a': {'x': 1.0}}, metric='dB')
    many = plots.bars({n: dict.fromkeys(_NAMES, 2.0) for n in _NAMES}, metric='$')
    self.assertGreater(many.shape[0], few.shape[0])


class HistogramTest(parameterized.TestCase):
  def test_leaves_out_what_is_not_finite(self):
    values = np.random.default_rng(0).gamma(2, size=400)
    want = plots.histogram(values, metric='CIE76', count='looks')
    odd = np.concatenate([[np.nan, np.inf], values, [-np.inf]])
    got = plots.histogram(odd, metric='CIE76', count='looks')
    np.testing.assert_array_equal(got, want)
    other = plots.histogram(values * [[1.1]], metric='CIE76', count='looks')
    self.assertTrue((other != want).any())

  @parameterized.parameters(([],), ([0.0],), ([0.0] * 50,), ([np.nan],), ([1e-9, 3],))
  def test_takes_few_and_equal_values(self, values):
    pixels = plots.histogram(np.array(values), metric='CIE76', count='looks')
    self.assertEqual(pixels.shape, (520, 860, 3))


class StripTest(parameterized.TestCase):
  def test_shows_each_image_in_its_place(self):
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    images = [np.full((20, 30, 3), color, np.uint8) for color in colors]
    pixels = plots.strip(images, ['a', 'b', 'c'], columns=2, width=640)
    places = [np.argwhere((pixels == c).all(-1)).mean(axis=0) for c in colors]
    self.assertAlmostEqual(places[0][0], places[1][0])
    self.assertAlmostEqual(places[0][1], places[2][1])
    self.assertLess(places[0][1], places[1][1])
    self.assertLess(places[0][0], places[2][0])

  def test_refuses_a_missing_label(self):
    image = np.zeros((4, 4, 3), np.uint8)
    with self.assertRaisesRegex(ValueError, '2 images and 1 labels'):
      plots.strip([image, image], ['a'])
    with self.assertRaisesRegex(ValueError, '0 images'):
      plots.strip([], [])


class WritePngTest(parameterized.TestCase):
  def test_writes_what_it_was_given(self):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder, 'new', 'a.png')
      plots.write_png(path, pixels)
      with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
