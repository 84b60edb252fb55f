"""Models that predict a LUT of each picture, from the shell.

Pictures are made, and results read, by Pillow and tifffile; LUTs by OpenColorIO.
"""

import pathlib
import unittest

import numpy as np
import PIL.Image
import PIL.ImageCms
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images
from tests.launch import in_process, tiny_grader

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

ICC = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile('sRGB')).tobytes()
SHAPE = (30, 50)


def picture(seed: int, dtype=np.uint8, channels: int = 3) -> np.ndarray:
  """A picture in a colour of its own, with all kinds of alpha."""
  rng = np.random.default_rng(seed)
  colours = rng.random((*SHAPE, channels)) ** rng.uniform(0.2, 5.0, channels)
  return (np.iinfo(dtype).max * colours).astype(dtype)


def through_ocio(path: pathlib.Path, pixels: np.ndarray) -> np.ndarray:
  """Returns the codes that OpenColorIO makes of pixels, not rounded."""
  transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_TETRAHEDRAL)
  processor = ocio.Config.CreateRaw().getProcessor(transform)
  top = np.iinfo(pixels.dtype).max
  rgb = np.ascontiguousarray(pixels[..., :3] / np.float32(top), np.float32)
  processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(rgb)
  return rgb.astype(np.float64).clip(0, 1) * top


class GradingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.model = tiny_grader.save(self.folder / 'run/model.lutjax').parent

  def run_apply(self, images_in: str = 'in', out: str = 'out', **flags):
    if 'lut_out' in flags:
      flags['lut_out'] = self.folder / flags['lut_out']
    return in_process.run(
      'apply',
      model=self.model,
      images=self.folder / images_in,
      out=self.folder / out,
      **flags,
    )

  def save(self, name: str, pixels: np.ndarray, **options) -> pathlib.Path:
    path = self.folder / 'in' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path, **options)
    return path

  def written(self, *folders: str) -> list[str]:
    return [
      path.relative_to(self.folder).as_posix()
      for folder in folders
      for path in sorted((self.folder / folder).rglob('*'))
      if path.is_file()
    ]

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  @parameterized.parameters(1.0, 0.6)
  def test_another_engine_reads_each_lut_to_the_same_picture(self, strength):
    self.save('a.png', picture(0))
    deep = picture(1, np.uint16, 4)
    images.write(self.folder / 'in/deep/b.png', images.Image(deep))
    tifffile.imwrite(self.folder / 'in/c.tif', picture(2), photometric='rgb')
    failed, said = self.run_apply(lut_out='luts', strength=strength)
    self.assertEmpty(failed)
    self.assertEmpty(said)
    names = ['a', 'c', 'deep/b']
    self.assertEqual(self.written('luts'), [f'luts/{name}.cube' for name in names])
    self.assertEqual(self.written('out'), ['out/a.png', 'out/c.tif', 'out/deep/b.png'])
    for name, pixels, read in (
      ('a.png', picture(0), lambda path: np.array(PIL.Image.open(path))),
      ('c.tif', picture(2), tifffile.imread),
      ('deep/b.png', deep, lambda path: images.read(path).pixels),
    ):
      got = read(self.folder / 'out' / name)
      self.assertEqual((got.dtype, got.shape), (pixels.dtype, pixels.shape))
      np.testing.assert_array_equal(got[..., 3:], pixels[..., 3:])
      lut = (self.folder / 'luts' / name).with_suffix('.cube')
      want = through_ocio(lut, pixels)
      # Half a code, and what float32 is off by in theirs.
      tolerance = 0.5 + 1e-6 * np.iinfo(pixels.dtype).max
      np.testing.assert_allclose(got[..., :3], want, atol=tolerance)
      top = np.iinfo(pixels.dtype).max
      self.assertGreater(np.abs(want - pixels[..., :3]).mean(), 0.02 * top)
    luts = [(self.folder / path).read_bytes() for path in self.written('luts')]
    self.assertLen(set(luts), 3)

  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_another_engine_reads_the_shared_lut_to_the_same_pictures(self):
    for i in range(3):
      self.save(f'f{i}.png', picture(i))
    failed, said = self.run_apply(lut_out='luts', shared_lut=True)
    self.assertEmpty(failed)
    self.assertRegex(
      said,
      r'^shared LUT: the mean over 3 frames, f0.png to f2.png\n'
      r'from frame to frame LUTs of their own would change by [0-9.]+ of 255 .*\n'
      r"a frame's own LUT is off the shared one by [0-9.]+ of 255 .*\n$",
    )
    self.assertEqual(self.written('luts'), ['luts/shared.cube'])
    for i in range(3):
      got = np.array(PIL.Image.open(self.folder / f'out/f{i}.png'))
      want = through_ocio(self.folder / 'luts/shared.cube', picture(i))
      np.testing.assert_allclose(got, want, atol=0.5 + 1e-3)

  @parameterized.parameters('png', 'tif', 'webp', 'jpg')
  def test_a_picture_keeps_what_it_says(self, kind):
    exif = PIL.Image.Exif()
    exif[272], exif[315] = 'Lovelace', 'Ada'
    alpha = kind != 'jpg'
    pixels = picture(0, channels=4 if alpha else 3)
    options = {'lossless': True} if kind == 'webp' else {}
    self.save(f'a.{kind}', pixels, icc_profile=ICC, exif=exif, **options)
    failed, said = self.run_apply()
    self.assertEmpty(failed)
    self.assertEmpty(said)
    with PIL.Image.open(self.folder / f'out/a.{kind}') as image:
      self.assertEqual(image.info['icc_profile'], ICC)
      self.assertEqual(image.getexif()[315], 'Ada')
      self.assertEqual(image.getexif()[272], 'Lovelace')
      got = np.array(image)
    self.assertEqual(got.shape, pixels.shape)
    np.testing.assert_array_equal(got[..., 3:], pixels[..., 3:])
    self.assertGreater(np.abs(got[..., :3] - 1.0 * pixels[..., :3]).mean(), 5)

  def test_other_light_is_graded_and_named(self):
    chunk = PIL.Image.new('RGB', SHAPE)
    path = self.save('a.png', np.array(chunk))
    case = pathlib.Path(__file__).resolve().parent.parent / 'cases/linear_gama.png'
    path.write_bytes(case.read_bytes())
    failed, said = self.run_apply()
    self.assertEmpty(failed)
    self.assertRegex(said, r'a.png: says that it is linear \(chunk gAMA\); graded as')

  @parameterized.parameters(
    ({'look': 'a'}, '^--look: nothing to do with --model=.*, which predicts the LUT'),
    ({'blend': 'a:1'}, '^--blend: nothing to do with --model=.*, which predicts'),
    ({'decode': 'exact'}, '^--decode: nothing to do with --model=.*, which predicts'),
    ({'space': 'rec2020'}, '^--space: nothing to do with a look'),
    ({'shared_lut': True}, '^--shared_lut: found 1 image'),
    ({'strength': 'inf'}, '^--strength=inf: expected a number'),
    ({'bits': 32}, '^--bits=32: expected 8 or 16'),
    ({'lut_out': 'in/a.png'}, 'a.png: found a file, expected a folder'),
  )
  def test_refuses_what_does_not_fit(self, flags, message):
    self.save('a.png', picture(0))
    with self.assertRaisesRegex(errors.InputError, message):
      self.run_apply(**flags)
    self.assertEqual(self.written('.'), ['in/a.png', 'run/model.lutjax'])

  def test_flags_of_predicted_luts_are_refused_elsewhere(self):
    self.save('a.png', picture(0))
    for name, value in (('shared_lut', True), ('lut_out', 'luts')):
      for mode in ({'lut': 'identity'}, {'expand': True}):
        with self.assertRaisesRegex(
          errors.InputError, f'^--{name}: nothing to do with'
        ):
          in_process.run(
            'apply',
            images=self.folder / 'in',
            out=self.folder / 'out',
            **mode,
            **{name: value},
          )
    self.assertEmpty(self.written('out'))

  def test_other_commands_refuse_the_model(self):
    message = (
      'model.lutjax: found img2lut, which predicts the LUT of a picture, expected'
    )
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run('export', model=self.model, out=self.folder / 'out')

  def test_nothing_half_written_stays(self):
    self.save('a.png', picture(0))
    (self.folder / 'in/b.png').write_bytes((self.folder / 'in/a.png').read_bytes()[:99])
    (failed,), _ = self.run_apply(lut_out='luts')
    self.assertIn('/in/b.png: ', failed)
    self.assertEqual(self.written('out', 'luts'), ['out/a.png', 'luts/a.cube'])
    before = (self.folder / 'luts/a.cube').stat().st_mtime_ns
    (failed,), _ = self.run_apply(images_in='in/a.png', out='more', lut_out='luts')
    self.assertIn('luts/a.cube: exists already; --overwrite replaces it', failed)
    self.assertEmpty(self.written('more'))
    self.assertEqual((self.folder / 'luts/a.cube').stat().st_mtime_ns, before)


if __name__ == '__main__':
  absltest.main()
