"""Tests of `lutjax.systems.lutflow.residual_correction`."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.codec import spectrum
from lutjax.lut import interpolate, lattice
from lutjax.systems.lutflow import residual_correction

_SIZE = residual_correction.SIZE
_search = jax.jit(residual_correction.search, static_argnames='iterations')


def _look():
  rgb = lattice.identity(_SIZE)
  wave = 0.05 * np.sin(4.0 * rgb[..., ::-1]) + 0.04 * np.cos(3 * rgb[..., :1])
  return np.clip(rgb + wave, 0, 1).astype(np.float32)


def _candidates():
  rng = np.random.default_rng(0)
  errors = np.sort(rng.uniform(0.2, 4.0, (4, 6)), axis=0)[::-1]
  sizes = np.array([0, 30, 80, 200])[:, None] * rng.uniform(0.5, 1.5, (1, 6))
  return residual_correction.Candidates(
    np.arange(4), np.zeros((4, 6, 1)), errors, sizes
  )


class ResidualCorrectionTest(parameterized.TestCase):
  def test_colours_and_nodes_agree(self):
    rng = np.random.default_rng(0)
    order = residual_correction.ORDER
    spectra = np.zeros((2, order, order, order, 3), np.int16)
    spectra[:, :4, :4, :4] = rng.integers(-3, 4, (2, 4, 4, 4, 3))
    correction = {'levels': np.array([2, 5]), 'spectra': spectra}
    for size in (9, _SIZE):
      want = residual_correction.lattice(correction, jnp.int32(1), size)
      got = residual_correction.at(
        correction, jnp.asarray(lattice.identity(size)), jnp.int32(1)
      )
      np.testing.assert_allclose(got, want, atol=2e-5)

  def test_each_colour_may_have_a_look_of_its_own(self):
    rng = np.random.default_rng(0)
    order = residual_correction.ORDER
    spectra = np.zeros((2, order, order, order, 3), np.int16)
    spectra[:, :3, :3, :3] = rng.integers(-3, 4, (2, 3, 3, 3, 3))
    correction = {'levels': np.array([3, 0]), 'spectra': spectra}
    rgb = jnp.asarray(rng.uniform(size=(5, 3)), jnp.float32)
    looks = jnp.array([0, 1, 0, 1, 1])
    got = residual_correction.at(correction, rgb, looks)
    want = [residual_correction.at(correction, c, i) for c, i in zip(rgb, looks)]
    np.testing.assert_allclose(got, want, atol=1e-6)
    self.assertGreater(float(jnp.abs(got[0]).max()), 1e-3)

  def test_looks_without_correction_stay(self):
    order = residual_correction.ORDER
    spectra = np.zeros((1, order, order, order, 3), np.int16)
    correction = {'levels': np.zeros(1, int), 'spectra': spectra}
    self.assertEqual(
      float(jnp.abs(residual_correction.lattice(correction, 0, 5)).max()), 0.0
    )

  def test_finer_levels_cost_more_and_come_closer(self):
    base, target = jnp.asarray(lattice.identity(_SIZE)), jnp.asarray(_look())
    first = float(residual_correction.error_of(base, target))
    found = [
      _search(base, target, jnp.float32(level), iterations=20) for level in (1, 5, 9)
    ]
    errors = [first, *(float(error) for _, error, _ in found)]
    sizes = [0.0, *(float(size) for _, _, size in found)]
    self.assertEqual(errors, sorted(errors, reverse=True))
    self.assertEqual(sizes, sorted(sizes))
    self.assertLess(errors[-1], 0.1 * errors[0])

  def test_error_is_that_of_what_is_decoded(self):
    base, target = jnp.asarray(lattice.identity(_SIZE)), jnp.asarray(_look())
    spectra, error, _ = _search(base, target, jnp.float32(5), iterations=20)
    correction = {'levels': np.array([5]), 'spectra': np.asarray(spectra)[None]}
    got = base + residual_correction.lattice(correction, 0, _SIZE)
    self.assertAlmostEqual(
      float(residual_correction.error_of(got, target)),
      float(error),
      delta=0.1 * float(error),
    )

  def test_even_shares_are_those_of_even_colours(self):
    at = (np.arange(320) + 0.5) / 320
    rgb = np.stack(np.meshgrid(at, at, at, indexing='ij'), axis=-1).reshape(-1, 3)
    got = residual_correction.shares_of(rgb[::7])
    want = residual_correction.even_shares(_SIZE)
    self.assertAlmostEqual(float(want.sum()), 1.0, places=5)
    np.testing.assert_allclose(got, want, atol=3e-6)

  def test_shares_interpolate_as_lattices_do(self):
    rng = np.random.default_rng(0)
    rgb = rng.uniform(size=(50, 3)).astype(np.float32)
    shares = residual_correction.shares_of(rgb)
    table = rng.uniform(size=(_SIZE,) * 3 + (1,)).astype(np.float32)
    want = interpolate.trilinear(jnp.asarray(table), rgb).mean()
    self.assertAlmostEqual(float((shares * table[..., 0]).sum()), float(want), places=5)

  def test_corrects_where_the_shares_are(self):
    base, target = jnp.asarray(lattice.identity(_SIZE)), jnp.asarray(_look())
    dark = np.random.default_rng(0).uniform(0.0, 0.3, (4000, 3))
    shares = jnp.asarray(residual_correction.shares_of(dark))
    level = jnp.float32(3)
    errors, sizes = [], []
    for seen in (None, shares):
      spectra, error, size = _search(base, target, level, iterations=100, shares=seen)
      held = {'levels': np.array([3]), 'spectra': np.asarray(spectra)[None]}
      got = base + residual_correction.lattice(held, 0, _SIZE)
      errors.append(float(residual_correction.error_of(got, target, shares)))
      sizes.append(float(size))
    self.assertAlmostEqual(errors[1], float(error), delta=1e-4 * errors[1])
    self.assertLess(errors[1], errors[0])
    self.assertLessEqual(sizes[1], 1.1 * sizes[0])

  def test_choice_is_near_the_best_of_all(self):
    candidates, budget = _candidates(), 400.0
    columns = np.arange(6)

    def cost(chosen):
      return candidates.errors[chosen, columns].sum()

    best = min(
      cost(np.array(chosen))
      for chosen in itertools.product(range(4), repeat=6)
      if candidates.size_bytes[np.array(chosen), columns].sum() <= budget
    )
    chosen = residual_correction.choose(
      candidates,
      lambda chosen: int(np.ceil(candidates.size_bytes[chosen, columns].sum())),
      budget_bytes=int(budget),
      target=100.0,
    )
    self.assertLessEqual(candidates.size_bytes[chosen, columns].sum(), budget)
    self.assertLessEqual(cost(chosen), 1.15 * best)

  @parameterized.parameters(400, 600, 800, 1300, 2000, 3100)
  def test_a_budget_is_spent(self, budget):
    """Of four looks, one large; the code takes more than estimated."""
    errors = np.array(
      [[5.5, 0.4, 1.9, 0.8], [2.3, 0.4, 1.8, 0.7], [1.2, 0.2, 0.6, 0.3]]
    )
    sizes = np.array([[0, 0, 0, 0], [234, 10, 31, 56], [687, 39, 245, 206]], float)
    candidates = residual_correction.Candidates(
      np.arange(3), np.zeros((3, 4, 1)), errors, sizes
    )
    columns = np.arange(4)

    def size_of(chosen):
      return int(280 + 1.4 * sizes[chosen, columns].sum())

    chosen = residual_correction.choose(
      candidates, size_of, budget_bytes=budget, target=None
    )
    self.assertLessEqual(size_of(chosen), budget)
    affordable = min(
      errors[list(one), columns].sum()
      for one in itertools.product(range(3), repeat=4)
      if size_of(np.array(one)) <= budget
    )
    self.assertLessEqual(errors[chosen, columns].sum(), 1.25 * affordable)

  def test_a_budget_of_many_looks_is_spent(self):
    """What every choice takes is most of what this budget can pay."""
    rng = np.random.default_rng(0)
    sizes = np.cumsum(rng.exponential(20.0, (6, 200)), 0) * (np.arange(6) > 0)[:, None]
    errors = 4.0 * rng.uniform(0.5, 1.0, 200) * np.exp(-sizes / 150.0)
    candidates = residual_correction.Candidates(
      np.arange(6), np.zeros((6, 200, 1)), errors, sizes
    )

    def size_of(chosen):
      return int(280 + 1.5 * sizes[chosen, np.arange(200)].sum())

    chosen = residual_correction.choose(
      candidates, size_of, budget_bytes=480, target=None
    )
    self.assertBetween(size_of(chosen), 400, 480)

  def test_what_misses_the_target_is_corrected_first(self):
    errors = np.array([[1.0, 3.0], [0.5, 2.4]])
    sizes = np.array([[0.0, 0.0], [50.0, 100.0]])
    candidates = residual_correction.Candidates(
      np.arange(2), np.zeros((2, 2, 1)), errors, sizes
    )

    def size_of(chosen):
      return int(sizes[chosen, [0, 1]].sum())

    found = [
      list(
        residual_correction.choose(candidates, size_of, budget_bytes=110, target=target)
      )
      for target in (2.0, 100.0)
    ]
    self.assertEqual(found[0], [0, 1])

  def test_the_worst_look_is_corrected_before_a_larger_gain(self):
    errors = np.array([[6.0, 3.0], [5.5, 2.0]])
    sizes = np.array([[0.0, 0.0], [100.0, 100.0]])
    candidates = residual_correction.Candidates(
      np.arange(2), np.zeros((2, 2, 1)), errors, sizes
    )
    chosen = residual_correction.choose(
      candidates,
      lambda chosen: int(sizes[chosen, [0, 1]].sum()),
      budget_bytes=110,
      target=2.0,
    )
    self.assertEqual(list(chosen), [1, 0])

  def test_a_curve_falls_from_no_correction_to_all_of_it(self):
    candidates = _candidates()
    columns = np.arange(6)

    def size_of(chosen):
      return int(2 * candidates.size_bytes[chosen, columns].sum())

    points = residual_correction.curve(candidates, size_of, target=100.0)
    sizes, errors = zip(*points)
    self.assertEqual((sizes[0], errors[0]), (0, candidates.errors[0].mean()))
    self.assertGreater(len(points), 4)
    self.assertTrue(np.all(np.diff(sizes) > 0))
    self.assertTrue(np.all(np.diff(errors) < 0))
    # Sizes are those of the code, not the estimates that choices rest on.
    finest = int(2 * candidates.size_bytes[-1].sum())
    self.assertEqual(sizes[-1], finest)

  def test_size_is_that_of_the_code(self):
    order = residual_correction.ORDER
    spectra = np.zeros((3, order, order, order, 3), np.int16)
    spectra[1, :3, :3, :3] = 1
    correction = {'levels': np.array([0, 4, 0]), 'spectra': spectra}
    packed = len(spectrum.pack(spectra[1:2]))
    self.assertBetween(residual_correction.size_of(correction), packed, packed + 32)


if __name__ == '__main__':
  absltest.main()
