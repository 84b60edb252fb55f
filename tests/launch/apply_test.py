from absl import flags
from absl.testing import absltest, flagsaver, parameterized

from launch import apply
from lutjax import errors


class ApplyTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    flags.FLAGS.mark_as_parsed()

  @parameterized.parameters(
    ({'expand': 'true', 'look': 'a'}, '^--look: nothing to do with --expand'),
    (
      {'expand': 'true', 'blend': 'a:1', 'strength': '0.5'},
      '^--blend, --strength: nothing to do with --expand',
    ),
    (
      {'expand': 'true', 'interpolation': 'trilinear'},
      '^--interpolation: nothing to do with --expand',
    ),
    ({'expand': 'true', 'lut': 'a.cube'}, 'expected one of --model, --lut and'),
    ({'lut': 'a.cube', 'space': 'rec2020'}, '^--space: nothing to do with a look'),
    ({'expand': 'true', 'only': 'colour'}, '^--only: nothing to do with --expand'),
    ({'expand': 'true', 'lut_out': 'o'}, '^--lut_out: nothing to do with --expand'),
    ({'lut': 'identity', 'shared_lut': 'true'}, '^--shared_lut: nothing to do with a'),
    ({'lut': 'a.cube', 'look': 'all'}, '^--look: nothing to do with --lut'),
    ({'lut': 'a.cube', 'blend': 'a:1'}, '^--blend: nothing to do with --lut'),
    (
      {'model': 'a.lutjax', 'blend': 'a:1', 'look': 'all'},
      '^--look: nothing to do with --blend',
    ),
    (
      {'model': 'a.lutjax', 'on_mismatch': 'refuse'},
      '^--on_mismatch: nothing to do with a look',
    ),
  )
  def test_apply_refuses_what_it_would_ignore(self, given, message):
    with (
      flagsaver.as_parsed(out='o', images='a.png', **given),
      self.assertRaisesRegex(errors.InputError, message),
    ):
      apply.main()


if __name__ == '__main__':
  absltest.main()
