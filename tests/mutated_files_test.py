"""Whatever happens to a LUT file or a picture: read, or refused in one line.

Libraries in C read most of these formats, therefore a process of its own does it, which
says how long the slowest file took and how far its memory grew.
"""

import io
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import imagecodecs
import numpy as np
import PIL.Image
from absl.testing import parameterized

from lutjax import errors
from lutjax.data import archives, images, luts, ocio_files, ocio_writing
from lutjax.lut import lattice, tiles

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

ROOT = pathlib.Path(__file__).resolve().parent.parent
_FILES = 60  # Of each format.
_SECONDS = 2.0
_GROWTH = 64 << 20


class MutatedTest(parameterized.TestCase):
  @parameterized.parameters('luts', 'pictures')
  def test_files_are_read_or_refused(self, kind):
    found = subprocess.run(
      [sys.executable, __file__, kind], cwd=ROOT, capture_output=True, check=False
    )
    self.assertEqual(found.returncode, 0, found.stderr[-2000:])
    *lines, last = found.stdout.decode().splitlines()
    # OpenEXR itself prints why pixels cannot be read.
    self.assertEmpty([line for line in lines if not line.startswith('Warning: Exc')])
    said = json.loads(last)
    self.assertLess(said['seconds'], _SECONDS)
    self.assertLess(said['growth'], _GROWTH)
    for form, refused in said['refused'].items():
      self.assertGreater(refused, 0, form)
    if kind == 'luts' and 'clf' not in said['refused']:
      self.skipTest('needs opencolorio for its formats; the others passed')
    if kind == 'pictures' and not {'exr', 'jxl'} <= set(said['refused']):
      self.skipTest('needs OpenEXR and pillow-jxl-plugin; the other formats passed')


def _seeds(kind: str) -> dict[str, bytes]:
  """Returns a small file of each format that can be written here."""
  return _seed_luts() if kind == 'luts' else _seed_pictures()


def _seed_luts() -> dict[str, bytes]:
  lut = lattice.from_table(lattice.identity(4) ** 0.8)
  shaper = lattice.Shaper(np.linspace(0, 1, 9)[:, None] ** [0.5, 1, 2], lut.domain)
  seeds = {'npz': archives.encode(lut)}
  picture = np.rint(255 * tiles.from_lattice(lut.table, 'hald')).astype(np.uint8)
  seeds['png'] = imagecodecs.png_encode(picture)
  if ocio is None:
    return seeds
  for form in ocio_writing.FORMATS:
    held = lattice.from_shaper(shaper) if form == 'spi1d' else lut
    if form in ocio_writing.STEPS:
      seeds[form] = ocio_writing.encode((held,), form)
    else:
      seeds[form] = ocio_writing.bake(held, form)
  return seeds


def _seed_pictures() -> dict[str, bytes]:
  pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
  seeds = {}
  with tempfile.TemporaryDirectory() as folder:
    for form in ('png', 'tif', 'jpg', 'webp', 'exr'):
      path = pathlib.Path(folder, f'a.{form}')
      held = pixels / np.float32(255) if form == 'exr' else pixels
      try:
        images.write(path, images.Image(held))
      except errors.InputError:
        continue  # Without OpenEXR.
      seeds[form] = path.read_bytes()
  seeds['avif'] = imagecodecs.avif_encode(pixels)
  seeds['jxl'] = imagecodecs.jpegxl_encode(pixels, lossless=True)
  for form in ('bmp', 'gif', 'ppm'):
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, form)
    seeds[form] = stream.getvalue()
  return seeds


def _mutated(content: bytes, rng: np.random.Generator) -> bytes:
  at, other = sorted(rng.integers(0, len(content) + 1, 2))
  changed = bytearray(content)
  # Headers come first, and are the most dangerous.
  end = len(content) if rng.integers(2) else min(len(content), 96)
  for place in rng.integers(0, end, rng.integers(1, 4)):
    changed[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, changed[place] ^ 4])
  mutations = (
    bytes(changed),
    bytes(changed),
    content[:at],
    content[:at] + content[other:],
    content[:other] + content[at:],
    content[:at] + rng.bytes(3) + content[at:],
  )
  return mutations[rng.integers(len(mutations))]


def _read(kind: str, form: str, path: pathlib.Path) -> None:
  def say(line: str) -> None:
    if '\n' in line:
      print(f'{form}: said {line!r}')

  if kind == 'pictures':
    found = images.read(path, convert=True, say=say).pixels
    assert found.ndim == 3, found.shape
  elif form in ('npz', 'png'):
    luts.load([str(path)], say=say)
  else:
    ocio_files.decode(path.read_bytes(), str(path))


def _main(kind: str) -> None:
  rng = np.random.default_rng(0)
  seeds = _seeds(kind)
  refused, slowest, peak = dict.fromkeys(seeds, 0), 0.0, 0
  with tempfile.TemporaryDirectory() as folder:
    for form, content in seeds.items():
      path = pathlib.Path(folder, f'a.{form}')
      path.write_bytes(content)
      try:
        _read(kind, form, path)  # The seed itself, which loads the libraries.
      except errors.InputError as error:
        if 'needs the extra' not in str(error):
          raise
        del refused[form]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for form in refused:
      path = pathlib.Path(folder, f'a.{form}')
      for _ in range(_FILES):
        path.write_bytes(_mutated(seeds[form], rng))
        start = time.perf_counter()
        try:
          _read(kind, form, path)
        except errors.InputError as error:
          refused[form] += 1
          if '\n' in str(error) or len(str(error)) > 400:
            print(f'{form}: {error!r}')
        slowest = max(slowest, time.perf_counter() - start)
  growth = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
  print(json.dumps({'seconds': slowest, 'growth': growth, 'refused': refused}))


if __name__ == '__main__':
  _main(sys.argv[1])
