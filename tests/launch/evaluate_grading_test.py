"""Scores of a model that predicts LUTs, as a shell gets them."""

import json
import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import synthetic
from tests.launch import in_process, tiny_grader

SHORT = ['constant_steps=5', 'oracle_steps=5', 'pixels=16', 'test_share=1']


def psnr(got, want):
  gap = (got.astype(np.float64) - want) / 255
  return -10 * np.log10(np.mean(gap**2))


class EvaluateGradingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.model = tiny_grader.save(self.folder / 'model.lutjax')
    for folder in ('before', 'after'):
      (self.folder / folder).mkdir()
    self.pairs = []
    for i in range(3):
      before = np.rint(255 * synthetic.photo(i, 40, 48)).astype(np.uint8)
      after = 255 - before[..., ::-1]
      self.pairs.append((before, after))
      PIL.Image.fromarray(before).save(self.folder / 'before' / f'{i}.png')
      PIL.Image.fromarray(after).save(self.folder / 'after' / f'{i}.png')

  def evaluate(self, **given):
    return in_process.run('evaluate', model=self.model, **given)

  def test_pairs_are_scored_beside_what_does_not_look(self):
    out = self.folder / 'scores.json'
    problems, text = self.evaluate(pairs=str(self.folder), set=SHORT, out=str(out))
    self.assertEmpty(problems)
    figures = json.loads(out.read_text())
    self.assertEqual(set(figures['pictures']), {'0', '1', '2'})
    want = [psnr(before, after) for before, after in self.pairs]
    got = [figures['pictures'][str(i)]['identity']['psnr'] for i in range(3)]
    np.testing.assert_allclose(got, want, atol=1e-3)
    means = figures['methods']
    self.assertAlmostEqual(means['identity']['psnr'], np.mean(want), places=3)
    self.assertEqual(set(means), {'identity', 'constant', 'ours', 'oracle'})
    share = (means['constant']['cie76'] - means['ours']['cie76']) / (
      means['constant']['cie76'] - means['oracle']['cie76']
    )
    self.assertAlmostEqual(figures['gap_closed'], share, places=6)
    self.assertIn(f'gap closed: {share:.1%} in CIE76', text)
    self.assertIn('fitted to the test pictures', text)
    self.assertTrue(out.with_suffix('.md').exists())

  def test_a_task_makes_pairs_of_photos(self):
    images = str(self.folder / 'before')
    _, text = self.evaluate(images=images, set=[*SHORT, 'task=levels'])
    self.assertIn('task levels, 3 test pictures', text)
    self.assertRegex(text, r'\| classical estimator, of the picture \| \d')

  @parameterized.parameters(
    ({}, [], 'expected a task that makes pairs of them'),
    ({'look': 'x'}, ['task=levels'], '--look: nothing to do with --model='),
    ({}, ['task=level'], "found 'level', expected one of pairs, white_balance"),
    ({}, ['task=levels', 'test_share=0'], 'found no picture for the test'),
  )
  def test_refuses(self, given, fields, message):
    images = str(self.folder / 'before')
    with self.assertRaisesRegex(errors.InputError, message):
      self.evaluate(images=images, set=fields, **given)


if __name__ == '__main__':
  absltest.main()
