import dataclasses
import errno
import json
import os
import pathlib
import socket
import time
from unittest import mock

import numpy as np
from absl.testing import absltest

from lutjax import errors
from lutjax.fit import runs


@dataclasses.dataclass(frozen=True)
class Config:
  steps: int = 10
  widths: tuple[int, ...] = (8, 8)


class RunsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path) / 'run'
    self.lines = []

  def open(self, config=Config(), inputs=None, **options):
    return runs.open_run(
      self.folder,
      config=config,
      inputs=inputs or {'a.cube': '00'},
      single=False,
      **{'resume': True, 'overwrite': False, 'say': self.lines.append, **options},
    )

  def test_remembers_what_is_done(self):
    run = self.open()
    run.commit('a', b'artefact', {'psnr': 50.0})
    run.close()
    again = self.open()
    self.assertEqual(again.done['a']['psnr'], 50.0)
    again.close()

  def test_a_full_disk_is_one_line(self):
    run = self.open()
    full = OSError(errno.ENOSPC, 'No space left on device')
    line = 'metrics.jsonl: cannot be written: No space left'
    with (
      mock.patch.object(os, 'fsync', side_effect=full),
      self.assertRaisesRegex(errors.InputError, line),
    ):
      run.log('end')
    run.close()

  def test_an_altered_artefact_is_not_done(self):
    run = self.open()
    run.commit('a', b'artefact', {})
    run.commit('gone', b'artefact', {})
    path = run.artefact_path('a')
    # As coarse clocks do not tell what is written at once.
    time.sleep(0.02)
    path.write_bytes(b'artefacT')
    run.artefact_path('gone').unlink()
    run.close()
    again = self.open()
    self.assertEmpty(again.done)
    again.close()
    # One that was only copied is what it was.
    path.write_bytes(b'artefact')
    again = self.open()
    self.assertEqual(list(again.done), ['a'])
    again.close()

  def test_a_hundred_thousand_lines_are_scanned_without_reading_artefacts(self):
    run = self.open()
    with mock.patch.object(os, 'fsync'):
      for i in range(200):
        run.commit(f'a {i % 3}/{i}', b'artefact', {'text': 'x' * 600})
      run.commit('b "c"', b'artefact', {})
    run.close()
    path = self.folder / runs.METRICS
    lines = path.read_bytes().splitlines(keepends=True)
    with open(path, 'ab') as file:
      # A part of the names exists: the others cost a line and no more.
      for k in range(1, 500):
        file.writelines(line.replace(b'/', b'/%d' % k, 1) for line in lines[:-1])
    with mock.patch.object(pathlib.Path, 'read_bytes', side_effect=AssertionError):
      began = time.process_time()
      again = runs.Run(self.folder, None, runs._own_name)
      seconds = time.process_time() - began
    self.assertLen(again.done, 201)
    self.assertIn('b "c"', again.done)
    self.assertEqual(again.done['a 2/2']['text'], 'x' * 600)
    self.assertTrue(again.done.mention('a 2/2', {'text': 'x' * 600}))
    # A fifth of a second of an idle core; others may have the caches.
    self.assertLess(seconds, 2.0)

  def test_names_what_differs(self):
    self.open().close()
    with self.assertRaisesRegex(errors.InputError, 'config.steps: 10, now 20'):
      self.open(Config(steps=20))
    with self.assertRaisesRegex(errors.InputError, 'inputs.a.cube: 00, now 11'):
      self.open(inputs={'a.cube': '11'})
    with self.assertRaisesRegex(errors.InputError, '--overwrite starts anew'):
      self.open(resume=False)

  def test_overwrite_removes_only_what_a_run_writes(self):
    run = self.open()
    run.commit('a', b'artefact', {})
    run.close()
    (self.folder / 'notes.txt').write_text('mine')
    (self.folder / 'progress').mkdir()
    (self.folder / 'progress/step-000010.png').write_bytes(b'strip')
    again = self.open(Config(steps=20), overwrite=True)
    self.assertEmpty(again.done)
    again.close()
    self.assertEqual(
      sorted(p.name for p in self.folder.iterdir()), ['notes.txt', 'run.json']
    )

  def test_segments_are_told_once_and_in_order(self):
    run = self.open()
    for step, loss in ((10, 0.5), (20, 0.4), (30, None), (20, 0.3)):
      run.log('segment', step=step, loss=loss)
    run.log('end')
    run.close()
    segments = runs.read_segments(self.folder)
    self.assertEqual([segment['step'] for segment in segments], [10, 20, 30])
    points = runs.points(segments, 'loss')
    self.assertEqual(points[:2], [(10, 0.5), (20, 0.3)])
    self.assertTrue(np.isnan(points[2][1]))
    self.assertTrue(np.isnan(runs.points(segments, 'other')).any())

  def test_a_second_writer_is_refused(self):
    stale = self.folder / runs.OWNER
    self.folder.mkdir()
    stale.write_text('{"pid": 1, "host": "elsewhere"}')
    run = self.open()
    owner = f'writing there: process {os.getpid()} on {socket.gethostname()}$'
    with self.assertRaisesRegex(errors.InputError, owner):
      self.open()
    stale.write_text('half')
    with self.assertRaisesRegex(errors.InputError, 'writing there: it has not said'):
      self.open()
    run.close()
    self.assertFalse(stale.exists())
    self.open().close()

  def test_a_damaged_record_gets_one_line(self):
    self.open().close()
    for name, content in ((runs.RECORD, '[]'), (runs.METRICS, '{"event": "model"}\n')):
      path = self.folder / name
      before = path.read_text() if path.exists() else ''
      path.write_text(content)
      with self.assertRaisesRegex(errors.InputError, f'{name}: .*found'):
        self.open()
      path.write_text(before)

  def test_a_removal_cut_short_is_still_the_old_run(self):
    run = self.open()
    run.commit('a', b'artefact', {})
    run.close()
    killed = mock.patch.object(runs.shutil, 'rmtree', side_effect=KeyboardInterrupt)
    with killed, self.assertRaises(KeyboardInterrupt):
      self.open(Config(steps=20), overwrite=True)
    with self.assertRaisesRegex(errors.InputError, 'config.steps: 10, now 20'):
      self.open(Config(steps=20))

  def test_a_line_cut_short_is_dropped(self):
    run = self.open()
    run.commit('a', b'artefact', {})
    run.close()
    path = self.folder / runs.METRICS
    path.write_bytes(path.read_bytes() + b'{"event": "model", "na')
    again = self.open()
    again.commit('b', b'artefact', {})
    again.close()
    self.assertLen(self.lines, 1)
    names = [json.loads(line)['name'] for line in path.read_text().splitlines()]
    self.assertEqual(names, ['a', 'b'])


if __name__ == '__main__':
  absltest.main()
