import io
import struct
import tracemalloc

import numpy as np
import PIL.ExifTags
import PIL.Image
import tifffile
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.codec import exif


def _tiff(order: str = '<', **options) -> bytes:
  buffer = io.BytesIO()
  pixels = np.arange(4 * 4 * 3, dtype=np.uint16).reshape(4, 4, 3)
  tifffile.imwrite(
    buffer, pixels, photometric='rgb', metadata=None, byteorder=order, **options
  )
  return buffer.getvalue()


def _stream(order: str) -> bytes:
  built = PIL.Image.Exif()
  built.endian = order
  built[271] = 'Maker'
  built.get_ifd(PIL.ExifTags.IFD.Exif)[37500] = bytes(range(200))
  built.get_ifd(PIL.ExifTags.IFD.GPSInfo)[1] = 'N'
  return built.tobytes().removeprefix(b'Exif\0\0')


def _parsed(stream: bytes) -> PIL.Image.Exif:
  parsed = PIL.Image.Exif()
  parsed.load(stream)
  return parsed


def _with_exif(content: bytes, stream: bytes) -> bytes:
  buffer = io.BytesIO(content)
  exif.add_to_tiff(buffer, stream)
  return buffer.getvalue()


def _collected(content: bytes) -> bytes | None:
  return exif.tiff_to_exif(io.BytesIO(content))


class ExifTest(parameterized.TestCase):
  @parameterized.parameters('<', '>')
  def test_pillow_reads_what_went_through_a_tiff_file(self, order):
    stream = _stream(order)
    content = _with_exif(_tiff(order), stream)
    got = _parsed(_collected(content))
    self.assertEqual(got[271], 'Maker')
    self.assertEqual(got.get_ifd(PIL.ExifTags.IFD.Exif)[37500], bytes(range(200)))
    self.assertEqual(got.get_ifd(PIL.ExifTags.IFD.GPSInfo)[1], 'N')
    with tifffile.TiffFile(io.BytesIO(content)) as file:
      self.assertEqual(file.pages.first.tags[271].value, 'Maker')
      np.testing.assert_array_equal(file.asarray().ravel(), np.arange(48))

  def test_going_through_a_file_twice_changes_nothing(self):
    once = _collected(_with_exif(_tiff(), _stream('<')))
    twice = _collected(_with_exif(_tiff(), once))
    self.assertEqual(once, twice)

  def test_resolution_is_kept_where_it_has_a_unit(self):
    self.assertIsNone(_collected(_tiff(software=False)))
    inches = _tiff(software=False, resolution=(300, 300), resolutionunit='INCH')
    self.assertEqual(_parsed(_collected(inches))[282], 300)

  def test_only_what_describes_is_read(self):
    private = [(50_000, 7, 1 << 23, bytes(1 << 23), True)]
    file = io.BytesIO(_with_exif(_tiff(extratags=private), _stream('<')))
    tracemalloc.start()
    stream = exif.tiff_to_exif(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    self.assertEqual(_parsed(stream)[271], 'Maker')
    self.assertLess(peak, 1 << 20)

  def test_refuses_mixed_byte_orders(self):
    with self.assertRaisesRegex(ValueError, r"one byte order, got b'II\*"):
      _with_exif(_tiff('<'), _stream('>'))

  @settings(deadline=None, max_examples=200)
  @given(st.data())
  def test_any_damage_is_read_as_less(self, data):
    content = bytearray(_with_exif(_tiff(), _stream('<')))
    for _ in range(data.draw(st.integers(1, 5))):
      at = data.draw(st.integers(0, len(content) - 1))
      content[at] = data.draw(st.integers(0, 255))
    got = _collected(bytes(content))
    self.assertLess(len(got or b''), 4 * len(content))

  def test_fields_that_overlap_endlessly_are_bounded(self):
    count = 60_000
    fields = b''.join(
      struct.pack('<HHII', tag, 7, 1_000_000, 8) for tag in range(1, count)
    )
    below = struct.pack('<H', count - 1) + fields
    top = struct.pack('<HHHIII', 1, 0x8769, 4, 1, 26, 0)
    content = b'II*\0' + struct.pack('<I', 8) + top + below.ljust(1_000_000, b'\0')
    self.assertLess(len(_collected(content)), 1 << 25)

  def test_a_directory_that_holds_itself_ends(self):
    loop = b'II*\0' + struct.pack('<IHHHIII', 8, 1, 0x8769, 4, 1, 8, 0)
    self.assertLess(len(_collected(loop)), 200)


if __name__ == '__main__':
  absltest.main()
