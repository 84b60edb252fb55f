"""What a file says beside its pixels goes through the shell, format by format.

Sources are made, and results read, by Pillow, tifffile, exiftool and the table of
chunks below.
"""

import itertools
import json
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

import numpy as np
import PIL.Image
import PIL.ImageCms
import tifffile
from absl.testing import absltest, parameterized

from lutjax.codec import carriers, payload
from tests.launch import in_process

CASES = pathlib.Path(__file__).resolve().parent.parent / 'cases'
FORMATS = ('png', 'jpg', 'tif', 'webp')
IDENTITY = 'LUT_3D_SIZE 2\n' + '\n'.join(
  f'{r} {g} {b}' for b in (0, 1) for g in (0, 1) for r in (0, 1)
)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
ICC = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB')).tobytes()
COLOUR = {
  b'cICP': bytes([1, 13, 0, 1]),
  b'gAMA': struct.pack('>I', 45455),
  b'cHRM': struct.pack('>8I', 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
  b'sRGB': b'\0',
  b'mDCV': bytes(24),
  b'cLLI': struct.pack('>II', 10_000_000, 4_000_000),
  b'mDCv': bytes(range(24)),
  b'cLLi': bytes(range(8)),
}
TEXT = {
  b'tEXt': b'Author\0Ada',
  b'zTXt': b'Title\0\0' + zlib.compress(b'Analytical'),
  b'iTXt': b'Description\0\0\0\0\0' + 'größer'.encode(),
}
# What exiftool writes into each source, and reads from each result.
ITEMS = {
  'XMP': 'XMP-dc:Title=Sea',
  'IPTC': 'IPTC:City=Lausanne',
  'EXIF': 'IFD0:Artist=Ada',
  'exposure': 'ExifIFD:ExposureTime=0.004',
  'GPS': 'GPS:GPSLatitudeRef=N',
  'width': 'ExifIFD:ExifImageWidth=32',
}
LACKING = {('webp', 'IPTC')}
_EXIF_KINDS = {b'IHDR', b'eXIf', b'IEND'}


def chunks_of(path: pathlib.Path) -> list[tuple[bytes, bytes]]:
  content, found, at = path.read_bytes(), [], 8
  while at < len(content):
    length, kind = struct.unpack_from('>I4s', content, at)
    found.append((kind, content[at + 8 : at + 8 + length]))
    at += 12 + length
  return found


def put_chunks(path: pathlib.Path, extra: dict[bytes, bytes]) -> None:
  content = path.read_bytes()
  parts = [content[:33]]
  for kind, data in extra.items():
    body = kind + data
    parts += [struct.pack('>I', len(data)), body, struct.pack('>I', zlib.crc32(body))]
  path.write_bytes(b''.join([*parts, content[33:]]))


def pixels_of(path: pathlib.Path) -> np.ndarray:
  if path.suffix == '.tif':
    return tifffile.imread(path)
  with PIL.Image.open(path) as image:
    return np.array(image)


def save(path: pathlib.Path, **options) -> pathlib.Path:
  if path.suffix == '.tif':
    tifffile.imwrite(path, PIXELS, photometric='rgb', metadata=None, **options)
  else:
    options |= {'lossless': True} if path.suffix == '.webp' else {}
    PIL.Image.fromarray(PIXELS).save(path, **options)
  return path


def exiftool(*arguments: str | pathlib.Path) -> str:
  return subprocess.run(
    ['exiftool', *map(str, arguments)], capture_output=True, text=True, check=True
  ).stdout


def run(source: pathlib.Path, target: pathlib.Path) -> list[str]:
  """Runs the command through an identity LUT; returns its lines about `target`."""
  lut = source.parent / 'identity.cube'
  lut.write_text(IDENTITY)
  failed, printed = in_process.run('apply', lut=lut, images=source, out=target)
  if failed:
    raise AssertionError(failed)
  about = (f'{source}: ', f'{target}: ')
  lines = printed.splitlines()
  return [line for line in lines if line.startswith(about)]


class FormatsTest(parameterized.TestCase):
  """Each item of metadata from each format to each other, by exiftool."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    if shutil.which('exiftool') is None:
      raise unittest.SkipTest('exiftool is missing')
    cls.folder = pathlib.Path(cls.enter_context(tempfile.TemporaryDirectory()))
    profile, thumbnail = cls.folder / 'icc.icc', cls.folder / 'thumbnail.jpg'
    profile.write_bytes(ICC)
    PIL.Image.new('RGB', (80, 60), 'red').save(thumbnail)
    cls.thumbnail = thumbnail.read_bytes()
    cls.lines = {}
    for kind in FORMATS:
      source = save(cls.folder / f'{kind}.{kind}')
      items = [
        f'-{text}' for item, text in ITEMS.items() if (kind, item) not in LACKING
      ]
      items += [f'-ICC_Profile<={profile}', '-ExifIFD:CompressedBitsPerPixel=2']
      if kind != 'tif':
        items.append(f'-ThumbnailImage<={thumbnail}')
      if kind == 'jpg':
        items.append(f'-PhotoshopThumbnail<={thumbnail}')
      exiftool('-q', '-overwrite_original', *items, source)
      for target in FORMATS:
        path = cls.folder / f'{kind}_to.{target}'
        cls.lines[kind, target] = run(source, path)
    paths = [cls.folder / f'{a}_to.{b}' for a in FORMATS for b in FORMATS]
    read = json.loads(exiftool('-json', '-G1', '-a', '-n', *paths))
    cls.read = dict(zip(itertools.product(FORMATS, FORMATS), read))

  @parameterized.parameters(*itertools.product(FORMATS, FORMATS))
  def test_each_item_arrives_or_is_named(self, source, target):
    found = self.read[source, target]
    lost = []
    for item, text in ITEMS.items():
      name, _, value = text.partition('=')
      if (source, item) in LACKING:
        continue
      if (target, item) in LACKING:
        lost.append(item)
        self.assertNotIn(name, found)
      else:
        self.assertEqual(str(found[name]), value)
    want = f'{self.folder / f"{source}_to.{target}"}: dropped: {", ".join(lost)}'
    self.assertEqual(self.lines[source, target], [want] if lost else [])
    self.assertNotIn('ExifTool:Error', found)
    self.assertNotIn('ExifTool:Warning', found)

  @parameterized.parameters(*itertools.product(FORMATS, FORMATS))
  def test_neither_thumbnail_nor_false_storage_survives(self, source, target):
    found = self.read[source, target]
    content = (self.folder / f'{source}_to.{target}').read_bytes()
    self.assertNotIn(self.thumbnail[100:200], content)
    self.assertEmpty([name for name in found if 'Thumbnail' in name or 'IFD1' in name])
    self.assertNotIn('ExifIFD:CompressedBitsPerPixel', found)
    if target != 'jpg':
      self.assertNotIn('ExifIFD:ComponentsConfiguration', found)
    if target != 'tif':
      self.assertNotIn('IFD0:BitsPerSample', found)

  @parameterized.parameters(*itertools.product(FORMATS, FORMATS))
  def test_pixels_and_profile_are_those_of_the_source(self, source, target):
    path = self.folder / f'{source}_to.{target}'
    want = pixels_of(self.folder / f'{source}.{source}')
    off = np.abs(pixels_of(path).astype(int) - want)
    exact = target in ('png', 'tif') or (target == 'webp' and source != 'jpg')
    self.assertLess(off.mean(), 1e-9 if exact else 12)
    with PIL.Image.open(path) as image:
      self.assertEqual(image.info['icc_profile'], ICC)


class ResolutionTest(parameterized.TestCase):
  @parameterized.product(source=FORMATS, target=FORMATS)
  def test_it_goes_from_each_format_to_each(self, source, target):
    dpi = (299.72, 144) if source == target else (300, 144)
    folder = pathlib.Path(self.create_tempdir().full_path)
    options = {'dpi': dpi}
    if source == 'tif':
      options = {'resolution': dpi, 'resolutionunit': 'INCH'}
    if source == 'webp':
      exif = PIL.Image.Exif()
      exif[282], exif[283], exif[296] = *dpi, 2
      options = {'exif': exif.tobytes()}
    path = folder / f'b.{target}'
    self.assertEmpty(run(save(folder / f'a.{source}', **options), path))
    with PIL.Image.open(path) as image:
      if target == 'webp':
        got = [float(image.getexif()[tag]) for tag in (282, 283)]
        self.assertEqual(image.getexif()[296], 2)
      else:
        got = [float(count) for count in image.info['dpi']]
    # JFIF counts whole pixels.
    coarse = 'jpg' in (source, target)
    np.testing.assert_allclose(got, dpi, rtol=2e-3 if coarse else 1e-4)


class ChunksTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_png_keeps_colour_chunks_and_text_byte_for_byte(self):
    for extra in (COLOUR, TEXT, {**COLOUR, **TEXT}):
      source = save(self.folder / 'a.png')
      put_chunks(source, extra)
      target = self.folder / f'{len(extra)}{extra.keys() == TEXT.keys()}.png'
      self.assertEmpty(run(source, target))
      got = chunks_of(target)
      kept = {kind: data for kind, data in got if kind in extra}
      self.assertEqual(kept, extra)
      kinds = [kind for kind, _ in got]
      self.assertEqual(kinds[0], b'IHDR')
      self.assertLess(max(map(kinds.index, extra)), kinds.index(b'IDAT'))
      np.testing.assert_array_equal(pixels_of(target), PIXELS)

  @parameterized.parameters('jpg', 'tif', 'webp')
  def test_other_formats_name_them(self, kind):
    source, target = save(self.folder / 'a.png'), self.folder / f'b.{kind}'
    put_chunks(source, {**COLOUR, **TEXT, b'bKGD': bytes(6), b'tIME': bytes(7)})
    (line,) = run(source, target)
    self.assertEqual(
      line,
      f'{target}: dropped: bKGD, tIME, cICP, gAMA, cHRM, sRGB, mDCV, cLLI, mDCv, cLLi, '
      'text "Author", text "Title", text "Description"',
    )

  def test_a_comment_goes_between_jpeg_and_png(self):
    first, second = self.folder / 'b.png', self.folder / 'c.jpg'
    source = save(self.folder / 'a.jpg', comment='grün'.encode())
    self.assertEmpty(run(source, first))
    with PIL.Image.open(first) as image:
      self.assertEqual(image.text['Comment'], 'grün')
    self.assertEmpty(run(first, second))
    with PIL.Image.open(second) as image:
      self.assertEqual(image.info['comment'], 'grün'.encode())
    with PIL.Image.open(self.folder / 'a.jpg') as image:
      np.testing.assert_array_equal(pixels_of(first), np.array(image))

  def test_a_raw_profile_of_exif_becomes_exif_without_its_thumbnail(self):
    exif = PIL.Image.Exif()
    exif[315] = 'Ada'
    hexadecimal = exif.tobytes().hex().encode()
    text = b'\nexif\n%8d\n%s\n' % (len(exif.tobytes()), hexadecimal)
    source, target = save(self.folder / 'a.png'), self.folder / 'b.png'
    put_chunks(source, {b'zTXt': b'Raw profile type exif\0\0' + zlib.compress(text)})
    self.assertEmpty(run(source, target))
    self.assertEqual({kind for kind, _ in chunks_of(target)} - {b'IDAT'}, _EXIF_KINDS)
    with PIL.Image.open(target) as image:
      self.assertEqual(image.getexif()[315], 'Ada')

  def test_what_no_format_keeps_is_named_too(self):
    segment = b'\xff\xe2\0\x10MPF\0' + bytes(10)
    source, target = save(self.folder / 'a.jpg'), self.folder / 'b.jpg'
    content = source.read_bytes()
    source.write_bytes(content[:20] + segment + content[20:])
    self.assertEqual(run(source, target), [f'{target}: dropped: APP2 MPF'])
    tags = [(33550, 'd', 3, (1.0, 1.0, 0.0), True), (65000, 's', 0, 'own', True)]
    source, target = save(self.folder / 'a.tif', extratags=tags), self.folder / 'b.tif'
    (line,) = run(source, target)
    self.assertEqual(line, f'{target}: dropped: ModelPixelScaleTag, TIFF field 65000')


class PayloadTest(parameterized.TestCase):
  @parameterized.parameters(*FORMATS)
  def test_graded_pixels_lose_the_payload_of_others_by_name(self, kind):
    folder = pathlib.Path(self.create_tempdir().full_path)
    source, target = save(folder / f'a.{kind}'), folder / f'b.{kind}'
    blob = payload.pack(payload.Payload(1, 32, 24, 0, bytes(40)))
    source.write_bytes(carriers.embed(source.read_bytes(), blob))
    self.assertEqual(carriers.extract(source.read_bytes()), blob)
    self.assertEqual(run(source, target), [f'{target}: dropped: wide-gamut payload'])
    self.assertNotIn(blob[:36], target.read_bytes())
    self.assertIsNone(carriers.extract(target.read_bytes()))


class CasesTest(parameterized.TestCase):
  """The files of `tests/cases`."""

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def case(self, name: str) -> pathlib.Path:
    return pathlib.Path(shutil.copy(CASES / name, self.folder))

  def test_lossless_webp_stays_what_it_is(self):
    source, target = self.case('lossless.webp'), self.folder / 'b.webp'
    self.assertEmpty(run(source, target))
    np.testing.assert_array_equal(pixels_of(target), pixels_of(source))
    self.assertEqual(target.read_bytes()[12:16], b'VP8L')

  def test_lossy_webp_stays_lossy(self):
    source, target = self.folder / 'a.webp', self.folder / 'b.webp'
    PIL.Image.fromarray(PIXELS).save(source)
    self.assertEmpty(run(source, target))
    self.assertEqual(target.read_bytes()[12:16], b'VP8 ')

  @parameterized.parameters(
    ('pq_cicp.png', 'PQ \\(chunk cICP\\)', b'cICP'),
    ('linear_gama.png', 'linear \\(chunk gAMA\\)', b'gAMA'),
  )
  def test_other_light_is_graded_and_named_once(self, name, what, chunk):
    source, target = self.case(name), self.folder / 'b.png'
    (line,) = run(source, target)
    self.assertRegex(line, f'{name}: says that it is {what}; graded as it is')
    np.testing.assert_array_equal(pixels_of(target), pixels_of(source))
    kept = {b'tEXt', b'pHYs', b'tIME', chunk}
    want, got = ([c for c in chunks_of(p) if c[0] in kept] for p in (source, target))
    self.assertCountEqual(got, want)


if __name__ == '__main__':
  absltest.main()
