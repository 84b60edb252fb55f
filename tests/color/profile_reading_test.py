import io
import struct
import unittest

import numpy as np
import PIL.Image
import PIL.ImageCms
from absl.testing import parameterized

from lutjax.color import profile_reading, profiles, spaces


def _edited(icc, tag, data):
  """Returns a profile in which the value of a tag is another, at its end."""
  (count,) = struct.unpack_from('>I', icc, 128)
  out = bytearray(icc)
  for at in range(132, 132 + 12 * count, 12):
    if icc[at : at + 4] == tag:
      struct.pack_into('>II', out, at + 4, len(icc), len(data))
  out += data + b'\0' * (-len(data) % 4)
  struct.pack_into('>I', out, 0, len(out))
  return bytes(out)


def _without(icc, tag):
  return icc.replace(tag, b'none', 1)


def _curves(icc, data):
  for tag in (b'rTRC', b'gTRC', b'bTRC'):
    icc = _edited(icc, tag, data)
  return icc


def _fixed(*values):
  return struct.pack(f'>{len(values)}i', *(round(v * 65536) for v in values))


def _by_littlecms(icc, codes):
  """Takes 8-bit codes to sRGB by LittleCMS."""
  source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(icc))
  target = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profiles.icc_profile('srgb')))
  image = PIL.Image.fromarray(codes)
  return np.asarray(PIL.ImageCms.profileToProfile(image, source, target, 1))


_SRGB = profiles.icc_profile('srgb')
_GAMMA = b'curv\0\0\0\0' + struct.pack('>IH', 1, round(1.8 * 256))
_TABLE = struct.pack(
  '>256H', *np.rint(65535 * np.linspace(0, 1, 256) ** 2.2).astype(int)
)
_CURVES = {
  'linear': b'curv\0\0\0\0\0\0\0\0',
  'gamma': _GAMMA,
  'table': b'curv\0\0\0\0' + struct.pack('>I', 256) + _TABLE,
  'power': b'para\0\0\0\0\0\0\0\0' + _fixed(2.4),
  'offset': b'para\0\0\0\0\0\1\0\0' + _fixed(2.2, 0.9, 0.1),
  'lifted': b'para\0\0\0\0\0\2\0\0' + _fixed(2.2, 0.9, 0.05, 0.02),
  'toe': b'para\0\0\0\0\0\3\0\0' + _fixed(2.4, 0.9479, 0.0521, 0.0774, 0.0405),
  'full': b'para\0\0\0\0\0\4\0\0' + _fixed(2.4, 0.93, 0.05, 0.07, 0.04, 0.01, 0.005),
}


class ProfileReadingTest(parameterized.TestCase):
  @parameterized.parameters(*spaces.SPACES)
  def test_reads_what_the_house_writes(self, space):
    found = profile_reading.read(profiles.icc_profile(space))
    want = spaces.conversion_matrix(space, 'prophoto')
    np.testing.assert_allclose(found.matrix, want, atol=5e-5)
    encoded = np.linspace(0, 1, 1001)
    for curve in found.curves:
      linear = spaces.decode(encoded, space)
      np.testing.assert_allclose(curve(encoded), linear, atol=1e-4)
    self.assertEqual(profile_reading.is_prophoto(found), space == 'prophoto')

  @parameterized.parameters(*_CURVES)
  def test_curves_are_those_of_littlecms(self, name):
    icc = _curves(_SRGB, _CURVES[name])
    codes = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    linear = profile_reading.read(icc).curves[1](codes[0, :, 1] / 255)
    srgb = spaces.encode(linear.clip(0, 1), 'srgb')
    got = _by_littlecms(icc, codes)[0, :, 1] / 255
    np.testing.assert_allclose(srgb, got, atol=1.5 / 255)

  def test_a_profile_without_adaptation_is_taken_by_its_white(self):
    white = b'XYZ \0\0\0\0' + _fixed(0.9505, 1.0, 1.0891)
    icc = _without(profiles.icc_profile('adobe_rgb'), b'chad')
    old = bytearray(_edited(icc, b'wtpt', white))
    old[8:12] = b'\x02\x10\0\0'
    found = profile_reading.read(bytes(old))
    want = spaces.conversion_matrix('adobe_rgb', 'prophoto')
    np.testing.assert_allclose(found.matrix, want, atol=5e-4)

  def test_the_widely_used_prophoto_file_counts_as_romm(self):
    found = profile_reading.read(_curves(profiles.icc_profile('prophoto'), _GAMMA))
    self.assertTrue(profile_reading.is_prophoto(found))
    found = profile_reading.read(
      _curves(profiles.icc_profile('prophoto'), _CURVES['table'])
    )
    self.assertFalse(profile_reading.is_prophoto(found))

  @parameterized.parameters(
    (b'', 'is damaged'),
    (_SRGB[:90], 'is damaged'),
    (_SRGB.replace(b'RGB XYZ ', b'GRAYXYZ '), 'is of GRAY colours'),
    (_without(_SRGB, b'gXYZ'), '"sRGB" has no matrix and curves'),
    (_curves(_SRGB, b'curv\0\0\0\0\0\0\1\0'), 'has a damaged curve|is damaged'),
    (_curves(_SRGB, b'para\0\0\0\0\0\7\0\0'), 'has a damaged curve|is damaged'),
  )
  def test_refuses(self, icc, message):
    with self.assertRaisesRegex(ValueError, message):
      profile_reading.read(icc)


if __name__ == '__main__':
  unittest.main()
