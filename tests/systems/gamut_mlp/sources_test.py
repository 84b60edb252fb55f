import pathlib
import unittest

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
from absl.testing import parameterized

from lutjax import errors
from lutjax.color import profiles, spaces
from lutjax.data import images
from lutjax.systems.gamut_mlp import recovery
from lutjax.systems.gamut_mlp import sources as gamut_sources

_RNG = np.random.default_rng(0)
_CODES = _RNG.integers(0, 65536, (20, 30, 4)).astype(np.uint16)


class GamutSourcesTest(parameterized.TestCase):
  def write(self, pixels, icc, suffix='.png'):
    path = pathlib.Path(self.create_tempdir().full_path, f'a{suffix}')
    if suffix == '.avif':  # Which is read alone.
      PIL.Image.fromarray(pixels).save(path, icc_profile=icc or b'', quality=90)
    else:
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

  @parameterized.product(
    space=('display_p3', 'adobe_rgb', 'prophoto'),
    suffix=('.png', '.jpg', '.tif', '.webp', '.avif'),
  )
  def test_takes_eight_bits_of_a_wide_profile(self, space, suffix):
    codes = _smooth(8)
    icc = profiles.icc_profile(space)
    path = self.write(codes, icc, suffix)
    found = gamut_sources.read(path)
    self.assertEqual(found.image.pixels.dtype, np.uint16)
    stored = np.asarray(PIL.Image.open(path)) / 255
    linear = np.asarray(spaces.decode(stored, space))
    want = np.clip(spaces.convert(linear, space, 'prophoto'), 0, 1)
    got = np.asarray(spaces.decode(found.image.pixels / 65535, 'prophoto'))
    np.testing.assert_allclose(got, want, atol=2e-4)

  @parameterized.parameters('display_p3', 'adobe_rgb', 'prophoto')
  def test_the_rounding_of_eight_bits_is_what_it_is_said_to_be(self, space):
    icc = profiles.icc_profile(space)
    deep, coarse = (
      gamut_sources.read(self.write(_smooth(bits), icc)) for bits in (16, 8)
    )
    linear = [
      np.asarray(spaces.decode(found.image.pixels / 65535, 'prophoto'), np.float64)
      for found in (deep, coarse)
    ]
    psnr = -10 * np.log10(np.square(linear[0] - linear[1]).mean())
    self.assertIsNone(deep.rounding)
    self.assertAlmostEqual(coarse.rounding, psnr, delta=0.15)
    line = gamut_sources.describe_rounding([None, coarse.rounding, 70.0])
    self.assertStartsWith(line, '8-bit sources: 2; ')
    self.assertIn(f'is {coarse.rounding:.1f} to 70.0 dB', line)
    self.assertEqual(gamut_sources.describe_rounding([None]), '')

  def test_refuses_eight_bits_that_are_not_wide(self):
    codes = _smooth(8)
    with self.assertRaisesRegex(
      errors.ImageError, 'found 8-bit pixels without a profile, expected 16-bit'
    ):
      gamut_sources.read(self.write(codes, None))
    built_in = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB'))
    # A maker that adapted white in another way and does not say so.
    odd = built_in.tobytes().replace(b'chad', b'none')
    for icc in (profiles.icc_profile('srgb'), built_in.tobytes(), odd):
      with self.assertRaisesRegex(
        errors.ImageError, 'found 8-bit pixels of "sRGB.*no further than sRGB'
      ):
        gamut_sources.read(self.write(codes, icc))
    with self.assertRaisesRegex(errors.ImageError, 'AVIF colours without a profile'):
      path = self.write(codes, None, '.avif')
      content = imagecodecs.avif_encode(np.uint16(4) * codes, bitspersample=10)
      path.write_bytes(content)
      gamut_sources.read(path)
    named = gamut_sources.read(self.write(codes, None), 'display_p3')
    want = gamut_sources.read(self.write(codes, profiles.icc_profile('display_p3')))
    np.testing.assert_array_equal(named.image.pixels, want.image.pixels)


def _smooth(bits: int) -> np.ndarray:
  """Smooth colours, of which JPEG and its kin lose little."""
  y, x = np.mgrid[:96, :128] / 128
  rgb = np.stack([0.1 + 0.8 * x, 0.2 + 0.7 * y, 0.9 - 0.6 * x * y], axis=-1)
  return images.from_float(rgb.astype(np.float32), bits)


if __name__ == '__main__':
  unittest.main()
