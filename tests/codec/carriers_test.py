import io
import struct
import unittest
import zlib

import numpy as np
import PIL.Image
import tifffile
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import carriers, fields, payload
from lutjax.data import images

_PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 3)).astype(np.uint8)
_KINDS = ('PNG', 'JPEG', 'TIFF', 'WebP')


def _exif() -> bytes:
  exif = PIL.Image.Exif()
  exif[271] = 'Maker'
  exif.get_ifd(0x8769)[0x9003] = '2020:01:01 00:00:00'
  return exif.tobytes().removeprefix(b'Exif\0\0')


def _blob(size: int = 901) -> bytes:
  body = np.random.default_rng(1).bytes(size)
  check = payload.check_pixels(_PIXELS)
  return payload.pack(payload.Payload(1, 31, 20, check, body, seed=7))


def _former_own(kind: str, blob: bytes) -> bytes | None:
  """Returns a file as earlier versions wrote it, without the copy in EXIF."""
  if kind == 'PNG':
    chunk = struct.pack('>I4s', len(blob), b'gmLp') + blob
    chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
    return _PLAIN[kind][:33] + chunk + _PLAIN[kind][33:]
  if kind == 'TIFF':
    out = io.BytesIO()
    tags = [(65100, 7, len(blob), blob, True)]
    tifffile.imwrite(out, _PIXELS, photometric='rgb', extratags=tags)
    return out.getvalue()
  return None


def _former_exif(kind: str, blob: bytes) -> bytes:
  """Returns a file as earlier versions wrote it, without the private place."""
  exif = PIL.Image.Exif()
  exif.load(_exif())
  exif.get_ifd(0x8769)[0x927C] = blob
  out = io.BytesIO()
  PIL.Image.fromarray(_PIXELS).save(out, kind, exif=exif)
  return out.getvalue()


_PLAIN = {k: images.encode(images.Image(_PIXELS, None, _exif()), k) for k in _KINDS}
_CARRYING = {kind: carriers.embed(_PLAIN[kind], _blob()) for kind in _KINDS}


