import pathlib

import numpy as np
import PIL.Image
from absl.testing import absltest

from lutjax import errors, experiment
from lutjax.commands import evaluate_restorer
from lutjax.data import degradations
from lutjax.restoration import evaluation
from tests.launch import fake_restorer


class EvaluateRestorerTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    fake_restorer.register(self)
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    config = fake_restorer.Config(degradations.Degradation('noise', 25))
    table = np.arange(256).astype(np.uint8)
    for name in ('a/one', 'b/one', 'two'):
      fake_restorer.save(self.folder / f'{name}.lutjax', config, table)
    picture = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    (self.folder / 'set').mkdir()
    PIL.Image.fromarray(picture).save(self.folder / 'set/1.png')

  def test_methods_are_named_after_files_or_paths_where_alike(self):
    rivals = [str(self.folder / name) for name in ('b/one.lutjax', 'two.lutjax')]
    found = evaluate_restorer.evaluate(
      str(self.folder / 'a/one.lutjax'),
      evaluation.Config(rivals=','.join(rivals), repeats=0),
      experiment.Sources(images=[str(self.folder / 'set')]),
    )
    names = {one['name']: one['role'] for one in found.figures['models']}
    self.assertEqual(
      names,
      {
        str(self.folder / 'a/one.lutjax'): 'ours',
        rivals[0]: 'rival',
        'two': 'rival',
      },
    )

  def test_each_file_of_the_output_is_looked_for(self):
    for ending in ('.json', '.md', '.csv', '-parts.png', '-sizes.png'):
      path = self.folder / f'scores{ending}'
      path.write_bytes(b'')
      with self.assertRaisesRegex(errors.InputError, f'scores{ending}: exists already'):
        evaluate_restorer.check_out(self.folder / 'scores.json')
      evaluate_restorer.check_out(self.folder / 'scores.json', overwrite=True)
      path.unlink()


if __name__ == '__main__':
  absltest.main()
