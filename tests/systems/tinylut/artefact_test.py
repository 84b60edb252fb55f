"""What is shipped of a TinyLUT comes back exactly, and takes few bytes."""

import dataclasses
import functools
import os
import pathlib
import unittest

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import container
from lutjax.data import degradations
from lutjax.systems.tinylut import artefact, model, structure, tables
from lutjax.types import Variables

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
PUBLISHED = _DATA / 'tinylut_published'
_NOISE = degradations.Degradation('noise', 25)
_HEADROOM = 8


def entries(config, seed=0, spatial='line'):
  """Draws tables of the kind that training gives: smooth rows, few scales over 1."""
  rng = np.random.default_rng(seed)
  params = {}
  for branch in structure.branches(config):
    low, high = structure.level_range(config, branch)
    levels = np.arange(low, high + 1)[:, None]
    shape = (config.kernel**2, 1, config.channels)
    table = levels * rng.uniform(-1.5, 1.5, shape)
    if spatial == 'curve':
      table += 9 * np.sin(levels * rng.uniform(0, 0.3, shape))
    held = {'spatial': _rounded(table), 'layers': []}
    for kind in structure.layers(config) if branch in structure.chained(config) else ():
      scale = rng.uniform(0.3, 1.3, config.channels).astype(np.float32)
      if not config.scaled:
        scale[:] = 1.0
      first, last = structure.row_range(config, branch)
      deep = kind.kind == 'depthwise'
      count = config.kernel**2 if deep else kind.outputs
      shape = (config.channels, 1, count)
      at = np.arange(first, last + 1)[:, None]
      rows = at * rng.normal(size=shape) + 9 * np.sin(at * rng.uniform(0, 0.3, shape))
      reached = tables.reached(config, branch, {'scale': scale})
      rows = _rounded(rows) * reached[..., None]
      radius = config.shift_radius
      shift = rng.integers(-radius, radius + 1, (config.channels, 2), np.int8)
      rows = rows.transpose(2, 1, 0) if deep else rows
      held['layers'].append({'rows': rows, 'scale': scale, 'shift': shift})
    params[branch] = held
  return Variables(params)


def _rounded(values):
  return np.clip(np.rint(values), -128, 127).astype(np.int8)


def published():
  """Returns the config, the entries and the six files of the published folder."""
  scales = np.load(PUBLISHED / 'clip_scales.npz')
  params, files = {}, {}
  for branch, tag, sign, low, high in (
    ('high', 'H6', 'hh', -32, 31),
    ('low', 'L2', 'hl', 0, 3),
  ):
    names = [f'Model_V_{part}_x4_{tag}' for part in ('L1_Depth', 'L1_Point', 'UP')]
    depth, *rest = (np.load(PUBLISHED / f'{name}.npy')[..., 0, 0] for name in names)
    files |= dict(zip(names, (depth, *rest)))
    layers = []
    for number, table in enumerate(rest, 1):
      scale = scales[f'{sign}{number}'].astype(np.float32)
      ends = np.rint(scale[:, None] * np.float32([low, high])).astype(int)
      rows = np.zeros((16, high - low + 1 + 2 * _HEADROOM, 16), np.int8)
      start = 0
      for c, (least, most) in enumerate(ends - low + _HEADROOM):
        rows[c, least : most + 1] = table[start : start + most - least + 1]
        start += most - least + 1
      layers.append({'rows': rows, 'scale': scale, 'shift': np.zeros((16, 2), np.int8)})
    params[branch] = {'spatial': depth.reshape(9, -1, 16), 'layers': layers}
  config = structure.Config(learned='entries', headroom=_HEADROOM, name='published')
  return config, Variables(params), files


