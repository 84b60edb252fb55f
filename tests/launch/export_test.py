import pathlib

import numpy as np
from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from launch import export
from lutjax import errors
from lutjax.lut import cube, lattice
from tests.launch import in_process


class ExportTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    flags.FLAGS.mark_as_parsed()

  @parameterized.parameters(
    ({'model': 'a', 'info': 'true', 'look': 'x'}, '--look: .* --info'),
    ({'model': 'a', 'info': 'true', 'out': 'o'}, '--out: .* --info'),
    ({'model': 'a', 'info': 'true', 'overwrite': 'true'}, '--overwrite: .* --info'),
    ({'model': 'a', 'info': 'true', 'inverse': 'true'}, '--inverse: .* --info'),
    ({'lut': 'a.cube', 'level': '4'}, '--level: .* --format=cube, of no Hald image'),
    ({'lut': 'a.cube', 'bits': '8'}, '--bits: .* --format=cube'),
    ({'model': 'a', 'format': 'cube,npz', 'bits': '8'}, '--bits: .* --format=cube,npz'),
    ({'model': 'a', 'format': 'hald', 'size': '9'}, '--size: .* a Hald image'),
    (
      {'model': 'a', 'format': 'hald', 'max_error': '1'},
      '--max_error: .* a Hald image',
    ),
    ({'model': 'a', 'max_error': '1', 'size': '9'}, '--size: .* --max_error'),
    ({'model': 'a', 'info': 'true', 'max_error': '1'}, '--max_error: .* --info'),
    ({'lut': 'a.cube', 'look': 'all'}, '--look: .* --lut'),
    ({'lut': 'a.cube', 'blend': 'a:1'}, '--blend: .* --lut'),
    ({'model': 'a', 'blend': 'a:1', 'look': 'all'}, '--look: .* --blend'),
    ({'model': 'a', 'blend': 'a:1', 'inverse': 'true'}, '--inverse: .* --blend'),
  )
  def test_refuses_what_it_would_ignore(self, given, message):
    out = {} if 'info' in given else {'out': 'o'}
    message = '^' + message.replace(': .* ', ': nothing to do with ')
    with (
      flagsaver.as_parsed(**out, **given),
      self.assertRaisesRegex(errors.InputError, message),
    ):
      export.main()

  def test_max_error_chooses_the_size(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    table = np.sin(lattice.identity(40))
    (folder / 'look.cube').write_bytes(cube.render(lattice.from_table(table)))
    given = {'lut': folder / 'look.cube', 'out': folder / 'small.cube'}
    failed, printed = in_process.run('export', max_error=0.5, **given)
    self.assertEmpty(failed)
    first, path = printed.splitlines()
    self.assertRegex(first, r'small.cube: 9\^3 nodes: 0.\d+ CIEDE2000 off at most, at ')
    self.assertEqual(path, str(folder / 'small.cube'))
    self.assertLen(cube.read(path).lut.table, 9)


if __name__ == '__main__':
  absltest.main()
