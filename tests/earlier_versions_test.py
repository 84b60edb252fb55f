"""Run folders and artefacts of version 0.1 still load.

`tests/cases/before_0_2` was written by the code of that version: two looks, x^0.8 and
x^1.3 at 5 nodes, and a synthetic wide-gamut picture.
"""

import json
import pathlib

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import config, experiment
from lutjax.commands import describe, evaluate, selection
from lutjax.fit import runs
from lutjax.lut import lattice

FOLDER = pathlib.Path(__file__).resolve().parent / 'cases/before_0_2'
RUNS = ('nilut', 'cnilut', 'dct', 'grid', 'lutflow', 'gamut')
LOOKS = {'soft': 0.8, 'hard': 1.3}


class EarlierVersionsTest(parameterized.TestCase):
  @parameterized.parameters(*RUNS)
  def test_a_run_tells_what_it_was(self, name):
    record = runs.read_record(FOLDER / name)
    settings = config.from_dict(record['config'], name)
    self.assertIsInstance(settings, experiment.Experiment)
    lines = list(describe.describe(str(FOLDER / name)))
    self.assertIn('artefacts', '\n'.join(lines))

  @parameterized.parameters('nilut', 'cnilut', 'dct', 'grid', 'lutflow')
  def test_looks_are_decoded(self, name):
    looks = selection.named_looks(model=str(FOLDER / name), look='all')
    self.assertNotEmpty(looks)
    nodes = lattice.identity(5)
    for look, decoded in looks.items():
      gap = np.abs(np.asarray(decoded.decode(5).table) - nodes ** LOOKS[look])
      # Fifty steps, or a few bytes; the identity is off by 0.02 and 0.04.
      self.assertLess(gap.mean(), 0.06, look)

  def test_a_run_is_scored_as_it_was_recorded(self):
    run = str(FOLDER / 'nilut')
    sources = experiment.Sources(luts=[str(FOLDER / 'luts')])
    chosen = evaluate.config_for(run, [], sources)
    figures, problems = evaluate.evaluate(run, chosen, sources, say=lambda line: None)
    self.assertEmpty(problems)
    for source in figures['sources'].values():
      self.assertEqual(source['matched'], 'content')
    lines = map(json.loads, (FOLDER / 'nilut/metrics.jsonl').read_text().splitlines())
    recorded = {line['name']: line for line in lines if line['event'] == 'model'}
    for name in LOOKS:
      then, now = recorded[name]['looks'][name], figures['looks'][name]
      for key in ('psnr', 'cie76_mean', 'ciede2000_max', 'nodes_cie76_mean'):
        self.assertAlmostEqual(then[key], now[key], delta=1e-3 * then[key], msg=key)

  def test_an_image_gives_its_colours_back(self):
    (path,) = (FOLDER / 'gamut/images').iterdir()
    lines = list(describe.describe(str(path)))
    self.assertIn('as they were when the payload was made', lines[-1])


if __name__ == '__main__':
  absltest.main()
