"""Tests of `lutjax.codec.spectrum`."""

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import spectrum

try:
  import scipy.fft as scipy_fft
except ImportError:
  scipy_fft = None


def _spectra(seed, looks, order):
  rng = np.random.default_rng(seed)
  scale = 6.0 / (1 + spectrum.frequencies(order)[..., None]) ** 2
  return np.rint(rng.laplace(size=(looks, order, order, order, 3)) * scale).astype(int)


class SpectrumTest(parameterized.TestCase):
  @absltest.skipIf(scipy_fft is None, 'needs scipy')
  def test_basis_is_scipys_cosine_transform(self):
    table = np.random.default_rng(0).normal(size=(9, 9, 9))
    waves = spectrum.basis(9, 9)
    got = np.einsum('rgb,ir,jg,kb->ijk', table, waves, waves, waves)
    np.testing.assert_allclose(got, scipy_fft.dctn(table, norm='ortho'), atol=1e-5)

  def test_opponent_axes_are_orthonormal(self):
    np.testing.assert_allclose(
      spectrum.OPPONENT @ spectrum.OPPONENT.T, np.eye(3), atol=1e-6
    )

  def test_basis_at_other_nodes_meets_the_own_ones(self):
    fine, own = spectrum.basis(9, 5, 17), spectrum.basis(9, 5)
    np.testing.assert_allclose(fine[:, ::2], own, atol=1e-5)

  @settings(deadline=None, max_examples=10)
  @given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 5))
  def test_spectra_come_back(self, seed, looks, order):
    spectra = _spectra(seed, looks, order)
    back = spectrum.unpack(spectrum.pack(spectra), looks, order)
    np.testing.assert_array_equal(back, spectra)

  def test_context_pays(self):
    spectra = _spectra(0, 40, 6)
    share = np.unique(spectra, return_counts=True)[1] / spectra.size
    plain = -spectra.size * float(share @ np.log2(share)) / 8
    self.assertLess(len(spectrum.pack(spectra)), 0.8 * plain)

  @parameterized.parameters(b'', b'\x04\x00\x00\x00abcd', b'\xff' * 40)
  def test_refuses_a_damaged_mask(self, content):
    with self.assertRaisesRegex(errors.ArtefactError, 'spectra|entropy'):
      spectrum.unpack(content, 2, 4)

  def test_refuses_a_mask_of_another_order(self):
    content = spectrum.pack(_spectra(0, 2, 4))
    with self.assertRaisesRegex(errors.ArtefactError, 'places'):
      spectrum.unpack(content, 2, 6)


if __name__ == '__main__':
  absltest.main()
