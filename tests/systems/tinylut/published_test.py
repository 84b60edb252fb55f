"""The published layout: the pictures of its authors, and every byte back."""

import os
import pathlib
import shutil
import unittest

import imageio.v3 as iio
import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.restoration import quality
from lutjax.systems.tinylut import model, processing, published, tables

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_FOLDER = _DATA / 'tinylut_published'
_SET5 = _DATA / 'restoration/set5'
_needs_data = unittest.skipUnless(
  _FOLDER.is_dir() and _SET5.is_dir(), f'needs {_FOLDER} and {_SET5} (LUTJAX_DATA)'
)


class PublishedTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    config = model.Config()
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
      lambda leaf: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32),
      model.init(config, jax.random.key(0)),
    )
    self.config, self.variables = tables.to_tables(config, variables)
    for name, content in published.render(self.config, self.variables, 'x').items():
      (self.folder / name).write_bytes(content)

  @_needs_data
  def test_gives_the_pictures_of_its_authors(self):
    loaded = systems.load_folder(_FOLDER)
    process = loaded.model.restorer.process(loaded.config, loaded.variables)
    scores = []
    for path in sorted((_SET5 / 'HR').glob('*.png')):
      low = iio.imread(_SET5 / 'LR_x4' / path.name)
      got = process(low)
      want = iio.imread(_FOLDER / 'expected_set5_x4' / path.name)
      self.assertEqual(np.count_nonzero(got != want), 0, path.name)
      scores.append(quality.psnr_y(got, iio.imread(path), 4))
    self.assertLen(scores, 5)
    self.assertAlmostEqual(np.mean(scores), 30.2204, delta=1e-4)

  @_needs_data
  def test_every_byte_comes_back(self):
    config, variables = published.read(str(_FOLDER))
    self.assertGreater(config.headroom, 0)
    loaded = systems.load(model.make(config).export(variables))
    for held in ((config, variables), (loaded.config, loaded.variables)):
      made = published.render(*held, 'x')
      for name, content in made.items():
        if name.endswith('.npy'):
          self.assertEqual(content, (_FOLDER / name).read_bytes(), name)
      (self.folder / 'scales.npz').write_bytes(made[published.SCALES])
      got = np.load(self.folder / 'scales.npz')
      for key, want in np.load(_FOLDER / published.SCALES).items():
        np.testing.assert_array_equal(got[key], want)

  def test_our_own_come_back(self):
    config, variables = published.read(str(self.folder))
    codes = np.random.default_rng(0).integers(0, 256, (7, 9, 1)).astype(np.uint8)
    got = processing.process(config, variables)(codes)
    want = processing.process(self.config, self.variables)(codes)
    self.assertGreater(np.ptp(want), 50)
    np.testing.assert_array_equal(got, want)
    again = published.render(config, variables, 'x')
    for name, content in again.items():
      self.assertEqual(content, (self.folder / name).read_bytes(), name)

  @parameterized.parameters({'pairs': 1}, {'low': 'fused'}, {'msb_bits': 5})
  def test_refuses_what_the_layout_cannot_hold(self, **fields):
    (field,) = fields
    with self.assertRaisesRegex(errors.InputError, f'S alone, found {field}'):
      published.render(model.Config(**fields), self.variables, 'x')

  def test_refuses_damage(self):
    up = self.folder / 'Model_V_UP_x4_H6.npy'
    whole = up.read_bytes()
    np.save(up, np.zeros((747, 16, 1, 1), np.int16))
    with self.assertRaisesRegex(errors.ArtefactError, r'found int16 \[747, 16, 1, 1\]'):
      published.read(str(self.folder))
    np.save(up, np.zeros((7, 16, 1, 1), np.int8))
    with self.assertRaisesRegex(errors.ArtefactError, 'found 7 rows, expected'):
      published.read(str(self.folder))
    up.write_bytes(b'table')
    with self.assertRaisesRegex(errors.ArtefactError, 'found no array in it'):
      published.read(str(self.folder))
    up.write_bytes(whole)
    scales = self.folder / published.SCALES
    np.savez(scales, hh1=np.ones(16, np.float32))
    with self.assertRaisesRegex(errors.ArtefactError, 'expected arrays hh1'):
      published.read(str(self.folder))
    scales.unlink()
    with self.assertRaisesRegex(errors.ArtefactError, 'clip_scales.npz'):
      published.read(str(self.folder))
    shutil.copy(up, self.folder / 'Model_V_UP_x2_H6.npy')
    with self.assertRaisesRegex(errors.ArtefactError, 'found tables for x2, x4'):
      published.read(str(self.folder))


if __name__ == '__main__':
  absltest.main()
