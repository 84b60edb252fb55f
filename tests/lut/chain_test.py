import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import chain, interpolate, lattice

_RGB = np.random.default_rng(0).uniform(-0.4, 1.4, (257, 3)).astype('f4')
_UNIT = np.array([[0.0] * 3, [1.0] * 3], np.float32)
_LUT = lattice.from_table(np.random.default_rng(1).uniform(size=(3, 3, 3, 3)))


def _three(*values):
  return [np.full(3, value, np.float32) for value in values]


_POWER = chain.Power(
  *_three(2.4, 1 / 1.055, 0.055 / 1.055, 1, 0, 0.04045, 1 / 12.92, 0)
)
_LOG = (3.0, 0.2, 0.15, 0.4, 0.05, 1.8, 0.2)


class OfLutTest(absltest.TestCase):
  def test_curves_alone_are_a_step_without_a_lattice(self):
    shaper = lattice.Shaper(np.linspace(0, 1, 5)[:, None].repeat(3, 1) ** 0.5, _UNIT)
    (step,) = chain.of_lut(lattice.from_shaper(shaper))
    np.testing.assert_array_equal(step.table, shaper.table.astype('f4'))
    both = lattice.from_table(_LUT.table, None, shaper)
    self.assertIs(chain.of_lut(both)[0], both)
    self.assertIs(chain.of_lut(_LUT)[0], _LUT)


class StepsTest(parameterized.TestCase):
  def test_a_power_with_a_line_is_that_of_srgb(self):
    x = _RGB.astype(np.float64)
    want = np.where(x > 0.04045, (np.maximum(x + 0.055, 0) / 1.055) ** 2.4, x / 12.92)
    np.testing.assert_allclose(chain.apply((_POWER,), _RGB), want, atol=1e-6)
    mirrored = _POWER._replace(mirrored=np.ones(3, np.float32))
    odd = np.asarray(chain.apply((mirrored,), -_RGB))
    np.testing.assert_array_equal(odd, -np.asarray(chain.apply((mirrored,), _RGB)))

  def test_a_logarithm_and_back(self):
    log = chain.Log(*_three(*_LOG))
    x = _RGB.astype(np.float64)
    curve = 0.15 * np.log(np.maximum(3 * x + 0.2, 1e-9)) + 0.4
    got = np.asarray(chain.apply((log,), _RGB))
    np.testing.assert_allclose(
      got, np.where(x >= 0.05, curve, 1.8 * x + 0.2), atol=1e-6
    )
    start = 0.15 * np.log(3 * 0.05 + 0.2) + 0.4
    back = chain.Antilog(*_three(*_LOG[:4], start, *_LOG[5:]))
    above = _RGB >= 0.05
    again = np.asarray(chain.apply((back,), got))
    np.testing.assert_allclose(again[above], _RGB[above], atol=3e-6)

  def test_uneven_curves_are_linear_between_knots_and_jump_at_two(self):
    knots = np.array([0.0, 0.1, 0.5, 0.5, 1.0])
    values = np.array([0.2, 0.0, 1.0, 2.0, 3.0])
    step = chain.Curves(
      *(np.repeat(v[:, None], 3, 1).astype('f4') for v in (knots, values))
    )
    away = _RGB[np.abs(_RGB - 0.5).min(axis=1) > 1e-3]
    np.testing.assert_allclose(
      chain.apply((step,), away), np.interp(away, knots, values), atol=2e-6
    )
    at = np.full((1, 3), 0.5, np.float32)
    np.testing.assert_allclose(chain.apply((step,), at), 2.0)

  def test_derivatives_are_finite_and_infinities_pass(self):
    steps = (_POWER, chain.Log(*_three(*_LOG)), chain.Range(*_three(1, 0, 0, 1)))
    points = np.array([[0.0, 0.04045, -1.0], [1.0, 0.05, 2.0]], np.float32)
    slopes = jax.grad(lambda rgb: chain.apply(steps, rgb).sum())(points)
    self.assertTrue(np.isfinite(slopes).all())
    clamp = _POWER._replace(slope=np.zeros(3, 'f4'), start=np.zeros(3, 'f4'))
    low = chain.apply((clamp,), np.full((1, 3), -np.inf, np.float32))
    np.testing.assert_array_equal(low, np.zeros((1, 3)))

  def test_refuses_other_colours(self):
    with self.assertRaisesRegex(ValueError, r'\[..., 3\], got \(2, 4\)'):
      chain.apply((_POWER,), np.zeros((2, 4), np.float32))


class AsLutTest(parameterized.TestCase):
  def test_scales_curves_and_lattice_are_one_lut(self):
    scale = chain.Matrix(np.diag([0.5, 0.8, 1.0]).astype('f4'), *_three(0.1))
    curve = np.repeat(np.linspace(0, 1, 9)[:, None] ** 2, 3, 1).astype('f4')
    clamp = chain.Range(*_three(0.9, 0.05, 0, 1))
    shaper = lattice.Shaper(curve, _UNIT)
    for steps in ((scale, shaper, clamp, _LUT), (scale, _LUT), (scale, shaper)):
      lut = chain.as_lut(steps)
      np.testing.assert_allclose(
        interpolate.sample(lut, _RGB), chain.apply(steps, _RGB), atol=2e-6
      )

  @parameterized.parameters(
    ((_POWER, _LUT),),
    ((_LUT, _LUT),),
    ((),),
    ((chain.Matrix(np.ones((3, 3), 'f4'), *_three(0)), _LUT),),
    ((chain.Range(*_three(1, 0, 0.2, 1)), _LUT),),
    ((lattice.Shaper(np.array([[0] * 3, [9] * 3], 'f4'), _UNIT),),),
  )
  def test_what_is_more_stays_a_chain(self, steps):
    self.assertIsNone(chain.as_lut(steps))

  @parameterized.parameters('none', 'log')
  def test_a_baked_lattice_is_exact_at_its_nodes(self, shaper):
    lut = chain.bake((_POWER,), 9, domain=(-0.1, 4.0), shaper=shaper)
    nodes = np.linspace(-0.1, 4.0, 9)
    if shaper == 'log':
      curve = np.asarray(lut.shaper.table[:, 0], np.float64)
      places = np.linspace(-0.1, 4.0, len(curve))
      nodes = np.interp(np.linspace(0, 1, 9), curve, places)
      self.assertLess(nodes[4], 0.2)
    rgb = np.repeat(nodes[:, None], 3, axis=1).astype('f4')
    got = np.asarray(interpolate.sample(lut, rgb))
    np.testing.assert_allclose(got, chain.apply((_POWER,), rgb), atol=2e-5)


if __name__ == '__main__':
  absltest.main()
