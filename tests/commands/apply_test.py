import pathlib

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.commands import apply, look_files
from lutjax.data import images
from lutjax.lut import lattice

INVERTED = lattice.from_table(1 - lattice.identity(2))


def _image(dtype, channels=3, shape=(5, 7)):
  rng = np.random.default_rng(0)
  top = np.iinfo(dtype).max
  return rng.integers(0, top, (*shape, channels), endpoint=True).astype(dtype)


class ApplyingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def apply(self, out, **options):
    return apply.apply_to_images(
      look_files.of_lut(INVERTED),
      [str(self.folder / 'in')],
      self.folder / out,
      say=lambda line: None,
      **options,
    )

  @parameterized.product(
    dtype=(np.uint8, np.uint16), extension=('.png', '.tif'), channels=(3, 4)
  )
  def test_keeps_depth_alpha_and_relative_paths(self, dtype, extension, channels):
    pixels = _image(dtype, channels)
    source = self.folder / f'in/deep/a{extension}'
    images.write(source, images.Image(pixels))
    self.assertEmpty(self.apply('out'))
    got = images.read(self.folder / f'out/deep/a{extension}').pixels
    self.assertEqual(got.dtype, dtype)
    np.testing.assert_array_equal(got[..., :3], np.iinfo(dtype).max - pixels[..., :3])
    np.testing.assert_array_equal(got[..., 3:], pixels[..., 3:])

  def test_strength_mixes_with_the_image(self):
    rgb = np.full((4, 4, 3), 0.25, np.float32)
    function = apply.applier(INVERTED, interpolation='trilinear', strength=0.5)
    np.testing.assert_allclose(function(rgb), np.full((4, 4, 3), 0.5), atol=1e-6)

  def test_bits_change_the_depth(self):
    images.write(self.folder / 'in/a.png', images.Image(_image(np.uint8, 4)))
    self.assertEmpty(self.apply('out', bits=16))
    got = images.read(self.folder / 'out/a.png').pixels
    self.assertEqual((got.dtype, got.shape[-1]), (np.uint16, 4))

  def test_one_broken_image_does_not_stop_the_rest(self):
    images.write(self.folder / 'in/a.png', images.Image(_image(np.uint8)))
    (self.folder / 'in/b.png').write_bytes(b'\x89PNG\r\n\x1a\nrest')
    problems = self.apply('out')
    self.assertLen(problems, 1)
    self.assertIn('b.png', problems[0])
    self.assertTrue((self.folder / 'out/a.png').exists())
    again = self.apply('out')
    self.assertLen(again, 2)
    self.assertIn('exists already', again[0])

  def test_refuses_to_replace_the_image_itself(self):
    images.write(self.folder / 'in/a.png', images.Image(_image(np.uint8)))
    problems = self.apply('in', overwrite=True)
    self.assertIn('would replace the image itself', problems[0])

  def test_refuses_one_output_for_two_images(self):
    for name in ('in/a.png', 'more/a.png', 'out/b.png', 'in/b.png'):
      images.write(self.folder / name, images.Image(_image(np.uint8)))
    problems = apply.apply_to_images(
      look_files.of_lut(INVERTED),
      [str(self.folder / name) for name in ('in', 'more', 'out')],
      self.folder / 'out',
      overwrite=True,
      say=lambda line: None,
    )
    self.assertLen(problems, 4)
    np.testing.assert_array_equal(
      images.read(self.folder / 'out/b.png').pixels, _image(np.uint8)
    )

  def test_refuses_flags_that_do_not_fit(self):
    for name in 'ab':
      images.write(self.folder / f'in/{name}.png', images.Image(_image(np.uint8)))
    with self.assertRaisesRegex(errors.InputError, 'found 2 images, expected a folder'):
      self.apply('out.png')
    with self.assertRaisesRegex(errors.InputError, '--bits=12'):
      self.apply('out', bits=12)
    with self.assertRaisesRegex(errors.InputError, '--strength=nan'):
      self.apply('out', strength=float('nan'))


if __name__ == '__main__':
  absltest.main()
