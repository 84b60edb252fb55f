from absl.testing import absltest

from lutjax.data import degradations
from lutjax.restoration import score_rows

JPEG = degradations.Degradation('jpeg', 10)
OURS = {'name': 'ours', 'role': 'ours', 'size_bytes': 9, 'table_bytes': 40}


def pictures(**counts: int):
  """Returns scores that rise by 1 from picture to picture."""
  return {
    name: {
      f'{i}.png': {
        'JPEG input': {'psnr_b': 20.0 + i},
        'ours': {'psnr_b': 25.0 + i, 'ms': float(i * i)},
      }
      for i in range(count)
    }
    for name, count in counts.items()
  }


class ScoreRowsTest(absltest.TestCase):
  def test_means_over_pictures_then_over_sets(self):
    baseline, ours = score_rows.rows(JPEG, {'ours': OURS}, pictures(a=3, b=1))
    self.assertEqual(baseline['role'], 'baseline')
    self.assertIsNone(baseline['ms'])
    self.assertEqual(baseline['mean'], {'psnr_b': 20.5})
    self.assertEqual(
      ours['sets'], {'a': {'psnr_b': 26, 'ms': 1}, 'b': {'psnr_b': 25, 'ms': 0}}
    )
    self.assertEqual(ours['mean'], {'psnr_b': 25.5})
    # The median over all pictures: 0, 1, 4, 0.
    self.assertEqual(
      (ours['ms'], ours['size_bytes'], ours['table_bytes']), (0.5, 9, 40)
    )

  def test_published_rows_stand_beside_whole_sets(self):
    rows = score_rows.rows(JPEG, {}, pictures(classic5=5, mine=1))
    published = {row['name']: row for row in rows if row['role'] == 'published'}
    tiny = published['TinyLUT-F']
    self.assertEqual(tiny['sets'], {'classic5': {'psnr_b': 28.74}})
    self.assertEqual((tiny['table_bytes'], tiny['mean']), (187 * 1024, {}))
    self.assertIsNone(published['JPEG']['table_bytes'])
    rows = score_rows.rows(JPEG, {}, pictures(classic5=5))
    self.assertEqual(rows[-1]['mean'], {'psnr_b': 28.74})
    self.assertLen(score_rows.rows(JPEG, {}, pictures(classic5=4)), 2)
    rows = score_rows.rows(JPEG, {}, pictures(classic5=5), published=False)
    self.assertLen(rows, 2)

  def test_no_picture_gives_no_row(self):
    self.assertEmpty(score_rows.rows(JPEG, {}, {}))


if __name__ == '__main__':
  absltest.main()
