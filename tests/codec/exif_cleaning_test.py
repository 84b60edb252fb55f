import io
import struct

import numpy as np
import PIL.ExifTags
import PIL.Image
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.codec import exif_cleaning

_NOTE, _WIDTH = 0x927C, 0xA002
_RNG = np.random.default_rng(0)


def _jpeg() -> bytes:
  buffer = io.BytesIO()
  noise = _RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
  PIL.Image.fromarray(noise).save(buffer, 'JPEG')
  return buffer.getvalue()


def _stream(
  order: str, pixels: bytes, *, strips: bool, note: bytes = b'of the maker'
) -> bytes:
  """Artist, a width in the EXIF directory, a maker note, and a thumbnail at the end."""
  built = PIL.Image.Exif()
  built.endian = order
  built[315], built[258] = 'Ada', 12
  below = built.get_ifd(PIL.ExifTags.IFD.Exif)
  below[_NOTE], below[_WIDTH], below[0x9102] = note, 7, 4.0
  stream = built.tobytes().removeprefix(b'Exif\0\0')
  stream += b'\0' * (len(stream) % 2)
  (main,) = struct.unpack_from(f'{order}I', stream, 4)
  (count,) = struct.unpack_from(f'{order}H', stream, main)
  at = main + 2 + 12 * count
  stream = stream[:at] + struct.pack(f'{order}I', len(stream)) + stream[at + 4 :]
  tags = (273, 279) if strips else (0x201, 0x202)
  start = len(stream) + 2 + 24 + 4
  directory = struct.pack(f'{order}H', 2)
  for tag, value in zip(tags, (start, len(pixels))):
    directory += struct.pack(f'{order}HHII', tag, 4, 1, value)
  return stream + directory + bytes(4) + pixels


def _parsed(stream: bytes) -> PIL.Image.Exif:
  parsed = PIL.Image.Exif()
  parsed.load(stream)
  return parsed


class ExifCleaningTest(parameterized.TestCase):
  @parameterized.product(order=('<', '>'), strips=(False, True))
  def test_thumbnails_go_and_values_stay_where_they_are(self, order, strips):
    pixels = _RNG.bytes(500) if strips else _jpeg()
    stream = _stream(order, pixels, strips=strips)
    self.assertIn(pixels, stream)
    self.assertNotEmpty(_parsed(stream).get_ifd(PIL.ExifTags.IFD.IFD1))
    got = exif_cleaning.clean(stream, kind='PNG', height=30, width=40)
    self.assertNotIn(pixels[40:60], got)
    self.assertLess(len(got), len(stream) - 400)
    seen = _parsed(got)
    self.assertEmpty(seen.get_ifd(PIL.ExifTags.IFD.IFD1))
    self.assertEqual((seen[315], 258 in seen), ('Ada', False))
    below = seen.get_ifd(PIL.ExifTags.IFD.Exif)
    self.assertEqual((below[_NOTE], below[_WIDTH]), (b'of the maker', 40))
    self.assertNotIn(0x9102, below)
    self.assertEqual(got.index(b'of the maker'), stream.index(b'of the maker'))
    again = exif_cleaning.clean(got, kind='PNG', height=30, width=40)
    self.assertEqual(again, got)

  def test_a_preview_in_a_maker_note_is_blanked(self):
    preview = _jpeg()
    note = b'Maker\0' + preview + b'rest'
    stream = _stream('<', _jpeg(), strips=False, note=note)
    got = exif_cleaning.clean(stream, kind='JPEG', height=1, width=1)
    below = _parsed(got).get_ifd(PIL.ExifTags.IFD.Exif)
    self.assertEqual(below[_NOTE], b'Maker\0' + bytes(len(preview)) + b'rest')

  def test_foreign_streams_are_left_alone(self):
    for stream in (b'', b'nonsense', b'II*\0'):
      got = exif_cleaning.clean(stream, kind='PNG', height=1, width=1)
      self.assertEqual(got, stream)

  @settings(deadline=None, max_examples=300)
  @given(st.data())
  def test_any_damage_ends_well(self, data):
    stream = bytearray(_stream('<', b'\xff\xd8\xff' + bytes(60), strips=False))
    for _ in range(data.draw(st.integers(1, 4))):
      at = data.draw(st.integers(4, len(stream) - 1))
      stream[at] = data.draw(st.integers(0, 255))
    got = exif_cleaning.clean(bytes(stream), kind='PNG', height=1, width=1)
    self.assertLessEqual(len(got), len(stream))


if __name__ == '__main__':
  absltest.main()
