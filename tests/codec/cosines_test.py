import lzma
import zlib

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from lutjax import errors
from lutjax.codec import cosines, spectrum


def _spectrum(seed, size=9, scale=6.0):
  rng = np.random.default_rng(seed)
  fall = scale / (1.0 + spectrum.frequencies(size)[..., None])
  return np.rint(rng.laplace(size=(size,) * 3 + (3,)) * fall).astype(np.int64)


class CosinesTest(parameterized.TestCase):
  def test_transform_is_the_orthonormal_cosine_transform(self):
    table = np.random.default_rng(0).uniform(size=(9, 9, 9, 3)).astype(np.float32)
    want = fft.dctn(table @ spectrum.OPPONENT.T, axes=(0, 1, 2), norm='ortho')
    np.testing.assert_allclose(cosines.transform(table), want, atol=1e-5)
    np.testing.assert_allclose(cosines.restore(want), table, atol=1e-5)

  @settings(deadline=None, max_examples=25)
  @given(st.integers(0, 2**32 - 1), st.sampled_from((0.5, 4.0, 400.0, 400000.0)))
  def test_codes_come_back(self, seed, scale):
    values = np.clip(_spectrum(seed, scale=scale), -65000, 65000)
    got = cosines.unpack(cosines.pack(values), 9)
    np.testing.assert_array_equal(got, values)

  def test_an_empty_spectrum_takes_four_bytes(self):
    values = np.zeros((9, 9, 9, 3), np.int64)
    self.assertLen(cosines.pack(values), 4)
    np.testing.assert_array_equal(cosines.unpack(cosines.pack(values), 9), values)

  def test_takes_less_than_general_compression(self):
    values = _spectrum(3, size=17, scale=30.0)
    general = min(
      len(zlib.compress(values.astype(np.int16).tobytes(), 9)),
      len(lzma.compress(values.astype(np.int16).tobytes())),
    )
    self.assertLess(len(cosines.pack(values)), 0.8 * general)

  @parameterized.parameters(
    (b'', 'found 0 bytes'),
    (bytes([9, 9, 10, 3, 1, 0]), 'expected at most 9 each'),
    (bytes([2, 2, 2, 4, 1, 0]), 'expected at most 9 each'),
    (bytes([2, 2, 2, 3, 1]), 'found 1 bytes of no code'),
  )
  def test_refuses_codes_that_cannot_be(self, content, message):
    with self.assertRaisesRegex(errors.ArtefactError, message):
      cosines.unpack(content, 9)


if __name__ == '__main__':
  absltest.main()
