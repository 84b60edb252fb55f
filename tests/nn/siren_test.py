import jax
import numpy as np
from absl.testing import absltest

from lutjax.nn import mlp, siren

WIDTHS = (3, 256, 256, 256, 3)


class SirenTest(absltest.TestCase):
  def test_pre_activations_keep_their_spread_at_any_depth(self):
    layers = siren.init(jax.random.key(0), WIDTHS, omega=8.0)
    rgb = jax.random.uniform(jax.random.key(1), (512, 3), minval=-1.0)
    _, entering = mlp.apply_tapped(layers, rgb, ('sine',) * 3, None)
    spreads = [
      float(np.std(inputs @ layer['weight']))
      for inputs, layer in zip(entering[1:3], layers[1:3])
    ]
    # Section 3.2: sines of variance 1/2 make a normal one of variance 1.
    np.testing.assert_allclose(spreads, 1.0, atol=0.1)

  def test_the_first_layer_spans_the_frequencies_asked_for(self):
    layers = siren.init(jax.random.key(0), WIDTHS, omega=8.0)
    largest = float(np.abs(layers[0]['weight']).max())
    self.assertBetween(largest, 0.95 * 8.0 / 3, 8.0 / 3)

  def test_starts_as_nothing_added(self):
    layers = siren.init(jax.random.key(0), WIDTHS, omega=8.0)
    out = mlp.apply(layers, np.ones((4, 3), np.float32), ('sine',) * 3)
    np.testing.assert_array_equal(out, np.zeros((4, 3)))


if __name__ == '__main__':
  absltest.main()
