import io

import PIL.Image
from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from lutjax.codec import photoshop

_RESOURCES = (
  photoshop.Resource(photoshop.IPTC, b'', b'\x1c\x02\x5a\0\3abc'),
  photoshop.Resource(1035, b'url', b'http://x'),
  photoshop.Resource(2000, b'path', b'odd'),
)


class PhotoshopTest(parameterized.TestCase):
  def test_pillow_reads_what_was_joined(self):
    block = b'Photoshop 3.0\0' + photoshop.join(_RESOURCES)
    buffer = io.BytesIO()
    extra = b'\xff\xed' + (len(block) + 2).to_bytes(2, 'big') + block
    PIL.Image.new('RGB', (4, 4)).save(buffer, 'JPEG', extra=extra)
    with PIL.Image.open(buffer) as image:
      found = image.info['photoshop']
    self.assertEqual(found, {r.number: r.data for r in _RESOURCES})

  def test_comes_apart_and_leaves_thumbnails_out(self):
    thumbnails = tuple(photoshop.Resource(n, b'', b'thumb') for n in (1033, 1036))
    block = photoshop.join((_RESOURCES[0], *thumbnails, *_RESOURCES[1:]))
    self.assertEqual(photoshop.split(block), _RESOURCES)
    self.assertEqual(photoshop.iptc(_RESOURCES), _RESOURCES[0].data)
    self.assertIsNone(photoshop.iptc(_RESOURCES[1:]))

  def test_iptc_is_added_once(self):
    self.assertEqual(photoshop.with_iptc(_RESOURCES, b'other'), _RESOURCES)
    got = photoshop.with_iptc(_RESOURCES[1:], _RESOURCES[0].data)
    self.assertEqual(got, _RESOURCES)

  @given(st.data())
  def test_damage_is_read_as_less(self, data):
    block = bytearray(photoshop.join(_RESOURCES))
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    found = photoshop.split(bytes(block[: data.draw(st.integers(0, len(block)))]))
    self.assertLessEqual(sum(len(r.data) for r in found), len(block))


if __name__ == '__main__':
  absltest.main()
