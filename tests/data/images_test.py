import io
import os
import pathlib
import struct
import unittest
import zlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageCms
import tifffile
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors, files
from lutjax.codec import metadata
from lutjax.data import images

try:
  import cv2
except ImportError:
  cv2 = None

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_RNG = np.random.default_rng(0)


def _noise(dtype: str, channels: int = 3, size: int = 12) -> np.ndarray:
  if dtype == 'float32':
    return _RNG.normal(size=(size, size + 5, channels)).astype(np.float32)
  full = np.iinfo(dtype).max
  return _RNG.integers(0, full, (size, size + 5, channels), endpoint=True, dtype=dtype)


def _exif(order: str = '<') -> bytes:
  """Camera, orientation and an exposure time of 1/250 s in a sub-directory."""
  mark = b'II*\0' if order == '<' else b'MM\0*'
  head = struct.pack(f'{order}IH', 8, 3)
  make = struct.pack(f'{order}HHII', 271, 2, 6, 50)
  turn = struct.pack(f'{order}HHIHH', 274, 3, 1, 6, 0)
  pointer = struct.pack(f'{order}HHIII', 0x8769, 4, 1, 56, 0)
  below = struct.pack(f'{order}HHHIIIII', 1, 33434, 5, 1, 74, 0, 1, 250)
  return mark + head + make + turn + pointer + b'Maker\0' + below


def _icc() -> bytes:
  return PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB')).tobytes()


def _by_pillow(array: np.ndarray, kind: str, mode: str = '', **options) -> bytes:
  image = PIL.Image.fromarray(array)
  buffer = io.BytesIO()
  (image.convert(mode) if mode else image).save(buffer, kind, **options)
  return buffer.getvalue()


def _tiff(array: np.ndarray, **options) -> bytes:
  buffer = io.BytesIO()
  tifffile.imwrite(buffer, array, metadata=None, **options)
  return buffer.getvalue()


def _reheaded(png: bytes, **fields: int) -> bytes:
  """A PNG file with another claim in its header, checksum put right."""
  chunks = metadata.png_to_chunks(png, 'png')
  names = ('width', 'height', 'bits', 'colour', 'packing', 'filter', 'interlace')
  values = dict(zip(names, struct.unpack('>IIBBBBB', chunks[0].data))) | fields
  head = metadata.Chunk(b'IHDR', struct.pack('>IIBBBBB', *values.values()))
  return metadata.chunks_to_png([head, *chunks[1:]])


def _interlaced(pixels: np.ndarray) -> bytes:
  """A PNG file in the seven passes of Adam7, unfiltered."""
  height, width, channels = pixels.shape
  stored = pixels.astype(pixels.dtype.newbyteorder('>'))
  rows = b''
  for step in range(7):
    down, right = (8, 8, 8, 4, 4, 2, 2)[step], (8, 8, 4, 4, 2, 2, 1)[step]
    top, left = (0, 0, 4, 0, 2, 0, 1)[step], (0, 4, 0, 2, 0, 1, 0)[step]
    for row in stored[top::down, left::right]:
      rows += b'\0' * bool(row.size) + row.tobytes()
  bits, colour = 8 * pixels.dtype.itemsize, {3: 2, 4: 6}[channels]
  head = struct.pack('>IIBBBBB', width, height, bits, colour, 0, 0, 1)
  return metadata.chunks_to_png(
    [
      metadata.Chunk(b'IHDR', head),
      metadata.Chunk(b'IDAT', zlib.compress(rows)),
      metadata.Chunk(b'IEND', b''),
    ]
  )


class ImagesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def decode(self, content: bytes, **options) -> images.Image:
    return images.decode(content, 'a.img', say=self.lines.append, **options)

  @parameterized.parameters(
    ('png', 'uint8'), ('png', 'uint16'), ('tif', 'uint8'), ('tiff', 'uint16')
  )
  @unittest.skipIf(cv2 is None, 'needs opencv')
  def test_opencv_sees_the_same_pixels(self, extension, dtype):
    # OpenCV multiplies the colours of 8-bit TIFF by their alpha.
    cases = ((3, [2, 1, 0]), (4, [2, 1, 0, 3]))
    for channels, order in cases[: 1 if (extension, dtype) == ('tif', 'uint8') else 2]:
      pixels = _noise(dtype, channels)
      path = self.folder / f'a.{extension}'
      images.write(path, images.Image(pixels))
      got = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
      np.testing.assert_array_equal(got[..., order], pixels)
      cv2.imwrite(str(path), pixels[..., order])
      np.testing.assert_array_equal(images.read(path).pixels, pixels)

  @parameterized.parameters(
    ('PNG', 'uint8', 3),
    ('PNG', 'uint16', 4),
    ('TIFF', 'uint8', 4),
    ('TIFF', 'uint16', 3),
    ('TIFF', 'float32', 3),
    ('TIFF', 'float32', 4),
    ('WebP', 'uint8', 3),
    ('WebP', 'uint8', 4),
    ('JPEG', 'uint8', 3),
  )
  def test_round_trip_keeps_pixels_profile_and_exif(self, kind, dtype, channels):
    for order in '<>':
      image = images.Image(_noise(dtype, channels), _icc(), _exif(order))
      got = self.decode(images.encode(image, kind, quality=100), want=kind)
      self.assertEqual(got.icc, image.icc)
      self.assertEqual(got.pixels.dtype, image.pixels.dtype)
      if kind == 'JPEG':
        self.assertLess(np.abs(got.pixels - image.pixels.astype(int)).max(), 4)
      else:
        np.testing.assert_array_equal(got.pixels, image.pixels)
      parsed = PIL.Image.Exif()
      parsed.load(got.exif)
      self.assertEqual(dict(parsed)[271], 'Maker')
      self.assertEqual(dict(parsed)[274], 6)
      self.assertEqual(parsed.get_ifd(PIL.ExifTags.IFD.Exif)[33434], 1 / 250)
      self.assertEmpty(self.lines)

  @parameterized.parameters('PNG', 'JPEG', 'WebP', 'TIFF')
  def test_pillow_sees_profile_and_exif(self, kind):
    image = images.Image(_noise('uint8'), _icc(), _exif())
    content = images.encode(image, kind)
    with PIL.Image.open(io.BytesIO(content)) as seen:
      self.assertEqual(seen.info['icc_profile'], _icc())
      self.assertEqual(seen.getexif()[271].rstrip('\0'), 'Maker')
      self.assertEqual(seen.getexif().get_ifd(PIL.ExifTags.IFD.Exif)[33434], 1 / 250)

  def test_reads_exif_and_profile_that_pillow_wrote(self):
    for kind in ('PNG', 'JPEG', 'WEBP', 'TIFF'):
      with self.subTest(kind):
        exif = PIL.Image.Exif()
        exif[271] = 'Maker'
        content = _by_pillow(_noise('uint8'), kind, exif=exif, icc_profile=_icc())
        got = self.decode(content)
        self.assertEqual(got.icc, _icc())
        seen = PIL.Image.Exif()
        seen.load(got.exif)
        self.assertEqual(seen[271], 'Maker')

  def test_a_profile_over_one_jpeg_segment_is_kept_whole(self):
    image = images.Image(_noise('uint8'), icc=_RNG.bytes(200_000))
    self.assertEqual(self.decode(images.encode(image, 'JPEG')).icc, image.icc)

  def test_what_is_absent_stays_absent(self):
    for kind in (kind for kind, bits in images.BITS.items() if 8 in bits):
      with self.subTest(kind):
        got = self.decode(images.encode(images.Image(_noise('uint8')), kind))
        self.assertEqual((got.icc, got.exif), (None, None))

  @parameterized.parameters('none', 'adobe_deflate', 'lzw')
  def test_tiff_that_is_not_compressed_stays_so(self, compression):
    pixels = np.random.default_rng(0).integers(0, 65536, (130, 30, 3), np.uint16)
    for order in '<>':
      self.check_compression(pixels, compression, order)

  def check_compression(self, pixels, compression, order):
    buffer = io.BytesIO()
    options = {'photometric': 'rgb', 'byteorder': order, 'software': 'other'}
    tifffile.imwrite(buffer, pixels, compression=compression, **options)
    written = images.encode(images.decode(buffer.getvalue()), 'TIFF')
    self.assertEqual(written[:1], b'I' if order == '<' else b'M')
    with tifffile.TiffFile(io.BytesIO(written)) as file:
      page = file.pages.first
      np.testing.assert_array_equal(page.asarray(), pixels)
      self.assertEqual(page.compression == 1, compression == 'none')

  def test_encoding_is_repeatable(self):
    for kind in (kind for kind, bits in images.BITS.items() if 8 in bits):
      image = images.Image(_noise('uint8'), _icc(), _exif())
      self.assertEqual(images.encode(image, kind), images.encode(image, kind))

  @parameterized.parameters(
    {'compression': 'lzw'},
    {'compression': 'adobe_deflate', 'predictor': True},
    {'planarconfig': 'separate'},
    {'byteorder': '>'},
    {'bigtiff': True},
    {'tile': (16, 16)},
    {'compression': 'zstd'},
  )
  def test_reads_every_layout_of_tiff(self, **options):
    for dtype in ('uint16', 'float32'):
      pixels = _noise(dtype, size=40)
      stored = np.moveaxis(pixels, -1, 0) if 'planarconfig' in options else pixels
      got = self.decode(_tiff(stored, photometric='rgb', **options)).pixels
      np.testing.assert_array_equal(got, pixels)
      self.assertTrue(got.dtype.isnative)

  @parameterized.parameters(1, 2, 5, 13)
  def test_reads_interlaced_png(self, size):
    for dtype, channels in (('uint8', 3), ('uint16', 4)):
      pixels = _noise(dtype, channels, size)[:, : 2 * size - 1]
      content = _interlaced(pixels)
      np.testing.assert_array_equal(self.decode(content).pixels, pixels)
      if dtype == 'uint8':
        with PIL.Image.open(io.BytesIO(content)) as want:
          np.testing.assert_array_equal(want, pixels)
    with self.assertRaisesRegex(errors.ImageError, 'does not decode'):
      short = _reheaded(content, width=pixels.shape[1] + 1)
      self.decode(short)

  def test_float16_tiff_becomes_float32(self):
    pixels = _noise('float32').astype(np.float16)
    got = self.decode(_tiff(pixels, photometric='rgb')).pixels
    self.assertEqual(got.dtype, np.float32)
    np.testing.assert_array_equal(got, pixels)

  @settings(deadline=None, max_examples=30)
  @given(st.integers(0, 65535), st.sampled_from([8, 16]))
  def test_codes_survive_floats(self, code, bits):
    codes = np.array([code % 2**bits], np.uint8 if bits == 8 else np.uint16)
    got = images.from_float(images.to_float(codes), bits)
    np.testing.assert_array_equal(got, codes)
    self.assertEqual(got.dtype, codes.dtype)

  def test_every_16_bit_code_survives_floats_and_the_ends_are_clamped(self):
    codes = np.arange(65536).astype(np.uint16)
    np.testing.assert_array_equal(images.from_float(images.to_float(codes), 16), codes)
    got = images.from_float(np.array([-1.0, 0.5 / 255, 1.5 / 255, np.inf]), 8)
    np.testing.assert_array_equal(got, [0, 0, 2, 255])  # Halves go to even.
    with self.assertRaisesRegex(errors.ImageError, 'x: found NaN'):
      images.from_float(np.array([np.nan]), 8, source='x')
    with self.assertRaisesRegex(ValueError, 'got 12'):
      images.from_float(np.zeros(3), 12)

  def test_grey_is_refused_or_repeated(self):
    grey = _noise('uint16')[..., 0]
    stored = (_tiff(grey, photometric='minisblack'), _by_pillow(grey, 'PNG'))
    for content in stored:
      with self.assertRaisesRegex(errors.ImageError, 'a.img: found grey .* expected'):
        self.decode(content)
      got = self.decode(content, convert=True)
      np.testing.assert_array_equal(got.pixels, np.stack([grey] * 3, -1))
    self.assertEqual(self.lines, ['a.img: converted from grey to RGB'] * 2)
    alpha = _noise('uint8', 2)
    got = self.decode(_by_pillow(alpha, 'PNG', 'LA'), convert=True).pixels
    np.testing.assert_array_equal(got, alpha[..., [0, 0, 0, 1]])

  def test_palette_and_cmyk_are_refused_or_converted(self):
    pixels = (_noise('uint8') // 128) * 255
    palette = _by_pillow(pixels, 'PNG', 'P')
    cmyk = _by_pillow(pixels, 'JPEG', 'CMYK', quality=100, icc_profile=b'\0' * 128)
    inks = 255 - np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], -1)
    wide = inks.astype(np.uint16) * 257
    for content, name in (
      (palette, 'palette'),
      (cmyk, 'cmyk'),
      (_tiff(wide, photometric='separated'), 'cmyk'),
    ):
      with self.assertRaisesRegex(errors.ImageError, f'found {name} pixels'):
        self.decode(content)
      got = self.decode(content, convert=True)
      difference = images.to_float(got.pixels) - images.to_float(pixels)
      self.assertLess(np.abs(difference).max(), 0.02)
      self.assertIsNone(got.icc)
    self.assertIn('from cmyk to RGB; its ICC profile', self.lines[1])

  def test_premultiplied_alpha_is_refused_or_divided(self):
    pixels = _noise('uint16', 4)
    pixels[..., 3] |= 0x8000
    stored = np.rint(pixels * (pixels[..., 3:] / 65535.0)).astype(np.uint16)
    stored[..., 3] = pixels[..., 3]
    content = _tiff(stored, photometric='rgb', extrasamples=['assocalpha'])
    with self.assertRaisesRegex(errors.ImageError, 'found premultiplied'):
      self.decode(content)
    got = self.decode(content, convert=True).pixels
    self.assertLess(np.abs(got.astype(int) - pixels).max(), 3)

  @parameterized.named_parameters(
    ('empty', b'', 'found no content'),
    ('foreign', b'hello', 'found foreign content, expected PNG, TIFF'),
    ('gif', b'GIF89a', 'found GIF content'),
    (
      '12 bits',
      _tiff(np.zeros((4, 4, 3), np.uint16), photometric='rgb').replace(
        struct.pack('<HHH', 16, 16, 16), struct.pack('<HHH', 12, 12, 12)
      ),
      'found 12 bits',
    ),
    (
      '32-bit integers',
      _tiff(np.zeros((4, 4, 3), np.uint32), photometric='rgb'),
      'found uint32 samples',
    ),
    (
      'two extra channels',
      _tiff(np.zeros((4, 4, 5), 'u1'), photometric='rgb', planarconfig='contig'),
      'found rgb with 2 extra channels',
    ),
    ('Lab', _tiff(np.zeros((4, 4, 3), np.uint8), photometric='cielab'), 'found Lab'),
    (
      'volume',
      _tiff(
        np.zeros((2, 4, 4, 3), 'u1'),
        photometric='rgb',
        volumetric=True,
        tile=(16, 16, 16),
      ),
      'depth 2',
    ),
  )
  def test_refuses(self, content, message):
    with self.assertRaisesRegex(errors.ImageError, f'^a.img: .*{message}[^\n]*$'):
      self.decode(content)

  def test_refuses_to_trust_a_header(self):
    png = images.encode(images.Image(_noise('uint8')), 'PNG')
    for fields, message in (
      ({'width': 0}, 'found 0 x 12 pixels'),
      ({'width': 100_000, 'height': 100_000}, 'found 100000 x 100000 pixels'),
      ({'width': 12_000, 'height': 12_000}, 'too few for the 12000 x 12000'),
      ({'bits': 7}, 'found an unknown PNG header: 17, 12, 7'),
    ):
      with self.assertRaisesRegex(errors.ImageError, message):
        self.decode(_reheaded(png, **fields))
    jpeg = images.encode(images.Image(_noise('uint8')), 'JPEG')
    at = jpeg.index(b'\xff\xc0') + 5
    huge = jpeg[:at] + b'\xff\xff\xff\xff' + jpeg[at + 4 :]
    with self.assertRaisesRegex(errors.ImageError, 'found 65535 x 65535'):
      self.decode(huge)

  def test_a_profile_that_swells_is_refused(self):
    bomb = b'x\0\0' + zlib.compress(b'\0' * (1 << 27), 9)
    png = images.encode(images.Image(_noise('uint8')), 'PNG')
    chunks = metadata.png_to_chunks(png, 'png')
    chunks.insert(1, metadata.Chunk(b'iCCP', bomb))
    with self.assertRaisesRegex(errors.ImageError, 'ICC profile that is cut short or'):
      self.decode(metadata.chunks_to_png(chunks))

  def test_nan_is_named(self):
    pixels = _noise('float32')
    pixels[3, 5, 1] = np.nan
    with self.assertRaisesRegex(errors.ImageError, 'found nan at row 3, column 5'):
      self.decode(_tiff(pixels, photometric='rgb'))
    with self.assertRaisesRegex(errors.ImageError, 'found nan at row 3, column 5'):
      images.encode(images.Image(pixels), 'TIFF')

  def test_says_what_it_leaves_out(self):
    pages = _tiff(_noise('uint8'), photometric='rgb')
    buffer = io.BytesIO(pages)
    tifffile.imwrite(buffer, _noise('uint8'), photometric='rgb', append=True)
    self.decode(buffer.getvalue())
    self.assertEqual(self.lines, ['a.img: 2 pages, only the first is read'])
    frames = [PIL.Image.fromarray(_noise('uint8')) for _ in range(2)]
    for kind in ('PNG', 'WEBP'):
      buffer = io.BytesIO()
      frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
      self.decode(buffer.getvalue())
      self.assertIn('animated, only the first', self.lines[-1])

  def test_writing_refuses_what_the_format_cannot_hold(self):
    for kind, pixels, message in (
      ('JPEG', _noise('uint16'), 'found uint16 pixels, expected 8 bits for JPEG'),
      ('PNG', _noise('float32'), 'expected 8 or 16 bits for PNG'),
      ('JPEG', _noise('uint8', 4), 'found an alpha channel'),
    ):
      with self.assertRaisesRegex(errors.ImageError, message):
        images.encode(images.Image(pixels), kind)
    long = images.Image(_noise('uint8'), exif=_exif() + b'\0' * 70_000)
    content = images.encode(long, 'JPEG', 'a.jpg', say=self.lines.append)
    self.assertEqual(self.lines, ['a.jpg: dropped: EXIF (70082 bytes)'])
    self.assertIsNone(self.decode(content).exif)
    with self.assertRaisesRegex(ValueError, r'got \(4, 4\)'):
      images.encode(images.Image(np.zeros((4, 4), np.uint8)), 'PNG')

  def test_names_must_tell_the_format(self):
    path = self.folder / 'a.png'
    files.write_bytes(path, images.encode(images.Image(_noise('uint8')), 'JPEG'))
    with self.assertRaisesRegex(errors.ImageError, 'found JPEG content, expected PNG'):
      images.read(path)
    with self.assertRaisesRegex(errors.ImageError, r"extension '.psd', expected one"):
      images.write(self.folder / 'a.psd', images.Image(_noise('uint8')))
    with self.assertRaisesRegex(errors.InputError, 'exists already'):
      images.write(path, images.Image(_noise('uint8')), overwrite=False)
    with self.assertRaisesRegex(errors.ImageError, 'No such file'):
      images.read(self.folder / 'missing.png')

  @parameterized.parameters('PNG', 'TIFF', 'JPEG', 'WebP')
  def test_every_cut_is_noticed(self, kind):
    image = images.Image(_noise('uint8'), b'\0' * 16 + b'RGB ' + b'\0' * 112, _exif())
    content = images.encode(image, kind)
    # The tail of a TIFF file may be EXIF, whose loss leaves the picture whole.
    end = content.index(b'RGB ') if kind == 'TIFF' else len(content)
    for length in range(0, end, 3):
      with self.assertRaises(errors.ImageError):
        self.decode(content[:length])

  @parameterized.parameters('PNG', 'TIFF', 'JPEG', 'WebP')
  def test_damage_gives_an_image_or_one_line(self, kind):
    image = images.Image(_noise('uint8'), _icc()[:300], _exif())
    content = images.encode(image, kind)
    refused = 0
    for trial in range(250):
      rng = np.random.default_rng(trial)
      damaged = bytearray(content)
      for at in rng.integers(0, len(content), rng.integers(1, 6)):
        damaged[at] = rng.integers(256)
      try:
        self.decode(bytes(damaged), convert=True)
      except errors.ImageError as error:
        refused += 1
        self.assertNotIn('\n', str(error))
    self.assertGreater(refused, 20)

  @unittest.skipUnless(_DATA.is_dir(), f'needs {_DATA}')
  def test_reads_real_files(self):
    path = _DATA / 'prophoto' / 'carrots.png'
    pixels = images.read(path).pixels
    self.assertEqual((pixels.shape, pixels.dtype), ((400, 600, 3), np.uint16))
    if cv2 is not None:
      want = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
      np.testing.assert_array_equal(pixels, want)
    found = images.find_images([str(_DATA / 'photos' / 'p256')], say=self.lines.append)
    self.assertLen(found, 118)
    photo = images.read(found[0].path).pixels
    with PIL.Image.open(found[0].path) as want:
      np.testing.assert_array_equal(photo, want)

  def test_the_limits_of_other_users_of_pillow_stay(self):
    self.assertEqual(PIL.Image.MAX_IMAGE_PIXELS, 89478485)


if __name__ == '__main__':
  absltest.main()
