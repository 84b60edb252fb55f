from fractions import Fraction

from absl.testing import absltest, parameterized

from lutjax.codec import annotations, metadata, photoshop, resolution


class AnnotationsTest(parameterized.TestCase):
  @parameterized.parameters(
    (
      b'<a><xmp:Thumbnails><rdf:Alt>x</rdf:Alt></xmp:Thumbnails><b/></a>',
      b'<a><b/></a>',
    ),
    (b'<a><xap:Thumbnails rdf:x="1"/><b/></a>', b'<a><b/></a>'),
    (b'<d xmpNote:HasExtendedXMP="AB12" e="1"/>', b'<d e="1"/>'),
    (b'<d><n:HasExtendedXMP>AB12</n:HasExtendedXMP></d>', b'<d></d>'),
    (b'<dc:title>Thumbnails</dc:title>', b'<dc:title>Thumbnails</dc:title>'),
  )
  def test_xmp_loses_pictures_and_dangling_pointers(self, xmp, want):
    found = annotations.with_xmp(annotations.Annotations(), xmp)
    self.assertEqual(found, annotations.Annotations(xmp=want))

  def test_xmp_made_to_take_for_ever_is_dropped_by_name(self):
    found = annotations.with_xmp(annotations.Annotations(), b'<a:Thumbnails' * 1000)
    self.assertEqual(found, annotations.Annotations(lost=('XMP',)))
    self.assertEqual(annotations.with_xmp(found, None), found)

  @parameterized.parameters(
    (b'<d tiff:ImageWidth="9" a="9"/>', b'<d tiff:ImageWidth="40" a="9"/>'),
    (b"<d exif:PixelYDimension = '7'/>", b"<d exif:PixelYDimension = '30'/>"),
    (
      b'<tiff:ImageLength>7</tiff:ImageLength>',
      b'<tiff:ImageLength>30</tiff:ImageLength>',
    ),
    (b'<exif:PixelXDimension> 9</x>', b'<exif:PixelXDimension>40</x>'),
    (b'<d crs:ImageWidth="9" tiff:ImageWidthX="9"/>',) * 2,
  )
  def test_xmp_states_the_new_size(self, xmp, want):
    found = annotations.with_size(annotations.Annotations(xmp=xmp), 30, 40)
    self.assertEqual(found, annotations.Annotations(xmp=want))
    none = annotations.Annotations()
    self.assertEqual(annotations.with_size(none, 30, 40), none)

  def test_a_line_names_twenty(self):
    names = [str(i) for i in range(25)]
    self.assertEndsWith(annotations.listed(names), '18, 19 and 5 more')
    self.assertEqual(annotations.listed(names[:20]), ', '.join(names[:20]))

  def test_names_what_does_not_fit(self):
    both = (
      photoshop.Resource(photoshop.IPTC, b'', b'x'),
      photoshop.Resource(1, b'', b''),
    )
    fine = resolution.Resolution(Fraction(1, 9), Fraction(1, 9), resolution.INCH)
    texts = (
      metadata.Chunk(b'tEXt', b'a\nb\0c'),
      metadata.Chunk(b'tEXt', b'Comment\0c'),
    )
    found = annotations.Annotations(
      text=texts,
      xmp=b'x' * 70_000,
      resources=both,
      resolution=fine,
      lost=('MPF',),
    )
    _, exif, dropped = annotations.fit(found, b'e' * 70_000, 'JPEG')
    want = [
      'MPF',
      'text "a?b"',
      'XMP (70000 bytes)',
      'EXIF (70000 bytes)',
      'resolution',
    ]
    self.assertEqual((exif, dropped), (None, want))
    kept, _, dropped = annotations.fit(found, None, 'WebP')
    texts = ['text "a?b"', 'text "Comment"']
    self.assertEqual(dropped, ['MPF', *texts, 'IPTC', 'Photoshop resources'])
    self.assertEqual((kept.text, kept.resources), ((), ()))

  def test_comments_become_text_and_come_back(self):
    for comment in (b'plain', 'grün'.encode(), b'gr\xfcn'):
      chunk = annotations.comment_to_text(comment)
      self.assertEqual(metadata.png_text(chunk), comment)
      self.assertEqual(annotations.keyword(chunk), 'Comment')


if __name__ == '__main__':
  absltest.main()
