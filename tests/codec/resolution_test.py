import io
import struct
from fractions import Fraction

import PIL.Image
from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from lutjax.codec import exif_cleaning, resolution

_INCH, _CENTIMETRE, _NONE = resolution.INCH, resolution.CENTIMETRE, resolution.NO_UNIT


def _made(x, y, unit) -> resolution.Resolution:
  return resolution.Resolution(Fraction(x), Fraction(y), unit)


class ResolutionTest(parameterized.TestCase):
  @given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1), st.integers(0, 1))
  def test_png_comes_back_as_it_was(self, x, y, unit):
    data = struct.pack('>IIB', x, y, unit)
    found = resolution.from_png(data)
    if found is None:
      self.assertEqual((unit, x), (0, y))
    elif unit:
      self.assertEqual(resolution.to_png(found), data)

  @parameterized.parameters(
    (11811, _INCH, 300), (2835, _INCH, 72), (1000, _CENTIMETRE, 10)
  )
  def test_metres_become_whole_inches_where_they_were(self, metre, unit, want):
    found = resolution.from_png(struct.pack('>IIB', metre, metre, 1))
    self.assertEqual(found, _made(want, want, unit))

  @parameterized.parameters(
    (_made(300, 144, _INCH), (1, 300, 144)),
    (_made('118.11', '118.11', _CENTIMETRE), (1, 300, 300)),
    (_made(118, 118, _CENTIMETRE), (2, 118, 118)),
    (_made(2, 1, _NONE), (0, 2, 1)),
    (_made('0.4', '0.4', _INCH), None),
    (_made(70_000, 70_000, _INCH), (2, 27559, 27559)),
    (_made(200_000, 200_000, _INCH), None),
  )
  def test_jfif_takes_the_unit_that_rounds_less(self, found, want):
    packed = want and struct.pack('>BHH', *want)
    self.assertEqual(resolution.to_jfif(found), packed)
    if want:
      back = resolution.from_jfif(b'JFIF\0\1\1' + packed + b'\0\0')
      self.assertAlmostEqual(float(back.x / back.y), float(found.x / found.y), 2)

  @parameterized.parameters(
    (_made('299.5', 72, _INCH),), (_made('118.11', 100, _CENTIMETRE),)
  )
  def test_pillow_reads_it_from_exif(self, found):
    for start in (None, PIL.Image.Exif().tobytes()[6:]):
      stream = exif_cleaning.with_resolution(start, found)
      seen = PIL.Image.Exif()
      seen.load(stream)
      want = (float(found.x), float(found.y), found.unit)
      self.assertEqual(tuple(float(seen[tag]) for tag in (282, 283, 296)), want)
      self.assertEqual(resolution.from_exif(stream), found)
      self.assertEqual(exif_cleaning.with_resolution(stream, found), stream)

  def test_what_says_nothing_is_none(self):
    self.assertIsNone(resolution.from_png(struct.pack('>IIB', 5, 5, 0)))
    self.assertIsNone(resolution.from_png(struct.pack('>IIB', 0, 5, 1)))
    self.assertIsNone(resolution.from_png(b'short'))
    self.assertIsNone(resolution.from_jfif(b'JFIF\0\1\1\0\0\1\0\1\0\0'))
    self.assertIsNone(resolution.from_jfif(b'JFIF\0'))
    self.assertIsNone(resolution.from_exif(b'II*\0\x08\0\0\0'))
    buffer = io.BytesIO()
    PIL.Image.new('RGB', (4, 4)).save(buffer, 'JPEG')
    self.assertIsNone(resolution.from_jfif(buffer.getvalue()[6:20]))


if __name__ == '__main__':
  absltest.main()
