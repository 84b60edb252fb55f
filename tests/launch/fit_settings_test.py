"""Maps of colours and settings through all commands."""

import json
import pathlib
import shutil
import tempfile

import jax
import numpy as np
import scipy.interpolate
from absl.testing import absltest, parameterized
from PIL import Image

from lutjax import errors, systems
from lutjax.data import maps
from lutjax.lut import lattice
from tests.launch import in_process

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_QUICK = ['task.places=512', 'segment_steps=200', 'steps=200', 'learning_rate=0.02']


def _table(nodes, gain):
  """Returns a map whose setting raises the contrast of channels."""
  axes = [np.linspace(0, 1, size) for size in (3, 3, 3, nodes)]
  *rgb, setting = np.meshgrid(*axes, indexing='ij')
  rgb = np.stack(rgb, axis=-1)
  return np.clip(rgb + gain * (setting[..., None] - 0.3) * rgb, 0, 1)


def _network(path, rgb, value):
  """Returns what a saved ReLU network gives, in float64."""
  layers = systems.load(path.read_bytes()).variables.params
  setting = np.full((*rgb.shape[:-1], 1), value)
  state = 2.0 * np.concatenate([rgb, setting], axis=-1) - 1.0
  for layer in layers[:-1]:
    state = np.maximum(state @ np.float64(layer['weight']) + layer['bias'], 0.0)
  last = layers[-1]
  return np.clip(rgb + state @ np.float64(last['weight']) + last['bias'], 0.0, 1.0)


def _nodes(size):
  axis = np.linspace(0, 1, size)
  return np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1)


def _read(table, places):
  axes = [np.linspace(0, 1, size) for size in table.shape[:-1]]
  return scipy.interpolate.RegularGridInterpolator(axes, table)(places)


class SettingsTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = pathlib.Path(tempfile.mkdtemp())
    cls.addClassCleanup(shutil.rmtree, cls.folder)
    (cls.folder / 'maps').mkdir()
    cls.tables = {'exposure': _table(4, 1.2), 'warmth': _table(2, -0.8)}
    for name, table in cls.tables.items():
      np.savez(cls.folder / 'maps' / f'{name}.npz', map=table, settings=[name])
    cls.run_folder = cls.folder / 'run'
    cls.fitting = {
      'config': 'nilut_settings',
      'luts': cls.folder / 'maps',
      'out': cls.run_folder,
      'precision': 'fp32',
      'set': [*_QUICK, 'widths=(16,)', "activations=('relu',)", 'batch_size=128'],
    }
    failed, cls.printed = in_process.run('fit', **cls.fitting)
    assert not failed, failed
    cls.model = cls.run_folder / 'models' / 'exposure.lutjax'

  def export(self, **given):
    failed, printed = in_process.run('export', **given)
    self.assertEmpty(failed)
    return printed

  def test_scores_stand_beside_a_lattice_of_equal_bytes(self):
    lines = (self.run_folder / 'metrics.jsonl').read_text().splitlines()
    events = [event for event in map(json.loads, lines) if event['event'] == 'model']
    self.assertEqual([event['name'] for event in events], ['exposure', 'warmth'])
    places = np.float64(jax.random.uniform(jax.random.key(0), (512, 4)))
    for event in events:
      name, scores = event['name'], event['looks'][event['name']]
      size = int((event['size_bytes'] / 3) ** 0.25)
      self.assertEqual(scores['grid_size'], size)
      truth = _read(self.tables[name], places)
      axis = np.linspace(0, 1, size)
      nodes = np.stack(np.meshgrid(*[axis] * 4, indexing='ij'), axis=-1)
      grid = np.round(255 * _read(self.tables[name], nodes)) / 255
      path = self.run_folder / 'models' / f'{name}.lutjax'
      given = {
        '': _network(path, places[:, :3], places[:, 3:]),
        'grid_': _read(grid, places),
        'identity_': places[:, :3],
      }
      for prefix, got in given.items():
        want = -10 * np.log10(np.mean((got - truth) ** 2))
        self.assertAlmostEqual(scores[f'{prefix}psnr'], want, delta=0.02)
      self.assertLess(scores['cie76_mean'], 0.5 * scores['identity_cie76_mean'])
      along = scores['along'][name]
      self.assertEqual(along['at'], [(i + 0.5) / 8 for i in range(8)])
      self.assertLen(along['grid_cie76_mean'], 8)
      self.assertLess(max(along['cie76_mean']), scores['cie76_max'])

  def test_the_report_shows_values_of_each_setting(self):
    page = (self.run_folder / 'report.html').read_text()
    for text in ('2 maps with settings', 'lattice of equal bytes', 'identity'):
      self.assertIn(text, page)
    for name in self.tables:
      pixels = np.asarray(Image.open(self.run_folder / 'report' / f'{name}.png'))
      self.assertGreater(pixels.std(axis=(0, 1)).min(), 20)

  def test_the_same_command_finds_the_run_done(self):
    failed, printed = in_process.run('fit', **self.fitting)
    self.assertEmpty(failed)
    self.assertIn('2 of 2 models are done', printed)

  @absltest.skipIf(ocio is None, 'needs opencolorio')
  def test_a_lut_at_a_setting_is_the_network_there(self):
    out = self.folder / 'at.cube'
    given = {'model': self.model, 'settings': 'exposure:0.25', 'size': 5, 'out': out}
    self.export(**given)
    self.assertIn('# settings exposure:0.25', out.read_text())
    rgb = np.random.default_rng(0).uniform(size=(1, 256, 3)).astype(np.float32)
    got = rgb.copy()
    reader = ocio.FileTransform(str(out), interpolation=ocio.INTERP_LINEAR)
    processor = ocio.Config.CreateRaw().getProcessor(reader)
    processor.getDefaultCPUProcessor().applyRGB(got)
    want = _read(_network(self.model, _nodes(5), 0.25), rgb.astype(np.float64))
    np.testing.assert_allclose(got, want, atol=2e-5)
    self.assertGreater(np.abs(_network(self.model, rgb, 0.75) - got).max(), 0.1)

  def test_a_whole_map_is_one_that_can_be_fitted_again(self):
    out = self.folder / 'whole'
    printed = self.export(model=self.run_folder, format='npz', size=3, out=out)
    self.assertEqual(
      printed.split(), [str(out / f'{name}.npz') for name in self.tables]
    )
    with np.load(out / 'exposure.npz') as archive:
      self.assertEqual(archive['settings'].tolist(), ['exposure'])
      got = archive['map']
    for i in range(4):
      want = _network(self.model, _nodes(3), i / 3)
      np.testing.assert_allclose(got[..., i, :], want, atol=1e-5)
    again = maps.load([str(out)])
    self.assertEqual([one.label.name for one in again.maps], [*self.tables])
    with self.assertRaisesRegex(errors.InputError, 'exposure.npz: exists already'):
      in_process.run('export', model=self.run_folder, format='npz', out=out)

  def test_pictures_are_graded_at_a_setting(self):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 9, 3), np.uint8)
    Image.fromarray(pixels).save(self.folder / 'in.png')
    out = self.folder / 'out.png'
    failed, _ = in_process.run(
      'apply',
      model=self.run_folder,
      look='exposure',
      settings='exposure:0.9',
      decode='exact',
      images=self.folder / 'in.png',
      out=out,
    )
    self.assertEmpty(failed)
    want = 255 * _network(self.model, pixels / 255, 0.9)
    off = np.asarray(Image.open(out), np.float64) - want
    self.assertLess(np.abs(off).max(), 0.51)

  def test_info_names_the_settings(self):
    printed = self.export(model=self.model, info=True)
    self.assertIn('settings from 0 to 1: exposure (4 nodes)', printed)

  @parameterized.parameters(
    ({}, 'found no value for exposure of exposure, expected exposure:VALUE'),
    ({'settings': 'exposre:0.5'}, 'found no value for exposure'),
    ({'settings': 'exposure:1.5'}, "found 'exposure:1.5', expected NAME:VALUE"),
    ({'settings': 'exposure'}, "found 'exposure', expected NAME:VALUE"),
    ({'settings': 'exposure:nan'}, "found 'exposure:nan', expected NAME:VALUE"),
    ({'settings': 'exposure:0,exposure:1'}, 'found exposure twice'),
    ({'settings': 'exposure:0,exposre:1'}, 'exposre: no such setting, expected expo'),
    ({'format': 'npz', 'level': 4}, 'level: nothing to do with --format=npz of a wh'),
    ({'format': 'npz', 'size': 400}, 'size=400: expected 2 to'),
    ({'format': 'html', 'out': 'a.html'}, 'found settings=1 beside the colour'),
  )
  def test_export_refuses_in_one_line(self, given, message):
    out = self.folder / 'refused.cube'
    with self.assertRaisesRegex(errors.InputError, message) as caught:
      in_process.run('export', **({'model': self.model, 'out': out} | given))
    self.assertNotIn('\n', str(caught.exception))
    self.assertFalse(out.exists())

  def test_a_score_of_looks_is_refused_in_one_line(self):
    with self.assertRaisesRegex(errors.InputError, 'found settings=1 beside the colou'):
      in_process.run('evaluate', model=self.run_folder, luts=self.folder)

  @parameterized.parameters(
    ({'config': 'grid'}, 'found a map with settings, which --config=nilut_settings'),
    ({'set': ['settings=2']}, 'found maps of 1 settings, expected 2, as the config'),
    ({'set': ['encoding=fourier']}, 'Expected an encoding unit or centred'),
    ({'strict': True}, 'strict: nothing to do with'),
    ({'images': 'a.png'}, 'images: nothing to do with'),
  )
  def test_fit_refuses_in_one_line(self, given, message):
    out = self.folder / 'refused'
    luts = self.folder / 'maps' / 'warmth.npz'
    given = {'config': 'nilut_settings', 'luts': luts, 'out': out} | given
    with self.assertRaisesRegex(errors.InputError, message) as caught:
      in_process.run('fit', **given)
    self.assertNotIn('\n', str(caught.exception))
    self.assertFalse(out.exists())

  def test_maps_of_different_numbers_of_settings_are_refused(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    both = np.full((2, 2, 2, 2, 2, 3), 0.5)
    np.savez(folder / 'both.npz', map=both, settings=['exposure', 'warmth'])
    luts = f'{folder}/both.npz,{self.folder}/maps/warmth.npz'
    with self.assertRaisesRegex(errors.InputError, '1 of warmth and 2 of both'):
      in_process.run('fit', config='nilut_settings', luts=luts, out=folder / 'run')

  def test_one_flow_holds_maps_of_two_settings_of_their_own(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    named = {'film': ['exposure', 'warmth'], 'ink': ['tint', 'fade']}
    identity = lattice.nodes((3, 3, 3, 3, 2))
    tables = {
      name: np.clip(identity[..., :3] * (0.4 + identity[..., 3:] @ raised), 0, 1)
      for name, raised in (('film', [[0.8], [0.2]]), ('ink', [[-0.3], [0.5]]))
    }
    for name, table in tables.items():
      np.savez(folder / f'{name}.npz', map=table, settings=named[name])
    flow, whole, cube = folder / 'flow', folder / 'whole.npz', folder / 'at.cube'
    tiny = [
      'blocks=1',
      'widths=(16,)',
      'conditioned=(1,)',
      'loss=l1',
      'aware=false',
      'warmup_steps=5',
      'pictures=none',
    ]
    failed, _ = in_process.run(
      'fit',
      config='lutflow_settings',
      luts=folder,
      out=flow,
      # No multiple of the maps.
      set=[*_QUICK, *tiny, 'batch_size=129'],
    )
    self.assertEmpty(failed)
    given = {'model': flow, 'look': 'film', 'size': 3}
    self.export(format='npz', out=whole, **given)
    self.export(settings='warmth:1,exposure:0.5', out=cube, **given)
    rows = [line.split() for line in cube.read_text().splitlines()[-27:]]
    at = np.array(rows, np.float64).reshape(3, 3, 3, 3).transpose(2, 1, 0, 3)
    with np.load(whole) as archive:
      self.assertEqual(archive['settings'].tolist(), named['film'])
      got, truth = archive['map'], tables['film']
    np.testing.assert_allclose(at, got[..., 1, 1, :], atol=1e-5)
    off = np.abs(got - truth).mean()
    self.assertLess(off, 0.5 * np.abs(identity[..., :3] - truth).mean())
    self.assertGreater(np.abs(got[..., 1, 1, :] - got[..., 1, 0, :]).max(), 0.05)
    values = 'exposure:0.5,warmth:0.5,tint:0.5,fade:0.5'
    with self.assertRaisesRegex(errors.InputError, 'ranges or settings'):
      self.export(
        model=flow, blend='film:1,ink:1', settings=values, out=cube, overwrite=True
      )


if __name__ == '__main__':
  absltest.main()
