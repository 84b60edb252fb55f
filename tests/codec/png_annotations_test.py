import io
import struct
import zlib

import PIL.Image
import PIL.PngImagePlugin
from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.codec import annotations, jpeg_annotations, metadata, png_annotations

_IPTC = b'8BIM\x04\x04\0\0\0\0\0\x0f\x1c\x02\x5a\0\x0aLausanne  '
_HEXADECIMAL = b'\niptc\n%8d\n%s\n' % (len(_IPTC), _IPTC.hex().encode())
_CHUNKS = (
  metadata.Chunk(b'cICP', b'\1\x0d\0\1'),
  metadata.Chunk(b'pHYs', struct.pack('>IIB', 11811, 11811, 1)),
  metadata.Chunk(b'iTXt', b'XML:com.adobe.xmp\0\0\0\0\0<x xmp:Thumbnails="1"/>'),
  metadata.Chunk(b'zTXt', b'Raw profile type iptc\0\0' + zlib.compress(_HEXADECIMAL)),
  metadata.Chunk(b'zTXt', b'Title\0\0' + zlib.compress(b'Sea')),
  metadata.Chunk(b'iTXt', b'Comment\0\1\0de\0Kommentar\0' + zlib.compress(b'hi')),
)


class PngAnnotationsTest(absltest.TestCase):
  def test_pillow_reads_the_text_that_is_written(self):
    found = png_annotations.read(_CHUNKS, 'a.png').annotations
    self.assertEqual([r.data for r in found.resources], [_IPTC[12:27]])
    buffer = io.BytesIO()
    PIL.Image.new('RGB', (4, 4)).save(buffer, 'PNG')
    chunks = png_annotations.to_chunks(found, None, None)
    content = metadata.png_with(buffer.getvalue(), chunks)
    with PIL.Image.open(io.BytesIO(content)) as image:
      self.assertEqual((image.text['Title'], image.text['Comment']), ('Sea', 'hi'))
      padded = _IPTC + b'\0'
      block = bytes.fromhex(image.text['Raw profile type iptc'].split()[2])
      self.assertEqual(block, padded)
      self.assertEqual(image.text['XML:com.adobe.xmp'], '<x xmp:Thumbnails="1"/>')
    self.assertEqual(png_annotations.read(chunks, 'b.png').annotations, found)

  @settings(deadline=None, max_examples=300)
  @given(st.data())
  def test_damaged_chunks_and_segments_are_read_as_less(self, data):
    chunks = []
    for kind, content in _CHUNKS:
      damaged = bytearray(content)
      for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
      cut = data.draw(st.integers(0, len(damaged)))
      whole = data.draw(st.booleans())
      chunks.append(metadata.Chunk(kind, bytes(damaged if whole else damaged[:cut])))
    found = png_annotations.read(chunks, 'a.png')
    for kind in ('PNG', 'JPEG', 'TIFF', 'WebP'):
      fitted, _, dropped = annotations.fit(found.annotations, found.exif, kind)
      self.assertNotIn('\n', annotations.listed(dropped))
      if kind == 'PNG':
        again = png_annotations.to_chunks(fitted, None, None)
        self.assertEqual(png_annotations.read(again, 'b').annotations.xmp, fitted.xmp)
    segments = [metadata.Segment(0xE0 + i, bytes(c.data)) for i, c in enumerate(chunks)]
    self.assertNotIn(
      '\n', annotations.listed(jpeg_annotations.read(segments, b'').lost)
    )


if __name__ == '__main__':
  absltest.main()
