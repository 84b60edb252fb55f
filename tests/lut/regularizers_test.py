"""Penalties against values that are counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice, regularizers

PENALTIES = {
  'smoothness': regularizers.smoothness,
  'bending': regularizers.bending,
  'monotonicity': regularizers.monotonicity,
  'neutrality': regularizers.neutrality,
}


def _identity(size=5):
  return lattice.identity(size).astype(np.float32)


class RegularizersTest(parameterized.TestCase):
  @parameterized.parameters(2, 3, 4, 9)
  def test_steps_of_the_identity(self, size):
    step = 1.0 / (size - 1)
    got = regularizers.smoothness(_identity(size))
    # One of three channels moves along each of three axes.
    self.assertAlmostEqual(float(got), step**2, places=6)
    ends = regularizers.smoothness(_identity(size), ends=2.0)
    heavier = min(2, size - 1) / (size - 1)
    self.assertAlmostEqual(float(ends), step**2 * (1.0 + heavier), places=6)

  @parameterized.parameters('bending', 'monotonicity', 'neutrality')
  def test_the_identity_costs_nothing(self, name):
    self.assertAlmostEqual(float(PENALTIES[name](_identity())), 0.0, places=12)

  def test_one_node_that_sticks_out(self):
    made = _identity()
    made[2, 1, 2, 0] += 0.5
    # Two steps of an axis lead there. Along red, green and blue: one up and one down,
    # beside a quarter along red.
    up, down = 0.25 + 0.5, 0.25 - 0.5
    steps = 4 * 5 * 5 * 3
    extra = (up**2 + down**2 - 2 * 0.25**2) + 2 * (2 * 0.5**2)
    got = regularizers.smoothness(made)
    self.assertAlmostEqual(float(got), 0.25**2 + extra / steps, places=6)
    # Second differences 1, -2, 1 along red and blue; along green the node is the second
    # of five, and no difference is centred on the rim before it.
    bent = (6 + 5 + 6) * 0.5**2 / (3 * 5 * 5 * 3)
    self.assertAlmostEqual(float(regularizers.bending(made)), bent, places=6)
    made[2, 0, 2, 1] += 0.5
    # At the rim, one second difference along green alone is left of three.
    bent += (6 + 1 + 6) * 0.5**2 / (3 * 5 * 5 * 3)
    self.assertAlmostEqual(float(regularizers.bending(made)), bent, places=6)

  def test_a_step_at_the_ends_counts_twice(self):
    made = np.zeros((5, 5, 5, 3), np.float32)
    made[0] = 1.0
    self.assertAlmostEqual(float(regularizers.smoothness(made)), 0.25, places=6)
    ends = regularizers.smoothness(made, ends=2.0)
    self.assertAlmostEqual(float(ends), 0.5, places=6)
    made[:3] = 1.0
    ends = regularizers.smoothness(made, ends=2.0)
    self.assertAlmostEqual(float(ends), 0.25, places=6)

  @parameterized.parameters(0, 1, 2)
  def test_a_channel_that_falls_along_its_own_axis(self, channel):
    made = _identity()
    made[..., channel] = 1.0 - made[..., channel]
    got = regularizers.monotonicity(made)
    self.assertAlmostEqual(float(got), 0.25, places=6)
    every = regularizers.monotonicity(made, all_axes=True)
    self.assertAlmostEqual(float(every), 0.25 / 3, places=6)

  def test_what_saturates_falls_along_other_axes_alone(self):
    made = _identity()
    red, green, blue = np.moveaxis(made, -1, 0)
    made = np.stack([red - 0.4 * green, green, blue - 0.2 * red], axis=-1)
    self.assertAlmostEqual(float(regularizers.monotonicity(made)), 0.0, places=6)
    every = regularizers.monotonicity(made, all_axes=True)
    self.assertAlmostEqual(float(every), (0.4 + 0.2) * 0.25 / 3, places=6)

  def test_a_tint_of_greys(self):
    made = _identity()
    # What is no grey does not count.
    made[1, 2, 3] = (0.9, 0.1, 0.5)
    self.assertAlmostEqual(float(regularizers.neutrality(made)), 0.0, places=12)
    made[3, 3, 3] = (0.3, 0.5, 0.7)
    want = (0.2**2 + 0.2**2) / 3 / 5
    self.assertAlmostEqual(float(regularizers.neutrality(made)), want, places=6)

  @parameterized.parameters(*PENALTIES)
  def test_slopes_are_those_of_differences(self, name):
    rng = np.random.default_rng(0)
    made = (_identity() + 0.3 * rng.normal(size=(5, 5, 5, 3))).astype(np.float32)
    way = rng.normal(size=made.shape).astype(np.float32)
    value = jax.jit(PENALTIES[name])
    got = float(jnp.vdot(jax.grad(value)(made), way))
    want = (float(value(made + 1e-3 * way)) - float(value(made - 1e-3 * way))) / 2e-3
    self.assertNotAlmostEqual(got, 0.0, places=3)
    self.assertAlmostEqual(got, want, delta=1e-2 * abs(want) + 1e-3)


if __name__ == '__main__':
  absltest.main()
