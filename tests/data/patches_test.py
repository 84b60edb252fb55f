import functools

import jax
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.data import patches

# Patches of 3 fit at 15, 1 and 14 places; no two pixels are alike.
SHAPES = ((5, 7), (3, 3), (4, 9))
PATCH, SCALE = 3, 2


def _pairs():
  """Planes of which each value tells the place; what is seen is every second pixel."""
  first = 0
  for height, width in SHAPES:
    low = first + np.arange(height * width, dtype=np.uint8).reshape(height, width)
    high = 255 - np.repeat(np.repeat(low, SCALE, 0), SCALE, 1)
    high[::SCALE, ::SCALE] = low
    yield patches.Pair(low, high)
    first += height * width


@functools.cache
def _packed():
  pool = patches.Pool(1 << 20, patch=PATCH, scale=SCALE)
  for pair in _pairs():
    pool.add(pair)
  return pool.pack()


def _ways(square):
  """The eight symmetries of a square, by numpy's own turns."""
  for mirrored in (square, square.T):
    for turns in range(4):
      yield np.rot90(mirrored, turns)


_sample = jax.jit(patches.sample, static_argnums=2, static_argnames=('patch', 'scale'))


class SampleTest(absltest.TestCase):
  def test_every_place_and_turn_is_as_likely_and_both_planes_agree(self):
    known = {}
    for pair in _pairs():
      height, width = pair.low.shape
      for top in range(height - PATCH + 1):
        for left in range(width - PATCH + 1):
          low = pair.low[top : top + PATCH, left : left + PATCH]
          bottom, right = SCALE * (top + PATCH), SCALE * (left + PATCH)
          high = pair.high[SCALE * top : bottom, SCALE * left : right]
          known |= {a.tobytes(): b.tobytes() for a, b in zip(_ways(low), _ways(high))}
    self.assertLen(known, 8 * 30)
    count = 48_000
    drawn = _sample(jax.random.key(0), _packed(), count, patch=PATCH, scale=SCALE)
    self.assertEqual(drawn['patch'].dtype, np.float32)
    self.assertEqual(drawn['target'].shape, (count, PATCH * SCALE, PATCH * SCALE))
    found = dict.fromkeys(known, 0)
    for low, high in zip(
      *(np.asarray(drawn[k], np.uint8) for k in ('patch', 'target'))
    ):
      self.assertEqual(high.tobytes(), known[low.tobytes()])
      found[low.tobytes()] += 1
    # 200 each, with a standard deviation of 14.
    self.assertBetween(min(found.values()), 200 - 70, 200 + 70)
    self.assertBetween(max(found.values()), 200 - 70, 200 + 70)

  def test_noise_is_drawn_anew_rounded_and_cut(self):
    pool = patches.Pool(1 << 20, patch=8, scale=1)
    for code in (128, 0):
      pool.add(patches.Pair(None, np.full((8, 8), code, np.uint8)))
    data = pool.pack()
    self.assertNotIn('low', data)
    draw = jax.jit(
      functools.partial(patches.sample, patch=8, scale=1, sigma=20.0), static_argnums=2
    )
    one, two = (draw(jax.random.key(seed), data, 512) for seed in range(2))
    self.assertGreater(np.abs(one['patch'] - two['patch']).max(), 0)
    codes = np.asarray(one['patch'])
    np.testing.assert_array_equal(codes, np.rint(codes))
    grey = codes[np.asarray(one['target']) == 128] - 128
    self.assertLess(abs(grey.mean()), 0.5)
    self.assertLess(abs(grey.std() - 20.0), 0.5)
    black = codes[np.asarray(one['target']) == 0]
    self.assertEqual(black.min(), 0)
    self.assertLess(abs((black == 0).mean() - 0.51), 0.02)


class PoolTest(parameterized.TestCase):
  def test_what_is_beyond_the_bound_is_thinned_evenly(self):
    pool = patches.Pool(30_000, patch=8, scale=1)
    for code in range(16):
      pool.add(patches.Pair(None, np.full((70, 100), code, np.uint8)))
    # Tiles of 35 x 33 or 34; 16 pictures of 6.
    self.assertEqual((pool.every, pool.pixels), (4, 16 * 7000))
    self.assertBetween(pool.size_bytes, 24 * 35 * 33, 24 * 35 * 34)
    data = pool.pack()
    codes, counts = np.unique(data['high'], return_counts=True)
    np.testing.assert_array_equal(codes, np.arange(16))
    self.assertLessEqual(counts.max(), 2 * 35 * 34)
    self.assertLen(data['widths'], 24)
    self.assertEqual(data['ends'][-1], sum(28 * (w - 7) for w in data['widths']))

  def test_one_tile_is_kept_whatever_the_bound(self):
    pool = patches.Pool(10, patch=4, scale=1)
    pool.add(patches.Pair(None, np.zeros((5, 5), np.uint8)))
    self.assertEqual(pool.size_bytes, 25)

  @parameterized.parameters(
    ((4, 4), (8, 9), r'2 times .* \[8, 9\]'),
    ((4, 5), (8, 8), r'2 times .* \[8, 8\] and \[4, 5\]'),
    ((2, 9), (4, 18), 'sides of 3 or more, got 2 x 9'),
  )
  def test_refuses_planes_that_do_not_fit(self, low, high, message):
    pool = patches.Pool(1 << 20, patch=PATCH, scale=SCALE)
    with self.assertRaisesRegex(ValueError, message):
      pool.add(patches.Pair(np.zeros(low, np.uint8), np.zeros(high, np.uint8)))

  @parameterized.parameters((0, 8), (1 << 31, 8), (1, 0), (1, 513))
  def test_refuses_what_indices_do_not_reach(self, limit, patch):
    with self.assertRaisesRegex(ValueError, 'Expected 1 to 2147483647 bytes'):
      patches.Pool(limit, patch=patch, scale=1)

  def test_refuses_to_pack_nothing(self):
    with self.assertRaisesRegex(ValueError, 'at least one plane'):
      patches.Pool(1, patch=1, scale=1).pack()


class PlanesTest(absltest.TestCase):
  def test_luma_is_that_of_pillow(self):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    want = np.asarray(PIL.Image.fromarray(rgb).convert('L'))
    np.testing.assert_array_equal(patches.to_planes(rgb, 'luma')[..., 0], want)
    self.assertIs(patches.to_planes(rgb, 'each'), rgb)
    grey = rgb[..., :1]
    self.assertIs(patches.to_planes(grey, 'luma'), grey)
    with self.assertRaisesRegex(ValueError, r'\[40, 50\] uint8'):
      patches.to_planes(rgb[..., 0], 'each')

  def test_fixed_patches_lie_side_by_side(self):
    pair = list(_pairs())[2]
    one, two, three = patches.fixed(pair, patch=PATCH, scale=SCALE, most=9)
    np.testing.assert_array_equal(
      np.hstack([one.low, two.low, three.low]), pair.low[:3]
    )
    np.testing.assert_array_equal(
      np.hstack([one.high, two.high, three.high]), pair.high[:6]
    )
    (first,) = patches.fixed(pair, patch=PATCH, scale=SCALE, most=1)
    np.testing.assert_array_equal(first.low, one.low)
    self.assertEmpty(patches.fixed(pair, patch=5, scale=SCALE, most=9))
    with self.assertRaisesRegex(ValueError, 'pair with low'):
      patches.fixed(pair._replace(low=None), patch=PATCH, scale=SCALE, most=9)


if __name__ == '__main__':
  absltest.main()
