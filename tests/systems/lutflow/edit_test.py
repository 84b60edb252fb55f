"""Codes of new looks are found and rounded whatever the network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import edit

_RGB = jnp.asarray(lattice.identity(7).reshape(-1, 3))
_SHAPE = residual_flow.Shape(
  conditioned=(1,), gains=(3,), activation='rational', turned=True
)
# Networks that nothing was learned by: hundreds of numbers with hardly an effect.
_FLOW = residual_flow.init(jax.random.key(0), _SHAPE)
_STEP = jnp.full(_SHAPE.code_size, 0.015)
_fit = jax.jit(functools.partial(edit.fit_code, _SHAPE))


class EditTest(parameterized.TestCase):
  @parameterized.parameters(
    (lambda rgb: rgb**2.2,),
    (lambda rgb: jnp.clip(1.6 * rgb - 0.3, 0.0, 1.0),),
    (lambda rgb: jnp.broadcast_to(rgb.mean(-1, keepdims=True), rgb.shape),),
    (lambda rgb: 1.0 - rgb[:, ::-1],),
  )
  def test_a_code_comes_closer_and_stays_on_its_steps(self, look):
    start = jnp.zeros((1, _SHAPE.code_size))
    target = look(_RGB)
    code, error = _fit(_FLOW, start, _RGB, target, step=_STEP)
    units = np.asarray(code / _STEP)
    np.testing.assert_allclose(units, np.rint(units), atol=1e-3)
    _, free = _fit(_FLOW, start, _RGB, target)
    self.assertLess(float(error), float(free) + 0.5)


if __name__ == '__main__':
  absltest.main()
