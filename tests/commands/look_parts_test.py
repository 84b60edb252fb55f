"""Parts of looks, against float64 numpy."""

import pathlib

import jax.numpy as jnp
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.commands import apply, grade, look_files, look_parts, selection
from lutjax.data import images
from lutjax.lut import chain, lattice
from tests.launch import tiny_grader

_Y = np.array([0.2126729, 0.7151522, 0.0721750])
_RNG = np.random.default_rng(0)
_RGB = _RNG.uniform(0.05, 1.0, (6, 9, 3)).astype(np.float32)
# Channels change places: colours and luminance change.
_MATRIX = np.roll(np.eye(3), 1, axis=0)
_LUT = lattice.from_table(lattice.identity(2) @ _MATRIX.T)


def _linear(srgb):
  return np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def _encoded(linear):
  return np.where(
    linear > 0.0031308,
    1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055,
    12.92 * linear,
  )


def _wanted(rgb, strength, only):
  rgb = np.asarray(rgb, np.float64)
  graded = rgb + strength * (rgb @ _MATRIX.T - rgb)
  colour, light = (rgb, graded) if only == 'luminance' else (graded, rgb)
  colour, light = _linear(colour), _linear(light) @ _Y
  return _encoded(colour * (light / (colour @ _Y))[..., None])


class LookPartsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.said = []

  def apply(self, look, name, pixels, **options):
    images.write(self.folder / name, images.Image(pixels))
    out = self.folder / f'out-{name}'
    problems = apply.apply_to_images(
      look, [str(self.folder / name)], out, say=self.said.append, **options
    )
    self.assertEmpty(problems)
    return images.read(out).pixels

  @parameterized.product(only=look_parts.PARTS, kind=('lut', 'chain', 'model'))
  def test_one_part_at_a_strength(self, only, kind):
    look = {
      'lut': look_files.of_lut(_LUT),
      'chain': look_files.Look(
        lambda size: _LUT, chain=(chain.Matrix(_MATRIX, np.zeros(3)),)
      ),
      'model': look_files.Look(
        lambda size: _LUT, network=lambda rgb: rgb @ jnp.asarray(_MATRIX.T, rgb.dtype)
      ),
    }[kind]
    got = self.apply(look, 'a.tif', _RGB, strength=0.7, only=only)
    want = _wanted(_RGB, 0.7, only)
    np.testing.assert_allclose(got, want, atol=3e-6)
    count = np.sum((want > 1).any(axis=-1))
    self.assertGreater(count, 0)
    told = f'a.tif: {count} of 54 pixels ({100 * count / 54:.3g} %) leave 0 to 1 by '
    self.assertEndsWith(self.said[0], f'{told}--only={only}; kept')
    if kind == 'model':
      self.assertRegex(self.said[1], r'off the network by (0|\S+e-0[5-9]) of 255')

  def test_codes_are_clipped_alpha_is_kept_and_nothing_is_said_without_need(self):
    codes = _RNG.integers(20, 256, (5, 7, 4)).astype(np.uint8)
    look = look_files.of_lut(_LUT)
    got = self.apply(look, 'a.png', codes, only='colour')
    want = _wanted(codes[..., :3] / 255.0, 1.0, 'colour').clip(0, 1) * 255
    np.testing.assert_allclose(got[..., :3], want, atol=0.51)
    np.testing.assert_array_equal(got[..., 3], codes[..., 3])
    self.assertEndsWith(self.said.pop(), 'clipped')
    got = self.apply(look, 'b.png', codes, only='colour', strength=0.0)
    np.testing.assert_array_equal(got, codes)
    self.assertEmpty(self.said)

  def test_a_model_that_predicts_luts(self):
    model = selection.find_grader(
      str(tiny_grader.save(self.folder / 'run/model.lutjax').parent)
    )
    codes = _RNG.integers(20, 256, (16, 16, 3)).astype(np.uint8)
    source = self.folder / 'a.png'
    PIL.Image.fromarray(codes).save(source)
    light = {}
    for only in (None, *look_parts.PARTS):
      out = self.folder / f'{only}.png'
      options = grade.Options(bits=16, only=only)
      grade.grade_images(model, [str(source)], out, options, say=self.said.append)
      pixels = images.read(out).pixels
      inside = (pixels > 0).all(axis=-1) & (pixels < 65535).all(axis=-1)
      light[only] = np.where(inside, _linear(pixels / 65535.0) @ _Y, np.nan)
    own = _linear(codes / 255.0) @ _Y
    self.assertGreater(np.nanmax(abs(light[None] - own)), 0.01)
    np.testing.assert_allclose(np.nanmax(abs(light['colour'] - own)), 0, atol=3e-5)
    gap = np.nanmax(abs(light['luminance'] - light[None]))
    np.testing.assert_allclose(gap, 0, atol=6e-5)
    with self.assertRaisesRegex(errors.InputError, '--lut_out: found --only=colour'):
      options = grade.Options(only='colour', lut_out=self.folder / 'luts')
      grade.grade_images(model, [str(source)], self.folder / 'x.png', options)


if __name__ == '__main__':
  absltest.main()
