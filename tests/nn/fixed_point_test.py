"""Tests of `lutjax.nn.fixed_point`."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.nn import fixed_point

_Y = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
_MATRIX = 0.3 * np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)


def _bend(x):
  return 0.8 * jnp.sin(jnp.matmul(x, jnp.asarray(_MATRIX), precision='highest'))


class FixedPointTest(parameterized.TestCase):
  @parameterized.parameters(*fixed_point.METHODS)
  def test_solves_a_linear_system(self, method):
    got = jax.jit(
      lambda y: fixed_point.invert(lambda x: x @ _MATRIX, y, method=method, limit=80)
    )(_Y)
    want = np.linalg.solve((np.eye(3) + _MATRIX).T.astype(np.float64), _Y.T).T
    np.testing.assert_allclose(got.x, want, atol=1e-5)

  @parameterized.parameters(*fixed_point.METHODS)
  def test_inverts_a_bend(self, method):
    x = fixed_point.invert(_bend, _Y, method=method, limit=60).x
    np.testing.assert_allclose(x + _bend(x), _Y, atol=2e-6)

  def test_newton_takes_fewer_steps(self):
    counts = [
      int(fixed_point.invert(_bend, _Y, method=method, limit=60).iterations)
      for method in ('newton', 'banach')
    ]
    self.assertLess(counts[0], 8)
    self.assertGreater(counts[1], 2 * counts[0])

  def test_stops_at_its_limit_and_says_what_is_left(self):
    solved = fixed_point.invert(_bend, _Y, method='banach', limit=2)
    self.assertEqual(int(solved.iterations), 2)
    self.assertGreater(float(solved.residual), 1e-4)

  def test_gradients_are_those_of_the_solution(self):
    def total(y, scale):
      return jnp.sum(fixed_point.invert(lambda x: scale * _bend(x), y).x ** 2)

    y = jnp.asarray(_Y[:4])
    by_y, by_scale = jax.grad(total, (0, 1))(y, 0.9)
    width = 1e-2
    step = jnp.zeros_like(y).at[1, 2].set(width)
    want = (total(y + step, 0.9) - total(y - step, 0.9)) / (2 * width)
    self.assertAlmostEqual(float(by_y[1, 2]), float(want), delta=1e-2)
    want = (total(y, 0.9 + width) - total(y, 0.9 - width)) / (2 * width)
    self.assertAlmostEqual(float(by_scale), float(want), delta=2e-2)

  def test_refuses_another_method(self):
    with self.assertRaisesRegex(ValueError, "got 'secant'"):
      fixed_point.invert(_bend, _Y, method='secant')


if __name__ == '__main__':
  absltest.main()
