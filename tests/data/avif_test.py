import io
import pathlib

import imagecodecs
import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.color import profiles
from lutjax.data import avif, images

_Y, _X = np.mgrid[:24, :32] / 31
_RGB = np.stack([_X, _Y, 1 - _X], axis=-1)
_CODES = np.rint(255 * np.concatenate([_RGB, _Y[..., None]], axis=-1)).astype(np.uint8)


def _saved(mode: str, **options) -> bytes:
  out = io.BytesIO()
  PIL.Image.fromarray(_CODES).convert(mode).save(out, 'AVIF', quality=100, **options)
  return out.getvalue()


def _deep(bits: int, **options) -> bytes:
  codes = np.rint((2**bits - 1) * _RGB).astype(np.uint16)
  return imagecodecs.avif_encode(codes, level=100, bitspersample=bits, **options)


class AvifTest(parameterized.TestCase):
  @parameterized.parameters('RGB', 'RGBA', 'L')
  def test_pixels_are_those_of_pillow(self, mode):
    icc = profiles.icc_profile('display_p3') if mode != 'L' else None
    exif = PIL.Image.Exif()
    exif[274] = 6
    content = _saved(mode, icc_profile=icc or b'', exif=exif)
    found = images.decode(content, convert=True, say=lambda line: None)
    mode_expected = 'RGBA' if mode == 'RGBA' else 'RGB'
    with PIL.Image.open(io.BytesIO(content)) as opened:
      np.testing.assert_array_equal(
        found.pixels, np.asarray(opened.convert(mode_expected))
      )
    self.assertEqual(found.icc, icc)
    exif = PIL.Image.Exif()
    exif.load(found.exif)
    self.assertEqual(exif[274], 6)

  @parameterized.parameters(10, 12)
  def test_deep_pixels_keep_their_depth(self, bits):
    lines = []
    found = images.decode(_deep(bits), 'a.avif', say=lines.append)
    self.assertEqual(found.pixels.dtype, np.uint16)
    np.testing.assert_allclose(found.pixels / 65535, _RGB, atol=0.6 / (2**bits - 1))
    self.assertEqual(lines, [f'a.avif: {bits} bits, scaled to 16'])

  @parameterized.parameters(
    (12, 13, 'display_p3'), (9, 1, 'rec2020'), (1, 13, None), (2, 2, None)
  )
  def test_code_points_give_the_profile_that_is_missing(self, primaries, curve, space):
    lines = []
    content = _deep(10, primaries=primaries, transfer=curve)
    self.assertEqual(avif.read_head(content, 'a'), (10, primaries, curve))
    found = images.decode(content, 'a.avif', say=lines.append)
    self.assertEqual(found.icc, space and profiles.icc_profile(space))
    self.assertLen(lines, 1)

  def test_other_colours_are_named(self):
    lines = []
    images.decode(_deep(10, primaries=9, transfer=16), 'a.avif', say=lines.append)
    self.assertRegex(lines[0], 'a.avif: its colours are primaries 9 and transfer 16')

  def test_is_not_written(self):
    path = pathlib.Path(self.create_tempdir().full_path, 'a.avif')
    with self.assertRaisesRegex(
      errors.ImageError, 'a.avif: AVIF is read but not written, expected PNG, TIFF, JPE'
    ):
      images.write(path, images.Image(_CODES))
    self.assertFalse(path.exists())

  def test_damage_is_named_or_harmless(self):
    content = _saved('RGB')
    rng = np.random.default_rng(0)
    for _ in range(100):
      broken = bytearray(content)
      broken[int(rng.integers(12, len(broken)))] ^= 1 << int(rng.integers(8))
      cut = len(broken) if rng.random() < 0.5 else int(rng.integers(12, len(broken)))
      try:
        images.decode(bytes(broken[:cut]), 'a.avif', say=lambda line: None)
      except errors.ImageError as error:
        self.assertRegex(str(error), '^a.avif: [^\n]*$')


if __name__ == '__main__':
  absltest.main()
