import io
import os
import pathlib
import unittest

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.systems.nilut import model as nilut

DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'nilut_published'


def _archive(arrays):
  stream = io.BytesIO()
  np.savez(stream, **arrays)
  return stream.getvalue()


def _arrays(inputs=5, width=4):
  rng = np.random.default_rng(0)
  shapes = [(width, inputs), (width, width), (3, width)]
  arrays = {}
  for number, shape in zip((0, 2, 4), shapes):
    arrays[f'net.{number}.weight'] = rng.normal(size=shape).astype(np.float32)
    arrays[f'net.{number}.bias'] = rng.normal(size=shape[0]).astype(np.float32)
  return arrays


class NilutPublishedTest(parameterized.TestCase):
  @unittest.skipUnless(DATA.is_dir(), 'needs the published weights under LUTJAX_DATA')
  def test_reproduces_the_published_outputs(self):
    loaded = systems.load((DATA / 'nilutx3style.npz').read_bytes())
    self.assertEqual(len(loaded.config.looks), 3)
    apply = jax.jit(
      lambda rgb, style: nilut.apply(
        loaded.config, loaded.variables, nilut.query(loaded.config, rgb, style)
      )
    )
    with np.load(DATA / 'nilutx3style_expected.npz') as expected:
      for style, want in zip(expected['style'], expected['out']):
        np.testing.assert_allclose(apply(expected['rgb'], style), want, atol=1e-5)

  def test_styles_enter_beside_the_colour(self):
    arrays = _arrays()
    loaded = systems.load(_archive(arrays))
    self.assertEqual(
      [look.name for look in loaded.config.looks], ['style-1', 'style-2']
    )
    rgb = np.array([[0.2, 0.4, 0.9]], np.float32)
    hidden = np.concatenate([rgb, [[0.25, 0.75]]], axis=1)
    for number in (0, 2, 4):
      weight, bias = arrays[f'net.{number}.weight'], arrays[f'net.{number}.bias']
      hidden = hidden @ weight.T + bias
      if number < 4:
        hidden = np.maximum(hidden, 0) if number == 0 else np.tanh(hidden)
    batch = nilut.query(loaded.config, rgb, np.array([0.25, 0.75], np.float32))
    got = nilut.apply(loaded.config, loaded.variables, batch)
    np.testing.assert_allclose(got, np.clip(rgb + hidden, 0, 1), atol=1e-5)

  @parameterized.parameters(
    ({'other': np.zeros(3)}, "'other', expected an artefact"),
    ({'net.0.bias': np.zeros(2, np.float32)}, 'no layer in net.0,'),
    ({'net.4.weight': np.zeros((3, 9), np.float32)}, 'layers of shapes'),
  )
  def test_refuses_what_is_no_network(self, change, message):
    content = _archive({**_arrays(), **change})
    with self.assertRaisesRegex(errors.ArtefactError, f'a.npz: found .*{message}'):
      systems.load(content, 'a.npz')

  def test_refuses_a_damaged_archive(self):
    content = _archive(_arrays())[:-40]
    with self.assertRaisesRegex(errors.ArtefactError, 'archive that cannot be read'):
      systems.load(content, 'a.npz')


if __name__ == '__main__':
  absltest.main()
