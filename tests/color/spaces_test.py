"""Spaces against colour-science and scikit-image, given the same constants."""

import itertools
import unittest
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.color import matrices, spaces

try:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import colour
except ImportError:
  colour = None
try:
  from skimage import color as skimage_color
except ImportError:
  skimage_color = None

_srgb_to_lab = jax.jit(spaces.srgb_to_lab)
_lab_to_srgb = jax.jit(spaces.lab_to_srgb)

# Every mix of: far out, just out, black, within the toe, at the knees, grey, white.
_EDGES = np.array(
  list(itertools.product([-1.0, -1e-3, 0.0, 1e-9, 0.04045, 0.5, 1.0, 3.0], repeat=3)),
  np.float32,
)


def _colours(count: int = 20000) -> np.ndarray:
  return np.random.default_rng(0).uniform(size=(count, 3)).astype(np.float32)


def _house_xyz(srgb: np.ndarray) -> np.ndarray:
  """sRGB to XYZ by colour-science's curve and the matrix of the house."""
  return colour.models.eotf_sRGB(srgb.astype(np.float64)) @ spaces.SRGB_TO_XYZ.T


@unittest.skipIf(colour is None, 'needs colour-science')
class ColourScienceTest(parameterized.TestCase):
  def test_srgb_to_lab(self):
    srgb = _colours()
    want = colour.XYZ_to_Lab(_house_xyz(srgb), colour.XYZ_to_xy(spaces.D65))
    # float32 keeps XYZ to 6e-8, of which a* makes 500 times two cube roots.
    np.testing.assert_allclose(_srgb_to_lab(srgb), want, atol=8e-5)

  def test_lab_to_srgb(self):
    lab = np.asarray(_srgb_to_lab(_colours()))
    xyz = colour.Lab_to_XYZ(lab.astype(np.float64), colour.XYZ_to_xy(spaces.D65))
    want = colour.models.eotf_inverse_sRGB(xyz @ spaces.XYZ_TO_SRGB.T)
    inside = np.all(want > 0, axis=-1)
    # Next to black the toe and the matrix make 40 of a last place of XYZ.
    np.testing.assert_allclose(_lab_to_srgb(lab)[inside], want[inside], atol=5e-6)

  @parameterized.parameters('D50', 'D65')
  def test_xyz_to_lab_and_back(self, name):
    white = getattr(spaces, name)
    xyz = np.random.default_rng(1).uniform(-0.2, 1.3, (4096, 3)).astype(np.float32)
    want = colour.XYZ_to_Lab(xyz.astype(np.float64), colour.XYZ_to_xy(white))
    lab = spaces.xyz_to_lab(xyz, white=white)
    np.testing.assert_allclose(lab, want, atol=1e-4, rtol=1e-6)
    np.testing.assert_allclose(spaces.lab_to_xyz(lab, white=white), xyz, atol=2e-6)

  @parameterized.parameters(
    ('prophoto', 'srgb'),
    ('srgb', 'prophoto'),
    ('prophoto', 'display_p3'),
    ('rec2020', 'adobe_rgb'),
  )
  def test_conversion_matrices(self, source, target):
    def peer(name):
      space = spaces.SPACES[name]
      return colour.RGB_Colourspace(name, space.primaries, space.white)

    want = colour.matrix_RGB_to_RGB(peer(source), peer(target), 'CAT02')
    got = spaces.conversion_matrix(source, target)
    np.testing.assert_allclose(got, want, atol=1e-9)

  @parameterized.parameters(
    ('srgb', 'sRGB'),
    ('prophoto', 'ProPhoto RGB'),
    ('display_p3', 'Display P3'),
    ('adobe_rgb', 'Adobe RGB (1998)'),
    ('rec2020', 'ITU-R BT.2020'),
  )
  def test_spaces_are_those_of_their_standards(self, name, peer):
    want = colour.RGB_COLOURSPACES[peer]
    space = spaces.SPACES[name]
    np.testing.assert_allclose(space.primaries, want.primaries, atol=1e-5)
    np.testing.assert_allclose(space.white, want.whitepoint, atol=1e-12)
    ramp = np.linspace(0, 1, 4097, dtype=np.float32)
    np.testing.assert_allclose(
      spaces.encode(ramp, name), want.cctf_encoding(ramp.astype(float)), atol=3e-4
    )


@unittest.skipIf(skimage_color is None, 'needs scikit-image')
class ScikitImageTest(parameterized.TestCase):
  def test_xyz_to_lab(self):
    xyz = np.random.default_rng(2).uniform(0, 0.95, (4096, 3)).astype(np.float32)
    want = skimage_color.xyz2lab(xyz.astype(np.float64))
    # Its tangent has four digits (7.787), which tells below 0.0089 alone.
    bright = np.all(xyz > 0.01, axis=-1)
    got = np.asarray(spaces.xyz_to_lab(xyz))
    np.testing.assert_allclose(got[bright], want[bright], atol=1e-4)
    np.testing.assert_allclose(got, want, atol=3e-4)

  def test_srgb_to_lab_with_its_matrix(self):
    srgb = _colours(4096)
    want = skimage_color.rgb2lab(srgb.astype(np.float64))
    linear = spaces.decode(srgb, 'srgb')
    got = spaces.xyz_to_lab(
      matrices.apply(skimage_color.colorconv.xyz_from_rgb, linear)
    )
    np.testing.assert_allclose(got, want, atol=3e-4)
    # With the matrix of the house, the libraries' digits show, and no more.
    np.testing.assert_allclose(_srgb_to_lab(srgb), want, atol=6e-3)


