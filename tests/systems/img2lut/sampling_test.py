import dataclasses
import functools

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.img2lut import sampling

K, S, B = 40, 16, 32
CONFIG = sampling.Config(task='pairs', side=S, pixels=32, crop=0.5)
WHOLE = dataclasses.replace(CONFIG, pixels=0)


@functools.cache
def _sample(config):
  return jax.jit(sampling.sampler(config), static_argnums=2)


def _places(dtype=np.uint8):
  """Two pictures whose pixels say where they are."""
  rows, columns = np.meshgrid(np.arange(K), np.arange(K), indexing='ij')
  scale = np.iinfo(dtype).max // 255
  pictures = [np.stack([rows, columns, np.full((K, K), 100 * i)], -1) for i in (1, 2)]
  return (scale * np.stack(pictures)).astype(dtype)


def _data(dtype=np.uint8):
  before = _places(dtype)
  return {'before': before, 'after': np.iinfo(dtype).max - before}


class SamplingTest(parameterized.TestCase):
  # Those of 16 bits share a program with those that compare all pixels.
  @parameterized.parameters((np.uint8, CONFIG), (np.uint16, WHOLE))
  def test_before_and_after_are_the_same_pixels(self, dtype, config):
    batch = _sample(config)(jax.random.key(0), _data(dtype), B)
    self.assertEqual(batch['image'].shape, (B, S, S, 3))
    self.assertEqual(batch['rgb'].shape, (B, config.pixels or S * S, 3))
    np.testing.assert_allclose(batch['rgb'] + batch['target'], 1.0, atol=1e-6)

  def test_crops_are_even_grids_within_the_picture(self):
    batch = _sample(CONFIG)(jax.random.key(1), _data(), B)
    codes = np.rint(255 * np.asarray(batch['image'])).astype(int)
    turned = set()
    for image in codes:
      self.assertIn(image[0, 0, 2], (100, 200))
      self.assertEqual(np.ptp(image[..., 2]), 0)
      rows, columns = image[..., 0], image[..., 1]
      across = np.ptp(rows[0]) > 0
      if across:
        rows, columns = rows.T, columns.T
      self.assertEqual(np.ptp(rows, axis=1).max(), 0)
      self.assertEqual(np.ptp(columns, axis=0).max(), 0)
      for line in (rows[:, 0], columns[0]):
        self.assertBetween(line.min(), 0, K - 1)
        self.assertBetween(line.max(), 0, K - 1)
        # From half of the picture to all of it, one way or the other.
        self.assertBetween(np.ptp(line), (S - 1) / S * K / 2 - 1, K - 1)
        steps = np.diff(line)
        self.assertTrue((steps >= 0).all() or (steps <= 0).all())
      turned.add((across, rows[0, 0] > rows[-1, 0], columns[0, 0] > columns[0, -1]))
    self.assertLen(turned, 8)

  def test_a_key_says_all(self):
    sample = _sample(CONFIG)
    one, two, other = (sample(jax.random.key(i), _data(), B) for i in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    self.assertGreater(np.abs(one['image'] - other['image']).max(), 0.1)

  def test_all_pixels_come_in_their_order(self):
    batch = _sample(WHOLE)(jax.random.key(2), _data(np.uint16), B)
    image = np.asarray(batch['image'])
    np.testing.assert_array_equal(batch['rgb'], image.reshape(B, S * S, 3))
    np.testing.assert_allclose(batch['rgb'] + batch['target'], 1.0, atol=1e-6)
    # Of pairs, nothing but the place is drawn: the codes are those of the files.
    codes = 255 * image
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)

  def test_what_is_measured_is_whole_and_as_it_lies(self):
    before, after = (
      sampling.to_float(_data()[name])[0, :S, :S] for name in ('before', 'after')
    )
    pair = {'before': before, 'after': after}
    got = sampling.shown(CONFIG, jax.random.key(6), pair, None)
    np.testing.assert_array_equal(got['image'], before)
    np.testing.assert_array_equal(got['target'], after)

  def test_what_is_measured_depends_on_its_key_alone(self):
    config = dataclasses.replace(CONFIG, task='exposure')
    pair = {'before': sampling.to_float(_places()[0])[:S, :S]}
    show = jax.jit(lambda key: sampling.shown(config, key, pair, None))
    one, again, other = (show(jax.random.key(seed)) for seed in (6, 6, 7))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    self.assertGreater(np.abs(one['image'] - other['image']).max(), 1e-3)
    np.testing.assert_array_equal(one['target'], other['target'])
    # Rows still rise along rows: nothing was turned.
    self.assertTrue((np.diff(one['image'][..., 0], axis=0) >= 0).all())
    self.assertEqual(np.ptp(one['image'][..., 0], axis=1).max(), 0)

  @parameterized.parameters(
    ({'crop': 0.0}, r'crop in \(0, 1\]'),
    ({'test_share': 1.5}, r'test_share in \[0, 1\]'),
    ({'kept': 8}, r'kept in \[32, 4096\]'),
  )
  def test_refuses(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      sampling.Config(**fields)


if __name__ == '__main__':
  absltest.main()
