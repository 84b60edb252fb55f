"""Loss and start of the system."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import model

_CONFIG = model.Config(
  restores=degradations.Degradation('bicubic', 2),
  channels=4,
  width=8,
  low='fused',
  spatial='curve',
  scale_penalty=0.5,
)


class ModelTest(parameterized.TestCase):
  def test_loss_is_the_mean_square_and_the_price_of_scales(self):
    variables = model.init(_CONFIG, jax.random.key(0))
    rng = np.random.default_rng(0)
    batch = {
      'patch': jnp.asarray(rng.integers(0, 256, (2, 9, 9)), jnp.float32),
      'target': jnp.asarray(rng.integers(0, 256, (2, 18, 18)), jnp.float32),
    }
    got, (stats, told) = jax.jit(model.loss, static_argnums=0)(
      _CONFIG, variables.params, (), batch, jax.random.key(1)
    )
    apply = jax.jit(model.apply, static_argnums=0)
    restored = np.asarray(apply(_CONFIG, variables, batch), np.float64)
    self.assertEqual(restored.shape, (2, 10, 10))
    want = np.mean((restored - np.asarray(batch['target'])[:, 4:-4, 4:-4]) ** 2)
    np.testing.assert_allclose(told['error'], want, rtol=2e-2)
    np.testing.assert_allclose(got - told['error'], 0.5 * 2 * 4 * 0.8**2, rtol=1e-3)
    self.assertEqual(stats, ())

  @parameterized.parameters('networks', 'entries')
  def test_training_lowers_the_error(self, learned):
    config = dataclasses.replace(_CONFIG, learned=learned)
    variables = model.init(config, jax.random.key(0))
    x = np.linspace(0, 6, 40)
    picture = 127.5 + 100 * np.sin(3 * x[:, None]) * np.cos(2 * x[None])
    target = jnp.asarray(np.rint(picture), jnp.float32)[None]
    batch = {'patch': target[:, 1::2, 1::2], 'target': target}
    optimizer = optax.adam(5e-3 if learned == 'networks' else 0.3)

    @jax.jit
    def step(params, state):
      (_, (_, told)), slope = jax.value_and_grad(
        lambda p: model.loss(config, p, (), batch, jax.random.key(0)), has_aux=True
      )(params)
      moves, state = optimizer.update(slope, state)
      return optax.apply_updates(params, moves), state, told['error']

    params, state = variables.params, optimizer.init(variables.params)
    errors = []
    for _ in range(30):
      params, state, error = step(params, state)
      errors.append(float(error))
    self.assertLess(errors[-1], 0.7 * errors[0])


if __name__ == '__main__':
  absltest.main()
