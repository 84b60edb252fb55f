import pathlib

import numpy as np
from absl.testing import absltest

from lutjax import artefacts, errors
from lutjax.baselines import grid
from lutjax.commands import tables
from lutjax.types import Loaded, Variables
from tests.launch import fake_restorer


class TablesTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    loaded = Loaded(
      fake_restorer.MODEL,
      fake_restorer.Config(),
      Variables(np.arange(256).astype(np.uint8)),
    )
    self.model = artefacts.Opened(self.folder, 0, loaded)

  def test_formats_are_those_of_the_model_and_the_artefact(self):
    self.assertEqual(tables.formats_of(self.model), ['npy', 'c', 'lutjax'])
    (looks,) = grid.ENTRY.models
    opened = artefacts.Opened(
      self.folder, 0, Loaded(looks, grid.Config(), Variables(()))
    )
    with self.assertRaisesRegex(ValueError, 'Expected a model that restores'):
      tables.formats_of(opened)

  def test_paths_are_returned_in_the_order_of_formats(self):
    paths = tables.write_all(self.model, 'a', self.folder, ['c', 'npy'])
    self.assertEqual([path.name for path in paths], ['a.h', 'a_0.npy', 'a_1.npy'])
    with self.assertRaisesRegex(errors.InputError, 'a.h: exists already, and 2 more'):
      tables.write_all(self.model, 'a', self.folder, ['c', 'npy'])


if __name__ == '__main__':
  absltest.main()
