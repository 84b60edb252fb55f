import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import interpolate, inverse, lattice, lattice_search

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_RNG = np.random.default_rng(0)
_COLOURS = _RNG.uniform(size=(2048, 3)).astype(np.float32)
_GRID = lattice.identity(9).astype(np.float64)
_MATRIX = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
# One-to-one, with values that keep to [0, 1].
_SMOOTH = 0.03 + 0.9 * (0.5 * _GRID + 0.5 * _GRID**1.7) @ _MATRIX.T
_SMOOTH += 0.02 * np.sin(3 * _GRID[..., [1, 2, 0]])
_FOLDED = _GRID + 0.25 * np.sin(9 * _GRID[..., [1, 2, 0]])
_CLIPPED = np.clip(1.6 * _GRID - 0.3, 0, 1)
_MONOCHROME = np.repeat((_GRID @ [0.3, 0.6, 0.1])[..., None] ** 1.5, 3, axis=-1)
_CONSTANT = np.full_like(_GRID, 0.3)


@jax.jit
def _sloped(prepared, rgb):
  """Returns what is found, and the slopes of its red: one program for all tests."""
  found, pull, exact = jax.vjp(
    lambda rgb: tuple(inverse.invert(prepared, rgb)), rgb, has_aux=True
  )
  (slopes,) = pull(jnp.zeros_like(found).at[:, 0].set(1.0))
  return inverse.Found(found, exact), slopes


def _invert(prepared, rgb):
  return _sloped(prepared, rgb)[0]


def _tetrahedral(table, rgb):
  """Interpolates in float64, a colour at a time."""
  cells = len(table) - 1
  values = []
  for colour in np.clip(np.asarray(rgb, np.float64), 0, 1) * cells:
    node = np.minimum(colour.astype(int), cells - 1)
    value = table[tuple(node)]
    for axis in np.argsort(-(colour - node), kind='stable'):
      after = node.copy()
      after[axis] += 1
      fraction = colour[axis] - node[axis]
      node, step = after, table[tuple(after)] - table[tuple(node)]
      value = value + fraction * step
    values.append(value)
  return np.array(values)


def _float32(table):
  return np.asarray(table, np.float32)


class InvertTest(parameterized.TestCase):
  def test_returns_what_was_mapped(self):
    values = _tetrahedral(_SMOOTH, _COLOURS)
    found = _invert(
      lattice_search.prepare(lattice.from_table(_SMOOTH)), _float32(values)
    )
    np.testing.assert_allclose(found.rgb, _COLOURS, atol=1e-6)
    self.assertTrue(found.exact.all())

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_matches_opencolorio(self):
    lut = ocio.Lut3DTransform(gridSize=len(_SMOOTH))
    lut.setInterpolation(ocio.INTERP_TETRAHEDRAL)
    lut.setData(_float32(_SMOOTH).ravel())
    lut.setDirection(ocio.TRANSFORM_DIR_INVERSE)
    values = _float32(_tetrahedral(_SMOOTH, _COLOURS))
    want = values.copy()
    processor = ocio.Config.CreateRaw().getProcessor(lut)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    found = _invert(lattice_search.prepare(lattice.from_table(_SMOOTH)), values)
    np.testing.assert_allclose(found.rgb, want, atol=2e-6)

  @parameterized.named_parameters(
    ('folded', _FOLDED),
    ('clipped', _CLIPPED),
    ('monochrome', _MONOCHROME),
    ('constant', _CONSTANT),
  )
  def test_finds_one_of_many(self, table):
    table = _float32(table)
    values = _tetrahedral(table.astype(np.float64), _COLOURS)
    found = _invert(lattice_search.prepare(lattice.from_table(table)), _float32(values))
    back = _tetrahedral(table.astype(np.float64), found.rgb)
    np.testing.assert_allclose(back, values, atol=2e-6)
    self.assertTrue(found.exact.all())

  @parameterized.named_parameters(
    ('smooth', _SMOOTH, 0.02),
    ('folded', _FOLDED, 0.1),
    ('monochrome', _MONOCHROME, 0.01),
    ('constant', _CONSTANT, 0.0),
  )
  def test_elsewhere_returns_what_is_near(self, table, slack):
    table = _float32(table)
    wanted = _RNG.uniform(-0.3, 1.3, (2048, 3)).astype(np.float32)
    found = _invert(lattice_search.prepare(lattice.from_table(table)), wanted)
    self.assertTrue(np.isfinite(found.rgb).all())
    self.assertTrue(((found.rgb >= 0) & (found.rgb <= 1)).all())
    gap = np.linalg.norm(_tetrahedral(table, found.rgb) - wanted, axis=-1)
    np.testing.assert_array_equal(found.exact, gap < 2e-6)
    self.assertGreater((~found.exact).mean(), 0.3)
    # Against all nodes of a lattice four times as fine.
    fine = _tetrahedral(table, lattice.identity(33).reshape(-1, 3)[::3])
    for one, distance in zip(wanted[::16], gap[::16]):
      nearest = np.sqrt(((fine - one) ** 2).sum(axis=-1).min())
      self.assertLessEqual(distance, nearest + slack)

  def test_goes_through_curves_domain_and_knots(self):
    curve = np.linspace(0, 1, 64)[:, None] ** [0.5, 0.7, 1.4]
    shaper = lattice.Shaper(2 * curve - 1, np.float32([[0, 0, -1], [4, 4, 3]]))
    knots = [[0, 0.1, 0.2, 0.35, 0.5, 0.6, 0.7, 0.85, 1]] * 3
    lut = lattice.from_table(5 * _SMOOTH, [[-1] * 3, [1] * 3], shaper, knots=knots)
    rgb = [0.05, 0.05, -0.9] + 3.9 * _COLOURS
    found = _invert(lattice_search.prepare(lut), interpolate.sample(lut, _float32(rgb)))
    np.testing.assert_allclose(found.rgb, rgb, atol=2e-5)
    self.assertTrue(found.exact.all())

  def test_nan_stays_nan(self):
    prepared = lattice_search.prepare(lattice.from_table(_SMOOTH))
    wanted = np.tile(np.float32([[0.5, np.nan, 0.5], [0.5, np.inf, 0.5]]), (1024, 1))
    found = _invert(prepared, wanted)
    self.assertTrue(np.isnan(found.rgb[0]).all())
    self.assertTrue(np.isfinite(found.rgb[1]).all())
    self.assertFalse(found.exact.any())

  def test_slopes_are_those_of_the_inverse(self):
    prepared = lattice_search.prepare(lattice.from_table(_SMOOTH))
    rgb = np.tile([0.41, 0.62, 0.23], (2048, 1))
    rgb[1:] = _COLOURS[1:]
    _, slopes = _sloped(prepared, _float32(_tetrahedral(_SMOOTH, rgb)))
    # Steps that stay in the tetrahedron.
    steps = [_tetrahedral(_SMOOTH, rgb[:1] + step)[0] for step in 1e-3 * np.eye(3)]
    forward = (np.stack(steps, axis=-1) - _tetrahedral(_SMOOTH, rgb[:1]).T) / 1e-3
    want = np.linalg.inv(forward)[0]
    np.testing.assert_allclose(slopes[0], want, rtol=1e-4, atol=1e-4)
    self.assertTrue(np.isfinite(slopes).all())

  def test_refuses_other_channels(self):
    with self.assertRaisesRegex(ValueError, r'\[N1, N2, N3, 3\], got \(3, 3, 3, 1\)'):
      lattice_search.prepare(lattice.from_table(np.zeros((3, 3, 3, 1))))
    prepared = lattice_search.prepare(lattice.from_table(_SMOOTH))
    with self.assertRaisesRegex(ValueError, r'float32 colours \[..., 3\], got int32'):
      inverse.invert(prepared, np.zeros(3, np.int32))


class CurvesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.x = np.linspace(0, 1, 33)
    rising = self.x**2.2
    falling = 1 - 0.8 * self.x
    table = np.stack([rising, falling, 3 * self.x - 1], axis=-1)
    self.shaper = lattice.Shaper(_float32(table), np.float32([[-1] * 3, [2] * 3]))

  def test_returns_what_was_mapped(self):
    rgb = -1 + 3 * _COLOURS
    places = np.interp(rgb, np.linspace(-1, 2, 33), np.arange(33))
    table = self.shaper.table.astype(np.float64)
    values = np.stack(
      [np.interp(places[:, i], np.arange(33), table[:, i]) for i in range(3)], axis=-1
    )
    found = inverse.curves(self.shaper, _float32(values))
    steep = rgb[:, 0] > -0.5
    np.testing.assert_allclose(found[:, 1:], rgb[:, 1:], atol=2e-6)
    np.testing.assert_allclose(found[steep, 0], rgb[steep, 0], atol=2e-6)

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_matches_opencolorio(self):
    table = np.repeat(_float32(self.x**1.7)[:, None], 3, axis=1)
    lut = ocio.Lut1DTransform(33, False)
    for i, (r, g, b) in enumerate(table):
      lut.setValue(i, r, g, b)
    lut.setInterpolation(ocio.INTERP_LINEAR)
    lut.setDirection(ocio.TRANSFORM_DIR_INVERSE)
    want = _COLOURS.copy()
    processor = ocio.Config.CreateRaw().getProcessor(lut)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    shaper = lattice.Shaper(table, np.float32([[0] * 3, [1] * 3]))
    np.testing.assert_allclose(inverse.curves(shaper, _COLOURS), want, atol=1e-6)

  @parameterized.parameters(
    # Up, down, up: the first place; beyond, that of the extreme.
    ([0.0, 1.0, 0.5, 2.0], [0.75, 1.5, 3.0, -1.0], [0.25, 8 / 9, 1.0, 0.0]),
    # Down first, then up.
    ([0.0, -1.0, 1.0, 0.0], [-0.5, 0.5, 9.0, -9.0], [1 / 6, 7 / 12, 2 / 3, 1 / 3]),
    # Flat pieces.
    ([0.0, 0.5, 0.5, 1.0], [0.5, 0.25, 0.75, 1.0], [1 / 3, 1 / 6, 5 / 6, 1.0]),
    ([0.3, 0.3, 0.3, 0.3], [0.3, 0.0, 1.0, 0.2], [0.0, 0.0, 0.0, 0.0]),
  )
  def test_takes_the_first_of_many(self, samples, values, want):
    shaper = lattice.Shaper(_float32(samples)[:, None], np.float32([[0], [1]]))
    found = inverse.curves(shaper, _float32(values)[:, None])
    np.testing.assert_allclose(found[:, 0], want, atol=1e-6)


if __name__ == '__main__':
  absltest.main()