class ArtefactTest(parameterized.TestCase):
  def assert_comes_back(self, config, variables):
    """Checks values, dtypes and the config; returns the artefact."""
    content = artefact.export(config, variables)
    loaded = systems.load(content)
    self.assertEqual(loaded.config, dataclasses.replace(config, learned='entries'))
    want, got = jax.tree.leaves_with_path(variables), jax.tree.leaves(loaded.variables)
    self.assertEqual(
      jax.tree.structure(variables), jax.tree.structure(loaded.variables)
    )
    for (path, one), other in zip(want, got):
      self.assertEqual(one.dtype, other.dtype, path)
      np.testing.assert_array_equal(one, other, str(path))
    self.assertEqual(artefact.export(loaded.config, loaded.variables), content)
    return content

  @parameterized.parameters(
    {},
    {'spatial': 'curve', 'low': 'fused', 'shift_radius': 1},
    {'restores': _NOISE, 'pairs': 1, 'channels': 3, 'name': 'tinylut_denoise'},
    {'restores': _NOISE, 'channels': 2, 'kernel': 2, 'msb_bits': 4, 'pointwise': 0},
    {'restores': _NOISE, 'channels': 1, 'kernel': 1, 'msb_bits': 8, 'scaled': False},
    {'restores': degradations.Degradation('jpeg', 10), 'channels': 1, 'pointwise': 2},
  )
  def test_entries_come_back(self, **fields):
    config = structure.Config(learned='entries', **fields)
    curve = fields.get('spatial', 'line')
    self.assert_comes_back(config, entries(config, spatial=curve))

  @unittest.skipUnless(PUBLISHED.is_dir(), 'needs tinylut_published under LUTJAX_DATA')
  def test_published_tables_take_a_quarter_and_come_back_to_the_byte(self):
    config, variables, files = published()
    content = self.assert_comes_back(config, variables)
    self.assertEqual(sum(table.size for table in files.values()), 37776)
    self.assertLess(len(content), 10000)
    params = systems.load(content).variables.params
    for branch, tag in (('high', 'H6'), ('low', 'L2')):
      for part, layer in zip(('L1_Point', 'UP'), params[branch]['layers']):
        ends = structure.level_range(config, branch)
        ends = np.rint(layer['scale'][:, None] * np.float32(ends)).astype(int)
        ends += _HEADROOM - structure.level_range(config, branch)[0]
        whole = [
          rows[least : most + 1] for rows, (least, most) in zip(layer['rows'], ends)
        ]
        np.testing.assert_array_equal(
          np.concatenate(whole), files[f'Model_V_{part}_x4_{tag}']
        )

  def test_networks_are_rounded_first(self):
    config = structure.Config(
      restores=_NOISE, channels=2, kernel=1, width=4, shift_radius=1
    )
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
      lambda leaf: rng.uniform(0.1, 1.0, leaf.shape).astype(np.float32),
      jax.eval_shape(functools.partial(model.init, config), jax.random.key(0)),
    )
    fixed, made = tables.to_tables(config, variables)
    system = model.make(config)
    content = system.export(variables)
    jax.tree.map(np.testing.assert_array_equal, system.restore(content), made)
    floats = jax.tree.map(lambda leaf: leaf.astype(np.float32), made)
    self.assertEqual(artefact.export(fixed, floats), content)

  def test_straight_lines_are_weights_where_they_are_exact(self):
    config = structure.Config(learned='entries', restores=_NOISE, channels=6)
    variables = entries(config)
    spatial = variables.params['high']['spatial']
    straight = len(self.assert_comes_back(config, variables))
    spatial[3, 10, 2] += 1
    bent = len(self.assert_comes_back(config, variables))
    self.assertGreater(bent - straight, 150)

  def test_rows_that_no_level_reaches_are_not_shipped(self):
    config = structure.Config(learned='entries', restores=_NOISE, channels=2)
    variables = entries(config)
    content = artefact.export(config, variables)
    for layer in variables.params['high']['layers']:
      unreached = ~tables.reached(config, 'high', layer)
      layer['rows'][unreached] = 99
    self.assertEqual(artefact.export(config, variables), content)

  def test_scales_of_few_bits_take_two_bytes(self):
    config = structure.Config(learned='entries', restores=_NOISE, channels=6)
    variables = entries(config)
    long = len(self.assert_comes_back(config, variables))
    for layer in (layer for b in variables.params.values() for layer in b['layers']):
      layer['scale'] = (np.rint(layer['scale'] * 2048) / 2048).astype(np.float32)
    self.assertLess(len(self.assert_comes_back(config, variables)), long - 30)

  def test_refuses_more_than_it_reads(self):
    config = structure.Config(
      learned='entries', restores=_NOISE, channels=64, pointwise=16
    )
    with self.assertRaisesRegex(ValueError, 'of 2097152 bytes at most, got'):
      artefact.export(config, entries(config))
    config = dataclasses.replace(config, pointwise=0)
    variables = entries(config)
    variables.params['low']['layers'][0]['scale'][1] = np.nan
    with self.assertRaisesRegex(ValueError, 'finite scales'):
      artefact.export(config, variables)

  def test_names_what_is_wrong(self):
    config = structure.Config(learned='entries', restores=_NOISE, channels=2)
    content = artefact.export(config, entries(config))
    header, tensors = container.unpack(content)[1:]

    def refused(message, places=None, **fields):
      changed = dict(enumerate(tensors)) | (places or {})
      packed = container.pack('tinylut', {**header, **fields}, list(changed.values()))
      with self.assertRaisesRegex(errors.ArtefactError, f'^here: .*{message}'):
        systems.load(packed, 'here')

    refused('header that does not fit', form=header['form'][:-1])
    refused('header that does not fit: .*channels', form=[99, *header['form'][1:]])
    refused('header that does not fit: lines', lines=[14, None])
    refused('found no scales of shape', form=[3, *header['form'][1:]])
    refused('found no scales', {0: tensors[0][:1]})
    refused('scales that are not finite', {0: tensors[0] * np.float32(np.nan)})
    refused('scales that are not finite', {0: tensors[0] * np.float32(1e9)})
    refused('shifts beyond the radius', {1: np.ones((4, 2, 2), np.int8)})
    refused('found float32', {2: tensors[0]})
    refused('a tensor after the code', {5: tensors[0]})
    refused('no code of tables', {4: tensors[0]})
    refused('code of tables: found 3 bytes for', {4: tensors[4][:3]})
    refused(
      'found tables of .* bytes, expected at most 2097152',
      {0: np.full((66, 64), 1.001, np.float32), 1: np.zeros((0, 64, 2), np.int8)},
      form=[64, 3, 16, 8, 7, 'chain', True, 'line', 0, 64],
      lines=[None, None],
    )


if __name__ == '__main__':
  absltest.main()
