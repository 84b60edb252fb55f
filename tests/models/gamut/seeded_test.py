import functools
import unittest

import jax
import numpy as np
from absl.testing import parameterized

from lutjax import errors
from lutjax.models.gamut import seeded

_CONFIG = seeded.Config(waves=24)
_solve = jax.jit(functools.partial(seeded.solve, _CONFIG))


def _samples(count: int, padded: int) -> tuple[np.ndarray, ...]:
  rng = np.random.default_rng(0)
  inputs = rng.uniform(-1, 1, (count, 8))
  target = np.stack([np.sin(3 * inputs[:, 0]), inputs[:, 2] ** 2, 0 * inputs[:, 1]], 1)
  arrays = inputs, target, np.ones((count, 1))
  pads = [np.pad(a, [(0, padded - count)] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
  return *[a.astype(np.float32) for a in pads], np.ones((1, 1), 'f4'), np.int32(count)


class SeededTest(parameterized.TestCase):
  def test_matches_ridge_regression_in_float64(self):
    samples = _samples(1500, 2048)
    inputs, target = samples[:2]
    (got,) = _solve(*samples)
    seen = np.asarray(seeded.features(seeded.waves_of(_CONFIG), inputs), np.float64)
    seen = seen[:1500]
    gram = seen.T @ seen + 1e-5 * 1500 * np.eye(33)
    want = np.linalg.solve(gram, seen.T @ target[:1500].astype(np.float64))
    np.testing.assert_allclose(seen @ got, seen @ want, atol=1e-3)

  def test_each_mix_is_the_fit_to_so_weighted_samples(self):
    inputs, target, _, _, count = _samples(1500, 2048)
    half = (np.arange(2048) < 700) & (np.arange(2048) < 1500)
    groups = np.stack([half, ~half & (np.arange(2048) < 1500)], 1).astype(np.float32)
    mixes = np.array([[1, 1], [1, 30], [0, 1]], np.float32)
    got = _solve(inputs, target, groups, mixes, count)
    seen = np.asarray(seeded.features(seeded.waves_of(_CONFIG), inputs), np.float64)
    for mix, weight in zip(mixes, got):
      kept = groups.astype(np.float64) @ mix
      gram = (seen * kept[:, None]).T @ seen + 1e-5 * kept.sum() * np.eye(33)
      want = np.linalg.solve(gram, (seen * kept[:, None]).T @ target)
      np.testing.assert_allclose(seen @ weight, seen @ want, atol=2e-3)

  def test_padding_changes_no_bit(self):
    want = _solve(*_samples(1500, 2048))
    got = _solve(*_samples(1500, 4096))
    np.testing.assert_array_equal(got, want)

  def test_vmapped_fits_are_those_alone(self):
    one = _samples(1500, 2048)
    two = one[0], one[1][:, ::-1].copy(), *one[2:4], np.int32(700)
    both = [np.stack(pair) for pair in zip(one, two)]
    got = jax.jit(jax.vmap(functools.partial(seeded.solve, _CONFIG)))(*both)
    for i, alone in enumerate((one, two)):
      seen = seeded.features(seeded.waves_of(_CONFIG), one[0])
      np.testing.assert_allclose(seen @ got[i, 0], seen @ _solve(*alone)[0], atol=2e-3)

  @parameterized.parameters(0.0, 1e-12, 1e-6, 1.0)
  def test_no_regularisation_gives_nan(self, ridge):
    config = seeded.Config(waves=24, ridge=ridge)
    same = np.ones((1024, 8), np.float32)
    solve = jax.jit(functools.partial(seeded.solve, config))
    weight = solve(same, same[:, :3], same[:, :1], np.ones((1, 1)), np.int32(1024))
    self.assertTrue(np.isfinite(weight).all())

  def test_bytes_round_trip(self):
    weight = np.asarray(_solve(*_samples(1500, 2048)))[0]
    codes, scale = seeded.quantise(_CONFIG, weight)
    body = seeded.to_bytes(_CONFIG, codes, scale)
    config, got, rest = seeded.from_bytes(body + b'more', 0, 'x')
    self.assertEqual((config.waves, config.space_spread, rest), (24, 5.0, b'more'))
    np.testing.assert_array_equal(got, codes * scale.astype(np.float32))
    np.testing.assert_allclose(got, weight, atol=np.abs(weight).max() / 200)

  def test_refuses_damage(self):
    codes, scale = seeded.quantise(_CONFIG, np.ones((33, 3), np.float32))
    body = seeded.to_bytes(_CONFIG, codes, scale)
    for content in (b'', body[:4], body[:-3], b'\0' * len(body)):
      with self.assertRaisesRegex(errors.ArtefactError, '^x: '):
        seeded.from_bytes(content, 0, 'x')

  def test_refuses_settings_that_cannot_be_stored(self):
    with self.assertRaisesRegex(ValueError, '1 to 4096 waves'):
      seeded.Config(waves=0)
    with self.assertRaisesRegex(ValueError, 'multiples of 1/8'):
      seeded.Config(space_spread=0.3)


if __name__ == '__main__':
  unittest.main()
