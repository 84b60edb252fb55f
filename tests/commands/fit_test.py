import dataclasses
import json
import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import errors, experiment, files
from lutjax.commands import evaluate, export, fit, scorecard, selection
from lutjax.fit import loop, runs
from lutjax.looks import task as looks
from lutjax.lut import cube, interpolate, lattice
from lutjax.systems.nilut import model as nilut

TINY = experiment.Experiment(
  model=nilut.Config(widths=(8,), activations=('relu',), precision='fp32'),
  task=looks.Config(nodes=5, random_colours=64, photo_colours=64, bake_size=5),
  fit=loop.Config(steps=300, batch_size=32, segment_steps=100),
  pictures='none',
)


def _lut(gamma, *, size=5, domain=None, scale=1.0):
  table = scale * lattice.identity(size) ** gamma
  return lattice.from_table(table.astype(np.float32), domain)


class FittingTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def save(self, name, lut):
    files.write_bytes(self.folder / 'luts' / f'{name}.cube', cube.render(lut))

  def fit(self, settings=TINY, out='run', **options):
    sources = experiment.Sources(luts=[str(self.folder / 'luts')])
    return fit.fit(
      settings, sources, self.folder / out, say=self.lines.append, **options
    )

  def test_a_folder_becomes_artefacts_that_score_as_recorded(self):
    self.save('soft', _lut(0.8))
    self.save('wide', _lut(1.2, domain=[[-0.5, 0, 0], [1.5, 1, 2]]))
    self.save('bright', _lut(1.1, size=3, scale=1.5))
    curve = np.linspace(0, 1, 7)[:, None] ** np.array([0.9, 1.0, 1.1])
    shaper = lattice.Shaper(
      curve.astype(np.float32), np.array([[0] * 3, [1] * 3], np.float32)
    )
    self.save('curves', lattice.from_shaper(shaper))
    self.assertEmpty(self.fit())
    run = self.folder / 'run'
    self.assertEqual(
      sorted(path.name for path in (run / 'models').iterdir()),
      ['bright.lutjax', 'curves.lutjax', 'soft.lutjax', 'wide.lutjax'],
    )
    lines = ' '.join(self.lines)
    self.assertIn('curves: curves of 7 samples kept beside the network', lines)
    self.assertIn('domains other than [0, 1], kept: wide (-0.5 to 2)', lines)
    self.assertIn('values beyond [0, 1], kept: bright (0 to 1.5)', lines)
    self.assertTrue((run / 'report.html').is_file())
    recorded = {}
    for event in runs.read_events(run):
      if event['event'] == 'model':
        recorded |= event['looks']
    self.assertGreater(min(stats['psnr'] for stats in recorded.values()), 25)
    self.assertLess(recorded['soft']['ciede2000_mean'], 3)
    task = evaluate.config_for(str(run), [], experiment.Sources())
    self.assertEqual(task.task, TINY.task)
    sources = experiment.Sources(luts=[str(self.folder / 'luts')])
    figures, problems = evaluate.evaluate(
      str(run), task, sources, say=self.lines.append
    )
    self.assertEmpty(problems)
    for name, stats in recorded.items():
      self.assertEqual(
        figures['looks'][name],
        stats | {'size_bytes': (run / f'models/{name}.lutjax').stat().st_size},
      )

  def test_exports_follow_the_look_in_its_own_domain_and_range(self):
    lut = _lut(1.1, domain=[[-0.5, 0, 0], [1.5, 1, 2]], scale=1.5)
    self.save('wide', lut)
    self.assertEmpty(self.fit())
    named = selection.named_looks(model=str(self.folder / 'run'))
    (path,) = export.write_all(
      named, self.folder / 'wide.cube', ['cube'], export.Options(size=9)
    )
    again = cube.read(path).lut
    np.testing.assert_allclose(again.domain, lut.domain)
    rgb = np.random.default_rng(0).uniform([-0.5, 0, 0], [1.5, 1, 2], (64, 3))
    rgb = rgb.astype(np.float32)
    got = interpolate.sample(again, rgb)
    want = interpolate.sample(lut, rgb, method='trilinear')
    self.assertLess(float(np.sqrt(np.mean((got - want) ** 2))), 0.05)
    with self.assertRaisesRegex(errors.InputError, 'exists already'):
      list(
        export.write_all(
          named, self.folder / 'wide.cube', ['cube'], export.Options(size=9)
        )
      )

  def test_scores_over_the_range_of_each_and_no_other_domain(self):
    self.save('soft', _lut(0.8))
    self.fit()
    other = self.folder / 'other/soft.cube'

    def score(lut, only=('soft',)):
      files.write_bytes(other, cube.render(lut))
      return evaluate.evaluate(
        str(self.folder / 'run'),
        evaluate.Config(TINY.task),
        experiment.Sources(luts=[str(other)]),
        only=only,
        say=self.lines.append,
      )

    figures, _ = score(_lut(0.8, scale=3.0))
    self.assertLess(figures['looks']['soft']['psnr'], 5.0)
    self.assertEqual(figures['sources']['soft']['matched'], 'other')
    self.assertIn('not the file it was fitted to', scorecard.render(figures))
    with self.assertRaisesRegex(errors.InputError, 'a source of another domain'):
      score(_lut(0.8, domain=[[0] * 3, [2] * 3]))
    with self.assertRaisesRegex(errors.InputError, 'is not the file that it was'):
      score(_lut(0.7), only=())

  def test_a_second_call_fits_nothing_twice(self):
    self.save('soft', _lut(0.8))
    self.fit()
    first = (self.folder / 'run/model.lutjax').stat().st_mtime_ns
    self.lines.clear()
    self.fit()
    again = (self.folder / 'run/model.lutjax').stat().st_mtime_ns
    self.assertEqual(again, first)
    self.assertIn('1 of 1 models are done', ' '.join(self.lines))
    page = self.folder / 'run/report.html'
    self.assertIn(f'report: {page}, as it was: it is of the same models', self.lines)
    for lost in (page, self.folder / 'run/looks.html'):
      lost.unlink()
      self.fit()
      self.assertEqual(self.lines[-1], f'report: {page}')
      self.assertTrue(lost.is_file())
    changed = dataclasses.replace(TINY, seed=1)
    with self.assertRaisesRegex(errors.InputError, 'config.seed: 0, now 1'):
      self.fit(changed)
    self.save('soft', _lut(0.7))
    with self.assertRaisesRegex(errors.InputError, 'inputs.soft'):
      self.fit()

  def test_a_look_that_cannot_be_fitted_is_named_and_the_rest_goes_on(self):
    self.save('soft', _lut(0.8))
    broken = _lut(1.0)
    broken.table[2, 2, 2] = np.nan
    text = cube.render(_lut(1.0)).decode().splitlines()
    text[-40] = 'nan nan nan'
    files.write_text(self.folder / 'luts/broken.cube', '\n'.join(text))
    (self.folder / 'luts/cut.cube').write_text('LUT_3D_SIZE 5\n0 0 0\n')
    sources = experiment.Sources(luts=[str(self.folder / 'luts')], allow_nonfinite=True)
    problems = fit.fit(TINY, sources, self.folder / 'run', say=self.lines.append)
    self.assertLen(problems, 2)
    self.assertRegex(problems[0], 'cut.cube')
    self.assertRegex(problems[1], 'broken: the fit gave numbers that are not finite')
    self.assertTrue((self.folder / 'run/models/soft.lutjax').is_file())
    self.assertFalse((self.folder / 'run/models/broken.lutjax').exists())
    page = (self.folder / 'run/report.html').read_text()
    self.assertIn('broken', page)

  def test_a_number_that_is_no_number_is_no_json_either(self):
    self.save('soft', _lut(0.8))
    self.fit()
    for line in (self.folder / 'run/metrics.jsonl').read_text().splitlines():
      json.loads(line, parse_constant=self.fail)


if __name__ == '__main__':
  absltest.main()
