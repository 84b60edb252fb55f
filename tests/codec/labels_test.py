import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import curves, labels

ODD = labels.Label('odd', ((-1.0, 0.0, 0.0), (1.0, 2.0, 1.0)), (-0.5, 14.0))
CURVE = curves.fit(np.linspace(0, 1, 300)[:, None] ** [0.4, 0.5, 2.0])
CURVED = labels.Label('curved', curve=CURVE)
EXPOSURE = labels.Setting('exposure', 9)
SET = labels.Label('set', settings=(EXPOSURE, labels.Setting('warm th', 2)))
_UNIT = [*[0.0] * 3, *[1.0] * 3, 0.0, 1.0]


class LabelsTest(parameterized.TestCase):
  def test_labels_come_back(self):
    both = labels.Label('both', curve=CURVE, settings=(EXPOSURE,))
    looks = (labels.Label('Café'), ODD, CURVED, SET, both)
    header = labels.to_header(looks)
    self.assertEqual(header[0], 'Café')
    self.assertEqual(labels.from_header(header, 'a'), looks)
    self.assertLen(header[1], 9)
    self.assertEqual([look.is_default for look in looks], [True] + [False] * 4)

  def test_looks_mix_where_they_differ_in_name_alone(self):
    plain = labels.Label('plain')
    self.assertTrue(plain.mixes_with(labels.Label('other')))
    self.assertTrue(CURVED.mixes_with(labels.Label('other', curve=CURVE)))
    for other in (ODD, CURVED, SET):
      self.assertFalse(plain.mixes_with(other))
    one = labels.Label('one', settings=(EXPOSURE,))
    finer = labels.Label('finer', settings=(labels.Setting('exposure', 33),))
    self.assertTrue(one.mixes_with(finer))
    self.assertFalse(one.mixes_with(SET))

  @parameterized.parameters(
    (7, 'expected names'),
    ([['odd', 0.0]], 'expected names'),
    ([['odd', 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, float('nan')]], 'expected names'),
    ([['odd', 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]], 'expected names'),
    ([['odd', *[0.0] * 3, *[1.0] * 3, 0.0, 1.0, 7]], "'odd': found no curve"),
    ([['odd', *[0.0] * 3, *[1.0] * 3, 0.0, 1.0, [3, 9, []]]], "'odd': .*9 bits"),
    ([['odd', *_UNIT, None, [], 7]], 'expected names'),
    ([['odd', *_UNIT, None, 7]], "'odd': .*int"),
    ([['odd', *_UNIT, None, []]], "'odd': found 0 settings"),
    ([['odd', *_UNIT, None, [['a', 1]]]], "'odd': found a setting 'a' of 1 nodes"),
    ([['odd', *_UNIT, None, [['a,b', 9]]]], "'odd': found a setting 'a,b'"),
    ([['odd', *_UNIT, None, [['a', True]]]], "'odd': found 'a, True'"),
    ([['odd', *_UNIT, None, [['a', 9], ['a', 9]]]], 'expected names that differ'),
    (['a', 'a'], 'two looks of one name'),
  )
  def test_refuses(self, header, message):
    with self.assertRaisesRegex(errors.ArtefactError, message):
      labels.from_header(header, 'a')

  def test_finds_by_name_then_by_number(self):
    looks = [labels.Label('1'), labels.Label('warm')]
    self.assertEqual(labels.find(looks, '1'), 0)
    self.assertEqual(labels.find(looks, '0'), 0)
    with self.assertRaisesRegex(errors.InputError, r'did you mean warm\?'):
      labels.find(looks, 'wram')
    with self.assertRaisesRegex(errors.InputError, '--blend=cold: no such look'):
      labels.find(looks, 'cold', '--blend')


if __name__ == '__main__':
  absltest.main()
