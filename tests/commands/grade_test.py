import itertools
import pathlib
import re

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.commands import grade, selection
from lutjax.data import images
from lutjax.systems.img2lut import model
from tests.launch import tiny_grader

predict_lattice = jax.jit(model.predict_lattice, static_argnums=0)


def picture(seed: int, shape=(24, 40), dtype=np.uint8) -> np.ndarray:
  """A picture in a colour of its own."""
  rng = np.random.default_rng(seed)
  colours = rng.random((*shape, 3)) ** rng.uniform(0.2, 5.0, 3)
  return (np.iinfo(dtype).max * colours).astype(dtype)


def lab(srgb: np.ndarray) -> np.ndarray:
  """CIE Lab of sRGB in float64, by IEC 61966-2-1 and CIE 15."""
  linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
  matrix = [
    [0.4124, 0.3576, 0.1805],
    [0.2126, 0.7152, 0.0722],
    [0.0193, 0.1192, 0.9505],
  ]
  share = linear @ np.array(matrix).T / [0.9505, 1.0, 1.089]
  root = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * 841 / 108 + 4 / 29)
  x, y, z = np.moveaxis(root, -1, 0)
  return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def gaps(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
  cie76 = np.sqrt(np.sum((lab(one) - lab(other)) ** 2, -1)).mean()
  return 255 * np.abs(one - other).mean(), cie76


def trilinear(table: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Interpolates in float64, one corner after the other."""
  size = len(table)
  corner = np.minimum((rgb * (size - 1)).astype(int), size - 2)
  part = rgb * (size - 1) - corner
  total = np.zeros(rgb.shape)
  for step in np.ndindex(2, 2, 2):
    weight = np.prod(np.where(step, part, 1 - part), -1, keepdims=True)
    total += weight * table[tuple(np.moveaxis(corner + step, -1, 0))]
  return total


class GradingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    path = tiny_grader.save(self.folder / 'model.lutjax')
    self.model = selection.find_grader(str(path))
    self.said = []

  def save(self, *names: str) -> None:
    for seed, name in enumerate(names):
      images.write(self.folder / name, images.Image(picture(seed)))

  def grade(self, *patterns: str, out='out', work=grade.grade_images, **options):
    if 'lut_out' in options:
      options['lut_out'] = self.folder / options['lut_out']
    return work(
      self.model,
      [str(self.folder / pattern) for pattern in patterns],
      self.folder / out,
      grade.Options(**options),
      say=self.said.append,
    )

  def frames(self, *patterns: str, **options):
    return self.grade(*patterns, work=grade.grade_frames, **options)

  def written(self) -> list[str]:
    return sorted(
      path.relative_to(self.folder).as_posix()
      for path in self.folder.rglob('*')
      if path.is_file() and path.suffix != '.lutjax'
    )

  def test_the_model_sees_an_even_grid_of_the_picture(self):
    predict = grade.predictor(self.model)
    pixels = picture(0, (24, 40), np.uint16)
    rows = [int((i + 0.5) * 24 / 16) for i in range(16)]
    columns = [int((i + 0.5) * 40 / 16) for i in range(16)]
    seen = (pixels[rows][:, columns] / 65535.0).astype(np.float32)
    got = predict(images.Image(pixels), self.said.append)
    want = predict_lattice(tiny_grader.CONFIG, tiny_grader.draw(), seen)
    np.testing.assert_allclose(got, want, atol=1e-6)
    other = predict(images.Image(picture(1)), self.said.append)
    self.assertGreater(np.abs(got - other).mean(), 0.005)
    self.assertEmpty(self.said)

  def test_colours_beyond_the_range_are_cut_and_that_is_said(self):
    predict = grade.predictor(self.model)
    pixels = np.full((20, 20, 3), 0.5, np.float32)
    pixels[:10] = [-0.25, 0.5, 3.0]
    got = predict(images.Image(pixels), self.said.append)
    self.assertEqual(
      self.said,
      ['found colours from -0.25 to 3; the model sees them cut to 0 to 1'],
    )
    want = predict(images.Image(pixels.clip(0, 1)), self.said.append)
    np.testing.assert_array_equal(got, want)
    self.assertLen(self.said, 1)

  @parameterized.parameters(1.0, 0.4, 1.5, 0.0)
  def test_a_picture_is_what_its_lut_makes_of_it(self, strength):
    self.save('in/a.png', 'in/deep/b.tif')
    failed = self.grade(
      'in', lut_out='luts', strength=strength, bits=16, interpolation='trilinear'
    )
    self.assertEmpty(failed)
    for seed, name in enumerate(('a.png', 'deep/b.tif')):
      path = (self.folder / 'luts' / name).with_suffix('.cube')
      self.assertStartsWith(path.read_text(), f'TITLE "{path.stem}"\nLUT_3D_SIZE 5\n')
      rgb = picture(seed) / 255.0
      want = 65535 * trilinear(tiny_grader.read_cube(path), rgb).clip(0, 1)
      got = images.read(self.folder / 'out' / name).pixels
      self.assertEqual(got.dtype, np.uint16)
      # Half a code, and a few roundings of float32.
      np.testing.assert_allclose(got, want, atol=0.5 + 1e-6 * 65535)
      moved = np.abs(got / 65535.0 - rgb).mean()
      self.assertBetween(moved, *((0.02, 1.0) if strength else (0.0, 1e-6)))

  def test_a_folder_that_is_there_already_is_not_touched(self):
    self.save('in/a.png', 'in/b.png')
    luts = self.folder / 'luts'
    self.assertEmpty(self.grade('in/a.png', lut_out='luts/one.cube'))
    self.assertEqual([path.name for path in luts.iterdir()], ['one.cube'])
    (luts / 'a.cube').write_text('mine')
    failed = self.grade('in', out='more', lut_out='luts')
    self.assertEqual(
      failed, [f'{luts}/a.cube: exists already; --overwrite replaces it']
    )
    self.assertEqual((luts / 'a.cube').read_text(), 'mine')
    self.assertFalse((self.folder / 'more/a.png').exists())
    self.assertTrue((self.folder / 'more/b.png').exists())
    self.assertEmpty(self.grade('in', out='more', lut_out='luts', overwrite=True))
    self.assertEqual(
      (luts / 'a.cube').read_text(),
      (luts / 'one.cube').read_text(),
    )

  def test_a_picture_that_cannot_be_written_leaves_no_lut(self):
    pixels = np.zeros((20, 20, 4), np.uint8)
    images.write(self.folder / 'in/a.png', images.Image(pixels))
    (failed,) = self.grade('in/a.png', out='a.jpg', lut_out='luts')
    self.assertIn('alpha channel, which JPEG cannot hold', failed)
    self.assertEqual(self.written(), ['in/a.png'])

  @parameterized.parameters(
    (
      {'lut_out': 'luts', 'interpolation': 'nearest', 'strength': 0.5},
      'which no lattice does',
    ),
    ({'lut_out': 'luts'}, 'luts/a.cube would be the LUT of 2 images, .*a.png and'),
    ({'lut_out': 'one.cube'}, 'one.cube would be the LUT of 2 images'),
    ({'lut_out': 'in/a.png'}, '--lut_out=.*/in/a.png: found a file, expected a folder'),
    ({'strength': -1.0}, '--strength=-1.0: expected a number of 0 or more'),
    ({'bits': 12}, '--bits=12: expected 8 or 16'),
  )
  def test_refuses_before_any_work(self, options, message):
    self.save('in/a.png', 'in/a.tif')
    before = self.written()
    with self.assertRaisesRegex(errors.InputError, message):
      self.grade('in', **options)
    self.assertEqual(self.written(), before)

  def test_frames_share_the_mean_of_their_luts(self):
    names = ['f10.png', 'f9.png', 'f1.png']
    self.save(*(f'in/{name}' for name in names))
    strength = 0.5
    self.assertEmpty(self.grade('in', lut_out='own', strength=strength))
    failed = self.frames(
      'in', lut_out='luts', out='graded', strength=strength, interpolation='trilinear'
    )
    self.assertEmpty(failed)
    self.assertEqual(
      [path.name for path in (self.folder / 'luts').iterdir()], ['shared.cube']
    )
    shared = tiny_grader.read_cube(self.folder / 'luts/shared.cube')
    order = ['f1', 'f9', 'f10']
    own = {
      name: tiny_grader.read_cube(self.folder / f'own/{name}.cube') for name in order
    }
    np.testing.assert_allclose(shared, np.mean(list(own.values()), 0), atol=1e-6)
    for seed, name in enumerate(names):
      want = 255 * trilinear(shared, picture(seed) / 255.0)
      got = images.read(self.folder / 'graded' / name).pixels
      np.testing.assert_allclose(got, want, atol=0.51)
    changes = {b: gaps(own[a], own[b]) for a, b in itertools.pairwise(order)}
    off = {name: gaps(table, shared) for name, table in own.items()}
    first, moved, away = self.said
    self.assertEqual(first, 'shared LUT: the mean over 3 frames, f1.png to f10.png')
    self.assertEndsWith(moved, '; the shared one does not')
    for line, held in ((moved, changes), (away, off)):
      codes, most, at, cie76, most_cie76, at_cie76 = re.search(
        r'by (\S+) of 255 on average \((\S+) at most, at (\S+)\.png\), '
        r'CIE76 (\S+) \((\S+) at most, at (\S+)\.png\)',
        line,
      ).groups()
      means = np.mean(list(held.values()), 0)
      np.testing.assert_allclose([float(codes), float(cie76)], means, rtol=1e-2)
      for i, (value, name) in enumerate(((most, at), (most_cie76, at_cie76))):
        self.assertEqual(name, max(held, key=lambda frame: held[frame][i]))
        self.assertAlmostEqual(float(value), held[name][i], delta=1e-2 * float(value))

  def test_a_frame_that_cannot_be_read_has_no_part(self):
    self.save('in/a.png', 'in/b.png', 'in/d.png')
    (self.folder / 'in/c.png').write_bytes(b'\x89PNG\r\n\x1a\nrest')
    (failed,) = self.frames('in', lut_out='one.cube')
    self.assertStartsWith(failed, f'{self.folder}/in/c.png: found the end of the file')
    self.assertIn('mean over 3 frames, a.png to d.png', self.said[0])
    names = ['a.png', 'b.png', 'd.png']
    self.assertEqual(
      [path.name for path in sorted((self.folder / 'out').iterdir())], names
    )
    (self.folder / 'in/b.png').unlink()
    (self.folder / 'in/d.png').unlink()
    with self.assertRaisesRegex(
      errors.InputError, '1 of 2 images can be read, expected'
    ):
      self.frames('in', out='more')
    self.assertFalse((self.folder / 'more').exists())

  def test_frames_are_all_written_or_none(self):
    self.save('in/a.png', 'in/b.png', 'luts/shared.png', 'out/b.png')
    (self.folder / 'luts/shared.cube').write_text('mine')
    before = self.written()
    for options, message in (
      ({}, 'out/b.png: exists already'),
      ({'out': 'more', 'lut_out': 'luts'}, 'luts/shared.cube: exists already'),
      ({'out': 'in'}, 'a.png: --out would replace the image itself'),
    ):
      with self.assertRaisesRegex(errors.InputError, message):
        self.frames('in', **options)
    with self.assertRaisesRegex(errors.InputError, '--shared_lut: found 1 image'):
      self.frames('in/a.png', out='more')
    self.assertEqual(self.written(), before)
    self.assertEmpty(self.frames('in', lut_out='luts', overwrite=True))
    self.assertNotEqual((self.folder / 'luts/shared.cube').read_text(), 'mine')


if __name__ == '__main__':
  absltest.main()
