"""A fit by two processes on one machine, as by several hosts."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.lut import cube, lattice
from tests.launch import in_process

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
_SECONDS = 60  # For an end that was made.
_QUICK = (
  *('segment_steps=10', 'checkpoint_seconds=0', 'pictures=none', 'nodes=5'),
  *('random_colours=64', 'photo_colours=64'),
)
_FLEET = ('widths=8', 'activations=relu', 'steps=120', *_QUICK)
_TRAINING = (
  *('widths=(8,)', 'blocks=1', 'conditioned=(1,)', 'gains=()', 'activation=tanh'),
  *('turned=false', 'loss=l1', 'precision=fp32', 'mended=false', 'balance=0'),
  *('batch_size=64', 'warmup_steps=0', 'steps=80', *_QUICK),
)


class FitHostsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.luts = self.folder / 'luts'
    self.luts.mkdir()
    for gamma in (0.7, 0.9, 1.2):
      lut = lattice.from_table(lattice.identity(5) ** gamma)
      (self.luts / f'{gamma}.cube').write_bytes(cube.render(lut))

  def start(self, config, sets, out, *flags, number=2):
    """Starts the processes of one run, of two devices each."""
    with socket.create_server(('127.0.0.1', 0)) as server:
      port = server.getsockname()[1]
    return [
      subprocess.Popen(
        [
          *(sys.executable, '-m', 'launch.fit', f'--config={config}', f'--out={out}'),
          *(f'--luts={self.luts}', f'--coordinator=127.0.0.1:{port}'),
          *('--num_processes=2', f'--process_id={i}', '--peer_seconds=5', *flags),
          *(f'--set={assignment}' for assignment in sets),
        ],
        cwd=ROOT,
        env={
          **os.environ,
          'JAX_NUM_CPU_DEVICES': '2',
          'LUTJAX_CACHE': os.environ['LUTJAX_TEST_CACHE'],
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
      )
      for i in range(number)
    ]

  def kill_one(self, processes, victim, out):
    """Kills one process in the middle; returns how far the fit was."""
    metrics = out / 'metrics.jsonl'
    while not (metrics.exists() and len(_segments(metrics)) >= 2):
      self.assertIsNone(processes[victim].poll(), 'it has ended before')
      time.sleep(0.005)
    processes[victim].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    left = processes[1 - victim]
    _, stderr = left.communicate(timeout=_SECONDS)
    self.assertLess(time.monotonic() - killed, 20)
    self.assertEqual(left.returncode, 1, stderr)
    processes[victim].communicate()
    *before, last = stderr.splitlines()
    self.assertRegex(
      last,
      '^lutjax: another process of this run has ended, and so does this one; .* go on '
      f'from the last checkpoint; see .*/processes/{1 - victim}.log$',
    )
    for line in before:
      self.assertRegex(line, '^.* in [0-9:]+.*$')  # How far it was.
    return max(_segments(metrics))

  def in_process(self, config, sets, out):
    problems, printed = in_process.run(
      'fit', config=config, luts=self.luts, out=out, set=list(sets)
    )
    self.assertEmpty(problems)
    return printed

  def test_a_training_that_lost_a_process_ends_as_an_undisturbed_one(self):
    out = self.folder / 'run'
    reached = self.kill_one(self.start('lutflow', _TRAINING, out), 1, out)
    self.assertLess(reached, 80)
    before = len(_segments(out / 'metrics.jsonl'))
    processes = self.start('lutflow', _TRAINING, out)
    ends = [process.communicate(timeout=300) for process in processes]
    self.assertEqual([process.returncode for process in processes], [0, 0], ends)
    self.assertIn('on 4 device(s) of 2 processes, sharing each batch', ends[0][0])
    self.assertEqual(ends[1], ('', ''))
    again = _segments(out / 'metrics.jsonl')[before:]
    self.assertGreaterEqual(min(again), reached - 10)
    self.assertEqual(again[-1], 80)
    self.in_process('lutflow', _TRAINING, self.folder / 'alone')
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5),
      _variables(out / 'model.lutjax'),
      _variables(self.folder / 'alone/model.lutjax'),
    )

  def test_a_fleet_that_lost_process_0_is_finished_by_one_process(self):
    out = self.folder / 'run'
    reached = self.kill_one(self.start('nilut', _FLEET, out), 0, out)
    self.assertLess(reached, 120)
    before = len(_segments(out / 'metrics.jsonl'))
    self.in_process('nilut', _FLEET, out)
    again = _segments(out / 'metrics.jsonl')[before:]
    self.assertGreaterEqual(min(again), reached - 10)
    alone = self.folder / 'alone'
    self.in_process('nilut', _FLEET, alone)
    names = sorted(path.name for path in (alone / 'models').iterdir())
    self.assertLen(names, 3)
    for name in names:
      got, want = (run / 'models' / name for run in (out, alone))
      self.assertEqual(got.read_bytes(), want.read_bytes(), name)

  def test_a_process_whose_peers_do_not_come_ends_with_one_line(self):
    (process,) = self.start(
      'nilut', _FLEET, self.folder / 'run', '--start_seconds=2', number=1
    )
    stdout, stderr = process.communicate(timeout=_SECONDS)
    self.assertEqual((process.returncode, stdout), (1, ''))
    self.assertRegex(
      stderr, '^lutjax: --coordinator=.*: the processes did not find each other .*\n$'
    )

  @parameterized.parameters(
    ({'num_processes': 2}, '--num_processes: nothing to do with a fit without'),
    ({'peer_seconds': 9}, '--peer_seconds: nothing to do with a fit without'),
    (
      {'coordinator': 'auto', 'process_id': 1},
      '--process_id: nothing to do with --coordinator=auto',
    ),
    ({'coordinator': 'head'}, "--coordinator: found 'head', expected HOST:PORT"),
    ({'coordinator': 'head:1', 'num_processes': 2}, 'expected .* and --process_id'),
    (
      {'coordinator': 'head:1', 'num_processes': 2, 'process_id': 2},
      '--process_id: found 2, expected a number below --num_processes=2',
    ),
    (
      {'coordinator': 'auto', 'config': 'lutflow_add'},
      '--coordinator: nothing to do with --config=lutflow_add',
    ),
  )
  def test_refuses_flags_that_do_not_fit(self, given, message):
    out = self.folder / 'run'
    with self.assertRaisesRegex(errors.InputError, message):
      in_process.run(
        'fit', **{'config': 'nilut', 'luts': self.luts, 'out': out, **given}
      )
    self.assertFalse(out.exists())


def _segments(metrics):
  lines = re.findall(r'^{"event": "segment".*}$', metrics.read_text(), re.M)
  return [json.loads(line)['step'] for line in lines]


def _variables(path):
  return systems.load(path.read_bytes(), str(path)).variables


if __name__ == '__main__':
  absltest.main()
