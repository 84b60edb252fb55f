import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.fit import loop, methods
from lutjax.systems.nilut import model as nilut
from lutjax.types import System, Variables

CONFIG = nilut.Config(widths=(8, 8), activations=('tanh', 'tanh'))


def _batch(key, size):
  rgb = jax.random.uniform(key, (size, 3))
  return {'rgb': rgb, 'target': jnp.clip(1.2 * rgb**1.5 - 0.05, 0, 1)}


def _network():
  variables = nilut.init(CONFIG, jax.random.key(1))
  noise = jax.random.normal(jax.random.key(2), (8, 3))
  variables.params[-1]['weight'] = 0.3 * noise
  return variables


class GaussNewtonTest(parameterized.TestCase):
  def test_the_kernel_is_the_product_of_the_jacobian_with_itself(self):
    params = _network().params
    batch = _batch(jax.random.key(3), 5)
    around = nilut.linearize(CONFIG, params, batch)
    jacobian = jax.jacobian(around.outputs)(params)
    rows = np.concatenate(
      [np.asarray(leaf).reshape(5, 3, -1) for leaf in jax.tree.leaves(jacobian)], -1
    )
    rows = rows * np.asarray(around.active)[..., None]
    rows = rows.transpose(1, 0, 2).reshape(15, -1).astype(np.float64)
    got = methods._kernel(around, around.active)
    np.testing.assert_allclose(got, rows @ rows.T, rtol=1e-4, atol=1e-5)

  def test_one_undamped_step_solves_a_small_batch(self):
    method = methods.gauss_newton(
      lambda params, batch: nilut.linearize(CONFIG, params, batch),
      lambda step: 0.5,
      damping=1e-6,
      momentum=0.0,
    )
    variables = _network()
    batch = _batch(jax.random.key(4), 4)
    state = method.init(variables.params)
    step = jax.jit(method.step)
    losses = []
    for i in range(14):
      variables, state, loss = step(
        variables, state, batch, jax.random.key(0), jnp.int32(i)
      )
      losses.append(float(loss))
    self.assertLess(losses[-1], 1e-2 * losses[0])

  def test_saturated_outputs_do_not_move_the_network(self):
    variables = nilut.init(CONFIG, jax.random.key(5))
    rgb = jnp.ones((4, 3))
    variables.params[-1]['bias'] = jnp.full(3, 0.5)
    batch = {'rgb': rgb, 'target': jnp.ones((4, 3))}
    method = methods.gauss_newton(
      lambda params, batch: nilut.linearize(CONFIG, params, batch),
      lambda step: 1.0,
      damping=1e-3,
      momentum=0.0,
    )
    moved, _, loss = method.step(
      variables, method.init(variables.params), batch, jax.random.key(0), jnp.int32(0)
    )
    self.assertEqual(float(loss), 0.0)
    jax.tree.map(np.testing.assert_array_equal, moved.params, variables.params)


class ScheduleTest(parameterized.TestCase):
  @parameterized.parameters(
    ('constant', 50, 1.0),
    ('cosine', 100, 0.0),
    ('cosine', 50, 0.5),
    ('halving', 19, 0.5),
    ('halving', 20, 0.25),
    ('late_linear', 50, 1.0),
    ('late_linear', 75, 0.5),
    ('late_linear', 100, 0.0),
  )
  def test_rate(self, name, step, want):
    config = loop.Config(steps=100, schedule=name, learning_rate=1.0, halving_steps=10)
    self.assertAlmostEqual(float(methods.schedule(config)(step)), want, places=6)

  def test_a_plateau_takes_a_tenth_once_the_loss_stands_still(self):
    config = loop.Config(
      steps=10,
      schedule='plateau',
      learning_rate=1.0,
      plateau_steps=2,
      plateau_patience=3,
    )
    losses = iter([4.0, 4.0, 2.0, 2.0] + [2.0] * 20)

    def loss(params, stats, batch, key):
      del key
      return jnp.sum(params), (stats, {'error': batch})

    system = System(None, None, loss, None, None)
    method = methods.make(config, system)
    variables = Variables(jnp.zeros(1))
    state = method.init(variables.params)
    step = jax.jit(method.step)
    moves = []
    for i in range(12):
      before = variables.params[0]
      variables, state, _ = step(
        variables, state, jnp.float32(next(losses)), jax.random.key(0), jnp.int32(i)
      )
      moves.append(float(before - variables.params[0]))
    # The first two means are new bests; then three may be none, and one more is not.
    np.testing.assert_allclose(moves[:11], 1.0, rtol=1e-3)
    np.testing.assert_allclose(moves[12:], 0.1, rtol=1e-3)

  def test_unknown_names_are_refused(self):
    with self.assertRaisesRegex(ValueError, "got 'linear'"):
      methods.schedule(loop.Config(schedule='linear'))
    with self.assertRaisesRegex(ValueError, "got 'sgd'"):
      methods.make(loop.Config(optimizer='sgd'), nilut.make(CONFIG))
    with self.assertRaisesRegex(ValueError, 'can be linearised'):
      methods.make(loop.Config(optimizer='gauss_newton'), nilut.make(CONFIG))


if __name__ == '__main__':
  absltest.main()
