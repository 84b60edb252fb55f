import os
import pathlib
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import assets, errors, files, systems
from lutjax.baselines import grid
from lutjax.baselines.mulut import artefact, published
from lutjax.baselines.mulut import model as mulut
from lutjax.codec import labels
from lutjax.commands import selection
from lutjax.data import degradations
from lutjax.looks import decoding
from lutjax.lut import lattice
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads
from lutjax.systems.img2lut import model as img2lut
from lutjax.systems.nilut import model as nilut
from lutjax.types import LookLibrary
from tests.launch import tiny_grader

LOOKS = [labels.Label(name) for name in ('Café', 'cold', 'warm')]


class MixTest(parameterized.TestCase):
  def test_names_what_is_wanted(self):
    self.assertEqual(list(selection.mix(LOOKS, look='all')), ['Café', 'cold', 'warm'])
    (weights,) = selection.mix(LOOKS, look='warm').values()
    np.testing.assert_array_equal(weights, [0, 0, 1])
    (weights,) = selection.mix(LOOKS, look='1').values()
    np.testing.assert_array_equal(weights, [0, 1, 0])

  def test_weights_of_a_blend_sum_to_one(self):
    mixed = selection.mix(LOOKS, blend=['warm:3', 'cold:1'])
    np.testing.assert_allclose(mixed['warm+cold'], [0, 0.25, 0.75])

  @parameterized.parameters(
    ({'look': 'wram'}, r'did you mean warm\?'),
    ({'look': ''}, 'holds 3 looks'),
    ({'blend': ['warm']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:-1']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:nan']}, 'expected NAME:WEIGHT'),
    ({'blend': ['warm:0']}, 'all zero'),
    ({'blend': ['wram:1']}, r'did you mean warm\?'),
    ({'blend': ['warm:1'], 'look': 'cold'}, 'found --blend beside it'),
  )
  def test_refuses(self, flags, message):
    with self.assertRaisesRegex(errors.InputError, message):
      selection.mix(LOOKS, **flags)


class ShippingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def save(self, name, bias):
    config = nilut.Config(
      widths=(4,),
      activations=('relu',),
      precision='fp32',
      looks=(labels.Label(name),),
    )
    variables = nilut.init(config, jax.random.key(0))
    variables.params[-1]['bias'] = np.full(3, bias, np.float32)
    content = nilut.export(config, variables)
    files.write_bytes(self.folder / f'run/models/{name}.lutjax', content)

  def test_a_run_is_a_set_of_looks(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    named = selection.named_looks(model=str(self.folder / 'run'), look='all')
    self.assertEqual(list(named), ['down', 'up'])
    want = np.clip(lattice.identity(5) + 0.25, 0, 1)
    np.testing.assert_allclose(named['up'].decode(5).table, want, atol=1e-6)

  def test_a_blend_is_the_mixture_of_the_looks(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    (got,) = selection.named_looks(
      model=str(self.folder / 'run'), blend=['up:0.3', 'down:0.7']
    ).values()
    nodes = lattice.identity(5)
    want = 0.3 * np.clip(nodes + 0.25, 0, 1) + 0.7 * np.clip(nodes - 0.25, 0, 1)
    np.testing.assert_allclose(got.decode(5).table, want, atol=1e-6)
    np.testing.assert_allclose(got.network(nodes), want, atol=1e-6)

  def test_looks_are_decoded_when_they_are_asked_for(self):
    self.save('up', 0.25)
    self.save('down', -0.25)
    with mock.patch.object(decoding, 'decode', wraps=decoding.decode) as decode:
      named = selection.named_looks(model=str(self.folder / 'run'), look='all')
      self.assertEqual(decode.call_count, 0)
      named['up'].decode(5)
      self.assertEqual(decode.call_count, 1)

  def test_says_what_it_looked_for(self):
    with self.assertRaisesRegex(errors.InputError, 'no such file or folder'):
      selection.find_models(str(self.folder / 'nowhere'))
    with self.assertRaisesRegex(errors.InputError, 'found no model.lutjax'):
      selection.find_models(str(self.folder))
    (self.folder / 'a.lutjax').write_bytes(b'not one')
    with self.assertRaisesRegex(errors.ArtefactError, 'a.lutjax: '):
      selection.find_models(str(self.folder / 'a.lutjax'))


class RestorersTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.config = mulut.Config(('s',), 7, degradations.Degradation('bicubic', 2))
    self.variables = mulut.init(self.config, jax.random.key(0))
    self.content = artefact.export(self.config, self.variables)
    self.path = self.folder / 'a.lutjax'
    self.path.write_bytes(self.content)
    self.tables = self.folder / 'tables'
    for name, content in published.render(self.config, self.variables).items():
      files.write_bytes(self.tables / name, content)
    files.write_text(self.tables / 'README.md', 'Not a table.')

  def test_opens_an_artefact_a_run_and_published_tables(self):
    files.write_bytes(self.folder / 'run/model.lutjax', self.content)
    for path, held, size_bytes in (
      (self.path, self.path, len(self.content)),
      (self.folder / 'run', self.folder / 'run/model.lutjax', len(self.content)),
      (self.tables, self.tables, 128 + 4 * 81),
    ):
      opened = selection.find_restorer(str(path))
      self.assertEqual(opened.path, held)
      self.assertEqual(opened.size_bytes, size_bytes)
      self.assertEqual(opened.loaded.config, self.config)

  def test_an_artefact_comes_before_tables_beside_it(self):
    changed = mulut.Config(('d',), 7, self.config.restores)
    content = artefact.export(changed, self.variables)
    (self.tables / 'model.lutjax').write_bytes(content)
    opened = selection.find_restorer(str(self.tables))
    self.assertEqual(opened.loaded.config, changed)

  def test_refuses_what_the_other_kind_is_for(self):
    config = nilut.Config(widths=(4,), activations=('relu',), looks=tuple(LOOKS[:1]))
    content = nilut.export(config, nilut.init(config, jax.random.key(0)))
    files.write_bytes(self.folder / 'look/model.lutjax', content)
    with self.assertRaisesRegex(
      errors.InputError, 'model.lutjax: found nilut, which holds looks, expected'
    ):
      selection.find_restorer(str(self.folder / 'look'))
    for path in (self.path, self.tables):
      message = f'{path}: found mulut, which restores pictures, expected a model that'
      with self.assertRaisesRegex(errors.InputError, message):
        selection.find_models(str(path))
      with self.assertRaisesRegex(errors.InputError, message):
        selection.named_looks(model=str(path))

  def test_tells_restorers_from_looks_without_opening_them(self):
    files.write_bytes(self.folder / 'run/models/b.lutjax', self.content)
    for path in (self.path, self.folder / 'run', self.tables):
      self.assertEqual(selection.kind_of(str(path)), 'restorer')
    config = nilut.Config(widths=(4,), activations=('relu',), looks=tuple(LOOKS[:1]))
    content = nilut.export(config, nilut.init(config, jax.random.key(0)))
    files.write_bytes(self.folder / 'look/model.lutjax', content)
    files.write_bytes(self.folder / 'broken.lutjax', self.content[:-1])
    files.write_bytes(self.folder / 'photo.png', b'\x89PNG\r\n\x1a\n')
    for name in ('look', 'broken.lutjax', 'photo.png', 'nowhere', 'nowhere.lutjax'):
      self.assertEqual(selection.kind_of(str(self.folder / name)), 'looks')

  def test_models_are_named_after_their_place(self):
    files.write_bytes(self.folder / 'v1.2/model.lutjax', self.content)
    files.write_bytes(self.folder / 'run/models/b.lutjax', self.content)
    self.tables.rename(self.folder / 'tables.x4')
    for name, want in (
      ('a.lutjax', 'a'),
      ('v1.2', 'v1.2'),
      ('v1.2/model.lutjax', 'v1.2'),
      ('run', 'b'),
      ('tables.x4', 'tables.x4'),
    ):
      opened = selection.find_restorer(str(self.folder / name))
      self.assertEqual(selection.name_of(opened), want)

  def test_what_ships_is_found_by_name_after_paths(self):
    shipped = self.folder / 'shipped'
    files.write_bytes(shipped / 'denoise.lutjax', self.content)
    self.enter_context(mock.patch.object(assets, '_FOLDER', shipped))
    opened = selection.find_restorer('denoise')
    self.assertEqual(opened.path, shipped / 'denoise.lutjax')
    with self.assertRaisesRegex(
      errors.InputError,
      '--model=denoize: no such file or folder, and no model of that name comes with '
      r'lutjax, only denoise; did you mean denoise\?',
    ):
      selection.find_restorer('denoize')
    with self.assertRaisesRegex(
      errors.InputError, 'here/denoise: no such file or fold'
    ):
      selection.find_restorer('here/denoise')
    here = os.getcwd()
    os.chdir(self.folder)
    self.addCleanup(os.chdir, here)
    (self.folder / 'denoise').mkdir()
    with self.assertRaisesRegex(errors.InputError, '--model=denoise: found no model.l'):
      selection.find_restorer('denoise')

  def test_refuses_several_and_none(self):
    for name in 'ab':
      files.write_bytes(self.folder / f'run/models/{name}.lutjax', self.content)
    with self.assertRaisesRegex(errors.InputError, 'found 2 models, expected one'):
      selection.find_restorer(str(self.folder / 'run'))
    with self.assertRaisesRegex(errors.InputError, 'no such file or folder'):
      selection.find_restorer(str(self.folder / 'nowhere'))
    with self.assertRaisesRegex(errors.InputError, 'found no model.lutjax'):
      selection.find_restorer(str(self.folder))


class GradersTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def save_with_library(self, name: str, content: bytes, library: LookLibrary) -> str:
    """Writes a model whose head predicts codes of a library in another artefact."""
    config = img2lut.Config(
      side=16,
      network=resnet.Shape(stem=4, widths=(4,)),
      head=heads.Shape('library', size=3, hidden=(2,)),
      held=img2lut.Held('looks.lutjax', content, library),
    )
    return str(tiny_grader.save(self.folder / name, config))

  def test_opens_one_model_and_refuses_what_the_others_are_for(self):
    path = tiny_grader.save(self.folder / 'run/model.lutjax')
    for given in (path, path.parent):
      self.assertEqual(selection.kind_of(str(given)), 'grader')
      opened = selection.find_grader(str(given))
      self.assertEqual(opened.loaded.config, tiny_grader.CONFIG)
    does = 'found img2lut, which predicts the LUT of a picture, expected a model that'
    for find, wanted in (
      (selection.find_models, 'holds looks'),
      (selection.find_restorer, 'restores pictures'),
    ):
      with self.assertRaisesRegex(errors.InputError, f'^{path}: {does} {wanted}$'):
        find(str(path))
    config = nilut.Config(widths=(4,), activations=('relu',), looks=tuple(LOOKS[:1]))
    content = nilut.export(config, nilut.init(config, jax.random.key(0)))
    files.write_bytes(self.folder / 'look/model.lutjax', content)
    with self.assertRaisesRegex(
      errors.InputError,
      'found nilut, which holds looks, expected a model that predicts the LUT',
    ):
      selection.find_grader(str(self.folder / 'look'))
    for name in 'ab':
      tiny_grader.save(self.folder / f'several/models/{name}.lutjax')
    with self.assertRaisesRegex(
      errors.InputError, 'found 2 models, expected one that p'
    ):
      selection.find_grader(str(self.folder / 'several'))

  def test_a_look_library_comes_along(self):
    config = grid.Config(size=3, looks=tuple(LOOKS[:1]))
    content = grid.export(config, grid.init(config, jax.random.key(0)))
    library = LookLibrary(
      lambda code, rgb: rgb * jax.nn.sigmoid(code[0]), 1, np.zeros(1), np.ones(1)
    )
    path = self.save_with_library('a.lutjax', content, library)
    with self.assertRaisesRegex(
      errors.ArtefactError, f'^{path}: its library: found grid, expected a library of'
    ):
      selection.find_grader(path)
    inner = pathlib.Path(path).read_bytes()
    nested = self.save_with_library('b.lutjax', inner, library)
    with self.assertRaisesRegex(
      errors.ArtefactError,
      f'^{nested}: its library: found img2lut weights that do not fit: .*got',
    ):
      selection.find_grader(nested)
    given = []

    def opened(config, variables):
      given.append((config, variables))
      return library

    known = systems.models() | {'grid': grid.MODEL._replace(library=opened)}
    with mock.patch.object(systems, 'models', lambda: known):
      loaded = selection.find_grader(path).loaded
    self.assertEqual(loaded.config.functions, library)
    ((held, variables),) = given
    self.assertEqual(held, config)
    jax.tree.map(
      np.testing.assert_array_equal, variables, grid.restore(config, content)
    )


if __name__ == '__main__':
  absltest.main()
