"""Figures of lattices against loops over nodes, in float64."""

import itertools

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import checks, lattice

N = 4
TABLE = np.random.default_rng(0).uniform(size=(N, N, N, 3)).astype(np.float32)


def separable(*curves):
  """Returns a lattice of one curve per channel."""
  return np.stack(np.meshgrid(*curves, indexing='ij'), axis=-1)


class FoldingTest(parameterized.TestCase):
  def test_every_tetrahedron_counts(self):
    below, corners = [], list(itertools.permutations(np.eye(3, dtype=int)))
    for node in np.ndindex(N - 1, N - 1, N - 1):
      for steps in corners:
        places = np.cumsum([node, *steps], axis=0)
        inputs = np.diff(places, axis=0).T / (N - 1)
        outputs = np.diff([TABLE[tuple(p)].astype(float) for p in places], axis=0).T
        below.append(np.linalg.det(outputs @ np.linalg.inv(inputs)) < 0)
    found = checks.folding(TABLE)
    self.assertGreater(found.reversed, 0.2)
    self.assertEqual(found, (np.mean(below), 0.0))

  @parameterized.parameters(
    ([0, 0.25, 0.5, 0.75, 1], 0.0, 0.0),
    ([0, 0.5, 0.25, 0.75, 1], 0.25, 0.0),  # A fold.
    ([0, 0.5, 0.5, 0.5, 1], 0.0, 0.5),
    ([1, 0.75, 0.5, 0.25, 0], 1.0, 0.0),  # A negative.
  )
  def test_folds_and_flats_are_told_apart(self, red, reversed_share, flat):
    table = separable(red, *[np.linspace(0, 1, 5)] * 2)
    self.assertEqual(checks.folding(table), (reversed_share, flat))

  def test_six_decimals_of_a_flat_part_are_flat(self):
    noisy = [0, 0.333333, 0.333332, 0.333332]
    found = checks.folding(separable(*[noisy] * 3))
    self.assertEqual(found.reversed, 0)
    self.assertAlmostEqual(found.flat, 1 - (1 / 3) ** 3)

  def test_dark_ends_of_curves_are_upright(self):
    dark = np.linspace(0, 1, 65) ** 2.4
    self.assertEqual(checks.folding(separable(dark, dark, dark)), (0, 0))

  @parameterized.parameters((4, 4, 3, 3), (4, 4, 4, 1), (1, 1, 1, 3), (4, 3))
  def test_refuses_what_is_no_lattice(self, *shape):
    with self.assertRaisesRegex(ValueError, r'lattice \[N, N, N, 3\], N >= 2, got \('):
      checks.folding(np.zeros(shape))


class FallsTest(absltest.TestCase):
  def test_a_channel_falls_below_what_it_was(self):
    want = np.zeros(3)
    for axis in range(3):
      lines = np.moveaxis(TABLE[..., axis].astype(float), axis, -1).reshape(-1, N)
      for line, (i, j) in itertools.product(lines, itertools.combinations(range(N), 2)):
        want[axis] = max(want[axis], line[i] - line[j])
    np.testing.assert_array_equal(checks.falls(TABLE), want)

  def test_small_steps_add_up(self):
    steps = np.linspace(0, 1, 9)
    green = np.array([0, 0.5, 0.49, 0.48, 0.47, 0.46, 0.45, 0.7, 1])
    found = checks.falls(separable(steps, green, steps))
    np.testing.assert_allclose(found, [0, 0.05, 0], atol=1e-12)


class ClippingTest(parameterized.TestCase):
  @parameterized.parameters(2, 5, 17)
  def test_the_identity_loses_nothing(self, size):
    self.assertEqual(checks.clipping(lattice.identity(size)), (0, 0))

  def test_inner_nodes_and_colours_are_counted(self):
    table = np.minimum(2 * lattice.identity(5), 1)
    # Each channel keeps 3 of 5 nodes, and half of its colours.
    want = (1 - 0.6**3, 1 - 0.5**3)
    np.testing.assert_allclose(checks.clipping(table), want, rtol=1e-12)

  def test_what_is_outside_is_lost_on_a_display(self):
    table = lattice.identity(5)
    table[..., 2] = 2 * table[..., 2] - 0.5  # -0.5, 0, 0.5, 1, 1.5
    np.testing.assert_allclose(checks.clipping(table), (0.4, 0.5), rtol=1e-12)


class BendsTest(absltest.TestCase):
  def test_second_differences_of_every_line(self):
    found = []
    for axis in range(3):
      for line in np.moveaxis(TABLE.astype(float), axis, -1).reshape(-1, N):
        found += [abs(line[i] - 2 * line[i + 1] + line[i + 2]) for i in range(N - 2)]
    want = (np.max(found), np.percentile(found, 99))
    np.testing.assert_allclose(checks.bends(TABLE), want, rtol=1e-12)

  def test_two_nodes_have_none(self):
    self.assertEqual(checks.bends(lattice.identity(2)), (0, 0))


if __name__ == '__main__':
  absltest.main()
