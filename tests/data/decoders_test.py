import io
import pathlib
import tracemalloc

import numpy as np
import PIL.Image
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images

_SIDE = 2000  # 24 MB of pixels.
_PIXELS = np.cumsum(
  np.random.default_rng(0).integers(0, 40, (_SIDE, _SIDE, 3), np.uint8), 1, np.uint16
)


def _written(path: pathlib.Path, pixels: np.ndarray, **options) -> pathlib.Path:
  planar = options.get('planarconfig') == 'separate'
  stored = np.moveaxis(pixels, -1, 0) if planar else pixels
  tifffile.imwrite(path, stored, photometric='rgb', **options)
  return path


class TiffTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.path = pathlib.Path(self.create_tempdir().full_path, 'a.tif')

  @parameterized.parameters(
    ({}, 1.05),
    ({'byteorder': '>'}, 1.05),
    ({'bigtiff': True, 'rowsperstrip': 16}, 1.05),
    ({'planarconfig': 'separate', 'byteorder': '>'}, 1.05),
    # A few segments are held, of small and of large pictures.
    ({'tile': (256, 256)}, 1.25),
    ({'compression': 'adobe_deflate', 'predictor': True}, 1.25),
    ({'planarconfig': 'separate', 'tile': (256, 256), 'compression': 'zstd'}, 1.25),
  )
  def test_holds_the_pixels_once(self, options, most):
    _written(self.path, _PIXELS, **options)
    images.read(self.path)  # Loads what is loaded once.
    tracemalloc.start()
    got = images.read(self.path).pixels
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    self.assertLess(peak, most * _PIXELS.nbytes)
    np.testing.assert_array_equal(got, _PIXELS)
    # May be graded in their own place.
    self.assertTrue(got.flags.c_contiguous and got.flags.writeable)
    self.assertTrue(got.dtype.isnative)

  @parameterized.parameters(
    {},
    {'byteorder': '>', 'planarconfig': 'separate', 'rowsperstrip': 50},
    {'tile': (64, 48)},
    {'tile': (64, 48), 'planarconfig': 'separate'},
    {'compression': 'lzw', 'planarconfig': 'separate', 'rowsperstrip': 7},
    {'byteorder': '>', 'predictor': True, 'compression': 'zstd'},
  )
  def test_reads_a_file_as_its_bytes(self, **options):
    for dtype, channels in (('uint8', 4), ('uint16', 3), ('float32', 4)):
      pixels = _PIXELS[:131, :77, [0, 1, 2, 1][:channels]].astype(dtype)
      extra = ['unassalpha'] * (channels - 3)
      _written(self.path, pixels, extrasamples=extra, **options)
      for got in (images.read(self.path), images.decode(self.path.read_bytes())):
        np.testing.assert_array_equal(got.pixels, pixels)
        self.assertEqual(got.pixels.dtype, dtype)
        self.assertEqual(got.compressed, 'compression' in options)

  @parameterized.parameters({}, {'planarconfig': 'separate'}, {'tile': (64, 48)})
  def test_a_file_that_is_cut_short_is_refused(self, **options):
    content = _written(self.path, _PIXELS[:131, :77], bigtiff=True, **options)
    whole = content.read_bytes()
    for size in (0, 3, 9, 40, 300, len(whole) // 2, len(whole) - 1):
      self.path.write_bytes(whole[:size])
      with self.assertRaisesRegex(errors.ImageError, r'^\S+a.tif: [^\n]*$'):
        images.read(self.path)


class JpegTest(parameterized.TestCase):
  @parameterized.parameters(
    {'subsampling': 0},
    {'subsampling': 2},
    {'progressive': True},
    {'keep_rgb': True},
    {'restart_marker_blocks': 3},
  )
  def test_gives_the_pixels_of_pillow(self, **options):
    pixels = _PIXELS[:131, :77].astype(np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, 'JPEG', **options)
    content = buffer.getvalue()
    at = len(content) - 900
    damaged = content[:at] + b'\x12\x34' + content[at + 2 :]
    for stored in (content, damaged):
      with PIL.Image.open(io.BytesIO(stored)) as want:
        np.testing.assert_array_equal(images.decode(stored).pixels, want)


if __name__ == '__main__':
  absltest.main()
