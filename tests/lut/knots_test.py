import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl.testing import absltest, parameterized
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from lutjax.lut import interpolate, knots, lattice

_from_logits = jax.jit(knots.from_logits)
_to_logits = jax.jit(knots.to_logits)
_X = np.linspace(0, 1, 2001, dtype=np.float32)[:, None]


class KnotsTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=100)
  @hypothesis.given(
    st_numpy.arrays(
      np.float32, (2, 16), elements=st.floats(-(2.0**100), 2.0**100, width=32)
    )
  )
  def test_any_numbers_are_knots_that_rise_from_0_to_1(self, logits):
    got = np.asarray(_from_logits(logits))
    np.testing.assert_array_equal(got[:, 0], [0, 0])
    np.testing.assert_array_equal(got[:, -1], [1, 1])
    self.assertGreater(np.diff(got).min(), knots.LEAST - 1e-6)

  def test_is_the_running_sum_of_widths_in_float64(self):
    logits = np.random.default_rng(0).normal(size=(2, 16))
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    widths = knots.LEAST + (1 - 16 * knots.LEAST) * share
    got = _from_logits(logits.astype(np.float32))
    np.testing.assert_allclose(got[:, 1:], np.cumsum(widths, -1), atol=1e-6)

  def test_equal_numbers_are_even(self):
    got = _from_logits(np.full((2, 16), 3, np.float32))
    np.testing.assert_allclose(got, [np.linspace(0, 1, 17)] * 2, atol=1e-6)

  def test_there_and_back(self):
    wide = np.float32([[0, 0.01, 0.5, 0.9, 1]])
    np.testing.assert_allclose(_from_logits(_to_logits(wide)), wide, atol=1e-6)
    # A cell of no width gets one.
    narrow = np.float32([[0, 0.5, 0.5, 0.9, 1]])
    got = _from_logits(_to_logits(narrow))
    np.testing.assert_allclose(got, narrow, atol=2 * knots.LEAST)
    self.assertBetween(got[0, 2] - got[0, 1], knots.LEAST - 1e-6, 2 * knots.LEAST)

  def test_gradients_are_those_of_differences(self):
    rng = np.random.default_rng(2)
    logits, weights = rng.normal(size=(2, 16)), rng.normal(size=(2, 17))
    way = rng.normal(size=(2, 16))
    with jax.enable_x64(True):
      both = jax.jit(
        jax.value_and_grad(lambda at: jnp.sum(weights * knots.from_logits(at)))
      )
      want = (both(logits + 1e-6 * way)[0] - both(logits - 1e-6 * way)[0]) / 2e-6
      np.testing.assert_allclose(np.vdot(both(logits)[1], way), want, rtol=1e-6)

  @parameterized.parameters(
    (np.zeros(0), {}, '2 or more nodes'),
    (np.zeros(()), {}, '2 or more nodes'),
    (np.zeros(4), {'least': 0.25}, r'4 cells to fit into \[0, 1\], got 0.25 each'),
    (np.zeros(4), {'least': -1.0}, r'4 cells to fit into \[0, 1\], got -1.0 each'),
  )
  def test_refuses_what_does_not_fit(self, logits, options, message):
    with self.assertRaisesRegex(ValueError, message):
      knots.from_logits(logits, **options)


class FittingTest(absltest.TestCase):
  def test_fitted_knots_beat_even_ones_on_a_sharp_curve(self):
    target = 1 / (1 + np.exp(-100 * (_X - 0.3)))
    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 400))

    def loss(params):
      axis = knots.from_logits(params['logits'])
      lut = lattice.from_table(params['table'], knots=[axis])
      return jnp.mean((interpolate.sample(lut, _X, method='trilinear') - target) ** 2)

    @jax.jit
    def fit(moves_knots):
      start = jnp.linspace(0, 1, 9)
      params = {
        'table': jnp.interp(start, _X[:, 0], target[:, 0])[:, None],
        'logits': knots.to_logits(start),
      }

      def step(state, _):
        params, moments = state
        slopes = jax.grad(loss)(params)
        slopes['logits'] *= moves_knots
        change, moments = optimizer.update(slopes, moments)
        return (optax.apply_updates(params, change), moments), None

      state = (params, optimizer.init(params))
      (params, _), _ = jax.lax.scan(step, state, length=400)
      return params, loss(params)

    even, fitted = fit(0.0), fit(1.0)
    np.testing.assert_array_equal(even[0]['logits'], np.zeros(8))
    # 43 times below, that is 6.5 times in the error itself; half of that is asked for.
    self.assertLess(float(fitted[1]), float(even[1]) / 20)


if __name__ == '__main__':
  absltest.main()
