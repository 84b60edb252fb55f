"""Colour differences against published pairs and two libraries."""

import functools
import itertools
import unittest
import warnings

import jax
import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.color import difference, spaces

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

_delta_e_76 = jax.jit(difference.delta_e_76)
_delta_e_2000 = jax.jit(difference.delta_e_2000)

# Sharma, Wu and Dalal 2005, table 1: L a b, L a b, CIEDE2000.
_PAIRS = np.array(
  [
    [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
    [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
    [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
    [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
    [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
    [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
    [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
    [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
    [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
    [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
    [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
    [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
    [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
    [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
    [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
    [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
    [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
    [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
    [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
    [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
    [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
    [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
    [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
    [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
    [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
    [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
    [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
  ],
  np.float32,
)

_EDGES = np.array(
  list(itertools.product([-0.5, 0.0, 1e-9, 0.5, 1.0, 2.0], repeat=3)), np.float32
)


def _neighbours(distance: float) -> tuple[np.ndarray, np.ndarray]:
  """Returns Lab colours of the sRGB cube and others about so far from them."""
  rng = np.random.default_rng(0)
  lab = np.asarray(spaces.srgb_to_lab(rng.uniform(size=(20000, 3)).astype(np.float32)))
  return lab, (lab + distance * rng.normal(size=lab.shape)).astype(np.float32)


class PublishedTest(parameterized.TestCase):
  @parameterized.named_parameters(('forth', 0, 3), ('back', 3, 0))
  def test_pairs_of_sharma(self, first, second):
    got = _delta_e_2000(_PAIRS[:, first : first + 3], _PAIRS[:, second : second + 3])
    np.testing.assert_allclose(got, _PAIRS[:, 6], atol=6e-5)


class OracleTest(parameterized.TestCase):
  # Relative to differences from a hundredth of a just visible one to absurd ones.
  @parameterized.parameters(0.01, 1.0, 30.0, 300.0)
  @unittest.skipIf(colour is None, 'needs colour-science')
  def test_ciede2000_matches_colour_science(self, distance):
    one, two = _neighbours(distance)
    want = colour.difference.delta_E_CIE2000(one.astype(float), two.astype(float))
    np.testing.assert_allclose(_delta_e_2000(one, two), want, rtol=3e-6)

  @parameterized.parameters(0.01, 1.0, 30.0, 300.0)
  @unittest.skipIf(skimage_color is None, 'needs scikit-image')
  def test_ciede2000_matches_scikit_image(self, distance):
    one, two = _neighbours(distance)
    want = skimage_color.deltaE_ciede2000(one.astype(float), two.astype(float))
    np.testing.assert_allclose(_delta_e_2000(one, two), want, rtol=3e-6)

  @parameterized.parameters(0.01, 30.0)
  def test_cie76_is_the_distance(self, distance):
    one, two = _neighbours(distance)
    want = np.linalg.norm(one.astype(float) - two.astype(float), axis=-1)
    np.testing.assert_allclose(_delta_e_76(one, two), want, rtol=5e-7)

  @unittest.skipIf(colour is None, 'needs colour-science')
  def test_from_srgb_to_the_difference(self):
    rng = np.random.default_rng(1)
    one = rng.uniform(size=(20000, 3)).astype(np.float32)
    two = rng.uniform(size=(20000, 3)).astype(np.float32)

    def oracle(srgb):
      xyz = colour.models.eotf_sRGB(srgb.astype(float)) @ spaces.SRGB_TO_XYZ.T
      return colour.XYZ_to_Lab(xyz, colour.XYZ_to_xy(spaces.D65))

    lab1, lab2 = spaces.srgb_to_lab(one), spaces.srgb_to_lab(two)
    for ours, peer in (
      (_delta_e_76, colour.difference.delta_E_CIE1976),
      (_delta_e_2000, colour.difference.delta_E_CIE2000),
    ):
      want = peer(oracle(one), oracle(two))
      # Lab itself is off by up to 6e-5, at any distance; the relative part is what
      # float32 adds at distances of 30 and more.
      np.testing.assert_allclose(ours(lab1, lab2), want, atol=1e-4, rtol=3e-6)


_LAB = st.tuples(
  st.floats(0, 100, width=32),
  st.floats(-90, 90, width=32),
  st.floats(-90, 90, width=32),
)


class PropertyTest(parameterized.TestCase):
  @settings(deadline=None, max_examples=100)
  @given(_LAB, _LAB)
  def test_is_symmetric_and_never_negative(self, one, two):
    one, two = np.array(one, np.float32), np.array(two, np.float32)
    for function in (_delta_e_76, _delta_e_2000):
      there, back = function(one, two), function(two, one)
      self.assertGreaterEqual(there, 0)
      np.testing.assert_allclose(there, back, rtol=1e-5)

  @settings(deadline=None, max_examples=50)
  @given(_LAB)
  def test_equal_colours_do_not_differ(self, lab):
    lab = np.array(lab, np.float32)
    np.testing.assert_array_equal(_delta_e_76(lab, lab), 0)
    np.testing.assert_array_equal(_delta_e_2000(lab, lab), 0)


_NEIGHBOURS = 200
_CHROMAS = 400
_FUNCTIONS = {'76': difference.delta_e_76, '2000': difference.delta_e_2000}


def _slopes_from_srgb(name: str) -> tuple[np.ndarray, ...]:
  """Returns slopes at all pairs of edges, by both colours: `[P, 3]` each."""

  def loss(one, two):
    return _FUNCTIONS[name](spaces.srgb_to_lab(one), spaces.srgb_to_lab(two))

  one = np.repeat(_EDGES, len(_EDGES), axis=0)
  two = np.tile(_EDGES, (len(_EDGES), 1))
  return jax.jit(jax.vmap(jax.grad(loss, argnums=(0, 1))))(one, two)


@functools.cache
def _slopes_from_lab(name: str) -> tuple[np.ndarray, np.ndarray]:
  """Returns slopes by the first colour, of neighbours and of near neutrals."""
  sizes = [0.0, 1e-38, 1e-30, 1e-20, 1e-13, 1e-12, 1e-10, 1e-5, 1.0, 50.0]
  sizes += [-size for size in sizes]
  chroma = np.array([(40.0, *ab) for ab in itertools.product(sizes, sizes)], np.float32)
  one, two = (part[:_NEIGHBOURS] for part in _neighbours(10.0))
  one = np.concatenate([one, np.repeat(chroma, len(chroma), axis=0)])
  two = np.concatenate([two, np.tile(chroma, (len(chroma), 1))])
  slopes = np.asarray(jax.jit(jax.vmap(jax.grad(_FUNCTIONS[name])))(one, two))
  return slopes[:_NEIGHBOURS], slopes[_NEIGHBOURS:]


class GradientTest(parameterized.TestCase):
  @parameterized.parameters('76', '2000')
  def test_is_finite_at_every_pair_of_edges(self, name):
    for slope in _slopes_from_srgb(name):
      self.assertTrue(np.all(np.isfinite(slope)))

  @parameterized.parameters('76', '2000')
  def test_is_finite_around_neutrals(self, name):
    _, slope = _slopes_from_lab(name)
    self.assertTrue(np.all(np.isfinite(slope)))

  @parameterized.parameters('76', '2000')
  def test_is_zero_at_no_difference(self, name):
    _, slope = _slopes_from_lab(name)
    pairs = slope.reshape(_CHROMAS, _CHROMAS, 3)
    np.testing.assert_array_equal(np.diagonal(pairs), np.zeros((3, _CHROMAS)))

  @parameterized.parameters('76', '2000')
  def test_matches_differences(self, name):
    got, _ = _slopes_from_lab(name)
    one, two = (part[:_NEIGHBOURS] for part in _neighbours(10.0))
    function = jax.jit(_FUNCTIONS[name])
    step = 0.05 * np.eye(3, dtype=np.float32)
    rise = function(one[:, None] + step, two[:, None])
    fall = function(one[:, None] - step, two[:, None])
    np.testing.assert_allclose(got, np.asarray(rise - fall) / 0.1, atol=5e-3)

  def test_nan_stays_nan(self):
    for function in (_delta_e_76, _delta_e_2000):
      for channel in range(3):
        broken = np.array([50, 10, 10], np.float32)
        broken[channel] = np.nan
        sound = np.array([50, 10, 10], np.float32)
        self.assertTrue(np.isnan(function(broken, sound)))
        self.assertTrue(np.isnan(function(sound, broken)))
