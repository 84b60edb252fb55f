import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import PIL.Image
from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from launch import binary, fit
from lutjax import config as configs
from lutjax import errors, experiment, systems
from lutjax.commands import fit as command
from lutjax.data import synthetic
from lutjax.looks import pairs
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

# A model that is quick to compile, registered for a test alone.
_WITH_GAIN = (
  '-c',
  'from lutjax import systems\n'
  "systems._TABLE['gain'] = 'tests.restoration.gain'\n"
  'from launch import fit\n'
  'fit.run()\n',
)
_GAIN_CONFIG = """
from lutjax import experiment
from lutjax.fit import loop
from lutjax.restoration import task
from tests.restoration import gain

def get_config():
  return experiment.Experiment(
    model=gain.Config(gain=0.9),
    task=task.Config(patch=12),
    fit=loop.Config(
      steps=200, batch_size=4, segment_steps=10, checkpoint_seconds=0.0
    ),
    pictures='none',
  )
"""


class FitTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    for gamma in (0.7, 0.9, 1.2):
      lut = lattice.from_table(lattice.identity(5) ** gamma)
      path = self.folder / f'luts/gamma {gamma}.cube'
      path.parent.mkdir(exist_ok=True)
      path.write_bytes(cube.render(lut))

  def start(self, *arguments, program=('-m', 'launch.fit')):
    return subprocess.Popen(
      [sys.executable, *program, *arguments],
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

  def test_a_killed_training_on_pictures_ends_with_the_same_model(self):
    (self.folder / 'in').mkdir()
    for i in range(8):
      photo = np.rint(255 * synthetic.photo(i, 64, 80)).astype(np.uint8)
      PIL.Image.fromarray(photo).save(self.folder / f'in/{i}.png')
    config = self.folder / 'gain.py'
    config.write_text(_GAIN_CONFIG)
    given = (f'--config={config}', f'--images={self.folder}/in')
    given = (*given, f'--out={self.folder}/killed')
    killed = self.start(*given, program=_WITH_GAIN)
    metrics = self.folder / 'killed/metrics.jsonl'
    while not (metrics.exists() and metrics.read_text().count('segment') >= 3):
      self.assertIsNone(killed.poll())
      time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = _segments(metrics)
    self.assertLess(max(before), 200)
    again = self.start(*given, program=_WITH_GAIN)
    self.train_whole(config)
    _, stderr = again.communicate(timeout=300)
    self.assertEqual(again.returncode, 0, stderr)
    after = _segments(metrics)[len(before) :]
    self.assertGreaterEqual(min(after), max(before) - 10)
    got, want = (
      (self.folder / name / 'model.lutjax').read_bytes() for name in ('killed', 'whole')
    )
    self.assertEqual(got, want)

  def train_whole(self, config):
    table = {**systems._TABLE, 'gain': 'tests.restoration.gain'}
    sources = experiment.Sources(images=[f'{self.folder}/in'])
    systems.entries.cache_clear()
    self.addCleanup(systems.entries.cache_clear)
    with mock.patch.object(systems, '_TABLE', table):
      command.fit(configs.load(config), sources, self.folder / 'whole', say=_quiet)

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


class FlagsTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    flags.FLAGS.mark_as_parsed()

  @parameterized.parameters(
    ('nilut', {'luts': 'a', 'images': 'b'}, '--images: .* --config=nilut'),
    ('siren', {'luts': 'a', 'images': 'b'}, '--images: .* --config=siren'),
    ('cnilut', {'luts': 'a', 'images': 'b'}, '--images: .* --config=cnilut'),
    ('dct', {'luts': 'a', 'images': 'b'}, '--images: .* --config=dct'),
    ('dct', {'luts': 'a', 'seed': '1'}, '--seed: .* --config=dct'),
    ('dct', {'luts': 'a', 'precision': 'int8'}, '--precision: no such field'),
    ('lutflow', {'luts': 'a', 'images': 'b'}, '--images: .* colours=uniform'),
    ('lutflow_add', {'luts': 'a', 'images': 'b'}, '--images: .* --config=lutflow_add'),
    ('lutflow_add', {'luts': 'a', 'seed': '1'}, '--seed: .* --config=lutflow_add'),
    ('lutflow_add', {'group_size': '1'}, '--group_size: .* --config=lutflow_add'),
    ('nilut', {'pairs': 'a', 'luts': 'b'}, '--luts: .* --pairs'),
    ('nilut', {'pairs': 'a', 'images': 'b'}, '--images: .* --pairs'),
    ('nilut', {'pairs': 'a', 'strict': 'true'}, '--strict: .* a fit without --luts'),
    ('gamut_mlp', {'images': 'a', 'luts': 'b'}, '--luts: .* --config=gamut_mlp'),
    ('gamut_mlp', {'images': 'a', 'strict': 'true'}, '--strict: .* a fit without'),
    (
      'gamut_mlp',
      {'images': 'a', 'allow_nonfinite': 'true'},
      '--allow_nonfinite: .* a fit without --luts',
    ),
    ('gamut_mlp', {'images': 'a', 'pairs': 'b'}, '--pairs: found a config for gamut'),
    ('tinylut_sr', {'images': 'a', 'luts': 'b'}, '--luts: .* --config=tinylut_sr'),
    (
      'tinylut_denoise',
      {'images': 'a', 'strict': 'true'},
      '--strict: .* a fit without',
    ),
    ('tinylut_paper', {'images': 'a', 'group_size': '2'}, '--group_size: .* tinylut_p'),
    ('tinylut_deblock', {'images': 'a', 'pairs': 'b'}, '--pairs: found a config for'),
    ('gamut_meta', {'images': 'a', 'luts': 'b'}, '--luts: .* --config=gamut_meta'),
    ('gamut_meta', {'images': 'a', 'group_size': '2'}, '--group_size: .* gamut_meta'),
  )
  def test_refuses_what_it_would_ignore(self, config, given, message):
    message = '^' + message.replace(': .* ', ': nothing to do with .*')
    with (
      flagsaver.as_parsed(out='o', config=config, **given),
      self.assertRaisesRegex(errors.InputError, message),
    ):
      fit.main()

  @parameterized.parameters(('nilut', 'settings=1'), ('cnilut', 'settings=2'))
  def test_refuses_settings_that_no_task_draws(self, config, assignment):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'a.cube').write_bytes(
      cube.render(lattice.from_table(lattice.identity(2)))
    )
    out = folder / 'run'
    flagged = flagsaver.as_parsed(
      config=config, luts=str(folder), out=str(out), set=[assignment]
    )
    with (
      flagged,
      self.assertRaisesRegex(errors.InputError, f'^nilut: found {assignment}'),
    ):
      fit.main()
    self.assertFalse(out.exists())

  @parameterized.parameters(
    ('nilut', 'learning_rate=-1', 'learning_rate'),
    ('nilut', 'learning_rate=0', 'learning_rate'),
    ('nilut', 'steps=0', 'steps'),
    ('nilut', 'batch_size=0', 'batch_size'),
    ('nilut', 'segment_steps=0', 'segment_steps'),
    ('nilut', 'checkpoint_seconds=-1', 'checkpoint_seconds'),
    ('nilut', 'warmup_steps=-1', 'warmup_steps'),
    ('nilut', 'beta2=1.0', 'beta2'),
    ('nilut', 'widths=(0,64)', 'widths'),
    ('nilut', 'widths=-8', 'one activation'),
    ('nilut', 'features=0', 'features'),
    ('nilut', 'spread=-1', 'spread'),
    ('nilut', 'omega=0', 'omega'),
    ('nilut', 'overshoot=-0.1', 'overshoot'),
    ('nilut', 'nodes=1', 'nodes'),
    ('nilut', 'random_colours=0', 'random_colours'),
    ('nilut', 'seed=-1', 'seed'),
    ('nilut_gauss_newton', 'damping=-1', 'damping'),
    ('nilut_gauss_newton', 'momentum=1.5', 'momentum'),
    ('cnilut', 'blend_points=-1', 'blend_points'),
    ('dct', 'size_bytes=-1', 'size_bytes'),
    ('dct', 'model.step=0', 'step'),
    ('grid', 'size=1', 'nodes'),
    ('grid', 'bits=9', 'bits'),
    ('lutflow', 'share=0', 'share'),
    ('lutflow', 'patience=0', 'patience'),
    ('lutflow', 'budget_bytes=-1', 'budget_bytes'),
    ('lutflow', 'model.target_cie76=-1', 'target_cie76'),
    ('lutflow', 'pool=0', 'pool'),
    ('lutflow', 'balance=-1', 'balance'),
    ('lutflow', 'blocks=0', 'block'),
    ('lutflow', 'widths=(0,)', 'widths'),
    ('lutflow_add', 'task.target_cie76=0', 'target_cie76'),
    ('gamut_mlp', 'quality=0', 'quality'),
    ('gamut_mlp', 'workers=0', 'workers'),
    ('gamut_mlp', 'budget_bytes=-1', 'budget'),
    ('gamut_mlp', 'width=0', 'width'),
    ('gamut_mlp', 'octaves=-1', 'octaves'),
    ('gamut_mlp', 'ridge=-1', 'ridge'),
    ('gamut_mlp', 'model.waves.waves=0', 'waves'),
    ('tinylut_sr', 'strength=5', 'strength'),
    ('tinylut_denoise', 'strength=0', 'strength'),
    ('tinylut_deblock', 'patch=0', 'patch'),
    ('tinylut_paper', 'validation_share=1.0', 'validation_share'),
    ('gamut_meta', 'min_og=2', 'min_og'),
    ('gamut_meta', 'test_share=1.5', 'test_share'),
    ('gamut_meta', 'outer_rate=0', 'outer_rate'),
    ('gamut_meta', 'inner_rate=-1', 'inner_rate'),
  )
  def test_refuses_impossible_values(self, name, assignment, word):
    task = configs.load(name, [binary.CONFIGS])
    with self.assertRaisesRegex(errors.InputError, f'^--set=.*: Expected .*{word}'):
      configs.override(task, [assignment])

  @parameterized.parameters(
    'drawn=some', 'colours=0', 'spread=2', 'cells=0', 'scored=0'
  )
  def test_refuses_impossible_values_of_pairs(self, assignment):
    with self.assertRaisesRegex(errors.InputError, '^--set=.*[Ee]xpected'):
      configs.override(pairs.Config(), [assignment])


def _quiet(line):
  del line


def _segments(path: pathlib.Path) -> list[int]:
  events = [json.loads(line) for line in path.read_text().splitlines()]
  return [event['step'] for event in events if event['event'] == 'segment']


if __name__ == '__main__':
  absltest.main()
