import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from absl.testing import absltest

from lutjax.lut import cube, lattice

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TINY = (
  '--config=configs/nilut.py',
  '--set=widths=8',
  '--set=activations=relu',
  '--set=steps=120',
  '--set=segment_steps=10',
  '--set=checkpoint_seconds=0',
  '--set=pictures=none',
  '--set=nodes=5',
)


class FitTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    for gamma in (0.7, 0.9, 1.2):
      lut = lattice.from_table(lattice.identity(5) ** gamma)
      path = self.folder / f'luts/gamma {gamma}.cube'
      path.parent.mkdir(exist_ok=True)
      path.write_bytes(cube.render(lut))

  def start(self, *arguments):
    return subprocess.Popen(
      [sys.executable, '-m', 'launch.fit', *arguments],
      cwd=ROOT,
      env={**os.environ, 'LUTJAX_CACHE': str(self.folder / 'cache')},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def fit(self, *arguments):
    process = self.start(*arguments)
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr

  def test_a_killed_fit_ends_as_an_undisturbed_one(self):
    luts = f'--luts={self.folder}/luts'
    code, _, stderr = self.fit(*TINY, luts, f'--out={self.folder}/whole')
    self.assertEqual(code, 0, stderr)
    process = self.start(*TINY, luts, f'--out={self.folder}/killed')
    metrics = self.folder / 'killed/metrics.jsonl'
    while not (metrics.exists() and metrics.read_text().count('segment') >= 3):
      self.assertIsNone(process.poll())
      time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = _segments(metrics)
    self.assertLess(max(before), 120)
    code, _, stderr = self.fit(*TINY, luts, f'--out={self.folder}/killed')
    self.assertEqual(code, 0, stderr)
    # It went on from a checkpoint, and nothing that had one was fitted again.
    after = _segments(metrics)[len(before) :]
    self.assertGreaterEqual(min(after), max(before) - 10)
    for path in (self.folder / 'whole/models').iterdir():
      again = self.folder / 'killed/models' / path.name
      self.assertEqual(again.read_bytes(), path.read_bytes())
    left = list(self.folder.rglob('*lutjax-tmp*'))
    self.assertEmpty(left)

  def test_bad_input_gets_one_line_and_no_traceback(self):
    out = f'--out={self.folder}/run'
    for arguments, code, message in (
      ((out, '--luts=nowhere.cube'), 2, 'nowhere.cube'),
      ((out,), 2, '--luts'),
      ((out, '--luts=x', '--config=configs/nilot.py'), 2, 'did you mean nilut?'),
      ((out, '--luts=x', '--set=stepz=3'), 2, 'did you mean'),
      ((out, '--lutz=x'), 1, 'Did you mean: luts'),
    ):
      got, _, stderr = self.fit(*arguments)
      self.assertEqual(got, code, stderr)
      self.assertIn(message, stderr)
      self.assertNotIn('Traceback', stderr)
    self.assertFalse((self.folder / 'run').exists())


def _segments(path: pathlib.Path) -> list[int]:
  events = [json.loads(line) for line in path.read_text().splitlines()]
  return [event['step'] for event in events if event['event'] == 'segment']


if __name__ == '__main__':
  absltest.main()
