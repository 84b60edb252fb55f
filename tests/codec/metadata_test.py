import io

import numpy as np
import PIL.Image
from absl.testing import absltest

from lutjax import errors
from lutjax.codec import metadata


def _saved(kind: str, **options) -> bytes:
  buffer = io.BytesIO()
  pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
  PIL.Image.fromarray(pixels).save(buffer, kind, **options)
  return buffer.getvalue()


class MetadataTest(absltest.TestCase):
  def test_files_come_apart_and_together_again(self):
    png = _saved('PNG', icc_profile=b'profile')
    chunks = metadata.png_to_chunks(png, 'a.png')
    self.assertEqual(metadata.chunks_to_png(chunks), png)
    jpeg = _saved('JPEG', icc_profile=b'profile', comment=b'hello')
    segments, scan = metadata.jpeg_to_segments(jpeg, 'a.jpg')
    self.assertEqual(metadata.segments_to_jpeg(segments, jpeg[scan:]), jpeg)
    self.assertEqual(metadata.jpeg_frame(segments, 'a.jpg'), (8, 9, 7))

  def test_bare_files_show_the_same_picture(self):
    png = _saved('PNG', icc_profile=b'profile')
    chunks = metadata.png_to_chunks(png, 'a.png')
    bare = metadata.chunks_to_png(metadata.png_bare(chunks))
    jpeg = _saved('JPEG', icc_profile=b'profile', comment=b'hello')
    segments, scan = metadata.jpeg_to_segments(jpeg, 'a.jpg')
    naked = metadata.segments_to_jpeg(metadata.jpeg_bare(segments), jpeg[scan:])
    for want, got in ((png, bare), (jpeg, naked)):
      self.assertNotIn(b'profile', got)
      np.testing.assert_array_equal(
        PIL.Image.open(io.BytesIO(got)), PIL.Image.open(io.BytesIO(want))
      )

  def test_a_profile_in_shuffled_parts_is_put_in_order(self):
    head = b'ICC_PROFILE\0'
    segments = [
      metadata.Segment(0xE2, head + bytes([part, 3]) + text)
      for part, text in ((2, b'to'), (3, b'day'), (1, b'un'))
    ]
    self.assertEqual(metadata.jpeg_icc(segments), b'untoday')

  def test_says_where_a_file_is_damaged(self):
    png = _saved('PNG')
    flipped = bytearray(png)
    flipped[45] ^= 1
    for content, message in (
      (bytes(flipped), 'wrong checksum in PNG chunk IDAT at byte 33: .*damaged'),
      (png[:-1], 'a.png: found the end of the file at byte .* cut short'),
      (png[:34] + b'\n' + png[35:], 'found .* at byte 33'),
      (png[:37] + b'\r\nAT' + png[41:], r'in PNG chunk \?\?AT at byte 33'),
      (png[:60], 'found 15 bytes of PNG chunk IDAT at byte 33, expected'),
    ):
      with self.assertRaisesRegex(errors.ImageError, message):
        metadata.png_to_chunks(content, 'a.png')
    jpeg = _saved('JPEG')
    for content, message in (
      (jpeg[:-2], 'found no end-of-image marker: the JPEG file is cut short'),
      (jpeg[:30], 'found 8 bytes of JPEG segment DB at byte 20, expected 67'),
      (jpeg[:2] + b'\0' + jpeg[2:], 'found no JPEG marker at byte 2 of'),
    ):
      with self.assertRaisesRegex(errors.ImageError, message):
        metadata.jpeg_to_segments(content, 'a.jpg')


if __name__ == '__main__':
  absltest.main()
