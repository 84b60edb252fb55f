"""What machines do to fits: full disks, clocks set back, files that are odd."""

import contextlib
import json
import os
import pathlib
import resource
import struct
import tempfile
import time
import zlib
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest

from launch import stopping
from lutjax import errors
from lutjax.data import images
from lutjax.fit import runs as runs_lib
from lutjax.lut import cube, lattice
from lutjax.systems.gamut_mlp import programs
from tests.launch import in_process

_NILUT = (
  *('widths=8', 'activations=relu', 'steps=120', 'segment_steps=10', 'pictures=none'),
  *('nodes=5', 'random_colours=64', 'photo_colours=64', 'checkpoint_seconds=0'),
)
_GAMUT = ('codec=seeded', 'model.waves.waves=16', 'pictures=none')


def _wide_gamut(seed):
  """Smooth ROMM codes of which a good part lies outside sRGB; 16 bits."""
  y, x = np.mgrid[:24, :40] / 40
  waves = np.random.default_rng(seed).normal(0, 3, (3, 3))
  angles = waves[:, 0, None, None] * x + waves[:, 1, None, None] * y
  rgb = 0.5 + 0.5 * np.sin(angles * 3 + waves[:, 2, None, None])
  return np.rint(np.moveaxis(rgb, 0, -1) * 65535).astype(np.uint16)


