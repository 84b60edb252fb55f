import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest, parameterized

from lutjax import artefacts, errors
from lutjax.data import degradations
from lutjax.restoration import evaluation, image_sets
from lutjax.types import Loaded, Variables
from tests.launch import fake_restorer

RNG = np.random.default_rng(0)
NOISE = degradations.Degradation('noise', 25)
SAME = np.arange(256).astype(np.uint8)


def method(name, role, restores=NOISE, table=SAME) -> evaluation.Method:
  config = fake_restorer.Config(restores)
  loaded = Loaded(fake_restorer.MODEL, config, Variables(table))
  return evaluation.Method(name, role, artefacts.Opened(pathlib.Path(name), 99, loaded))


class EvaluationTest(parameterized.TestCase):
  @parameterized.parameters(
    ({}, ['noise sigma 25']),
    ({'strengths': (50, 15)}, ['noise sigma 50', 'noise sigma 15']),
    ({'kind': 'jpeg', 'strengths': (10,)}, ['jpeg quality 10']),
    ({'kind': 'noise'}, ['noise sigma 25']),
  )
  def test_undoes_what_the_model_does_unless_told(self, fields, want):
    config = evaluation.Config(**fields)
    found = evaluation.degradations_of(method('a', 'ours'), config)
    self.assertEqual([str(one) for one in found], want)

  def test_refuses_configs_out_of_range(self):
    for fields in ({'repeats': -1}, {'seed': -1}):
      with self.assertRaisesRegex(ValueError, 'Expected (repeats|seed) in'):
        evaluation.Config(**fields)
    with self.assertRaisesRegex(
      errors.InputError, 'jpeg: found no strengths beside it'
    ):
      evaluation.degradations_of(method('a', 'ours'), evaluation.Config(kind='jpeg'))

  def test_scores_all_models_and_shows_the_picture_gained_most_on(self):
    folder = pathlib.Path(self.create_tempdir().full_path) / 'mine'
    folder.mkdir()
    half = (SAME // 2 + 64).astype(np.uint8)
    # Where a picture is grey all over, half of the noise is half of the error.
    for name, pixels in (
      ('a.png', RNG.integers(0, 256, (16, 16), dtype=np.uint8)),
      ('b.png', np.full((16, 16), 128, np.uint8)),
    ):
      PIL.Image.fromarray(pixels).save(folder / name)
    sets, _ = image_sets.of_originals([str(folder)], lambda line: None)
    rival, ours = method('same', 'rival'), method('half', 'ours', table=half)
    found = evaluation.evaluate(ours, [rival], evaluation.Config(repeats=2), sets)
    self.assertEmpty(found.problems)
    (table,) = found.figures['tables']
    rows = {row['name']: row for row in table['rows']}
    names = ['noisy input, not cut', 'noisy input', 'same', 'half']
    self.assertEqual([*rows], names)
    roles = [row['role'] for row in table['rows']]
    self.assertEqual(roles, ['baseline', 'baseline', 'rival', 'ours'])
    self.assertEqual(
      rows['same']['sets']['mine']['psnr'], rows['noisy input']['mean']['psnr']
    )
    gained = table['pictures']['mine']['b.png']
    self.assertAlmostEqual(
      gained['half']['psnr'] - gained['same']['psnr'], 20 * np.log10(2), delta=0.2
    )
    for name in ('same', 'half'):
      self.assertGreater(rows[name]['ms'], 0)
      self.assertEqual((rows[name]['size_bytes'], rows[name]['table_bytes']), (99, 256))
    (shown,) = found.shown
    self.assertEqual(shown.title, 'mine: b.png')
    labels = [label.partition(',')[0] for label in shown.panels]
    self.assertEqual(labels, ['noisy input', 'same', 'half', 'original'])
    np.testing.assert_array_equal(shown.panels['original'], 128)

  def test_the_processor_is_stated(self):
    self.assertRegex(evaluation.processor(), r'\S.*, \d+ cores, jax \d')


if __name__ == '__main__':
  absltest.main()
