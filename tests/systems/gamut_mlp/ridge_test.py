import functools
import unittest

import jax
import numpy as np
from absl.testing import parameterized

from lutjax.systems.gamut_mlp import ridge, seeded

_CONFIG = seeded.Config(waves=24)
_features = functools.partial(seeded.features, seeded.waves_of(_CONFIG))
_solve = jax.jit(functools.partial(seeded.solve, _CONFIG))
_ONE = np.ones((1, 1), np.float32)


def _samples(ends: tuple[int, int, int], padded: int) -> ridge.Samples:
  """Samples whose channels are three functions of their inputs."""
  rng = np.random.default_rng(0)
  inputs = rng.uniform(-1, 1, (ends[2], 8))
  functions = np.stack([np.sin(3 * inputs[:, 0]), inputs[:, 2] ** 2, inputs[:, 1]])
  channel = np.searchsorted(ends, np.arange(ends[2]), side='right')
  target = functions[channel, np.arange(ends[2])]
  arrays = inputs, target, np.ones((ends[2], 1))
  pads = [np.pad(a, [(0, padded - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
  return ridge.Samples(*[a.astype(np.float32) for a in pads], np.int32(ends))


def _in_float64(
  samples: ridge.Samples, weight: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Returns per channel its features, and what a fit so weighted says of them."""
  found, start = [], 0
  for end in samples.ends:
    seen = np.asarray(_features(samples.inputs[start:end]), np.float64)
    weighted = seen.T * weight[start:end]
    gram = weighted @ seen + 1e-5 * weight.sum() * np.eye(33)
    want = np.linalg.solve(gram, weighted @ samples.target[start:end])
    found.append((seen, seen @ want))
    start = end
  return found


class RidgeTest(parameterized.TestCase):
  def test_matches_ridge_regression_of_each_channel_in_float64(self):
    samples = _samples((400, 400, 1500), 2048)
    (got,) = _solve(samples, _ONE)
    for channel, (seen, want) in enumerate(_in_float64(samples, np.ones(1500))):
      np.testing.assert_allclose(seen @ got[:, channel], want, atol=1e-3)
    np.testing.assert_array_equal(got[:, 1], 0)

  def test_each_mix_is_the_fit_to_so_weighted_samples(self):
    samples = _samples((500, 900, 1500), 2048)
    first = np.arange(2048) % 3 == 0
    counted = np.arange(2048) < 1500
    groups = np.stack([first & counted, ~first & counted], 1).astype(np.float32)
    mixes = np.array([[1, 1], [1, 30], [0, 1]], np.float32)
    got = _solve(samples._replace(groups=groups), mixes)
    for mix, weights in zip(mixes, got):
      expected = _in_float64(samples, groups.astype(np.float64) @ mix)
      for channel, (seen, want) in enumerate(expected):
        np.testing.assert_allclose(seen @ weights[:, channel], want, atol=2e-3)

  def test_padding_changes_no_bit(self):
    want = _solve(_samples((300, 1100, 1500), 2048), _ONE)
    got = _solve(_samples((300, 1100, 1500), 4096), _ONE)
    np.testing.assert_array_equal(got, want)

  def test_vmapped_fits_are_those_alone(self):
    one = _samples((300, 1100, 1500), 2048)
    two = one._replace(target=one.target[::-1].copy(), ends=np.int32([0, 700, 900]))
    both = jax.tree.map(lambda *pair: np.stack(pair), one, two)
    got = jax.jit(jax.vmap(functools.partial(seeded.solve, _CONFIG), (0, None)))
    for found, alone in zip(got(both, _ONE), (one, two)):
      seen = _features(one.inputs)
      want = seen @ _solve(alone, _ONE)[0]
      np.testing.assert_allclose(seen @ found[0], want, atol=2e-3)

  @parameterized.parameters(0.0, 1e-12, 1e-6, 1.0)
  def test_no_regularisation_gives_nan(self, added):
    config = seeded.Config(waves=24, ridge=added)
    same = np.ones((1024, 8), np.float32)
    solve = jax.jit(functools.partial(seeded.solve, config))
    ends = np.array([1024] * 3, np.int32)
    weight = solve(ridge.Samples(same, same[:, 0], same[:, :1], ends), _ONE)
    self.assertTrue(np.isfinite(weight).all())


if __name__ == '__main__':
  unittest.main()
