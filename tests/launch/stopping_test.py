import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax.lut import cube, lattice

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
_ENDS = {
  signal.SIGTERM: (143, 'lutjax: terminated; what was finished is kept\n'),
  signal.SIGINT: (130, 'lutjax: interrupted; what was finished is kept\n'),
}
# The main thread waits where nothing interrupts it, another works on, something is
# not printed yet, and a file is half written.
_BUSY = """
import pathlib, sys, threading, time
from launch import stopping
stopping.watch()
from lutjax import files
threading.Thread(target=time.sleep, args=(600,)).start()
with files.replacing(sys.argv[1]) as temporary:
  temporary.write_bytes(b'half')
  held = threading.Lock()
  held.acquire()
  sys.stdout.write('printed before')
  pathlib.Path(sys.argv[1] + '.ready').touch()
  held.acquire()
"""


# A command that was asked to save first, and hangs.
_DEFERRED = """
import pathlib, signal, sys, threading
from launch import stopping
stopping._PATIENCE_SECONDS = float(sys.argv[2])
stopping.watch()
event = stopping.defer()
pathlib.Path(sys.argv[1] + '.ready').touch()
event.wait()
pathlib.Path(sys.argv[1] + '.asked').touch()
threading.Event().wait()
"""
_ASKED = 'lutjax: terminated; what is at hand is finished and saved first\n'


# A shell may ignore signals of what it starts in the background, and children inherit
# that. `preexec_fn` would fork, which JAX warns of.
_HEEDING = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
  signal.signal(number, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class StoppingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lut = self.folder / 'a.cube'
    self.lut.write_bytes(cube.render(lattice.from_table(lattice.identity(5) ** 0.8)))

  def start(self, *arguments):
    return subprocess.Popen(
      [sys.executable, '-c', _HEEDING, *arguments],
      cwd=ROOT,
      env={**os.environ, 'LUTJAX_CACHE': os.environ['LUTJAX_TEST_CACHE']},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def stop(self, process, number, ready):
    """Sends a signal once something is ready, and checks how the command ends."""
    while not ready():
      self.assertIsNone(process.poll(), 'it has ended before')
      time.sleep(0.005)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    *before, last = stderr.splitlines(keepends=True)
    self.assertEqual((process.returncode, last), _ENDS[number])
    for line in before:
      self.assertRegex(line, '^.* in [0-9:]+.*$')  # How far it was.
    self.assertEmpty(list(self.folder.rglob('*lutjax-tmp*')))
    return stdout

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_nothing_delays_the_end_and_nothing_is_half_written(self, number):
    path = self.folder / 'out.bin'
    process = self.start('-c', _BUSY, str(path))
    stdout = self.stop(process, number, (self.folder / 'out.bin.ready').exists)
    self.assertEqual(stdout, 'printed before')
    self.assertFalse(path.exists())

  @parameterized.parameters(
    ('fit', signal.SIGTERM), ('fit', signal.SIGINT), ('evaluate', signal.SIGINT),
    ('export', signal.SIGTERM), ('apply', signal.SIGINT),
  )  # fmt: skip
  def test_a_command_that_still_loads(self, command, number):
    process = self.start('-m', f'launch.{command}', f'--out={self.folder}/out')
    maps = pathlib.Path(f'/proc/{process.pid}/maps')
    self.stop(process, number, lambda: 'numpy' in maps.read_text())
    self.assertFalse((self.folder / 'out').exists())

  @parameterized.parameters(
    (signal.SIGTERM, signal.SIGTERM, 600), (signal.SIGTERM, signal.SIGINT, 600),
    (signal.SIGINT, None, 600), (signal.SIGTERM, None, 0.2),
  )  # fmt: skip
  def test_a_second_signal_ctrl_c_and_the_time_limit_end_at_once(
    self, first, second, patience
  ):
    path = self.folder / 'hangs'
    process = self.start('-c', _DEFERRED, str(path), str(patience))
    _wait_for((self.folder / 'hangs.ready').exists)
    process.send_signal(first)
    if second is not None:
      _wait_for((self.folder / 'hangs.asked').exists)
      process.send_signal(second)
    _, stderr = process.communicate(timeout=60)
    code, line = _ENDS[second or first]
    before = _ASKED if first == signal.SIGTERM else ''
    self.assertEqual((process.returncode, stderr), (code, before + line))

  def test_a_fit_saves_first(self):
    run = self.folder / 'run'
    sets = ('widths=8', 'activations=relu', 'segment_steps=20', 'pictures=none')
    # Checkpoints are 15 s apart: the one found is that of the signal.
    sets = ('steps=100000', 'nodes=5', *sets)
    process = self.start(
      *('-m', 'launch.fit', '--config=nilut', f'--luts={self.lut}', f'--out={run}'),
      *(f'--set={assignment}' for assignment in sets),
    )
    metrics = run / 'metrics.jsonl'
    _wait_for(lambda: metrics.exists() and 'segment' in metrics.read_text(), process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    step = _steps(metrics)[-1]
    self.assertBetween(step, 20, 99980)
    self.assertEqual(process.returncode, 143)
    self.assertTrue(
      stderr.endswith(
        f'lutjax: terminated; step {step} of 100000 is saved; the same command goes on '
        'from there\n'
      ),
      stderr,
    )
    self.assertIn(_ASKED, stderr)
    self.assertFalse((run / 'model.lutjax').exists())
    self.assertFalse((run / 'owner.json').exists())
    (saved,) = (run / 'checkpoints').glob(f'*/{step}')
    self.assertTrue(saved.is_dir())

  def test_pictures_that_are_written_are_whole(self):
    photo = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    (self.folder / 'photos').mkdir()
    for i in range(60):
      PIL.Image.fromarray(photo).save(self.folder / f'photos/{i}.png', compress_level=1)
    out = self.folder / 'graded'
    process = self.start(
      *('-m', 'launch.apply', f'--lut={self.lut}', f'--out={out}'),
      f'--images={self.folder}/photos',
    )
    self.stop(process, signal.SIGINT, lambda: len(list(out.glob('?.png'))) >= 1)
    written = list(out.iterdir())
    self.assertBetween(len(written), 1, 59)
    for path in written:
      PIL.Image.open(path).load()

  def test_what_is_ignored_stays_ignored(self):
    code = (
      'import signal, sys, os; signal.signal(signal.SIGINT, signal.SIG_IGN);'
      'from launch import stopping; stopping.watch();'
      'os.kill(os.getpid(), signal.SIGINT); print("alive")'
    )
    stdout, stderr = self.start('-c', code).communicate(timeout=60)
    self.assertEqual((stdout, stderr), ('alive\n', ''))


def _wait_for(ready, process=None):
  while not ready():
    assert process is None or process.poll() is None, 'it has ended before'
    time.sleep(0.005)


def _steps(metrics):
  events = [json.loads(line) for line in metrics.read_text().splitlines()]
  return [event['step'] for event in events if event['event'] == 'segment']


if __name__ == '__main__':
  absltest.main()
