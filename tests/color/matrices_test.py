"""Matrices against colour-science, numpy and themselves."""

import unittest
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized

from lutjax.color import matrices, spaces

try:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import colour
except ImportError:
  colour = None

_MATRIX = np.array([[0.6, 0.3, 0.1], [-0.2, 1.1, 0.1], [0.0, 0.5, 2.0]])
_apply = jax.jit(lambda colours: matrices.apply(_MATRIX, colours))


@unittest.skipIf(colour is None, 'needs colour-science')
class OracleTest(parameterized.TestCase):
  @parameterized.parameters('srgb', 'prophoto', 'display_p3', 'adobe_rgb', 'rec2020')
  def test_primary_matrix_matches_colour_science(self, name):
    space = spaces.SPACES[name]
    want = colour.normalised_primary_matrix(space.primaries, space.white)
    got = matrices.primary_matrix(space.primaries, space.white)
    np.testing.assert_allclose(got, want, atol=1e-12)

  @parameterized.parameters(('cat02', 'CAT02'), ('bradford', 'Bradford'))
  def test_adaptation_matches_colour_science(self, method, peer):
    want = colour.adaptation.matrix_chromatic_adaptation_VonKries(
      spaces.D50, spaces.D65, transform=peer
    )
    got = matrices.adaptation_matrix(spaces.D50, spaces.D65, method=method)
    np.testing.assert_allclose(got, want, atol=1e-12)


class ApplyTest(parameterized.TestCase):
  def test_matches_a_product_in_float64(self):
    colours = np.random.default_rng(0).uniform(-1, 2, (512, 3)).astype(np.float32)
    want = colours.astype(np.float64) @ _MATRIX.T
    np.testing.assert_allclose(_apply(colours), want, atol=5e-7)

  def test_gradient_is_the_transpose(self):
    colours = np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)
    weights = np.random.default_rng(2).normal(size=(64, 3)).astype(np.float32)
    got = jax.grad(lambda c: jnp.sum(weights * matrices.apply(_MATRIX, c)))(colours)
    np.testing.assert_allclose(got, weights @ _MATRIX, atol=2e-6)

  def test_maps_and_linearizes(self):
    colours = np.random.default_rng(3).normal(size=(2, 5, 3)).astype(np.float32)
    mapped = jax.vmap(lambda c: matrices.apply(_MATRIX, c))(colours)
    np.testing.assert_allclose(mapped, colours @ _MATRIX.T, atol=1e-6)
    _, tangent = jax.jvp(_apply, (colours,), (colours,))
    np.testing.assert_allclose(tangent, colours @ _MATRIX.T, atol=1e-6)

  def test_takes_other_heights(self):
    grey = matrices.apply(np.array([[0.2, 0.7, 0.1]]), jnp.ones((4, 3)))
    np.testing.assert_allclose(grey, np.ones((4, 1)), atol=1e-7)

  def test_refuses_other_channels(self):
    with self.assertRaisesRegex(ValueError, r'\[..., 3\], got float32 \[3, 4\]'):
      matrices.apply(_MATRIX, jnp.zeros((3, 4)))

  def test_refuses_codes(self):
    with self.assertRaisesRegex(ValueError, r'Expected float .* got uint8 \[2, 3\]'):
      matrices.apply(_MATRIX, np.zeros((2, 3), np.uint8))


class ChromaticityTest(parameterized.TestCase):
  def test_goes_and_comes_back(self):
    xy = np.array([[0.3, 0.3], [0.64, 0.33], [0.15, 0.06]])
    np.testing.assert_allclose(
      matrices.xyz_to_xy(matrices.xy_to_xyz(xy)), xy, atol=1e-6
    )

  def test_black_is_white_and_has_a_slope(self):
    black = jnp.zeros(3)
    np.testing.assert_allclose(matrices.xyz_to_xy(black), matrices.D65_XY, atol=1e-7)
    slope = jax.grad(lambda xyz: jnp.sum(matrices.xyz_to_xy(xyz)))(black)
    np.testing.assert_array_equal(slope, np.zeros(3))

  def test_refuses_an_unknown_cone_space(self):
    with self.assertRaisesRegex(ValueError, r"\['bradford', 'cat02'\], got 'ciecam'"):
      matrices.adaptation_matrix(spaces.D50, spaces.D65, method='ciecam')
