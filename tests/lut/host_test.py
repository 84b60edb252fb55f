import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import cube, host, interpolate, lattice
from lutjax.native import library

try:
  import PyOpenColorIO as ocio

  ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_NONE)
except ImportError:
  ocio = None

_TABLE = np.random.default_rng(0).uniform(size=(5, 9, 4, 3)).astype(np.float32)
_LUT = lattice.from_table(_TABLE, np.float32([[0, 0, 0.2], [1, 2, 0.9]]))
_GENTLE = np.float32(lattice.identity(9) ** 2)
_AXIS = np.linspace(0, 1, 70)
_SHAPER = lattice.Shaper(
  np.float32(np.stack([_AXIS**2, np.sin(_AXIS), 1.2 - _AXIS], -1)),
  np.float32([[-0.5] * 3, [1.5] * 3]),
)
_LOOKS = {
  'curves': lattice.from_shaper(_SHAPER),
  'curves and lattice': lattice.from_table(_GENTLE, shaper=_SHAPER),
}
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

  @parameterized.product(look=tuple(_LOOKS), method=(*library.METHODS, 'prism'))
  def test_curves_as_sample(self, look, method):
    lut = _LOOKS[look]
    mapped = host.mapper(lut, method=method, strength=0.5, threads=2)
    if not library.targets() or (look != 'curves' and method == 'prism'):
      self.assertIsNone(mapped)
      return
    want = (_RGB + interpolate.sample(lut, _RGB, method=method)) / 2
    np.testing.assert_allclose(mapped(_RGB), want, rtol=0, atol=4e-7)
    codes = np.rint(255 * _RGB).astype(np.uint8)
    want = np.rint(255 * np.clip(mapped(np.float32(codes / 255)), 0, 1))
    np.testing.assert_allclose(mapped(codes), want, rtol=0, atol=1)

  @parameterized.parameters(*_LOOKS)
  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_files_as_opencolorio(self, look):
    path = self.create_tempfile('look.cube', cube.render(_LOOKS[look]).decode())
    read = cube.read(path.full_path).lut
    mapped = host.mapper(read, method='tetrahedral')
    if mapped is None:
      self.skipTest('the extension is not built, or it is turned off')
    transform = ocio.FileTransform(
      path.full_path, interpolation=ocio.INTERP_TETRAHEDRAL
    )
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    rgb = 3 * _RGB - 1  # Outside of the domain, too.
    want = rgb.copy()
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    np.testing.assert_allclose(mapped(rgb), want, rtol=0, atol=2e-6)

  def test_in_place_where_the_pixels_are_free(self):
    if not library.targets():
      self.skipTest('the extension is not built, or it is turned off')
    pixels = np.random.default_rng(3).integers(0, 256, (8, 9, 3), np.uint8)
    want = host.mapper(_LUT, method='trilinear')(pixels)
    mapped = host.mapper(_LUT, method='trilinear', in_place=True)
    fixed = pixels.copy()
    fixed.setflags(write=False)
    np.testing.assert_array_equal(mapped(fixed), want)
    np.testing.assert_array_equal(fixed, pixels)
    self.assertIs(mapped(pixels), pixels)
    np.testing.assert_array_equal(pixels, want)

  def test_none_where_no_kernel_does_all(self):
    knots = [np.float32([0, 0.3, 1])] * 3
    small = lattice.identity(3)
    with_knots = lattice.from_table(small, knots=knots)
    self.assertIsNone(host.mapper(with_knots, method='trilinear'))
    self.assertIsNone(host.mapper(_LOOKS['curves'], method='nearest'))
    self.assertIsNone(host.mapper(lattice.from_table(small), method='prism'))
    self.assertIsNone(host.mapper(lattice.from_table(small[0]), method='trilinear'))


if __name__ == '__main__':
  absltest.main()
