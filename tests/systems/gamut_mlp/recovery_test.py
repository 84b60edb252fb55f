import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized

from lutjax.color import transfer
from lutjax.systems.gamut_mlp import recovery

_reduce = jax.jit(recovery.reduce, static_argnums=1)
_recover = jax.jit(recovery.recover)
_expand = jax.jit(recovery.expand)


def _colours(seed: int, count: int = 20000) -> np.ndarray:
  """Saturated ProPhoto colours, bounds and greys among them."""
  rng = np.random.default_rng(seed)
  rgb = np.clip(rng.normal(0.5, 0.6, (count, 3)), 0, 1)
  rgb[:500] = rgb[:500, :1]
  rgb[500:508] = [[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)]
  return rgb.astype(np.float32)


class RecoveryTest(parameterized.TestCase):
  def test_surroundings_are_counted_over_nine_pixels(self):
    codes = np.random.default_rng(0).choice(np.array([0, 7, 255], np.uint8), (9, 5, 3))
    got = recovery.surroundings(codes)
    for row, column in np.ndindex(9, 5):
      rows = np.clip(np.arange(row - 1, row + 2), 0, 8)
      columns = np.clip(np.arange(column - 1, column + 2), 0, 4)
      near = codes[np.ix_(rows, columns)].reshape(9, 3)
      want = (near == 255).sum(0) - (near == 0).sum(0)
      np.testing.assert_array_equal(got[row, column], want)

  def test_reduction_is_clip_and_round(self):
    rgb = _colours(0)
    linear = np.clip(np.asarray(recovery.prophoto_to_linear(rgb)), 0, 1)
    want = np.asarray(transfer.linear_to_srgb(linear)) * 255
    self.assertLessEqual(np.abs(_reduce(rgb) - want).max(), 0.5001)
    truncated = np.asarray(_reduce(rgb, 'truncate'))
    self.assertLessEqual((truncated - want).max(), 1e-4)
    self.assertLess((want - truncated).max(), 1.0001)

  @parameterized.parameters(0.01, 0.3, 30.0)
  def test_reducing_what_is_recovered_gives_the_codes_back(self, size):
    codes = np.asarray(_reduce(_colours(1)))
    noise = size * np.random.default_rng(2).normal(size=codes.shape)
    recovered = _recover(codes, noise.astype(np.float32))
    self.assertGreaterEqual(recovered.min(), 0.0)
    self.assertLessEqual(recovered.max(), 1.0)
    np.testing.assert_array_equal(_reduce(recovered), codes)

  def test_a_16_bit_file_of_it_gives_the_codes_back(self):
    codes = np.asarray(_reduce(_colours(3)))
    noise = np.random.default_rng(4).normal(size=codes.shape).astype(np.float32)
    encoded = np.asarray(transfer.linear_to_romm(_recover(codes, noise)))
    stored = np.rint(encoded * 65535).astype(np.float32) / 65535
    np.testing.assert_array_equal(_reduce(transfer.romm_to_linear(stored)), codes)

  def test_the_true_excess_is_recovered(self):
    rgb = _colours(5)
    codes = np.asarray(_reduce(rgb))
    recovered = np.asarray(_recover(codes, recovery.excess(rgb, codes)))
    clipped = np.asarray(recovery.is_clipped(codes)).all(axis=-1)
    self.assertGreater(clipped.sum(), 100)
    # What is left is half of the bin that the projection leaves to a bound.
    np.testing.assert_allclose(recovered[clipped], rgb[clipped], atol=6e-3)
    before = np.square(np.asarray(_expand(codes)) - rgb).sum(axis=-1)
    after = np.square(recovered - rgb).sum(axis=-1)
    self.assertLess(after.mean(), 0.01 * before.mean())

  def test_unclipped_pixels_are_left_alone(self):
    codes = np.random.default_rng(6).integers(1, 255, (1000, 3)).astype(np.uint8)
    got = _recover(codes, jnp.full(codes.shape, 0.5))
    np.testing.assert_array_equal(got, _expand(codes))

  def test_nan_predictions_count_as_none(self):
    codes = np.asarray(_reduce(_colours(7)))
    got = _recover(codes, jnp.full(codes.shape, jnp.nan))
    np.testing.assert_allclose(got, _expand(codes), atol=1e-7)


if __name__ == '__main__':
  unittest.main()
