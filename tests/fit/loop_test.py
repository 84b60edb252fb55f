import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from lutjax.fit import loop
from lutjax.types import Variables

METHOD = loop.Method(
  init=lambda params: (),
  step=lambda variables, opt_state, batch, key, step: (
    Variables(variables.params + batch['x'].mean() + jax.random.normal(key)),
    opt_state,
    variables.params,
  ),
)


def _sample(key, data, batch_size):
  return {'x': data + jax.random.uniform(key, (batch_size,))}


class LoopTest(absltest.TestCase):
  def test_ten_and_ten_steps_are_twenty(self):
    def run(state, steps):
      return loop.advance(
        METHOD, _sample, state, jnp.float32(0), steps=steps, batch_size=4
      )

    start = loop.State(
      Variables(jnp.float32(0)), (), jnp.int32(0), jax.random.key(7), jnp.float32(0)
    )
    whole, _ = run(start, 20)
    half, _ = run(start, 10)
    resumed, _ = run(half, 10)
    np.testing.assert_array_equal(resumed.variables.params, whole.variables.params)
    self.assertEqual(int(resumed.step), 20)
    self.assertNotEqual(float(half.variables.params), float(whole.variables.params))

  def test_a_survey_is_asked_once_before_the_steps(self):
    start = loop.State(
      Variables(jnp.float32(3)), (), jnp.int32(0), jax.random.key(7), jnp.float32(0)
    )
    asked = []

    def survey(variables, data):
      asked.append(data)
      return data + variables.params

    got, _ = loop.advance(
      METHOD, _sample, start, jnp.float32(2), steps=4, batch_size=4, survey=survey
    )
    want, _ = loop.advance(
      METHOD, _sample, start, jnp.float32(5), steps=4, batch_size=4
    )
    self.assertLen(asked, 1)
    np.testing.assert_array_equal(got.variables.params, want.variables.params)


if __name__ == '__main__':
  absltest.main()
