import numpy as np
from absl.testing import absltest

from lutjax.report import crops


class CropsTest(absltest.TestCase):
  def test_the_busiest_square_is_found(self):
    pixels = np.full((200, 300, 3), 90, np.uint8)
    pixels[120:152, 40:72] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    top, left = crops.busiest(pixels, 34)
    self.assertBetween(top, 118, 120)
    self.assertBetween(left, 38, 40)
    self.assertEqual(crops.busiest(pixels[:20, :30], 34), (0, 0))

  def test_pixels_are_enlarged_as_they_are(self):
    original = np.random.default_rng(0).integers(0, 256, (110, 100, 3), np.uint8)
    grey = original[..., :1]
    drawn = crops.draw('a', {'before': grey, 'after': original}, note='x2')
    top, left = crops.busiest(original, crops.SIDE)
    part = original[top : top + crops.SIDE, left : left + crops.SIDE]
    large = part.repeat(4, axis=0).repeat(4, axis=1)
    rows = drawn.pixels[-large.shape[0] - 28 : -28]
    self.assertTrue((rows[:, 28 + 424 : 28 + 424 + 384] == large).all())
    plain = large[..., :1].repeat(3, axis=2)
    self.assertTrue((rows[:, 28 : 28 + 384] == plain).all())
    self.assertEqual(drawn.thumbnail.shape, (72, 108, 3))

  def test_a_picture_smaller_than_a_part_is_drawn_whole(self):
    tiny = np.zeros((5, 9, 1), np.uint8)
    drawn = crops.draw('tiny', {'before': tiny, 'after': tiny})
    self.assertEqual(drawn.pixels.shape[1], 2 * 28 + 400 + 24 + 400)


if __name__ == '__main__':
  absltest.main()
