import pathlib

import jax
import numpy as np
from absl.testing import absltest

from lutjax import artefacts, errors
from lutjax.baselines import grid
from lutjax.codec import labels
from lutjax.systems.nilut import model as nilut
from lutjax.types import Loaded, Variables

CONFIG = grid.Config(size=3, looks=(labels.Label('warm'),))


class ArtefactsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_finds_a_file_a_model_or_models(self):
    (self.folder / 'models').mkdir()
    for name in ('b', 'a'):
      (self.folder / f'models/{name}.lutjax').write_bytes(b'')
    (self.folder / 'models/notes.txt').write_bytes(b'')
    want = [self.folder / f'models/{name}.lutjax' for name in 'ab']
    self.assertEqual(artefacts.find(str(self.folder)), want)
    self.assertEqual(artefacts.find(str(want[1])), want[1:])
    (self.folder / 'model.lutjax').write_bytes(b'')
    self.assertEqual(artefacts.find(str(self.folder)), [self.folder / 'model.lutjax'])

  def test_says_what_it_looked_for(self):
    with self.assertRaisesRegex(errors.InputError, 'no such file or folder'):
      artefacts.find(str(self.folder / 'nowhere'))
    with self.assertRaisesRegex(errors.InputError, 'found no model.lutjax and no'):
      artefacts.find(str(self.folder))

  def test_decodes_one_kind_only(self):
    variables = grid.init(CONFIG, jax.random.key(0))
    content = grid.export(CONFIG, variables)
    loaded = artefacts.load_as(grid.MODEL, content, 'a.lutjax')
    self.assertEqual(loaded.config, CONFIG)
    with self.assertRaisesRegex(errors.ArtefactError, "'grid', expected nilut"):
      artefacts.load_as(nilut.MODEL, content, 'a.lutjax')

  def test_refuses_numbers_that_are_not_finite(self):
    for bad in (np.nan, np.inf):
      loaded = Loaded(grid.MODEL, CONFIG, Variables({'table': np.array([0.0, bad])}))
      with self.assertRaisesRegex(errors.ArtefactError, 'a.lutjax: found NaN or'):
        artefacts.checked(loaded, 'a.lutjax')


if __name__ == '__main__':
  absltest.main()
