import pathlib
import resource

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.fit import checkpoint, loop
from lutjax.types import Variables


def _state(step, size=2_000):
  # Noise, which does not shrink when it is compressed.
  noise = np.random.default_rng(step).normal(size=(2, size)).astype(np.float32)
  steps = np.full(2, step, np.int32)
  return loop.State(Variables(noise), (), steps, jax.random.split(_KEY, 2), noise[:, 0])


_KEY = jax.random.key(1)


def _largest(folder):
  return max((p for p in folder.rglob('*') if p.is_file()), key=_size)


def _size(path):
  return path.stat().st_size


def _flip(folder):
  path = _largest(folder)
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def _cut(folder):
  path = folder / 'default/manifest.ocdbt'
  path.write_bytes(path.read_bytes()[:20])


def _remove(folder):
  (folder / 'default/_METADATA').unlink()


class CheckpointTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path) / 'block'
    self.lines = []

  def save(self, *states):
    with checkpoint.manager(self.folder) as opened:
      for state in states:
        checkpoint.save(opened, state)

  def restore(self, **options):
    with checkpoint.manager(self.folder) as opened:
      return checkpoint.restore(opened, _state(0), self.lines.append, **options)

  @parameterized.parameters(_flip, _cut, _remove)
  def test_damage_is_an_error_unless_the_one_before_is_asked_for(self, damage):
    self.save(_state(5), _state(6))
    damage(self.folder / '6')
    line = 'block: checkpoint 6 cannot be read: .*; --fallback removes it and'
    with self.assertRaisesRegex(errors.InputError, line):
      self.restore()
    self.assertEmpty(self.lines)
    restored = self.restore(fallback=True)
    np.testing.assert_array_equal(restored.variables.params, _state(5).variables.params)
    self.assertLen(self.lines, 1)
    # What follows saves the step again.
    self.save(_state(6))
    self.assertEqual(self.restore().step.tolist(), [6, 6])

  def test_where_none_is_left_it_is_said(self):
    self.save(_state(5))
    _flip(self.folder / '5')
    self.assertIsNone(self.restore(fallback=True))
    self.assertRegex(self.lines[0], 'numbers are not those that were saved')
    self.assertRegex(self.lines[1], 'no other checkpoint is left; .* start anew')
    self.assertIsNone(self.restore())

  def test_a_full_disk_is_one_line_and_what_was_saved_stays(self):
    self.save(_state(5))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
      line = r'block: checkpoint 6: cannot be written: File too large$'
      with self.assertRaisesRegex(errors.DiskFullError, line):
        self.save(_state(6, 20_000))
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    self.assertEqual([path.name for path in self.folder.iterdir()], ['5'])
    self.assertEqual(self.restore().step.tolist(), [5, 5])
    self.save(_state(6))


if __name__ == '__main__':
  absltest.main()
