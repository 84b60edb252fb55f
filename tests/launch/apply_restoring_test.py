"""Pictures through models that restore them, as a shell does it.

The model is one table of codes, so that numpy here says what every pixel must be; files
are made and read by Pillow and tifffile.
"""

import pathlib
from unittest import mock

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.PngImagePlugin
import tifffile
from absl.testing import absltest, parameterized

from lutjax import assets, errors
from lutjax.data import degradations
from tests.launch import fake_restorer, in_process

ICC = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB')).tobytes()
XMP = (
  b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
  b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
  b'tiff:ImageWidth="9" exif:PixelYDimension="7" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
)
RNG = np.random.default_rng(0)
TABLE = RNG.permutation(256).astype(np.uint8)
NOISE = degradations.Degradation('noise', 25)
DOUBLED = degradations.Degradation('bicubic', 2)


def codes(*shape: int) -> np.ndarray:
  return RNG.integers(0, 256, shape, dtype=np.uint8)


def pixels_of(path: pathlib.Path) -> np.ndarray:
  if path.suffix == '.tif':
    return tifffile.imread(path)
  with PIL.Image.open(path) as image:
    return np.array(image)


class RestoringTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    fake_restorer.register(self)
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.models = {
      name: fake_restorer.save(
        self.folder / f'{name}.lutjax', fake_restorer.Config(restores), TABLE
      )
      for name, restores in (('x1', NOISE), ('x2', DOUBLED))
    }

  def save(self, name: str, pixels: np.ndarray, **options) -> pathlib.Path:
    path = self.folder / 'in' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.tif':
      tifffile.imwrite(path, pixels, metadata=None, **options)
    else:
      PIL.Image.fromarray(pixels).save(path, **options)
    return path

  def apply(self, model: str = 'x2', **given) -> tuple[list[str], str]:
    given = {'images': self.folder / 'in', 'out': self.folder / 'out', **given}
    model = self.models.get(model, model)
    return in_process.run('apply', model=model, **given)

  @parameterized.product(model=('x1', 'x2'), suffix=('png', 'tif', 'webp'))
  def test_every_pixel_of_colours_is_what_the_table_says(self, model, suffix):
    options = {'webp': {'lossless': True, 'exact': True}, 'tif': {'photometric': 'rgb'}}
    found = {
      f'deep/{height}x{width}.{suffix}': codes(height, width, 3)
      for height, width in ((7, 9), (1, 17), (5, 1), (1, 1))
    }
    for name, pixels in found.items():
      self.save(name, pixels, **options.get(suffix, {}))
    failed, _ = self.apply(model)
    self.assertEmpty(failed)
    restores = {'x1': NOISE, 'x2': DOUBLED}[model]
    for name, pixels in found.items():
      got = pixels_of(self.folder / 'out' / name)
      want = fake_restorer.restored(TABLE, restores, pixels)
      np.testing.assert_array_equal(got.reshape(want.shape), want)

  @parameterized.parameters('x1', 'x2')
  def test_grey_is_restored_as_one_channel(self, model):
    pixels, alpha = codes(6, 5), np.full((6, 5), 77, np.uint8)
    self.save('a.png', pixels)
    self.save('b.png', np.stack([pixels, alpha], axis=-1))
    failed, printed = self.apply(model)
    self.assertEmpty(failed)
    self.assertIn('a.png: converted from grey to RGB', printed)
    scale = 2 if model == 'x2' else 1
    want = TABLE[pixels].repeat(scale, 0).repeat(scale, 1)
    for name in 'ab':
      got = pixels_of(self.folder / f'out/{name}.png')
      np.testing.assert_array_equal(got[..., :3], np.stack([want] * 3, axis=-1))
    np.testing.assert_array_equal(got[..., 3], 77)

  @parameterized.parameters('png', 'tif', 'webp')
  def test_alpha_passes_or_grows_with_the_picture(self, suffix):
    options = {
      'webp': {'lossless': True, 'exact': True},
      'tif': {'photometric': 'rgb', 'extrasamples': ['unassalpha']},
    }
    pixels = codes(12, 10, 4)
    pixels[..., 3] = 60 + pixels[..., 3] // 2
    self.save(f'a.{suffix}', pixels, **options.get(suffix, {}))
    self.assertEmpty(self.apply('x1', out=self.folder / 'same')[0])
    got = pixels_of(self.folder / f'same/a.{suffix}')
    np.testing.assert_array_equal(got[..., :3], TABLE[pixels[..., :3]])
    np.testing.assert_array_equal(got[..., 3], pixels[..., 3])
    self.assertEmpty(self.apply('x2')[0])
    got = pixels_of(self.folder / f'out/a.{suffix}')
    want = TABLE[pixels[..., :3]].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(got[..., :3], want)
    bicubic = PIL.Image.Resampling.BICUBIC
    whole = PIL.Image.fromarray(pixels[..., 3]).resize((20, 24), bicubic)
    off = np.abs(got[4:-4, 4:-4, 3].astype(int) - np.array(whole)[4:-4, 4:-4])
    self.assertLessEqual(off.max(), 1)

  def test_jpeg_stays_jpeg(self):
    y, x = np.mgrid[:32, :40]
    smooth = np.stack([4 * x, 5 * y, x + y], axis=-1).astype(np.uint8)
    self.models['mild'] = fake_restorer.save(
      self.folder / 'mild.lutjax',
      fake_restorer.Config(DOUBLED),
      np.arange(255, -1, -1).astype(np.uint8),
    )
    source = self.save('a.jpg', smooth, quality=95, subsampling=0)
    self.assertEmpty(self.apply('mild')[0])
    got = pixels_of(self.folder / 'out/a.jpg').astype(int)
    want = 255 - pixels_of(source).astype(int).repeat(2, 0).repeat(2, 1)
    self.assertEqual(got.shape, (64, 80, 3))
    self.assertLess(np.abs(got - want).mean(), 2)

  @parameterized.parameters('png', 'jpg', 'tif', 'webp')
  def test_profile_exif_xmp_and_resolution_are_kept(self, suffix):
    exif = PIL.Image.Exif()
    exif[315] = 'Ada'
    exif.get_ifd(0x8769).update({33434: 0.004, 40962: 9, 40963: 7})
    path = self.save(f'a.{suffix}', codes(7, 9, 3))
    with PIL.Image.open(path) as image:
      image.load()
    options = {'icc_profile': ICC, 'exif': exif.tobytes(), 'dpi': (300, 300)}
    if suffix == 'tif':
      exif[700] = XMP
      options['exif'] = exif.tobytes()
    elif suffix != 'png':
      options['xmp'] = XMP
    else:
      info = PIL.PngImagePlugin.PngInfo()
      info.add_itxt('XML:com.adobe.xmp', XMP.decode())
      info.add_text('Title', 'Sea')
      options['pnginfo'] = info
    image.save(path, **options)
    failed, printed = self.apply()
    self.assertEmpty(failed)
    self.assertNotIn('dropped', printed)
    with PIL.Image.open(self.folder / f'out/a.{suffix}') as got:
      self.assertEqual(got.size, (18, 14))
      self.assertEqual(got.info['icc_profile'], ICC)
      self.assertEqual(got.getexif()[315], 'Ada')
      inner = got.getexif().get_ifd(0x8769)
      self.assertAlmostEqual(float(inner[33434]), 0.004)
      self.assertEqual((inner[40962], inner[40963]), (18, 14))
      want = XMP.replace(b'"9"', b'"18"').replace(b'"7"', b'"14"')
      content = (self.folder / f'out/a.{suffix}').read_bytes()
      self.assertIn(want, content)
      self.assertNotIn(XMP, content)
      if suffix == 'png':
        self.assertEqual(got.text['Title'], 'Sea')
      if suffix != 'webp':
        np.testing.assert_allclose([float(d) for d in got.info['dpi']], 300, rtol=1e-3)

  def test_palette_and_cmyk_become_rgb_and_that_is_said(self):
    palette = PIL.Image.fromarray(codes(6, 6)).convert('P')
    palette.putpalette(codes(768).tolist())
    (self.folder / 'in').mkdir()
    palette.save(self.folder / 'in/a.png')
    inks = PIL.Image.fromarray(np.full((16, 16, 4), 40, np.uint8), 'CMYK')
    inks.save(self.folder / 'in/b.jpg')
    failed, printed = self.apply()
    self.assertEmpty(failed)
    self.assertIn('b.jpg: converted from cmyk to RGB', printed)
    want = np.array(palette.convert('RGB'))
    got = pixels_of(self.folder / 'out/a.png')
    want = fake_restorer.restored(TABLE, DOUBLED, want)
    np.testing.assert_array_equal(got, want)
    self.assertEqual(pixels_of(self.folder / 'out/b.jpg').shape, (32, 32, 3))

  def test_what_cannot_be_restored_is_named_and_the_rest_goes_on(self):
    deep = codes(6, 8, 3).astype(np.uint16) * 257
    self.save('deep.tif', deep, photometric='rgb')
    self.save('float.tif', np.zeros((4, 4, 3), np.float32), photometric='rgb')
    PIL.Image.fromarray(deep[..., 0]).save(self.folder / 'in/grey16.png')
    (self.folder / 'in/broken.png').write_bytes(b'\x89PNG\r\n\x1a\nrest')
    pixels = codes(3, 3, 3)
    self.save('fine.png', pixels)
    failed, _ = self.apply()
    self.assertLen(failed, 4)
    for name, message in (
      ('broken.png', 'broken.png: found the end of the file at byte 12'),
      ('deep.tif', 'deep.tif: found 16-bit pixels, expected 8 bits'),
      ('float.tif', 'float.tif: found float pixels, expected 8 bits'),
      ('grey16.png', 'grey16.png: found 16-bit pixels, expected 8 bits'),
    ):
      (line,) = [line for line in failed if name in line]
      self.assertIn(message, line)
      self.assertFalse((self.folder / 'out' / name).exists())
    want = fake_restorer.restored(TABLE, DOUBLED, pixels)
    np.testing.assert_array_equal(pixels_of(self.folder / 'out/fine.png'), want)

  def test_nothing_is_replaced_unasked(self):
    source = self.save('a.png', codes(4, 4, 3))
    target = self.folder / 'b.png'
    self.assertEmpty(self.apply(images=source, out=target)[0])
    (line,), _ = self.apply(images=source, out=target)
    self.assertIn('b.png: exists already; --overwrite', line)
    self.assertEmpty(self.apply(images=source, out=target, overwrite='true')[0])
    (line,), _ = self.apply(images=source, out=source.parent, overwrite='true')
    self.assertIn('would replace the image itself', line)

  def test_linear_light_is_named(self):
    (self.folder / 'in').mkdir()
    case = pathlib.Path(__file__).resolve().parent.parent / 'cases/linear_gama.png'
    (self.folder / 'in/a.png').write_bytes(case.read_bytes())
    failed, printed = self.apply('x1')
    self.assertEmpty(failed)
    self.assertIn('a.png: says that it is linear (chunk gAMA); restored as', printed)

  @parameterized.parameters(
    ({'look': 'a'}, '--look'),
    ({'blend': 'a:1'}, '--blend'),
    ({'strength': '0.5', 'bits': '8'}, '--strength, --bits'),
    ({'interpolation': 'trilinear'}, '--interpolation'),
    ({'decode': 'exact'}, '--decode'),
    ({'only': 'colour'}, '--only'),
    ({'space': 'rec2020'}, '--space'),
  )
  def test_refuses_flags_of_looks(self, given, names):
    self.save('a.png', codes(4, 4, 3))
    with self.assertRaisesRegex(errors.InputError, f'^{names}: nothing to do with'):
      self.apply(**given)

  def test_refuses_to_make_more_than_can_be_read(self):
    self.save('a.png', codes(4, 4, 3))
    with mock.patch('lutjax.data.images.MAX_PIXELS', 63):
      (line,), _ = self.apply()
    self.assertRegex(line, 'a.png: found 4 x 4 pixels, .* more than 63 at x2$')

  def test_a_model_that_ships_is_run_by_its_name(self):
    shipped = self.folder / 'shipped'
    for name in ('sr_x2', 'other'):
      content = self.models['x2'].read_bytes()
      shipped.mkdir(exist_ok=True)
      (shipped / f'{name}.lutjax').write_bytes(content)
    self.enter_context(mock.patch.object(assets, '_FOLDER', shipped))
    pixels = codes(4, 5, 3)
    self.save('a.png', pixels)
    self.assertEmpty(self.apply('sr_x2')[0])
    want = fake_restorer.restored(TABLE, DOUBLED, pixels)
    np.testing.assert_array_equal(pixels_of(self.folder / 'out/a.png'), want)
    _, printed = in_process.run('export', model='sr_x2', info='true')
    self.assertIn('sr_x2.lutjax: fake', printed)
    message = (
      '--model=sr_x4: no such file or folder, .* only other, sr_x2; did you mean'
    )
    for command, given in (
      ('apply', {'images': self.folder / 'in', 'out': self.folder / 'out'}),
      ('evaluate', {'images': self.folder / 'in'}),
      ('export', {'out': self.folder / 'out'}),
    ):
      with self.assertRaisesRegex(errors.InputError, message):
        in_process.run(command, model='sr_x4', **given)

  def test_a_folder_of_published_tables_is_run(self):
    tables = self.folder / 'tables'
    tables.mkdir()
    for i in (0, 1):
      (tables / f'fake_{i}.npy').write_bytes(bytes(TABLE[i::2]))
    pixels = codes(4, 5, 3)
    self.save('a.png', pixels)
    self.assertEmpty(self.apply(tables)[0])
    want = fake_restorer.restored(TABLE, DOUBLED, pixels)
    np.testing.assert_array_equal(pixels_of(self.folder / 'out/a.png'), want)


if __name__ == '__main__':
  absltest.main()
