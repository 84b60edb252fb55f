"""Integers of the range decoder in the page, bit-equal to those of Python."""

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.codec import cosines, entropy, spectrum
from tests.viewer import decoding


class EntropyTest(decoding.TestCase):
  @parameterized.parameters(0.2, 1.0, 6.0, 80.0, 3000.0)
  def test_integers_of_any_spread_come_back(self, spread):
    rng = np.random.default_rng(0)
    values = np.rint(rng.standard_cauchy((300, 9)) * spread * np.linspace(0.2, 2, 9))
    values = np.clip(values, -65000, 65000).astype(np.int64)
    code = entropy.encode(values, entropy.by_lane, 9)
    found = self.run_script(
      'return [...lutjax.entropy.decode('
      '  bytes(args[0]), 300, 9, lutjax.entropy.byLane, 9)];',
      decoding.text_of(code),
    )
    self.assertEqual(found, values.ravel().tolist())

  def test_spectra_of_many_looks_come_back(self):
    rng = np.random.default_rng(1)
    decay = np.exp(-spectrum.frequencies(6)[..., None] / 2.0)
    spectra = np.rint(rng.laplace(size=(40, 6, 6, 6, 3)) * 20 * decay).astype(np.int64)
    spectra[3] = 0
    code = spectrum.with_plain_mask(spectrum.pack(spectra))
    found = self.run_script(
      'const {looks, places, values} = lutjax.spectrum.unpack(bytes(args[0]), 40, 6);'
      'return [[...places], [...values]];',
      decoding.text_of(code),
    )
    places, values = (np.array(numbers, np.int64) for numbers in found)
    got = np.zeros((6**3 * 3, 40), np.int64)
    got[places] = values.reshape(-1, 40)
    np.testing.assert_array_equal(got.T.reshape(spectra.shape), spectra)

  def test_the_spectrum_of_one_look_comes_back(self):
    rng = np.random.default_rng(2)
    values = np.zeros((9, 9, 9, 3), np.int64)
    values[:7, :5, :6] = np.rint(rng.laplace(size=(7, 5, 6, 3)) * 8)
    values[0, 0, 0] = 3000, -2, 700
    values[(spectrum.frequencies(9) > 11)] = 0
    found = self.run_script(
      'const {order, values} = lutjax.cosines.unpack(bytes(args[0]), 9);'
      'return [order, [...values]];',
      decoding.text_of(cosines.pack(values)),
    )
    order, flat = found
    np.testing.assert_array_equal(
      np.reshape(flat, (order, order, order, 3)), values[:order, :order, :order]
    )


if __name__ == '__main__':
  absltest.main()
