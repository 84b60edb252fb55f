"""Files with payloads, edited by the tools that people have."""

import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.codec import carriers, payload
from lutjax.color import profiles
from lutjax.data import images
from lutjax.systems.gamut_mlp import codecs, expand, seeded

_SUFFIXES = {'PNG': '.png', 'JPEG': '.jpg', 'TIFF': '.tif', 'WebP': '.webp'}
_XMP = (
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
  'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
  'rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="Edited by Me"/>'
  '</rdf:RDF></x:xmpmeta>'
)
# ImageMagick encodes pixels again, so WebP is told to stay exact; JPEG cannot.
_EDITS = {
  'exiftool': ('-q', '-overwrite_original', '-Artist=Edited by Me', '-XMP:Label=Red'),
  'exiv2': ('-M', 'set Exif.Image.Artist Edited by Me'),
  'mogrify': (
    *('-define', 'webp:lossless=true', '-define', 'webp:exact=true'),
    *('-set', 'comment', 'hello', '-orient', 'TopRight', '-profile'),
  ),
}
_PACKAGES = {
  'exiftool': 'libimage-exiftool-perl',
  'exiv2': 'exiv2',
  'mogrify': 'imagemagick',
}


def _carrying(kind: str) -> bytes:
  """Returns a file with many clipped channels, a camera's EXIF and a payload."""
  rng = np.random.default_rng(5)
  pixels = np.clip(rng.normal(128, 160, (24, 40, 3)), 0, 255).astype(np.uint8)
  exif = PIL.Image.Exif()
  exif[271], exif[272], exif[274] = 'Canon', 'EOS', 1
  exif.get_ifd(0x8769)[0x9003] = '2020:01:01 00:00:00'
  stored = exif.tobytes().removeprefix(b'Exif\0\0')
  image = images.Image(pixels, profiles.icc_profile('srgb'), stored)
  content = images.encode(image, kind, quality=100)
  codes = images.decode(content).pixels
  config = seeded.Config(waves=16)
  weight = rng.normal(0, 0.1, (config.waves + 9, 3)).astype(np.float32)
  body = codecs.pack(waves=(config, *seeded.quantise(config, weight)))
  number = codecs.NUMBERS.index(body.codec)
  check = payload.check_pixels(codes)
  packed = payload.pack(payload.Payload(number, 40, 24, check, body.body))
  return carriers.embed(content, packed)


class EditedFilesTest(parameterized.TestCase):
  """Every tool edits every format; then all files are expanded in one go."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    temporary = tempfile.TemporaryDirectory()
    cls.addClassCleanup(temporary.cleanup)
    cls.folder = pathlib.Path(temporary.name)
    (cls.folder / 'label.xmp').write_text(_XMP)
    cls.messages = {}
    for kind, suffix in _SUFFIXES.items():
      content = _carrying(kind)
      for tool in ('none', *_EDITS):
        path = cls.folder / 'in' / tool / f'{kind}{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if shutil.which(tool):
          words = [tool, *_EDITS[tool], path]
          if tool == 'mogrify':
            words.insert(-1, cls.folder / 'label.xmp')
          done = subprocess.run(words, capture_output=True, text=True, check=True)
          cls.messages[tool, kind] = done.stdout + done.stderr
    cls.lines = []
    failed = expand.expand_images(
      [str(cls.folder / 'in')], cls.folder / 'out', say=cls.lines.append
    )
    assert not failed, failed

  @parameterized.product(tool=list(_EDITS), kind=list(_SUFFIXES))
  def test_the_edit_and_the_payload_are_there(self, tool, kind):
    if (tool, kind) not in self.messages:
      self.skipTest(f'{tool} is missing: apt-get install {_PACKAGES[tool]}')
    path = self.folder / 'in' / tool / f'{kind}{_SUFFIXES[kind]}'
    original = self.folder / 'in/none' / path.name
    content = path.read_bytes()
    if (tool, kind) != ('mogrify', 'TIFF'):  # libtiff names every tag it has not met.
      self.assertEmpty(self.messages[tool, kind])
    with PIL.Image.open(path) as opened:
      if tool == 'mogrify' and kind == 'WebP':
        # Its XMP chunk has a wrong name in ImageMagick 6.
        self.assertEqual(opened.getexif()[274], 2)
      elif tool == 'mogrify':
        self.assertIn(b'Edited by Me', _xmp(opened))
      else:
        self.assertEqual(opened.getexif()[315], 'Edited by Me')
        self.assertEqual(opened.getexif()[271], 'Canon')
    self.assertEqual(carriers.extract(content), carriers.extract(original.read_bytes()))
    if (tool, kind) == ('mogrify', 'JPEG'):
      lines = [line for line in self.lines if line.startswith(str(path))]
      self.assertRegex(lines[0], 'edited or encoded again')
      return
    expanded = [
      next((self.folder / 'out' / name).glob(f'{kind}.*')) for name in (tool, 'none')
    ]
    if tool != 'mogrify':
      with PIL.Image.open(expanded[0]) as opened:
        self.assertEqual(opened.getexif()[315], 'Edited by Me')
    if tool == 'exiftool':
      self.assertIn(b'Red', images.read(expanded[0]).annotations.xmp)
    got, want = (images.read(found).pixels for found in expanded)
    np.testing.assert_array_equal(got, want)
    self.assertEmpty([line for line in self.lines if line.startswith(str(path))])

  def test_the_payload_of_these_files_does_something(self):
    opened = expand.open_image(self.folder / 'in/none/PNG.png')
    self.assertEqual(opened.problem, '')
    self.assertEqual(opened.payload.codec, codecs.NUMBERS.index('seeded'))


def _xmp(opened: PIL.Image.Image) -> bytes:
  found = opened.info.get('xmp') or opened.info.get('XML:com.adobe.xmp', b'')
  if not found and 'Raw profile type xmp' in opened.info:
    lines = opened.info['Raw profile type xmp'].strip().split('\n')
    found = bytes.fromhex(''.join(lines[2:]))
  return found if isinstance(found, bytes) else found.encode()


if __name__ == '__main__':
  absltest.main()
