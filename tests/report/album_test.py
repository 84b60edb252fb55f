"""Tests of the files and addresses of pictures."""

import base64
import pathlib
import tempfile
import urllib.parse

import numpy as np
from absl.testing import parameterized
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lutjax.report import album

_PIXELS = np.random.default_rng(0).integers(0, 256, (12, 18, 3), np.uint8)


class SafeStemTest(parameterized.TestCase):
  @parameterized.parameters(
    ('Kodak 2383 (D65) +1', 'Kodak 2383 (D65) +1'),
    ('a/b\\c:d"e\'f<g>', 'a_b_c_d_e_f_g_'),
    ('../../etc/passwd', '_.._etc_passwd'),
    ('Éclair 映画', 'Éclair 映画'),
    ('', 'picture'),
    ('. .', 'picture'),
    ('x' * 400, 'x' * 120),
  )
  def test_what_names_become(self, name, stem):
    self.assertEqual(album.safe_stem(name), stem)

  @given(st.text(max_size=300))
  def test_any_text_is_a_short_plain_name(self, name):
    stem = album.safe_stem(name)
    self.assertBetween(len(stem.encode('utf-8')), 1, 120)
    self.assertNotRegex(stem, r'[/\\\x00-\x1f"\'<>:|?*]|^[. ]|[. ]$')


class AlbumTest(parameterized.TestCase):
  def test_each_picture_gets_a_file_of_its_own(self):
    with tempfile.TemporaryDirectory() as folder:
      made = album.Album(pathlib.Path(folder))
      names = ['a/b', 'A:B', 'a_b', 'a_b-2', '50 % "ü"']
      links = [made.add(made.take(name), _PIXELS + i) for i, name in enumerate(names)]
      paths = [pathlib.Path(folder, urllib.parse.unquote(link)) for link in links]
      self.assertLen({str(path).casefold() for path in paths}, len(names))
      self.assertLen(list(pathlib.Path(folder, 'report').iterdir()), len(names))
      for i, path in enumerate(paths):
        with Image.open(path) as image:
          np.testing.assert_array_equal(np.asarray(image), _PIXELS + i)
      self.assertTrue(all(link.isascii() and ' ' not in link for link in links))

  @parameterized.parameters(400, 1200, 5000)
  def test_the_address_of_a_jpeg_is_within_its_limit(self, limit_bytes):
    uri = album.jpeg_uri(_PIXELS, limit_bytes=limit_bytes)
    if uri is not None:
      self.assertLessEqual(len(uri), limit_bytes)
      self.assertStartsWith(base64.b64decode(uri.split(',')[1]), b'\xff\xd8')
    self.assertEqual(uri is None, limit_bytes == 400)

  def test_the_address_of_a_png_holds_the_pixels(self):
    content = base64.b64decode(
      album.png_uri(_PIXELS).removeprefix('data:image/png;base64,')
    )
    with tempfile.TemporaryFile() as file:
      file.write(content)
      with Image.open(file) as image:
        np.testing.assert_array_equal(np.asarray(image), _PIXELS)
