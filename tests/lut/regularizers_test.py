"""Penalties against loops over nodes, in float64."""

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice, regularizers

N = 4
TABLE = np.random.default_rng(0).uniform(size=(N, N, N, 3)).astype(np.float32)


@jax.jit
def penalties(table):
  return {
    'smoothness': regularizers.smoothness(table),
    'bending': regularizers.bending(table),
    'monotonicity': regularizers.monotonicity(table),
    'every monotonicity': regularizers.monotonicity(table, all_axes=True),
    'neutrality': regularizers.neutrality(table),
  }


def steps(table, axis):
  """Every step to the next node along an axis: (place, step), place from 0 to N-2."""
  for node in np.ndindex(N, N, N):
    if node[axis] < N - 1:
      following = tuple(n + (i == axis) for i, n in enumerate(node))
      yield node[axis], table[following].astype(np.float64) - table[node]


class RegularizersTest(parameterized.TestCase):
  @parameterized.parameters(1.0, 2.0)
  def test_smoothness_is_the_mean_squared_step(self, ends):
    want = 0.0
    for axis in range(3):
      squares = [
        step**2 * (ends if place in (0, N - 2) else 1.0)
        for place, step in steps(TABLE, axis)
      ]
      want += np.mean(squares)
    got = regularizers.smoothness(TABLE, ends=ends)
    np.testing.assert_allclose(got, want, rtol=1e-5)

  def test_one_node_that_sticks_out(self):
    # By hand: the middle of a lattice of 3^3 zeros, red 0.6. Along each axis there are
    # 18 steps of 3 channels, +0.6 and -0.6 among them, and 9 bends, one of -1.2.
    table = np.zeros((3, 3, 3, 3), np.float32)
    table[1, 1, 1, 0] = 0.6
    want = {
      'smoothness': 3 * 2 * 0.36 / 54,
      'bending': 3 * 1.44 / 27,
      # Red falls by 0.6 once along red; elsewhere it is asked about with all axes only.
      'monotonicity': 0.6 / 18,
      'every monotonicity': 3 * 0.6 / 54,
      # One grey of three; the variance of (0.6, 0, 0) is 0.08.
      'neutrality': 0.08 / 3,
    }
    got = penalties(table)
    for name, value in want.items():
      self.assertAlmostEqual(float(got[name]), value, places=6, msg=name)

  @parameterized.parameters((0, 2), (2, 0), (1, 2))
  def test_a_channel_that_falls_along_the_axis_of_another(self, channel, axis):
    table = np.zeros((3, 3, 3, 3), np.float32)
    np.moveaxis(table, axis, 0)[0, ..., channel] = 0.3
    got = penalties(table)
    self.assertEqual(got['monotonicity'], 0.0)
    # 9 steps of -0.3 among 54 along that axis.
    self.assertAlmostEqual(float(got['every monotonicity']), 0.05, places=6)

  def test_nothing_is_wrong_with_the_identity(self):
    got = penalties(lattice.identity(3))
    for name in ('bending', 'monotonicity', 'every monotonicity', 'neutrality'):
      self.assertAlmostEqual(float(got[name]), 0.0, places=9, msg=name)

  def test_smoothness_of_the_identity(self):
    # A third of the outputs moves by 1 / (N - 1) along each axis.
    got = regularizers.smoothness(lattice.identity(N))
    np.testing.assert_allclose(got, 3 * (1 / (N - 1)) ** 2 / 3, rtol=1e-5)

  def test_bending_is_the_mean_squared_change_of_steps(self):
    want = 0.0
    for axis in range(3):
      line = np.moveaxis(TABLE.astype(np.float64), axis, 0)
      changes = line[2:] - 2 * line[1:-1] + line[:-2]
      want += np.mean(changes**2)
    np.testing.assert_allclose(regularizers.bending(TABLE), want, rtol=1e-5)
    affine = 0.3 * lattice.identity(N)[..., ::-1] + 0.2
    np.testing.assert_allclose(regularizers.bending(affine), 0.0, atol=1e-12)

  @parameterized.parameters(False, True)
  def test_monotonicity_is_the_mean_fall(self, all_axes):
    want = 0.0
    for axis in range(3):
      falls = np.array([np.maximum(-step, 0) for _, step in steps(TABLE, axis)])
      want += np.mean(falls if all_axes else falls[:, axis])
    got = regularizers.monotonicity(TABLE, all_axes=all_axes)
    np.testing.assert_allclose(got, want, rtol=1e-5)

  def test_saturation_falls_along_other_axes_only(self):
    rgb = lattice.identity(N)
    grey = rgb.mean(axis=-1, keepdims=True)
    vivid = grey + 1.5 * (rgb - grey)
    np.testing.assert_allclose(regularizers.monotonicity(vivid), 0.0, atol=1e-7)
    self.assertGreater(regularizers.monotonicity(vivid, all_axes=True), 0.01)

  def test_neutrality_is_the_variance_of_greys(self):
    want = np.mean([np.var(TABLE[i, i, i].astype(np.float64)) for i in range(N)])
    np.testing.assert_allclose(regularizers.neutrality(TABLE), want, rtol=1e-5)
    self.assertEqual(regularizers.neutrality(lattice.identity(N)), 0.0)

  def test_one_node_off_the_identity(self):
    made = lattice.identity(5).astype(np.float64)
    made[2, 1, 2, 0] += 0.5
    # Two steps of 1/4 along red become 3/4 and -1/4; two of 0 along the others, +-1/2.
    extra = (0.75**2 + 0.25**2 - 2 * 0.25**2) + 2 * (2 * 0.5**2)
    got = regularizers.smoothness(made)
    self.assertAlmostEqual(float(got), 0.25**2 + extra / (4 * 5 * 5 * 3), places=6)
    # Second differences 1, -2, 1 along red and blue; -2, 1 along green, where no
    # difference is centred on the rim.
    want = (6 + 5 + 6) * 0.5**2 / (3 * 5 * 5 * 3)
    self.assertAlmostEqual(float(regularizers.bending(made)), want, places=6)
    # Red falls from 3/4 over identity to itself: by 1/4, at one of 4 x 5 x 5 steps.
    got = regularizers.monotonicity(made)
    self.assertAlmostEqual(float(got), 0.25 / 100, places=6)
    # Along the others it falls by 1/2, at one of 4 x 5 x 5 x 3 steps each.
    got = regularizers.monotonicity(made, all_axes=True)
    self.assertAlmostEqual(float(got), (0.25 + 0.5 + 0.5) / 300, places=6)
    # It is no grey; this is.
    self.assertAlmostEqual(float(regularizers.neutrality(made)), 0.0, places=12)
    made[3, 3, 3] = (0.3, 0.5, 0.7)
    want = 2 * 0.2**2 / 3 / 5
    self.assertAlmostEqual(float(regularizers.neutrality(made)), want, places=6)

  @parameterized.parameters('smoothness', 'bending', 'monotonicity', 'neutrality')
  def test_slopes_are_those_of_differences(self, name):
    value = jax.jit(getattr(regularizers, name))
    way = np.random.default_rng(1).normal(size=TABLE.shape).astype(np.float32)
    got = float(np.vdot(jax.jit(jax.grad(value))(TABLE), way))
    ends = [float(value(TABLE + step * way)) for step in (1e-3, -1e-3)]
    want = (ends[0] - ends[1]) / 2e-3
    self.assertGreater(abs(want), 1e-3)
    self.assertAlmostEqual(got, want, delta=1e-2 * abs(want))

  def test_slopes_are_finite(self):
    def total(table):
      return (
        regularizers.smoothness(table)
        + regularizers.bending(table)
        + regularizers.monotonicity(table)
        + regularizers.neutrality(table)
      )

    slopes = jax.jit(jax.grad(total))(lattice.identity(N))
    self.assertTrue(np.isfinite(slopes).all())


if __name__ == '__main__':
  absltest.main()
