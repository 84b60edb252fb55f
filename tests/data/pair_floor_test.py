import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import pair_floor, synthetic


def _codes(values):
  return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.float32) / np.float32(255)


def _floor(before, after):
  shape = (-1, 3)
  found = pair_floor.spread(
    before.reshape(shape).astype(np.float32), after.reshape(shape).astype(np.float32)
  )
  return pair_floor.floor_of(found)


class PairFloorTest(parameterized.TestCase):
  def test_noise_is_the_floor_whatever_the_look(self):
    rng = np.random.default_rng(0)
    before = _codes(synthetic.photo(1, 192, 256))
    noise = rng.normal(0.0, 0.03, before.shape)
    floor = _floor(before, before**0.6 + noise)
    self.assertAlmostEqual(floor.psnr, -20.0 * np.log10(0.03), delta=0.2)
    self.assertGreater(floor.covered, 0.85)

  def test_equals_a_count_over_equal_codes(self):
    # Few colours, many pixels each: the oracle is a plain loop over the codes.
    rng = np.random.default_rng(1)
    palette = rng.integers(0, 256, (20, 3))
    place = rng.integers(0, 20, 4000)
    before = palette[place] / 255.0
    after = rng.uniform(size=(4000, 3))
    squares, count = 0.0, 0
    for i in range(20):
      results = after[place == i]
      squares += len(results) * results.var(axis=0, ddof=1).sum()
      count += results.size
    want = -10.0 * np.log10(squares / count)
    self.assertAlmostEqual(_floor(before, after).psnr, want, delta=0.01)

  @parameterized.parameters(1.0, 4.0, 20.0)
  def test_a_smooth_look_has_no_spread_however_steep(self, steepness):
    # Each colour once, as in a blank Hald picture: no two results can be compared.
    nodes = np.linspace(0.0, 1.0, 64)
    before = np.stack(np.meshgrid(nodes, nodes, nodes, indexing='ij'), axis=-1)
    after = 1.0 / (1.0 + np.exp(-steepness * (before - 0.5)))
    self.assertGreater(_floor(before, after).psnr, 52.0)

  def test_a_grey_picture_has_a_floor(self):
    grey = np.repeat(np.linspace(0.0, 1.0, 4096)[:, None], 3, axis=-1)
    self.assertGreater(_floor(grey, np.sqrt(grey)).psnr, 45.0)

  def test_equal_results_are_capped(self):
    flat = np.full((100, 3), 0.5)
    self.assertEqual(_floor(flat, flat).psnr, 200.0)

  def test_too_few_pixels_give_no_floor(self):
    rng = np.random.default_rng(2)
    self.assertIsNone(_floor(rng.uniform(size=(9, 3)), rng.uniform(size=(9, 3))))

  def test_large_pictures_keep_whole_tiles(self):
    pixels = np.zeros((1024, 1100, 3), np.float32)
    kept = np.ones(pixels.shape[:2], bool)
    (thin,) = pair_floor.thinned([pair_floor.Picture(pixels, pixels, kept)])
    self.assertBetween(thin.kept.sum(), 300_000, 750_000)
    tiles = thin.kept[:, :1088].reshape(16, 64, 17, 64).mean(axis=(1, 3))
    self.assertEqual(set(tiles.ravel()), {0.0, 1.0})


if __name__ == '__main__':
  absltest.main()
