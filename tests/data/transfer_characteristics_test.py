import struct

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.codec import annotations, metadata
from lutjax.color import profiles
from lutjax.data import images, transfer_characteristics

_PIXELS = np.zeros((2, 2, 3), np.float32)


def _profile(gamma: float, cicp: bytes = b'') -> bytes:
  """A profile of sRGB's primaries with a bare power as its curves."""
  icc = bytearray(profiles.icc_profile('srgb'))
  curve = struct.pack('>4s4xIH', b'curv', 1, round(gamma * 256)).ljust(16, b'\0')
  (count,) = struct.unpack_from('>I', icc, 128)
  for at in range(132, 132 + 12 * count, 12):
    if icc[at : at + 4] in (b'rTRC', b'gTRC', b'bTRC'):
      icc[at + 4 : at + 12] = struct.pack('>II', len(icc), 14)
    if cicp and icc[at : at + 4] == b'cprt':
      icc[at : at + 12] = struct.pack('>4sII', b'cicp', len(icc) + 16, 12)
  icc += curve + b'cicp\0\0\0\0' + cicp
  icc[:4] = struct.pack('>I', len(icc))
  return bytes(icc)


def _image(icc: bytes | None = None, **chunks: bytes) -> images.Image:
  colour = tuple(metadata.Chunk(k.encode(), data) for k, data in chunks.items())
  return images.Image(_PIXELS, icc, annotations=annotations.Annotations(colour=colour))


def _gamma(value: float) -> bytes:
  return struct.pack('>I', round(value * 100_000))


class TransferCharacteristicsTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('nothing', _image(), None),
    ('PQ', _image(cICP=b'\x09\x10\0\1'), 'PQ (chunk cICP)'),
    ('HLG', _image(cICP=b'\x09\x12\0\1'), 'HLG (chunk cICP)'),
    ('linear', _image(cICP=b'\1\x08\0\1'), 'linear (chunk cICP)'),
    ('sRGB', _image(cICP=b'\1\x0d\0\1'), None),
    ('gamma of sRGB', _image(gAMA=_gamma(0.45455)), None),
    ('gamma of one', _image(gAMA=_gamma(1.0)), 'linear (chunk gAMA)'),
    ('sRGB before gAMA', _image(gAMA=_gamma(1.0), sRGB=b'\0'), None),
    ('cICP before gAMA', _image(gAMA=_gamma(1.0), cICP=b'\1\x0d\0\1'), None),
    ('cut short', _image(cICP=b'\1', gAMA=b''), None),
    ('profile before gAMA', _image(_profile(2.2), gAMA=_gamma(1.0)), None),
    ('power', _image(_profile(2.2)), None),
    ('damaged profile', _image(b'nonsense'), None),
    (
      'cicp in a profile',
      _image(_profile(2.2, b'\x09\x10\0\1')),
      'PQ (tag cicp of its ICC profile)',
    ),
  )
  def test_says_what_the_file_says(self, image, want):
    self.assertEqual(transfer_characteristics.describe(image), want)

  def test_a_straight_profile_is_linear(self):
    got = transfer_characteristics.describe(_image(_profile(1.0)))
    self.assertRegex(got, r'^linear \(ICC profile ".+"\)$')

  def test_profiles_of_the_house_are_not(self):
    for space in ('srgb', 'prophoto', 'display_p3', 'adobe_rgb', 'rec2020'):
      icc = profiles.icc_profile(space)
      self.assertIsNone(transfer_characteristics.describe(_image(icc)))


if __name__ == '__main__':
  absltest.main()
