import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import host, interpolate, lattice
from lutjax.native import library

_TABLE = np.random.default_rng(0).uniform(size=(5, 9, 4, 3)).astype(np.float32)
_LUT = lattice.from_table(_TABLE, np.float32([[0, 0, 0.2], [1, 2, 0.9]]))
_RGB = np.random.default_rng(1).uniform(size=(6, 7, 3)).astype(np.float32)


class HostTest(parameterized.TestCase):
  @parameterized.parameters(*library.METHODS)
  def test_equals_sample(self, method):
    mapped = host.mapper(_LUT, method=method)
    if not library.targets():
      self.assertIsNone(mapped)
      self.skipTest('the extension is not built, or it is turned off')
    want = interpolate.sample(_LUT, _RGB, method=method)
    np.testing.assert_allclose(mapped(_RGB), want, rtol=0, atol=3e-7)
    flipped = _RGB[:, ::-1]
    np.testing.assert_array_equal(mapped(flipped), mapped(_RGB)[:, ::-1])

  def test_none_where_no_kernel_does_all(self):
    knots = [np.float32([0, 0.3, 1])] * 3
    small = lattice.identity(3)
    with_knots = lattice.from_table(small, knots=knots)
    self.assertIsNone(host.mapper(with_knots, method='trilinear'))
    self.assertIsNone(host.mapper(lattice.from_table(small), method='prism'))
    self.assertIsNone(host.mapper(lattice.from_table(small[0]), method='trilinear'))


if __name__ == '__main__':
  absltest.main()
