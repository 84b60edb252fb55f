"""Tests of `lutjax.nn.residual_flow`."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.nn import residual_flow

_PAPER = residual_flow.Shape(conditioned=(1,), rescaled=False, small=True)
_RGB = np.random.default_rng(0).uniform(size=(64, 3)).astype(np.float32)


def _still(shape):
  params = residual_flow.init(jax.random.key(0), shape)
  return {**params, 'scales': jnp.zeros_like(params['scales'])}


class ResidualFlowTest(parameterized.TestCase):
  def test_is_the_papers_network(self):
    params = residual_flow.init(jax.random.key(1), _PAPER)
    params = jax.tree.map(lambda leaf: 40.0 * leaf, params)
    params['scales'] = jnp.full((3, 3), 0.7)
    code = 0.3 * np.random.default_rng(1).normal(size=96).astype(np.float32)
    z = np.arctanh(2 * 0.83 * (_RGB.astype(np.float64) - 0.5))
    for block, layers in enumerate(params['weights']):
      hidden = z @ np.asarray(layers[0], np.float64) + code[32 * block :][:32]
      for layer in layers[1:]:
        hidden = hidden / (1 + np.exp(-hidden)) / 1.1
        hidden = hidden @ np.asarray(layer, np.float64)
      z = z + 0.7 * hidden
    got = residual_flow.apply(_PAPER, params, _RGB, code)
    np.testing.assert_allclose(got, (np.tanh(z) + 1) / 2, atol=2e-6)

  def test_has_the_papers_number_of_parameters(self):
    params = residual_flow.init(jax.random.key(0), _PAPER)
    codes = residual_flow.init_codes(jax.random.key(0), _PAPER, 512)
    count = sum(leaf.size for leaf in jax.tree.leaves((params, codes)))
    self.assertEqual(4 * count, 248_100)

  @settings(deadline=None, max_examples=30)
  @given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
  def test_without_blocks_colours_stay(self, rgb):
    for fields in (
      {},
      {'ends': False},
      {'stretch': 4.0},
      {'gated': True},
      {'turned': True},
    ):
      shape = residual_flow.Shape(**fields)
      code = jnp.zeros(shape.code_size)
      got = residual_flow.apply(shape, _still(shape), jnp.array(rgb), code)
      np.testing.assert_allclose(got, rgb, atol=1e-6)

  def test_unscaled_output_shrinks_towards_grey(self):
    got = residual_flow.apply(_PAPER, _still(_PAPER), _RGB, jnp.zeros(96))
    np.testing.assert_allclose(got, 0.5 + 0.83 * (_RGB - 0.5), atol=1e-6)

  @parameterized.parameters('lipswish', 'rational')
  def test_activations_have_slopes_within_one(self, name):
    slope = jax.vmap(jax.grad(residual_flow.ACTIVATIONS[name]))
    self.assertLessEqual(float(jnp.abs(slope(jnp.linspace(-9, 9, 4001))).max()), 1.0)

  def test_gradients_are_finite_at_the_corners(self):
    shape = residual_flow.Shape(activation='rational')
    params = residual_flow.init(jax.random.key(0), shape)
    corners = jnp.array([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [0, 1, 0]])
    code = jnp.zeros(shape.code_size)
    slope = jax.grad(lambda rgb: residual_flow.apply(shape, params, rgb, code).sum())
    self.assertTrue(np.isfinite(slope(corners)).all())

  def test_turns_before_the_first_block_and_after_the_last(self):
    shape = residual_flow.Shape(turned=True)
    params = residual_flow.init(jax.random.key(1), shape)
    plain = residual_flow.Shape()
    self.assertEqual(shape.code_size, plain.code_size + 18)
    rng = np.random.default_rng(2)
    code = 0.2 * rng.normal(size=(5, shape.code_size)).astype(np.float32)
    got = residual_flow.apply(shape, params, _RGB[:5], code)
    at = shape.blocks * shape.block_size
    first, last = np.eye(3) + 0.3 * code[:, at:].astype(np.float64).reshape(
      5, 2, 3, 3
    ).swapaxes(0, 1)
    state = np.arctanh(0.83 * (2.0 * _RGB[:5].astype(np.float64) - 1.0))
    state = np.einsum('bi,bij->bj', state, first)
    held = {**params, 'bias': params['bias'][:at]}
    for block in range(3):
      state = state + residual_flow.block_delta(
        plain, held, block, jnp.asarray(state, jnp.float32), code[:, :at]
      )
    state = np.einsum('bi,bij->bj', state, last)
    np.testing.assert_allclose(got, (np.tanh(state) / 0.83 + 1) / 2, atol=2e-6)

  def test_a_table_of_codes_is_as_good_as_a_code_for_each_colour(self):
    shape = residual_flow.Shape(blocks=2, gains=(3,), gated=True, turned=True)
    params = residual_flow.init(jax.random.key(1), shape)
    table = jax.random.normal(jax.random.key(2), (4, shape.code_size))
    look = np.array([3, 0, 3, 1, 0])
    rgb = _RGB[:5]

    def total(table, gathers):
      given = (table, look) if gathers else (table[look],)
      got = residual_flow.apply(shape, params, rgb, *given)
      return jnp.sum(got**2), got

    slope = jax.jit(jax.value_and_grad(total, has_aux=True), static_argnums=1)
    (_, got), slopes = slope(table, True)
    (_, want), each = slope(table, False)
    np.testing.assert_allclose(got, want, atol=1e-6)
    np.testing.assert_allclose(slopes, each, rtol=1e-4, atol=1e-6)
    self.assertEqual(float(jnp.abs(slopes[2]).max()), 0.0)
    self.assertGreater(float(jnp.abs(slopes[0]).max()), 0.0)

  def test_gains_scale_units(self):
    shape = residual_flow.Shape(conditioned=(1,), gains=(3,))
    params = residual_flow.init(jax.random.key(1), shape)
    code = jax.random.normal(jax.random.key(2), (shape.code_size,))
    self.assertEqual(shape.code_size, 3 * (32 + 32))
    steered = (code + params['bias']).reshape(3, 2, 32)
    plain = residual_flow.Shape(conditioned=(1,))
    layers = [
      [*w[:-1], (1.0 + g)[:, None] * w[-1]]
      for w, (_, g) in zip(params['weights'], steered)
    ]
    held = {'weights': layers, 'scales': params['scales']}
    want = residual_flow.apply(plain, held, _RGB, steered[:, 0].ravel())
    got = residual_flow.apply(shape, params, _RGB, code)
    np.testing.assert_allclose(got, want, atol=2e-6)

  def test_settings_are_biases_that_every_block_sees(self):
    shape = residual_flow.Shape(conditioned=(1,), settings=2)
    params = residual_flow.init(jax.random.key(1), shape)
    code = jax.random.normal(jax.random.key(2), (shape.code_size,))
    at = np.float32([0.2, 0.9])
    plain = residual_flow.Shape(conditioned=(1,))
    layers = [[w[0][:3], *w[1:]] for w in params['weights']]
    added = [(2 * at - 1) @ np.asarray(w[0][3:]) for w in params['weights']]
    steered = code + params['bias'] + np.concatenate(added)
    held = {'weights': layers, 'scales': params['scales']}
    want = residual_flow.apply(plain, held, _RGB, steered)
    settings = np.broadcast_to(at, (64, 2))
    got = residual_flow.apply(shape, params, _RGB, code, settings=settings)
    np.testing.assert_allclose(got, want, atol=2e-6)
    with self.assertRaisesRegex(ValueError, '2 settings, got 0'):
      residual_flow.apply(shape, params, _RGB, code)

  def test_reenters_where_it_left(self):
    shape = residual_flow.Shape(stretch=2.0)
    state = np.random.default_rng(0).uniform(-2, 2, (50, 3)).astype(np.float32)
    back = residual_flow.invert_from_state(
      shape, residual_flow.from_state(shape, state)
    )
    np.testing.assert_allclose(back, state, atol=2e-5)
    colours = residual_flow.invert_to_state(shape, residual_flow.to_state(shape, _RGB))
    np.testing.assert_allclose(colours, _RGB, atol=1e-6)

  def test_a_gate_of_zero_takes_a_block_out(self):
    shape = residual_flow.Shape(blocks=2, widths=(8, 8), conditioned=(1,), gated=True)
    self.assertEqual(shape.code_size, 2 * (8 + 3))
    params = residual_flow.init(jax.random.key(0), shape)
    params = jax.tree.map(lambda leaf: 3.0 * leaf, params) | {'bias': jnp.zeros(22)}
    code = np.zeros(22, np.float32)
    state = residual_flow.to_state(shape, _RGB)
    open_ = residual_flow.block_delta(shape, params, 1, state, code)
    self.assertGreater(float(jnp.abs(open_).max()), 1e-3)
    code[-3:] = -1.0
    shut = residual_flow.block_delta(shape, params, 1, state, code)
    np.testing.assert_array_equal(shut, np.zeros_like(shut))

  def test_refuses_codes_of_another_length(self):
    params = residual_flow.init(jax.random.key(0), _PAPER)
    with self.assertRaisesRegex(ValueError, r'codes \[..., 96\], got .* \(5,\)'):
      residual_flow.apply(_PAPER, params, _RGB, jnp.zeros(5))

  @parameterized.parameters(
    ({'activation': 'swish'}, 'activation of'),
    ({'conditioned': (4,)}, 'conditioned'),
    ({'stretch': 0.0}, 'stretch'),
    ({'gains': (0,)}, 'gains'),
    ({'settings': 3}, 'settings'),
  )
  def test_refuses_forms(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      residual_flow.Shape(**fields)


if __name__ == '__main__':
  absltest.main()
