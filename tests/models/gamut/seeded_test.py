import functools
import unittest

import jax
import numpy as np
from absl.testing import parameterized

from lutjax import errors
from lutjax.models.gamut import ridge, seeded

_CONFIG = seeded.Config(waves=24)
_solve = jax.jit(functools.partial(seeded.solve, _CONFIG))


def _samples(ends: tuple[int, int, int], padded: int) -> ridge.Samples:
  """Samples whose channels are three functions of their inputs."""
  rng = np.random.default_rng(0)
  inputs = rng.uniform(-1, 1, (ends[2], 5))
  functions = np.stack([np.sin(3 * inputs[:, 0]), inputs[:, 2] ** 2, inputs[:, 1]])
  channel = np.searchsorted(ends, np.arange(ends[2]), side='right')
  target = functions[channel, np.arange(ends[2])]
  arrays = inputs, target, np.ones(ends[2])
  pads = [np.pad(a, [(0, padded - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
  return ridge.Samples(*[a.astype(np.float32) for a in pads], np.int32(ends))


class SeededTest(parameterized.TestCase):
  def test_matches_ridge_regression_of_each_channel_in_float64(self):
    ends = (400, 400, 1500)
    samples = _samples(ends, 2048)
    got = np.asarray(_solve(samples))
    seen = seeded.features(seeded.waves_of(_CONFIG), samples.inputs)
    seen = np.asarray(seen, np.float64)
    for c, (start, end) in enumerate(zip((0, 400, 400), ends)):
      part, target = seen[start:end], samples.target[start:end].astype(np.float64)
      gram = part.T @ part + 1e-5 * 1500 * np.eye(30)
      want = np.linalg.solve(gram, part.T @ target)
      np.testing.assert_allclose(part @ got[:, c], part @ want, atol=1e-3)
    np.testing.assert_array_equal(got[:, 1], 0)

  def test_padding_changes_no_bit(self):
    want = _solve(_samples((300, 1100, 1500), 2048))
    got = _solve(_samples((300, 1100, 1500), 4096))
    np.testing.assert_array_equal(got, want)

  def test_vmapped_fits_are_those_alone(self):
    one = _samples((300, 1100, 1500), 2048)
    two = one._replace(target=one.target[::-1].copy(), ends=np.int32([0, 700, 900]))
    both = jax.tree.map(lambda *pair: np.stack(pair), one, two)
    got = jax.jit(jax.vmap(functools.partial(seeded.solve, _CONFIG)))(both)
    for i, alone in enumerate((one, two)):
      seen = seeded.features(seeded.waves_of(_CONFIG), one.inputs)
      np.testing.assert_allclose(seen @ got[i], seen @ _solve(alone), atol=2e-3)

  @parameterized.parameters(0.0, 1e-12, 1e-6, 1.0)
  def test_no_regularisation_gives_nan(self, added):
    config = seeded.Config(waves=24, ridge=added)
    same = np.ones((1024, 5), np.float32)
    solve = jax.jit(functools.partial(seeded.solve, config))
    ends = np.array([1024] * 3, np.int32)
    weight = solve(ridge.Samples(same, same[:, 0], same[:, 1], ends))
    self.assertTrue(np.isfinite(weight).all())

  def test_bytes_round_trip(self):
    weight = np.asarray(_solve(_samples((300, 1100, 1500), 2048)))
    codes, scale = seeded.quantise(_CONFIG, weight)
    body = seeded.to_bytes(_CONFIG, codes, scale)
    config, got, rest = seeded.from_bytes(body + b'more', 0, 'x')
    self.assertEqual((config.waves, config.space_spread, rest), (24, 5.0, b'more'))
    np.testing.assert_array_equal(got, codes * scale.astype(np.float32))
    np.testing.assert_allclose(got, weight, atol=np.abs(weight).max() / 200)

  def test_refuses_damage(self):
    codes, scale = seeded.quantise(_CONFIG, np.ones((30, 3), np.float32))
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