@contextlib.contextmanager
def _files_of_at_most(size):
  """Refuses longer files, as a full disk does."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class _Asked:
  """An event that is set once it has been looked at some times."""

  def __init__(self, times):
    self._left = times

  def is_set(self):
    self._left -= 1
    return self._left < 0


class NilutTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    temporary = tempfile.TemporaryDirectory()
    cls.addClassCleanup(temporary.cleanup)
    cls.top = pathlib.Path(temporary.name)
    for gamma in (0.7, 1.2):
      lut = lattice.from_table(lattice.identity(5) ** gamma)
      path = cls.top / f'luts/{gamma}.cube'
      path.parent.mkdir(exist_ok=True)
      path.write_bytes(cube.render(lut))
    cls.fit('whole')

  @classmethod
  def fit(cls, name, **given):
    problems, printed = in_process.run(
      'fit',
      config='nilut', luts=cls.top / 'luts', out=cls.top / name, set=list(_NILUT),
      **given,
    )  # fmt: skip
    assert not problems, problems
    return printed

  def check_equal(self, name):
    for gamma in (0.7, 1.2):
      got, want = (self.top / run / f'models/{gamma}.lutjax' for run in (name, 'whole'))
      self.assertEqual(got.read_bytes(), want.read_bytes())
    self.assertEmpty(list((self.top / name).rglob('*-tmp*')))

  def test_a_full_disk_is_one_line_and_the_fit_goes_on_when_there_is_room(self):
    largest = max(
      path.stat().st_size
      for path in (self.top / 'whole/checkpoints').rglob('*')
      if path.is_file()
    )
    line = 'full/checkpoints/.*: checkpoint 10: cannot be written: File too large$'
    with (
      _files_of_at_most(largest - 1),
      self.assertRaisesRegex(errors.DiskFullError, line),
    ):
      self.fit('full')
    self.fit('full')
    self.check_equal('full')

  def test_a_clock_that_is_set_back_changes_nothing(self):
    clock = iter(range(2_000_000_000, 0, -3600))
    with mock.patch.object(time, 'time', lambda: float(next(clock))):
      self.fit('back')
    self.check_equal('back')

  def test_a_damaged_checkpoint_is_an_error_unless_fallback_is_asked_for(self):
    asked = mock.patch.object(stopping, 'defer', lambda: _Asked(4))
    with asked, self.assertRaisesRegex(errors.Stopped, 'step 40 of 120 is saved'):
      self.fit('damaged')
    (path,) = (self.top / 'damaged/checkpoints').glob('*/40/default/manifest.ocdbt')
    path.write_bytes(path.read_bytes()[:20])
    with self.assertRaisesRegex(errors.InputError, 'checkpoint 40 .*; --fallback rem'):
      self.fit('damaged')
    self.assertIn('checkpoint 40 cannot be read', self.fit('damaged', fallback='true'))
    steps = [e['step'] for e in _events(self.top / 'damaged', 'segment')]
    self.assertEqual(steps[4:6], [40, 50])
    self.check_equal('damaged')


class GamutTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.source = self.folder / 'in'
    self.source.mkdir()

  def write(self, name, seed):
    path = os.fsencode(self.source) + b'/' + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    images.write(self.folder / 'one.png', images.Image(_wide_gamut(seed)))
    os.rename(self.folder / 'one.png', path)
    os.chmod(path, 0o444)

  def fit(self, name='run', **given):
    return in_process.run(
      'fit',
      config='gamut_mlp', images=self.source, out=self.folder / name, set=list(_GAMUT),
      **given,
    )  # fmt: skip

  def test_odd_names_and_broken_images_in_the_middle(self):
    names = [b'caf\xe9', b'n' * 251, b'p/' * 120 + b'q' * 60, 'ü'.encode() * 125, b'z']
    for i, name in enumerate(names):
      self.write(name + b'.png', i)
    whole = (self.source / 'z.png').read_bytes()
    (self.source / 'm cut.png').write_bytes(whole[:-500])
    (self.source / 'm empty.png').write_bytes(b'')
    (self.source / 'm link.png').symlink_to('nowhere')
    head = struct.pack('>IIBBBBB', 100_000, 100_000, 16, 2, 0, 0, 0)
    chunks = ((b'IHDR', head), (b'IDAT', zlib.compress(b'')), (b'IEND', b''))
    bomb = b'\x89PNG\r\n\x1a\n' + b''.join(_chunk(*chunk) for chunk in chunks)
    (self.source / 'm bomb.png').write_bytes(bomb)
    before = {p: p.read_bytes() for p in self.source.rglob('*') if p.is_file()}
    problems, _ = self.fit()
    self.assertLen(problems, 4)
    for word in ('bomb.png: found 100000 x', 'cut.png: ', 'empty.png: ', 'link.png: '):
      self.assertEqual(sum(word in line for line in problems), 1, word)
    for name in names:
      path = os.fsencode(self.folder) + b'/run/images/' + name + b'.png'
      self.assertTrue(os.path.isfile(path), name)
    # The same, again: all that could be done is known to be.
    problems, printed = self.fit()
    self.assertLen(problems, 4)
    self.assertIn('5 of 8 images are done', printed)
    self.assertLen(_events(self.folder / 'run', 'model'), 5)
    for path, content in before.items():
      self.assertEqual(path.read_bytes(), content)

  def test_a_device_out_of_memory_goes_on_with_smaller_groups(self):
    for i in range(3):
      self.write(b'%d.png' % i, i)
    solve = programs.Programs.solve

    def cramped(self, config, in_gamut, samples, devices, group_size):
      if group_size > 1:
        raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory')
      return solve(self, config, in_gamut, samples, devices, group_size)

    with mock.patch.object(programs.Programs, 'solve', cramped):
      problems, printed = self.fit(group_size=3)
    self.assertEmpty(problems)
    self.assertIn('memory for 3 models at a time: going on with 1', printed)
    self.assertLen(_events(self.folder / 'run', 'model'), 3)

  def test_stopped_or_out_of_room_it_keeps_what_is_whole_and_goes_on(self):
    for i in range(12):
      self.write(b'%d.png' % i, i)
    self.fit('whole')
    asked = mock.patch.object(stopping, 'defer', lambda: _Asked(3))
    with asked, self.assertRaisesRegex(errors.Stopped, r'\d of 12 images are done'):
      self.fit()
    stopped = len(_events(self.folder / 'run', 'model'))
    self.assertBetween(stopped, 1, 11)
    room = min(path.stat().st_size for path in self.source.iterdir()) // 4
    metrics = self.folder / 'run/metrics.jsonl'
    line = r'images/\d+.png: cannot be written: File too large$'
    # The lines would fit, the images do not.
    with (
      mock.patch.object(runs_lib.Run, 'log'),
      _files_of_at_most(room),
      self.assertRaisesRegex(errors.DiskFullError, line),
    ):
      self.fit()
    self.assertEqual(len(metrics.read_text().splitlines()), stopped + 1)
    self.assertEqual(self.fit()[0], [])
    for path in (self.folder / 'whole/images').iterdir():
      again = self.folder / 'run/images' / path.name
      self.assertEqual(again.read_bytes(), path.read_bytes())
    self.assertLen(_events(self.folder / 'run', 'model'), 12)
    self.assertEmpty(list(self.folder.rglob('*lutjax-tmp*')))


def _chunk(kind, content):
  check = zlib.crc32(kind + content)
  return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', check)


def _events(folder, kind):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  return [event for event in map(json.loads, lines) if event['event'] == kind]


if __name__ == '__main__':
  absltest.main()
