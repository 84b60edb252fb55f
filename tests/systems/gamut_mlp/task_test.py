import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import tifffile
from absl.testing import absltest

from lutjax.codec import carriers, payload
from lutjax.color import profiles
from lutjax.data import images
from lutjax.systems.gamut_mlp import fleet, recovery, task

ROOT = pathlib.Path(__file__).resolve().parents[3]
SMALL = (
  '--config=configs/gamut_mlp.py',
  '--set=codec=seeded',
  '--set=model.waves.waves=16',
  '--set=pictures=none',
)


def wide_gamut(seed: int, shape: tuple[int, int]) -> np.ndarray:
  """Smooth ROMM codes of which a good part lies outside sRGB; 16 bits."""
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
  waves = rng.normal(0, 3, (3, 3))
  angles = waves[:, 0, None, None] * x + waves[:, 1, None, None] * y
  rgb = 0.5 + 0.5 * np.sin(angles * 3 + waves[:, 2, None, None])
  return np.rint(np.moveaxis(rgb, 0, -1) * 65535).astype(np.uint16)


def _coarse(pixels: np.ndarray) -> np.ndarray:
  return np.rint(pixels / 257).astype(np.uint8)


_P3 = profiles.icc_profile('display_p3')
_ON_DEVICES = """
import sys
import jax
jax.config.update('jax_num_cpu_devices', int(sys.argv[1]))
jax.config.update('jax_compilation_cache_dir', sys.argv[2])
from lutjax import config, experiment
from lutjax.commands import fit
settings = config.load('configs/gamut_mlp.py')
fields = ['codec=seeded', 'model.waves.waves=16', 'pictures=none']
settings = config.override(settings, fields)
sources = experiment.Sources(images=[sys.argv[3]])
sys.exit(len(fit.fit(settings, sources, sys.argv[4], group_size=int(sys.argv[5]))))
"""


class GroupsTest(absltest.TestCase):
  def test_groups_hold_so_many_images_and_bytes(self):
    sizes = (5, 5, 5, 90, 5, 200, 5, 5)
    jobs = [
      fleet.Job(str(i), pathlib.Path(str(i)), size, 0) for i, size in enumerate(sizes)
    ]
    groups = task._groups(jobs, 2, 100)
    self.assertEqual(
      [[job.size_bytes for job in group] for group in groups],
      [[5, 5], [5, 90], [5], [200], [5, 5]],
    )


class GamutTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cache = tempfile.TemporaryDirectory()
    cls.addClassCleanup(cache.cleanup)
    cls.cache = cache.name

  def write(self, name, pixels):
    path = self.folder / 'in' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write(path, images.Image(pixels))
    return path

  def start(self, binary, *arguments):
    return subprocess.Popen(
      [sys.executable, '-m', f'launch.{binary}', *arguments],
      cwd=ROOT,
      env={**os.environ, 'LUTJAX_CACHE': str(self.cache)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def launch(self, binary, *arguments):
    process = self.start(binary, *arguments)
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr

  def test_killed_again_and_again_it_ends_as_an_undisturbed_run(self):
    count = 32  # `benchmarks.faults.kills` has more kills, and other systems.
    for i in range(count):
      self.write(f'{i % 3}/{i:02d}.png', wide_gamut(i, (24 + i % 5, 40)))
    source = f'--images={self.folder}/in'
    code, _, stderr = self.launch('fit', *SMALL, source, f'--out={self.folder}/whole')
    self.assertEqual(code, 0, stderr)
    rng = random.Random(0)
    metrics = self.folder / 'killed/metrics.jsonl'
    for kill in range(5):
      process = self.start('fit', *SMALL, source, f'--out={self.folder}/killed')
      while len(_fitted(metrics)) < min(5 * kill + 1, count - 4):
        self.assertIsNone(process.poll(), process.poll() and process.communicate())
        time.sleep(0.002)
      time.sleep(rng.uniform(0, 0.02))
      process.send_signal(signal.SIGKILL)
      process.communicate()
    code, _, stderr = self.launch('fit', *SMALL, source, f'--out={self.folder}/killed')
    self.assertEqual(code, 0, stderr)
    names = _fitted(metrics)
    self.assertLen(names, count)
    self.assertLen(set(names), count)
    for path in (self.folder / 'whole/images').rglob('*.png'):
      again = self.folder / 'killed' / path.relative_to(self.folder / 'whole')
      self.assertEqual(again.read_bytes(), path.read_bytes())
    self.assertLen(list((self.folder / 'killed/images').rglob('*.*')), count)
    self.assertEmpty(list(self.folder.rglob('*lutjax-tmp*')))

  def test_images_come_back_through_every_format(self):
    pixels = wide_gamut(1, (64, 96))
    self.write('plain.png', pixels)
    self.write('clear.tif', np.dstack([pixels, pixels[..., 0]]))
    for form in ('png', 'tiff', 'webp'):
      run, back = self.folder / form, self.folder / f'{form}-back'
      arguments = (f'--images={self.folder}/in', f'--out={run}', f'--set=format={form}')
      code, stdout, stderr = self.launch('fit', *SMALL, *arguments)
      self.assertEqual(code, 0, stderr)
      self.assertIn('payloads of', stdout)
      code, _, stderr = self.launch(
        'apply', '--expand', f'--images={run}/images', f'--out={back}'
      )
      self.assertEqual(code, 0, stderr)
      for stem in ('plain', 'clear'):
        stored = images.read(next((run / 'images').glob(f'{stem}.*'))).pixels
        wide = images.read(next(back.glob(f'{stem}.*')))
        self.assertEqual(wide.pixels.dtype, np.uint16)
        self.assertIn(b'P\0r\0o\0P\0h\0o\0t\0o', wide.icc)
        encoded = images.to_float(wide.pixels[..., :3])
        linear = np.where(encoded < 1 / 32, encoded / 16, encoded**1.8)
        again = recovery.reduce(linear.astype(np.float32))
        np.testing.assert_array_equal(again, stored[..., :3])
        if stem == 'clear':
          alpha = images.from_float(images.to_float(pixels[..., :1]), 8)
          np.testing.assert_array_equal(stored[..., 3:], alpha)

  def test_eight_devices_and_groups_give_what_one_gives(self):
    for i in range(8):
      self.write(f'{i}.png', wide_gamut(i, (24, 40 + i)))
    digests = {}
    for devices, group in ((1, 1), (8, 1), (2, 2)):
      out = self.folder / f'{devices}x{group}'
      arguments = [devices, self.cache, self.folder / 'in', out, group]
      subprocess.run(
        [sys.executable, '-c', _ON_DEVICES, *map(str, arguments)],
        cwd=ROOT,
        check=True,
        capture_output=True,
      )
      paths = sorted((out / 'images').iterdir())
      digests[devices, group] = [path.read_bytes() for path in paths]
      self.assertLen(paths, 8)
    self.assertEqual(digests[1, 1], digests[8, 1])
    # Batched products may round otherwise; what is stored is still as good.
    same = sum(a == b for a, b in zip(digests[1, 1], digests[2, 2]))
    sizes = [[len(content) for content in digests[key]] for key in digests]
    self.assertLess(np.ptp(np.sum(sizes, axis=1)), 200, f'{same} of 8 are equal')

  def test_a_broken_image_is_named_and_the_rest_go_on(self):
    self.write('good.png', wide_gamut(2, (32, 32)))
    bad = self.write('bad.png', wide_gamut(3, (32, 32)))
    bad.write_bytes(bad.read_bytes()[:-2000])
    self.write('flat.png', np.full((32, 32, 3), 20000, np.uint16))
    self.write('eight.png', np.zeros((8, 8, 3), np.uint8))
    phone = images.Image(_coarse(wide_gamut(2, (32, 32))), _P3)
    images.write(self.folder / 'in/phone.jpg', phone)
    nan = np.full((8, 8, 3), np.nan, np.float32)
    tifffile.imwrite(self.folder / 'in/nan.tif', nan, photometric='rgb')
    tifffile.imwrite(self.folder / 'in/grey.tif', np.zeros((8, 8), np.uint16))
    self.write('twice.tif', wide_gamut(4, (32, 32)))
    self.write('twice.png', wide_gamut(4, (32, 32)))
    run = self.folder / 'run'
    code, stdout, stderr = self.launch(
      'fit', *SMALL, f'--images={self.folder}/in', f'--out={run}'
    )
    self.assertEqual(code, 1, stderr)
    self.assertIn('8-bit sources: 1; their own rounding, half a code at most', stdout)
    self.assertIn('bad.png: found 3888 bytes of PNG chunk', stderr)
    self.assertIn('eight.png: found 8-bit pixels', stderr)
    self.assertIn('nan.tif: found nan at row 0', stderr)
    self.assertIn('grey.tif: ', stderr)
    self.assertIn('gives the same output', stderr)
    self.assertNotIn('Traceback', stderr)
    blob = carriers.extract((run / 'images/flat.png').read_bytes())
    self.assertLen(blob, payload.HEADER_BYTES)
    code, stdout, stderr = self.launch(
      'export', '--info', f'--model={run}/images/good.png'
    )
    self.assertIn('codec seeded', stdout, stderr)
    code, stdout, stderr = self.launch(
      'evaluate', f'--model={run}', f'--images={self.folder}/in'
    )
    self.assertIn('PSNR of mean RMSE', stdout, stderr)
    self.assertIn('8-bit sources: 1; ', stdout)
    self.assertIn('| phone | seeded |', stdout)

  def test_a_file_that_was_changed_falls_back_or_is_refused(self):
    self.write('one.png', wide_gamut(5, (40, 40)))
    run = self.folder / 'run'
    code, _, stderr = self.launch(
      'fit', *SMALL, '--set=pictures=all', f'--images={self.folder}/in', f'--out={run}'
    )
    self.assertEqual(code, 0, stderr)
    self.assertTrue((run / 'report/one.png').is_file())
    path = run / 'images/one.png'
    stored = images.read(path)
    blob = carriers.extract(path.read_bytes())
    changed = self.folder / 'changed'
    changed.mkdir()

    def edited(name, pixels, blob):
      content = images.encode(images.Image(pixels), 'PNG')
      content = carriers.embed(content, blob) if blob else content
      (changed / f'{name}.png').write_bytes(content)

    edited('darker', stored.pixels // 2, blob)
    edited('cropped', stored.pixels[:30], blob)
    edited('bare', stored.pixels, b'')
    edited('flipped', stored.pixels, blob[:60] + bytes([blob[60] ^ 1]) + blob[61:])
    texts = {
      'darker': 'edited or encoded again',
      'cropped': 'resized or cropped',
      'bare': 'carries no payload',
      'flipped': 'damaged',
    }
    code, stdout, stderr = self.launch(
      'apply', '--expand', f'--images={changed}', f'--out={self.folder}/warned'
    )
    self.assertEqual(code, 0, stderr)
    for text in texts.values():
      self.assertIn(text, stdout)
    code, _, stderr = self.launch(
      'apply',
      '--expand',
      f'--images={changed}',
      f'--out={self.folder}/refused',
      '--on_mismatch=refuse',
    )
    self.assertEqual(code, 1)
    self.assertEqual(stderr.count('damaged'), 1)
    self.assertEmpty(list((self.folder / 'refused').rglob('*.*')))


def _fitted(metrics):
  if not metrics.exists():
    return []
  lines = metrics.read_bytes().split(b'\n')[:-1]
  events = [json.loads(line) for line in lines]
  return [event['name'] for event in events if event['event'] == 'model']


if __name__ == '__main__':
  absltest.main()
