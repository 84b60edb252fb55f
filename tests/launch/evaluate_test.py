import importlib

from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from launch import evaluate
from lutjax import errors


class EvaluateTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # Of flags that share a name, the one defined last gives the default.
    importlib.reload(evaluate)
    flags.FLAGS.mark_as_parsed()

  @parameterized.parameters(
    ({'pairs': 'p', 'luts': 'a.cube'}, '--luts: .* --pairs'),
    ({'pairs': 'p', 'images': 'a.png'}, '--images: .* --pairs'),
    ({'pairs': 'p', 'inverse': 'true'}, '--inverse: .* --pairs'),
    ({'pairs': 'p', 'look': 'a'}, '--look: .* --pairs'),
    ({'model': 'a.png', 'luts': 'a.cube'}, '--luts: .* a.png, scored on --images'),
    ({'model': 'a.png', 'look': 'a'}, '--look: .* a.png'),
    ({'model': 'a.png', 'inverse': 'true'}, '--inverse: .* a.png'),
    ({'luts': 'a.cube', 'overwrite': 'true'}, '--overwrite: .* a table that is'),
    (
      {'luts': 'a.cube', 'images': 'a.png', 'set': 'colours=hald256'},
      '--images: .* --set=colours=hald256',
    ),
    (
      {'luts': 'a.cube', 'inverse': 'true', 'set': 'colours=hald256'},
      '--set=colours: .* --inverse',
    ),
    ({'luts': 'a.cube', 'set': 'read=export'}, '--set=read: .* colours other than'),
    ({'luts': 'a.cube', 'set': 'size=9'}, '--set=size: .* scores without --inverse'),
  )
  def test_refuses_what_it_would_ignore(self, given, message):
    message = '^' + message.replace(': .* ', ': nothing to do with .*')
    given = {'model': 'a.lutjax', **given}
    # Flags that may be repeated take lists.
    given = {key: [v] if key == 'set' else v for key, v in given.items()}
    with (
      flagsaver.as_parsed(**given),
      self.assertRaisesRegex(errors.InputError, message),
    ):
      evaluate.main()


if __name__ == '__main__':
  absltest.main()