class PropertyTest(parameterized.TestCase):
  @settings(deadline=None, max_examples=50)
  @given(st.lists(st.floats(-1, 2, width=32), min_size=3, max_size=3))
  def test_lab_comes_back(self, srgb):
    srgb = np.array(srgb, np.float32)
    np.testing.assert_allclose(_lab_to_srgb(_srgb_to_lab(srgb)), srgb, atol=3e-5)

  @settings(deadline=None, max_examples=50)
  @given(st.floats(0, 1, width=32))
  def test_greys_are_neutral(self, value):
    lab = _srgb_to_lab(np.full(3, value, np.float32))
    np.testing.assert_allclose(lab[1:], 0, atol=1e-4)


class ExactTest(parameterized.TestCase):
  def test_black_and_white(self):
    ends = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    want = [[0, 0, 0], [100, 0, 0]]
    np.testing.assert_allclose(_srgb_to_lab(ends), want, atol=2e-5)

  def test_prophoto_matrix_is_the_exact_one(self):
    want = [
      [2.03680949, -0.73763316, -0.29917633],
      [-0.22585500, 1.22315286, 0.00270214],
      [-0.01060298, -0.13485935, 1.14546232],
    ]
    got = spaces.conversion_matrix('prophoto', 'srgb')
    np.testing.assert_allclose(got, want, atol=5e-9)
    back = spaces.conversion_matrix('srgb', 'prophoto')
    np.testing.assert_allclose(got @ back, np.eye(3), atol=1e-14)

  @parameterized.parameters(*itertools.permutations(('srgb', 'prophoto', 'rec2020'), 2))
  def test_white_stays_white(self, source, target):
    white = spaces.convert(jnp.ones(3), source, target)
    np.testing.assert_allclose(white, np.ones(3), atol=3e-7)

  def test_bradford_differs(self):
    gap = spaces.conversion_matrix('prophoto', 'srgb') - spaces.conversion_matrix(
      'prophoto', 'srgb', method='bradford'
    )
    self.assertAlmostEqual(np.max(np.abs(gap)), 0.018, delta=1e-3)

  def test_matrix_and_white_agree(self):
    np.testing.assert_allclose(spaces.SRGB_TO_XYZ.sum(axis=1), spaces.D65, atol=2e-7)
    linear = _colours(64)
    back = spaces.xyz_to_linear(spaces.linear_to_xyz(linear))
    np.testing.assert_allclose(back, linear, atol=1e-6)

  def test_decodes_what_it_encodes(self):
    linear = _colours(64)
    for name in spaces.SPACES:
      back = spaces.decode(spaces.encode(linear, name), name)
      np.testing.assert_allclose(back, linear, atol=5e-7)


class GradientTest(parameterized.TestCase):
  @parameterized.parameters(
    spaces.srgb_to_lab,
    spaces.lab_to_srgb,
    spaces.linear_to_lab,
    spaces.xyz_to_lab,
    spaces.lab_to_xyz,
    spaces.linear_to_xyz,
    spaces.xyz_to_linear,
  )
  def test_is_finite_at_the_edges(self, function):
    jacobian = jax.jit(jax.vmap(jax.jacrev(function)))
    self.assertTrue(np.all(np.isfinite(jacobian(_EDGES))))
    self.assertTrue(np.all(np.isfinite(jacobian(100 * _EDGES - 50))))

  def test_forward_and_reverse_agree_with_differences(self):
    colours = np.array([[0.2, 0.5, 0.9], [0.01, 0.7, 0.3], [0.5, 0.5, 0.5]], np.float32)
    reverse = jax.jit(jax.vmap(jax.jacrev(spaces.srgb_to_lab)))(colours)
    forward = jax.jit(jax.vmap(jax.jacfwd(spaces.srgb_to_lab)))(colours)
    np.testing.assert_allclose(reverse, forward, rtol=1e-5, atol=1e-3)
    step = 1e-2 * np.eye(3, dtype=np.float32)
    rise = _srgb_to_lab(colours[:, None] + step) - _srgb_to_lab(colours[:, None] - step)
    want = np.swapaxes(np.asarray(rise), 1, 2) / 2e-2
    # The step is wide, so that float32 leaves digits: curvature costs two percent.
    np.testing.assert_allclose(reverse, want, rtol=2e-2, atol=1.0)

  def test_nan_stays_nan(self):
    got = _srgb_to_lab(jnp.array([jnp.nan, 0.5, 0.5]))
    self.assertTrue(np.all(np.isnan(got)))


class RefusalTest(parameterized.TestCase):
  def test_names_the_spaces(self):
    with self.assertRaisesRegex(ValueError, r"'prophoto'.*got 'pro_photo'"):
      spaces.convert(jnp.ones(3), 'pro_photo', 'srgb')
    with self.assertRaisesRegex(ValueError, r"'rec2020'.*got 'rec202'"):
      spaces.encode(jnp.ones(3), 'rec202')
