import io
import pathlib
import resource
import tracemalloc

import numpy as np
import PIL.Image
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import images

_SIDE = 1500
_PIXELS = np.cumsum(
  np.random.default_rng(0).integers(0, 40, (_SIDE, _SIDE, 3), np.uint8), 1, np.uint16
)


def _exif(order: str) -> bytes:
  built = PIL.Image.Exif()
  built.endian = order
  built[271] = 'Maker'
  return built.tobytes().removeprefix(b'Exif\0\0')


class TiffTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  @parameterized.product(order=('<', '>'), compressed=(False, True))
  def test_a_file_is_what_encode_gives_and_nothing_is_held(self, order, compressed):
    image = images.Image(_PIXELS, b'\1' * 500, _exif(order), compressed=compressed)
    path = self.folder / 'a.tif'
    images.write(path, image)  # Loads what is loaded once.
    tracemalloc.start()
    images.write(path, image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Turned bytes of pictures that are compressed are held once.
    self.assertLess(
      peak, _PIXELS.nbytes * (1.2 if compressed and order == '>' else 0.2)
    )
    self.assertEqual(path.read_bytes(), images.encode(image, 'TIFF'))
    with tifffile.TiffFile(path) as file:
      self.assertEqual(file.byteorder, order)
      np.testing.assert_array_equal(file.asarray(), _PIXELS)
    with PIL.Image.open(path) as seen:
      self.assertEqual(seen.getexif()[271].rstrip('\0'), 'Maker')

  def test_rows_that_are_not_contiguous_are_written(self):
    for dtype in ('uint8', 'uint16', 'float32'):
      pixels = _PIXELS[:130, :60].astype(dtype)[::-1, ::2]
      path = self.folder / f'{dtype}.tif'
      images.write(path, images.Image(pixels, compressed=False))
      np.testing.assert_array_equal(tifffile.imread(path), pixels)

  @parameterized.parameters(False, True)
  def test_a_full_disk_leaves_the_old_file(self, compressed):
    path = self.folder / 'a.tif'
    path.write_bytes(b'old')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, limits[1]))
    try:
      with self.assertRaisesRegex(errors.DiskFullError, 'a.tif: cannot be written: F'):
        images.write(path, images.Image(_PIXELS, compressed=compressed))
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    self.assertEqual([found.name for found in self.folder.iterdir()], ['a.tif'])
    self.assertEqual(path.read_bytes(), b'old')


class JpegTest(absltest.TestCase):
  def test_gives_the_bytes_of_pillow(self):
    pixels = _PIXELS[:131, :77].astype(np.uint8)
    icc = np.random.default_rng(0).bytes(150_000)
    for quality in (1, 50, 95, 100):
      buffer = io.BytesIO()
      options = {'quality': quality, 'subsampling': 0, 'icc_profile': icc}
      PIL.Image.fromarray(pixels).save(buffer, 'JPEG', **options)
      for given in (pixels, np.asfortranarray(pixels)):
        image = images.Image(given, icc)
        self.assertEqual(
          images.encode(image, 'JPEG', quality=quality), buffer.getvalue()
        )

  def test_a_side_that_is_too_long_is_one_line(self):
    image = images.Image(np.zeros((1, 65_501, 3), np.uint8))
    message = 'a: cannot be encoded as JPEG: found a side of 65501 pixels, expected'
    with self.assertRaisesRegex(errors.ImageError, message):
      images.encode(image, 'JPEG', 'a')
    longest = images.Image(image.pixels[:, 1:])
    self.assertEqual(
      images.decode(images.encode(longest, 'JPEG')).pixels.shape, (1, 65_500, 3)
    )


if __name__ == '__main__':
  absltest.main()
