"""Systems come and go by their line in the registry."""

import contextlib
import importlib
import importlib.abc
import pathlib
import re
import sys
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, experiment, files, systems
from lutjax.baselines import task as baseline_task
from lutjax.baselines.mulut import artefact, published
from lutjax.baselines.mulut import model as mulut_model
from lutjax.commands import fit, selection
from lutjax.data import degradations
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.lut import cube, lattice
from lutjax.systems.img2lut import artefact as img2lut_artefact
from lutjax.systems.tinylut import artefact as tinylut_artefact
from lutjax.systems.tinylut import structure
from tests.launch import tiny_grader
from tests.systems.tinylut import artefact_test

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARTEFACTS = {
  'nilut': 'nilut/models/soft.lutjax',
  'lutflow': 'lutflow/model.lutjax',
  'dct': 'dct/model.lutjax',
  'grid': 'grid/model.lutjax',
}
MULUT = mulut_model.Config(('s',), 7)
TINYLUT = structure.Config(
  degradations.Degradation('noise', 25), channels=1, kernel=1, learned='entries'
)
EARLIER = ROOT / 'tests/cases/before_0_2'


class _Blocked(importlib.abc.MetaPathFinder):
  """Makes a package look as if it had been deleted."""

  def __init__(self, package):
    self.package = package

  def find_spec(self, fullname, path, target=None):
    del path, target
    if f'{fullname}.'.startswith(f'{self.package}.'):
      raise ModuleNotFoundError(f'No module named {fullname!r}', name=fullname)
    return None


@contextlib.contextmanager
def removed(package):
  """Takes a package away, and gives it back."""
  gone = {
    name: module
    for name, module in sys.modules.items()
    if f'{name}.'.startswith(f'{package}.')
  }
  for name in gone:
    del sys.modules[name]
  sys.meta_path.insert(0, _Blocked(package))
  systems.entries.cache_clear()
  try:
    yield
  finally:
    sys.meta_path.pop(0)
    sys.modules.update(gone)
    systems.entries.cache_clear()


class RegistryTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.look = lattice.from_table(lattice.identity(3)[..., ::-1] * 0.5 + 0.25)
    (self.folder / 'turned.cube').write_bytes(cube.render(self.look))
    self.sources = experiment.Sources(luts=[str(self.folder / 'turned.cube')])
    # Models that no earlier version wrote are written here, before any is removed.
    variables = mulut_model.init(MULUT, jax.random.key(0))
    self.artefacts = {
      name: (EARLIER / path).read_bytes() for name, path in ARTEFACTS.items()
    } | {
      'mulut': artefact.export(MULUT, variables),
      'tinylut': tinylut_artefact.export(TINYLUT, artefact_test.entries(TINYLUT)),
      'img2lut': img2lut_artefact.export(tiny_grader.CONFIG, tiny_grader.draw()),
    }
    self.tables = self.folder / 'tables'
    for name, content in published.render(MULUT, variables).items():
      files.write_bytes(self.tables / name, content)

  def fit(self, model, task, steps):
    settings = experiment.Experiment(
      model=model,
      task=task,
      fit=loop.Config(
        steps=steps,
        batch_size=64,
        segment_steps=max(steps, 1),
        schedule='cosine' if steps else 'constant',
      ),
      pictures='none',
    )
    run = self.folder / 'run'
    self.assertEmpty(fit.fit(settings, self.sources, run, say=lambda line: None))
    (look,) = selection.named_looks(model=str(run)).values()
    return np.asarray(look.decode(3).table)

  @parameterized.parameters(*systems._TABLE.items())
  def test_without_a_system_the_others_go_on(self, name, package):
    with removed(package):
      self.assertNotIn(name, [entry.name for entry in systems.entries()])
      self.assertLen(systems.entries(), len(systems._TABLE) - 1)
      with self.assertRaises(ModuleNotFoundError):
        importlib.import_module(package)
      for other, content in self.artefacts.items():
        if other == name:
          with self.assertRaisesRegex(errors.ArtefactError, f'found system {name!r}'):
            systems.load(content)
        else:
          self.assertEqual(systems.load(content).model.name, other)
      loaded = systems.load_folder(self.tables)
      self.assertEqual(loaded is None, name == 'mulut')
      coder = importlib.import_module(
        'lutjax.baselines.grid' if name == 'dct' else 'lutjax.baselines.dct'
      )
      task = baseline_task.Config(nodes=3, random_colours=64, photo_colours=64)
      got = self.fit(coder.Config(), task, 0)
      np.testing.assert_allclose(got, self.look.table, atol=0.2)

  def test_the_example_of_the_docs_is_a_system(self):
    page = (ROOT / 'docs/adding_a_system.md').read_text()
    code = re.findall(r'```python\n(.*?)```', page, re.S)
    (self.folder / 'matrix_example.py').write_text(code[0])
    self.enter_context(mock.patch.object(sys, 'path', [str(self.folder), *sys.path]))
    table = {**systems._TABLE, 'matrix': 'matrix_example'}
    self.enter_context(mock.patch.object(systems, '_TABLE', table))
    systems.entries.cache_clear()
    self.addCleanup(systems.entries.cache_clear)
    matrix = importlib.import_module('matrix_example')
    namespace = {'matrix': matrix}
    exec(code[1].replace('from lutjax.systems import matrix\n', ''), namespace)
    settings = namespace['get_config']()
    self.assertIsInstance(settings.task, looks.Config)
    task = looks.Config(nodes=3, random_colours=64, photo_colours=64)
    got = self.fit(settings.model, task, settings.fit.steps)
    # Channels are turned round: a matrix can do that.
    np.testing.assert_allclose(got, self.look.table, atol=0.02)
    # Browsers have no decoder for it: its page has lattices, and the report says so.
    self.assertTrue((self.folder / 'run/looks.html').is_file())
    report = (self.folder / 'run/report.html').read_text()
    self.assertIn('model.lutjax: shown as lattices of 33^3', report)

  def test_a_config_of_no_system_is_named(self):
    with self.assertRaisesRegex(errors.InputError, 'model config Config, expected one'):
      systems.model_of(loop.Config())
    with self.assertRaisesRegex(errors.InputError, 'task config Config, expected one'):
      systems.task_of(loop.Config())


if __name__ == '__main__':
  absltest.main()
