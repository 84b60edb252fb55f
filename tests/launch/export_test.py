from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from launch import export
from lutjax import errors


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


if __name__ == '__main__':
  absltest.main()
