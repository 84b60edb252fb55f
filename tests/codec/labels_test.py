from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import labels

ODD = labels.Label('odd', ((-1.0, 0.0, 0.0), (1.0, 2.0, 1.0)), (-0.5, 14.0))


class LabelsTest(parameterized.TestCase):
  def test_labels_come_back(self):
    looks = (labels.Label('Café'), ODD)
    header = labels.to_header(looks)
    self.assertEqual(header[0], 'Café')
    self.assertEqual(labels.from_header(header, 'a'), looks)

  @parameterized.parameters(
    (7, 'expected names'),
    ([['odd', 0.0]], 'expected names'),
    ([['odd', 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, float('nan')]], 'expected names'),
    ([['odd', 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]], 'expected names'),
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
