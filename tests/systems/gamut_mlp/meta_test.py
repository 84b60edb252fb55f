import json
import pathlib
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import config, errors, experiment, files
from lutjax.commands import fit
from lutjax.data import images
from lutjax.fit import checkpoint
from lutjax.systems.gamut_mlp import crops, meta, reptile
from lutjax.systems.gamut_mlp import model as gamut_mlp

_SMALL = (
  *('width=8', 'octaves=2', 'crop=32', 'test_share=0', 'outer_steps=6'),
  *('inner_steps=4', 'inner_batch=64', 'crops_per_step=2'),
)


def _vivid(seed, shape):
  """ROMM codes, grey on the left and out of gamut on the right; 16 bits."""
  rng = np.random.default_rng(seed)
  pixels = np.full((*shape, 3), 20000, np.uint16)
  pixels[:, shape[1] // 2 :] = [1000, 50000, 1000]
  return pixels + rng.integers(0, 500, pixels.shape).astype(np.uint16)


class GamutMetaTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []
    for i in range(3):
      image = images.Image(_vivid(i, (40, 100)))
      images.write(self.folder / f'in/{i}.png', image)
    grey = images.Image(np.full((64, 64, 3), 20000, np.uint16))
    images.write(self.folder / 'in/grey.png', grey)

  def fit(self, out, *fields, **options):
    settings = config.override(config.load('configs/gamut_meta.py'), [*_SMALL, *fields])
    sources = experiment.Sources(images=[str(self.folder / 'in')])
    out = self.folder / out
    problems = fit.fit(settings, sources, out, say=self.lines.append, **options)
    return out, problems

  def test_the_manifest_says_what_was_taken(self):
    images.write(self.folder / 'in/eight.png', images.Image(np.zeros((9, 9, 3), 'u1')))
    out, problems = self.fit('data', 'outer_steps=0', 'test_share=0.5')
    self.assertLen(problems, 1)
    self.assertRegex(problems[0], 'eight.png: found 8-bit pixels')
    manifest = json.loads((out / 'manifest.json').read_text())
    entries = {pathlib.Path(e['path']).stem: e for e in manifest['images']}
    self.assertEqual(set(entries), {'0', '1', '2', 'grey'})
    self.assertEqual(entries['grey']['crops'], [])
    for stem in '012':
      entry = entries[stem]
      content = (self.folder / f'in/{stem}.png').read_bytes()
      self.assertEqual(entry['digest'], files.digest(content))
      self.assertAlmostEqual(entry['out_of_gamut'], 0.5)
      # Columns 0 to 31 are grey; 68 to 99 lie at the right edge.
      self.assertEqual({x for _, x in entry['crops']}, {23, 45, 68})
      self.assertEqual({y for y, _ in entry['crops']}, {0, 8})
      tests = int(entry['digest'][:8], 16) / 2**32 < 0.5
      self.assertEqual(entry['used_for'], 'test' if tests else 'train')
      mask = images.read(out / f'report/masks/{stem}.png').pixels
      np.testing.assert_array_equal(
        mask[..., 0] > 0, np.arange(100)[None] >= [[50]] * 40
      )
    trained = [e for e in entries.values() if e['used_for'] == 'train']
    self.assertEqual(manifest['train_crops'], sum(len(e['crops']) for e in trained))
    self.assertTrue((out / 'report/shares.png').is_file())
    self.assertFalse((out / 'model.lutjax').exists())

  def test_a_stopped_training_ends_as_an_undisturbed_one(self):
    whole, _ = self.fit('whole')
    save = checkpoint.save

    def stop(manager, state):
      save(manager, state)
      raise KeyboardInterrupt

    with mock.patch.object(meta, '_SAVED', 3):
      interrupted = self.assertRaises(KeyboardInterrupt)
      with mock.patch.object(checkpoint, 'save', stop), interrupted:
        self.fit('stopped')
      stopped, _ = self.fit('stopped')
    want = (whole / 'model.lutjax').read_bytes()
    self.assertEqual((stopped / 'model.lutjax').read_bytes(), want)
    found = gamut_mlp.read_start(str(whole / 'model.lutjax'), _small_network())
    self.assertTrue(all(np.isfinite(v).all() for v in jax.tree.leaves(found.params)))
    self.fit('stopped')
    self.assertIn('is done', self.lines[-1])

  def test_a_device_out_of_memory_is_one_line(self):
    error = jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating')
    with (
      mock.patch.object(reptile, 'step', side_effect=error),
      self.assertRaisesRegex(errors.InputError, '^reptile: a device has too little'),
    ):
      self.fit('cramped', 'outer_steps=1')

  def test_refuses_a_folder_without_a_crop(self):
    with self.assertRaisesRegex(errors.InputError, 'no 64 x 64 crop with at least 10%'):
      self.fit('none', 'crop=64')

  @parameterized.parameters(
    (31, 32, []), (32, 32, [0]), (40, 32, [0, 8]), (100, 32, [0, 23, 45, 68])
  )
  def test_crops_cover_an_image(self, length, side, want):
    self.assertEqual(crops.positions(length, side), want)


def _small_network():
  return gamut_mlp.Config(width=8, octaves=2)


if __name__ == '__main__':
  absltest.main()
