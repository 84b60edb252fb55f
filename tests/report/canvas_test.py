"""Tests of the drawing surface."""

import io
from unittest import mock

import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import figure
from matplotlib.backends import backend_agg
from PIL import Image

from lutjax.report import canvas


class PixelsTest(parameterized.TestCase):
  @parameterized.parameters(np.uint8, np.uint16)
  def test_integers_are_rounded_over_their_full_scale(self, dtype):
    most = np.iinfo(dtype).max
    codes = np.arange(0, most + 1, dtype=np.int64).astype(dtype)
    want = np.floor(codes.astype(np.float64) / most * 255 + 0.5)
    np.testing.assert_array_equal(canvas.to_uint8(codes), want)

  def test_floats_are_clipped_and_nan_is_black(self):
    rgb = np.array([-1, 0, 0.5, 1, 7, np.nan, np.inf, -np.inf], np.float32)
    want = [0, 0, 128, 255, 255, 0, 255, 0]
    np.testing.assert_array_equal(canvas.to_uint8(rgb), want)

  def test_the_middle_is_kept(self):
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40, 1] = 200
    np.testing.assert_array_equal(
      canvas.fit_to(image, 10, 10), np.broadcast_to([0, 200, 0], (10, 10, 3))
    )

  @parameterized.parameters(1, 2, 4)
  def test_other_channel_counts_become_three(self, channels):
    image = np.full((5, 9, channels), 0.2, np.float32)
    got = canvas.fit_to(image, 4, 3)
    np.testing.assert_array_equal(got, np.full((3, 4, 3), 51))

  def test_refuses_what_is_no_image(self):
    with self.assertRaisesRegex(ValueError, r'\[H, W, C\], got \(0, 4, 3\)'):
      canvas.fit_to(np.zeros((0, 4, 3)), 4, 4)


class EncodingTest(parameterized.TestCase):
  def test_png_is_exact(self):
    pixels = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)
    with Image.open(io.BytesIO(canvas.to_png(pixels))) as image:
      np.testing.assert_array_equal(np.asarray(image), pixels)

  @parameterized.parameters(60_000, 30_000, 20_000)
  def test_jpeg_keeps_to_its_limit(self, limit_bytes):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    content = canvas.to_jpeg(pixels, limit_bytes=limit_bytes)
    self.assertLessEqual(len(content), limit_bytes)
    with Image.open(io.BytesIO(content)) as image:
      self.assertEqual(image.size, (200, 200))

  def test_a_jpeg_that_fits_is_made_once(self):
    pixels = np.zeros((20, 20, 3), np.uint8)
    with mock.patch.object(canvas, '_jpeg', wraps=canvas._jpeg) as made:
      best = canvas.to_jpeg(pixels, limit_bytes=10_000)
      self.assertLen(made.mock_calls, 1)
    self.assertEqual(best, canvas._jpeg(pixels, 84))

  @parameterized.parameters(1_000, 0, -5)
  def test_no_jpeg_is_better_than_one_past_its_limit(self, limit_bytes):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    self.assertIsNone(canvas.to_jpeg(pixels, limit_bytes=limit_bytes))


class CanvasTest(parameterized.TestCase):
  def test_an_image_lies_where_it_was_put(self):
    sheet = canvas.Canvas(120, 90)
    sheet.image(np.full((7, 9, 3), [10, 200, 30], np.uint8), 40, 20, 50, 30)
    pixels = sheet.pixels()
    self.assertEqual(pixels.shape, (90, 120, 3))
    inside = np.zeros((90, 120), bool)
    inside[20:50, 40:90] = True
    np.testing.assert_array_equal((pixels == [10, 200, 30]).all(-1), inside)
    np.testing.assert_array_equal(pixels[~inside], 255)

  def test_errors_are_brighter_the_larger_and_grey_when_unknown(self):
    sheet = canvas.Canvas(70, 10)
    errors = np.array([[0, 0.1, 1, 5, 10, 40, np.nan]])
    sheet.image(errors, 0, 0, 70, 10, smooth=False)
    row = sheet.pixels()[5, 5::10].astype(int)
    brightness = row[:5].sum(-1)
    np.testing.assert_array_less(brightness[:-1], brightness[1:])
    np.testing.assert_array_equal(row[5], row[4])
    self.assertGreater(brightness[1] - brightness[0], 60, '0.1 cannot be seen')
    np.testing.assert_array_equal(row[6], canvas.UNKNOWN)

  @settings(deadline=None, max_examples=40)
  @given(st.text(max_size=200))
  def test_any_text_can_be_drawn(self, text):
    sheet = canvas.Canvas(200, 40)
    sheet.text(0, 0, text)
    self.assertEqual(sheet.pixels().shape, (40, 200, 3))

  def test_text_is_drawn_as_by_matplotlib(self):
    # The last two are cut by the edges.
    places = [(20, 30, {}), (60.5, 10, {'ha': 'center', 'size': 7, 'color': '#656d76'})]
    places += [(90, 70, {'weight': 'bold'}), (3, 40, {'ha': 'right'})]
    sheet = canvas.Canvas(120, 80)
    plain = figure.Figure((120 / 144, 80 / 144), dpi=144, facecolor='white')
    for left, top, style in places:
      sheet.text(left, top, 'Ag$ 1.23', **style)
      style = {'ha': 'left', 'va': 'top', 'size': 8, 'color': canvas.INK} | style
      where = left / 120, 1 - top / 80
      plain.text(*where, r'Ag\$ 1.23', style, family='DejaVu Sans')
    agg = backend_agg.FigureCanvasAgg(plain)
    agg.draw()
    want = np.asarray(agg.buffer_rgba())[..., :3]
    self.assertLess(int(want.min()), 100)
    np.testing.assert_array_equal(sheet.pixels(), want)

  def test_dollars_stay_and_long_text_loses_its_middle(self):
    self.assertEqual(canvas.drawable('a\n $b$'), r'a \$b\$')
    self.assertEqual(canvas.drawable('x' * 40 + 'y' * 60, most=11), 'xxxxx…yyyyy')
    self.assertEqual(canvas.drawable('Farbe 映'), 'Farbe □')

  def test_a_cleared_canvas_draws_as_a_new_one(self):
    def draw(sheet, values, boxes):
      sheet.text(5, 5, f'{values[-1]}')
      sheet.image(np.zeros((9, 9, 3), np.uint8), 180, 2, 9, 9)
      for box in boxes:
        axes = sheet.axes(*box)
        axes.plot(values, color='red')
        axes.stairs(values, fill=True, color='#9db7e8')
        axes.vlines(0.5, 0, values[-1])
        axes.text(0.2, values[0], 'here')
      return sheet.pixels()

    boxes = [(40, 20, 100, 60), (160, 20, 60, 60)]
    kept = canvas.cleared('test', 240, 120)
    before = draw(kept, [1.0, 30.0, 500.0], boxes)
    self.assertIs(canvas.cleared('test', 240, 120), kept)
    # Other limits, and one box less.
    after = draw(kept, [0.2, 0.1, 0.3, 0.25], boxes[:1])
    new = draw(canvas.Canvas(240, 120), [0.2, 0.1, 0.3, 0.25], boxes[:1])
    np.testing.assert_array_equal(after, new)
    again = draw(canvas.cleared('test', 240, 120), [1.0, 30.0, 500.0], boxes)
    np.testing.assert_array_equal(again, before)
