import pathlib
import unittest

import numpy as np
from absl.testing import parameterized

from lutjax import errors
from lutjax.color import profiles, spaces
from lutjax.data import images
from lutjax.models.gamut import recovery
from lutjax.tasks import gamut_sources

_RNG = np.random.default_rng(0)
_CODES = _RNG.integers(0, 65536, (20, 30, 4)).astype(np.uint16)


class GamutSourcesTest(parameterized.TestCase):
  def write(self, pixels, icc, suffix='.png'):
    path = pathlib.Path(self.create_tempdir().full_path, f'a{suffix}')
    images.write(path, images.Image(pixels, icc))
    return path

  @parameterized.parameters(None, 'prophoto')
  def test_prophoto_stays_as_it_is(self, space):
    path = self.write(_CODES, space and profiles.icc_profile(space))
    found = gamut_sources.read(path)
    np.testing.assert_array_equal(found.image.pixels, _CODES)

  @parameterized.parameters('display_p3', 'adobe_rgb', 'rec2020')
  def test_others_are_converted(self, space):
    linear = spaces.decode(_CODES[..., :3] / 65535, space)
    wide = np.clip(spaces.convert(linear, space, 'prophoto'), 0, 1)
    want = np.asarray(spaces.encode(wide, 'prophoto'))
    icc = profiles.icc_profile(space)
    found = gamut_sources.read(self.write(_CODES, icc))
    got = found.image.pixels
    self.assertEqual(got.dtype, np.uint16)
    np.testing.assert_allclose(got[..., :3] / 65535, want, atol=3e-4)
    np.testing.assert_array_equal(got[..., 3], _CODES[..., 3])
    bare = gamut_sources.read(self.write(_CODES, None), space)
    np.testing.assert_array_equal(bare.image.pixels, got)
    kept = gamut_sources.read(self.write(_CODES, icc), 'prophoto')
    np.testing.assert_array_equal(kept.image.pixels, _CODES)
    real = (_CODES / 65535).astype(np.float32)
    got = gamut_sources.read(self.write(real, icc, '.tif')).image.pixels
    self.assertEqual(got.dtype, np.float32)
    np.testing.assert_allclose(got[..., :3], want, atol=3e-4)

  def test_srgb_comes_through_unchanged(self):
    codes = _RNG.integers(0, 256, (16, 16, 3)).astype(np.uint16)
    path = self.write(codes * 257, profiles.icc_profile('srgb'))
    got = images.to_float(gamut_sources.read(path).image.pixels)
    reduced = recovery.reduce(spaces.decode(got, 'prophoto'))
    np.testing.assert_array_equal(reduced, codes)

  def test_refuses_profiles_that_it_cannot_convert(self):
    icc = profiles.icc_profile('srgb').replace(b'gXYZ', b'none')
    with self.assertRaisesRegex(
      errors.ImageError, '"sRGB" has no matrix and curves, expected .*space=prophoto'
    ):
      gamut_sources.read(self.write(_CODES, icc))

  def test_refuses_eight_bits(self):
    with self.assertRaisesRegex(errors.ImageError, 'found 8-bit pixels'):
      gamut_sources.read(self.write(np.zeros((4, 4, 3), np.uint8), None))


if __name__ == '__main__':
  unittest.main()
