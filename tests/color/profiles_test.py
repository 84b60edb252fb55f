import io
import unittest

import numpy as np
import PIL.Image
import PIL.ImageCms
from absl.testing import parameterized

from lutjax.color import profiles, spaces


class ProfilesTest(parameterized.TestCase):
  def test_littlecms_reads_the_primaries(self):
    opened = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profiles.icc_profile('srgb')))
    found, own = opened.profile, PIL.ImageCms.createProfile('sRGB')
    for name in ('red_primary', 'green_primary', 'blue_primary'):
      np.testing.assert_allclose(getattr(found, name), getattr(own, name), atol=2e-3)
    content = profiles.icc_profile('prophoto')
    found = PIL.ImageCms.ImageCmsProfile(io.BytesIO(content)).profile
    pairs = [found.red_primary, found.green_primary, found.blue_primary]
    want = spaces.SPACES['prophoto'].primaries
    np.testing.assert_allclose([pair[1][:2] for pair in pairs], want, atol=2e-3)

  @parameterized.parameters('display_p3', 'adobe_rgb')
  def test_littlecms_converts_as_the_house_does(self, space):
    rng = np.random.default_rng(0)
    srgb = rng.integers(0, 256, (16, 16, 3), np.uint8)
    source, target = (
      PIL.ImageCms.ImageCmsProfile(io.BytesIO(profiles.icc_profile(name)))
      for name in ('srgb', space)
    )
    image = PIL.ImageCms.profileToProfile(
      PIL.Image.fromarray(srgb), source, target, renderingIntent=1
    )
    linear = spaces.decode(srgb.astype(np.float32) / 255, 'srgb')
    wide = spaces.encode(spaces.convert(linear, 'srgb', space), space)
    np.testing.assert_allclose(np.asarray(image) / 255, wide, atol=1.5 / 255)

  def test_the_same_bytes_each_time(self):
    self.assertEqual(profiles.icc_profile('srgb'), profiles.icc_profile('srgb'))


if __name__ == '__main__':
  unittest.main()
