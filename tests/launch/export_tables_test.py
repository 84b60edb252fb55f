"""Tables of models that restore pictures, as a shell exports them."""

import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import degradations
from tests.launch import fake_restorer, in_process

TABLE = np.random.default_rng(0).permutation(256).astype(np.uint8)
CONTENT = {
  'fake_0.npy': bytes(TABLE[::2]),
  'fake_1.npy': bytes(TABLE[1::2]),
  'fake.h': b'// fake\n',
}


class TablesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    fake_restorer.register(self)
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    config = fake_restorer.Config()
    self.model = fake_restorer.save(self.folder / 'fake.lutjax', config, TABLE)
    self.all = {**CONTENT, 'fake.lutjax': self.model.read_bytes()}
    self.out = self.folder / 'out'

  def export(self, **given) -> str:
    given = {'model': self.model, 'out': self.out, **given}
    failed, printed = in_process.run('export', **given)
    self.assertEmpty(failed)
    return printed

  def written(self) -> dict[str, bytes]:
    if not self.out.is_dir():
      return {}
    return {path.name: path.read_bytes() for path in self.out.iterdir()}

  def test_all_formats_by_default_and_those_that_are_asked_for(self):
    printed = self.export()
    self.assertEqual(self.written(), self.all)
    self.assertEqual({pathlib.Path(p).name for p in printed.split()}, {*self.all})
    self.out = self.folder / 'npy'
    self.export(format='npy')
    self.assertEqual({*self.written()}, {'fake_0.npy', 'fake_1.npy'})
    # What was exported is a model again.
    self.model, self.out = self.out, self.folder / 'again'
    self.export(format='lutjax')
    self.assertEqual(self.written(), {'npy.lutjax': self.all['fake.lutjax']})

  def test_files_are_named_after_a_run(self):
    run = self.folder / 'run/model.lutjax'
    run.parent.mkdir()
    run.write_bytes(self.model.read_bytes())
    self.export(model=run.parent, format='c')
    self.assertEqual(self.written(), {'run.h': b'// run\n'})

  def test_one_file_under_a_name(self):
    self.export(format='c', out=self.folder / 'other.h')
    self.assertEqual((self.folder / 'other.h').read_bytes(), CONTENT['fake.h'])
    for form, name in (('npy', 'a.npy'), ('c', 'a.npy'), ('c,lutjax', 'a.h')):
      with self.assertRaisesRegex(errors.InputError, f'{name}: found .*, expected a f'):
        self.export(format=form, out=self.folder / name)
    self.export(format='c', out=self.folder / 'v1.2')
    self.assertTrue((self.folder / 'v1.2/fake.h').is_file())

  def test_a_format_that_cannot_hold_it_is_left_out_unless_asked_for(self):
    config = fake_restorer.Config(degradations.Degradation('bicubic', 3))
    fake_restorer.save(self.model, config, TABLE)
    self.assertIn('left out npy: the layout knows no factor 3', self.export())
    self.assertEqual({*self.written()}, {'fake.h', 'fake.lutjax'})
    with self.assertRaisesRegex(errors.InputError, '^the layout knows no factor 3'):
      self.export(format='npy')

  def test_nothing_is_replaced_or_half_written(self):
    self.out.mkdir()
    (self.out / 'fake_1.npy').write_bytes(b'mine')
    with self.assertRaisesRegex(
      errors.InputError, 'fake_1.npy: exists already; --over'
    ):
      self.export()
    self.assertEqual(self.written(), {'fake_1.npy': b'mine'})
    write, left = pathlib.Path.write_bytes, [3]

    def failing(path, content):
      left[0] -= 1
      if not left[0]:
        raise OSError(28, 'No space left on device')
      return write(path, content)

    with (
      mock.patch.object(pathlib.Path, 'write_bytes', failing),
      self.assertRaisesRegex(errors.InputError, 'No space left on device'),
    ):
      self.export(overwrite='true')
    self.assertEqual(self.written(), {'fake_1.npy': b'mine'})
    self.export(overwrite='true')
    self.assertEqual(self.written(), self.all)

  @parameterized.parameters(
    ({'size': '9'}, '--size'),
    ({'level': '4', 'bits': '8'}, '--level, --bits'),
    ({'clip': 'true'}, '--clip'),
    ({'look': 'a'}, '--look'),
    ({'blend': 'a:1'}, '--blend'),
    ({'inverse': 'true'}, '--inverse'),
  )
  def test_refuses_flags_of_looks(self, given, names):
    message = f'^{names}: nothing to do with --model=.*, which restores pictures'
    with self.assertRaisesRegex(errors.InputError, message):
      self.export(**given)

  def test_refuses_formats_of_looks(self):
    message = (
      '--format=cube: found no such format of fake, expected one of npy, c, lutjax'
    )
    with self.assertRaisesRegex(errors.InputError, message):
      self.export(format='npy,cube')
    self.assertEmpty(self.written())


if __name__ == '__main__':
  absltest.main()
