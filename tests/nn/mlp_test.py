import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.nn import mlp


class MlpTest(parameterized.TestCase):
  @parameterized.parameters(*mlp.ACTIVATIONS)
  def test_matches_a_float64_forward_pass(self, activation):
    layers = mlp.init_uniform(jax.random.key(0), (3, 8, 5))
    inputs = np.random.default_rng(0).uniform(-1, 1, (16, 3))
    first, last = [
      {name: np.asarray(leaf, np.float64) for name, leaf in layer.items()}
      for layer in layers
    ]
    functions = {
      'relu': lambda x: np.maximum(x, 0),
      'tanh': np.tanh,
      'silu': lambda x: x / (1 + np.exp(-x)),
      'gelu': lambda x: (
        0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
      ),
      'sine': np.sin,
    }
    hidden = functions[activation](inputs @ first['weight'] + first['bias'])
    want = hidden @ last['weight'] + last['bias']
    got = mlp.apply(layers, jnp.asarray(inputs, jnp.float32), (activation,))
    np.testing.assert_allclose(got, want, atol=2e-6)

  def test_gain_initialisation_keeps_its_promises(self):
    layers = mlp.init_gain(jax.random.key(0), (3, 256, 256, 3), gain=1.5)
    self.assertFalse(np.any(layers[-1]['weight']) or np.any(layers[-1]['bias']))
    spread = float(jnp.std(layers[1]['weight']))
    self.assertAlmostEqual(spread, 1.5 / 16, delta=0.01)
    self.assertLessEqual(float(jnp.abs(layers[0]['bias']).max()), 1.0)

  def test_taps_are_the_derivative_of_the_pre_activations(self):
    layers = mlp.init_uniform(jax.random.key(1), (3, 4, 2))
    inputs = jax.random.uniform(jax.random.key(2), (5, 3))
    taps = [jnp.zeros((5, 4)), jnp.zeros((5, 2))]
    _, entering = mlp.apply_tapped(layers, inputs, ('tanh',), taps)
    self.assertEqual([e.shape for e in entering], [(5, 3), (5, 4)])

    def total(taps):
      return mlp.apply_tapped(layers, inputs, ('tanh',), taps)[0].sum()

    rows = jax.grad(total)(taps)
    want = jax.grad(lambda layers: mlp.apply(layers, inputs, ('tanh',)).sum())(layers)
    for layer, row, enters in zip(want, rows, entering, strict=True):
      np.testing.assert_allclose(layer['weight'], enters.T @ row, atol=1e-5)
      np.testing.assert_allclose(layer['bias'], row.sum(0), atol=1e-5)

  def test_refuses_what_does_not_fit(self):
    layers = mlp.init_uniform(jax.random.key(0), (3, 8, 3))
    with self.assertRaisesRegex(ValueError, 'Expected 1 activations, got 2'):
      mlp.apply(layers, jnp.zeros((4, 3)), ('relu', 'relu'))
    with self.assertRaisesRegex(ValueError, r'\[..., 3\], got \(4, 2\)'):
      mlp.apply(layers, jnp.zeros((4, 2)), ('relu',))


if __name__ == '__main__':
  absltest.main()