class CarriersTest(parameterized.TestCase):
  @parameterized.parameters(*_KINDS)
  def test_comes_back_and_pixels_stay(self, kind):
    content = _CARRYING[kind]
    self.assertEqual(carriers.extract(content), _blob())
    self.assertIsNone(carriers.extract(_PLAIN[kind]))
    want = images.decode(_PLAIN[kind]).pixels
    np.testing.assert_array_equal(images.decode(content).pixels, want)

  @parameterized.parameters(*_KINDS)
  def test_other_readers_see_pixels_and_exif(self, kind):
    opened = PIL.Image.open(io.BytesIO(_CARRYING[kind]))
    plain = PIL.Image.open(io.BytesIO(_PLAIN[kind]))
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(plain))
    self.assertEqual(opened.getexif().get(271), 'Maker')
    inner = opened.getexif().get_ifd(0x8769)
    self.assertEqual(inner[0x9003], '2020:01:01 00:00:00')
    self.assertEqual(inner[fields.PRIVATE], _blob())
    self.assertNotIn(0x927C, inner)

  @parameterized.parameters(*_KINDS)
  def test_a_second_payload_replaces_the_first(self, kind):
    again = carriers.embed(_CARRYING[kind], _blob(77))
    self.assertEqual(carriers.extract(again), _blob(77))

  @parameterized.parameters('PNG', 'JPEG', 'WebP')
  def test_survives_a_reader_that_hands_exif_on(self, kind):
    opened = PIL.Image.open(io.BytesIO(_CARRYING[kind]))
    out = io.BytesIO()
    opened.save(out, kind, exif=opened.getexif())
    self.assertEqual(carriers.extract(out.getvalue()), _blob())

  def test_jpeg_comment_survives_open_and_save(self):
    out = io.BytesIO()
    PIL.Image.open(io.BytesIO(_CARRYING['JPEG'])).save(out, 'JPEG')
    self.assertEqual(carriers.extract(out.getvalue()), _blob())

  def test_a_cameras_maker_note_stays(self):
    exif = PIL.Image.Exif()
    exif.load(_exif())
    exif.get_ifd(0x8769)[0x927C] = note = b'CAMERA NOTE ' * 10
    exif = fields.with_exif_field(exif.tobytes().removeprefix(b'Exif\0\0'), _blob())
    self.assertEqual(fields.blobs(exif), [_blob(), note])
    bare = fields.without_blob(exif, payload.MAGIC)
    self.assertEqual(fields.blobs(bare), [note])
    self.assertNotIn(payload.MAGIC, bare)

  @parameterized.parameters(*_KINDS)
  def test_files_of_earlier_versions_are_read_and_renewed(self, kind):
    for places in (_former_own, _former_exif):
      old = places(kind, _blob())
      if old is None:
        continue
      self.assertEqual(carriers.extract(old), _blob())
      again = carriers.embed(old, _blob(77))
      self.assertEqual(carriers.extract(again), _blob(77))
      inner = PIL.Image.open(io.BytesIO(again)).getexif().get_ifd(0x8769)
      self.assertEqual(inner[fields.PRIVATE], _blob(77))
      self.assertNotIn(0x927C, inner)
      self.assertNotIn(b'gmLp', again)

  def test_image_resources_of_others_stay(self):
    theirs = b'8BIM\x03\xed\x03odd\0\0\0\x03abc\0' + b'no resource'
    tags = [(34377, 'B', len(theirs), theirs, True)]
    out = io.BytesIO()
    tifffile.imwrite(out, _PIXELS, photometric='rgb', extratags=tags)
    content = carriers.embed(carriers.embed(out.getvalue(), _blob(77)), _blob())
    self.assertEqual(carriers.extract(content), _blob())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
      found = file.pages.first.tags[34377].value
      np.testing.assert_array_equal(file.asarray(), _PIXELS)
    self.assertEndsWith(found, theirs)
    self.assertNotIn(_blob(77), found)

  @parameterized.parameters(*_KINDS)
  def test_damage_is_named_or_harmless(self, kind):
    content = bytearray(_CARRYING[kind])
    rng = np.random.default_rng(2)
    for _ in range(150):
      broken = content.copy()
      at = int(rng.integers(4, len(broken)))
      broken[at] ^= 1 << int(rng.integers(8))
      broken = bytes(broken[: int(rng.integers(at, len(broken) + 1))])
      try:
        found = carriers.extract(broken, 'x')
      except errors.InputError as error:
        self.assertRegex(str(error), '^x: [^\n]*$')
      else:
        self.assertIn(found, (None, _blob()))

  def test_refuses_what_does_not_fit_a_jpeg_segment(self):
    with self.assertRaisesRegex(errors.ImageError, 'found a payload of 70036 bytes'):
      carriers.embed(_PLAIN['JPEG'], _blob(70000))

  def test_refuses_other_files(self):
    with self.assertRaisesRegex(errors.ImageError, 'x: .* starts with 47494638'):
      carriers.embed(b'GIF89a', _blob(), 'x')


class PayloadTest(parameterized.TestCase):
  def test_round_trip(self):
    got = payload.unpack(_blob())
    self.assertEqual((got.codec, got.width, got.height, got.seed), (1, 31, 20, 7))
    self.assertEqual(payload.pack(got), _blob())
    self.assertEqual(len(_blob()), payload.HEADER_BYTES + 901)

  @parameterized.parameters(
    (b'', 'starts with nothing, expected 4c4a5847'),
    (b'ELF!' + _blob()[4:], 'it is not ours'),
    (_blob()[:4] + b'\x09' + _blob()[5:], 'version 9, expected 1 or earlier'),
    (_blob()[:20], 'found 20 bytes of payload, expected at least 36'),
    (_blob()[:-1], 'header claims 937'),
    (_blob() + b'!', 'header claims 937'),
    (_blob()[:24] + b'\xff\xff\xff\xff' + _blob()[28:], 'claims 4294967331'),
    (_blob()[:-1] + bytes([_blob()[-1] ^ 1]), 'it is damaged'),
  )
  def test_refuses(self, content, message):
    with self.assertRaisesRegex(errors.ArtefactError, f'^x.png: [^\n]*{message}'):
      payload.unpack(content, 'x.png')

  def test_refuses_impossible_sides(self):
    blob = payload.pack(payload.Payload(1, 0, 20, 0, b''))
    with self.assertRaisesRegex(errors.ArtefactError, 'for 0 x 20 pixels'):
      payload.unpack(blob)

  @settings(deadline=None, max_examples=100)
  @given(st.integers(0, 936), st.integers(1, 255))
  def test_any_flipped_byte_is_noticed(self, at, bits):
    blob = bytearray(_blob())
    blob[at] ^= bits
    with self.assertRaises(errors.ArtefactError):
      payload.unpack(bytes(blob))


if __name__ == '__main__':
  unittest.main()
