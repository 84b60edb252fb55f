"""Tests of `lutjax.systems.lutflow.edit_task` and its `edit`."""

import dataclasses
import pathlib
import tempfile

import jax
import numpy as np
from absl.testing import absltest

from configs import lutflow_add
from lutjax import errors, experiment, files, systems
from lutjax.codec import labels
from lutjax.commands import fit, selection
from lutjax.lut import cube, lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow

_NAMES = tuple(labels.Label(name) for name in ('velvia', 'sepia', 'teal'))
_CONFIG = lutflow.Config(
  flow=residual_flow.Shape(
    blocks=2, widths=(12, 12), conditioned=(1, 2), activation='rational'
  ),
  looks=_NAMES,
)


def _base(path):
  variables = lutflow.init(_CONFIG, jax.random.key(0))
  rng = np.random.default_rng(0)
  weights = jax.tree.map(
    lambda w: w + 0.2 * rng.normal(size=w.shape).astype(np.float32),
    variables.params['flow']['weights'],
  )
  codes = rng.normal(size=(3, 48)).astype(np.float32)
  flow = {**variables.params['flow'], 'weights': weights}
  params = {**variables.params, 'flow': flow, 'codes': codes}
  path.write_bytes(lutflow.export(_CONFIG, variables._replace(params=params)))


def _fit(folder, out, luts=(), **task):
  settings = lutflow_add.get_config()
  task = {'base': str(folder / 'base.lutjax'), **task}
  settings = dataclasses.replace(
    settings, task=dataclasses.replace(settings.task, **task)
  )
  lines = []
  sources = experiment.Sources(luts=[str(path) for path in luts])
  fit.fit(settings, sources, folder / out, say=lines.append)
  return lines


def _decoded(size=9, **flags):
  looks = selection.named_looks(**flags)
  return {name: look.decode(size) for name, look in looks.items()}


class AdditionsTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
    _base(cls.folder / 'base.lutjax')
    rgb = lattice.identity(9)
    cls.look = (rgb * [1.0, 0.92, 0.8] + [0.0, 0.03, 0.02]).astype(np.float32)
    cls.path = cls.folder / 'warm.cube'
    files.write_bytes(cls.path, cube.render(lattice.from_table(cls.look)))
    cls.lines = _fit(cls.folder, 'added', [cls.path], target_cie76=0.5)

  def _tables(self, name):
    return {
      key: np.asarray(lut.table)
      for key, lut in _decoded(model=str(self.folder / name), look='all').items()
    }

  def test_a_new_look_is_met_and_the_others_keep_their_bits(self):
    before, after = self._tables('base.lutjax'), self._tables('added')
    self.assertEqual(list(after), ['velvia', 'sepia', 'teal', 'warm'])
    for name, table in before.items():
      np.testing.assert_array_equal(after[name], table)
    self.assertLess(np.abs(after['warm'] - self.look).mean(), 0.006)
    self.assertTrue(any(line.startswith('warm: mean CIE76 0.') for line in self.lines))

  def test_a_look_is_taken_out(self):
    _fit(self.folder, 'removed', remove=('sepia',))
    before, after = self._tables('base.lutjax'), self._tables('removed')
    self.assertEqual(list(after), ['velvia', 'teal'])
    np.testing.assert_array_equal(after['teal'], before['teal'])
    size = (self.folder / 'removed' / 'model.lutjax').stat().st_size
    self.assertLess(size, (self.folder / 'base.lutjax').stat().st_size)

  def test_names_what_cannot_be_done(self):
    with self.assertRaisesRegex(errors.InputError, 'nothing in --set remove'):
      _fit(self.folder, 'x')
    with self.assertRaisesRegex(errors.InputError, 'did you mean sepia'):
      _fit(self.folder, 'x', remove=('seppia',))
    with self.assertRaisesRegex(errors.InputError, 'expected a LutFlow artefact'):
      _fit(self.folder, 'x', [self.path], base='')
    twin = self.folder / 'twin' / 'teal.cube'
    twin.parent.mkdir()
    twin.write_bytes(self.path.read_bytes())
    with self.assertRaisesRegex(errors.InputError, 'teal is in .* already'):
      _fit(self.folder, 'x', [twin])

  def test_what_was_kept_loads_again(self):
    content = (self.folder / 'added' / 'model.lutjax').read_bytes()
    self.assertLen(systems.load(content).config.looks, 4)


if __name__ == '__main__':
  absltest.main()
