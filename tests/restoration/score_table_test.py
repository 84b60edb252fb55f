import csv
import io
import math

from absl.testing import absltest

from lutjax.restoration import score_table


def row(name, role, sets, **fields):
  usual = {'size_bytes': None, 'table_bytes': None, 'ms': None, 'mean': {}}
  return {**usual, 'name': name, 'role': role, 'sets': sets, **fields}


FIGURES = {
  'processor': 'abacus, 1 cores, jax 0',
  'repeats': 1,
  'sets': [
    {'name': 'a|b', 'source': 'a|b', 'pictures': 2, 'not_run': ''},
    {'name': 'c', 'source': 'x/c', 'pictures': 0, 'not_run': 'nothing is there'},
  ],
  'tables': [
    {
      'degradation': 'jpeg quality 10',
      'pairs': True,
      'measures': ['psnr', 'ssim', 'psnr_b'],
      'defined': 'PSNR: as always',
      'pictures': {'a|b': {}},
      'rows': [
        row(
          'ours',
          'ours',
          {'a|b': {'psnr': math.inf, 'ssim': 0.25, 'psnr_b': 29.0, 'ms': 1.5}},
          mean={'psnr': math.inf, 'ssim': 0.25, 'psnr_b': 29.0},
          size_bytes=1234,
          table_bytes=4096,
          ms=1.5,
        ),
        row(
          'theirs',
          'published',
          {'a|b': {'psnr_b': 28.7}},
          table_bytes=8192,
        ),
      ],
    }
  ],
}


class ScoreTableTest(absltest.TestCase):
  def test_markdown(self):
    want = r"""## jpeg quality 10, pairs as given

Cells: PSNR in dB / SSIM / PSNR-B in dB.

| method | shipped | in memory | ms | a\|b | mean |
|---|---|---|---|---|---|
| **ours** | 1,234 | 4,096 | 1.5 | inf / 0.2500 / 29.000 | inf / 0.2500 / 29.000 |
| theirs (published) |  | 8 KB |  | - / - / 28.70 |  |

PSNR: as always.

a|b: 2 pictures of a|b

c: not run, nothing is there (x/c)

ms: median over pictures, after compiling, on abacus, 1 cores, jax 0.
"""
    self.assertEqual(score_table.render(FIGURES), want)

  def test_csv_has_a_line_for_each_method_and_set(self):
    rows = list(csv.DictReader(io.StringIO(score_table.to_csv(FIGURES))))
    lines = [(one['method'], one['set'], one['pictures']) for one in rows]
    self.assertEqual(
      lines,
      [
        ('ours', 'a|b', '2'),
        ('ours', 'mean', ''),
        ('theirs', 'a|b', ''),
        ('', 'c', '0'),
      ],
    )
    self.assertEqual(rows[0]['psnr'], 'inf')
    self.assertEqual((rows[0]['ms'], rows[0]['size_bytes']), ('1.5', '1234'))
    self.assertEqual((rows[2]['psnr'], rows[2]['psnr_b']), ('', '28.7'))
    self.assertEqual(rows[3]['role'], 'not run')

  def test_json_holds_no_infinity(self):
    found = score_table.finite({'a': [math.inf, 1.0, 'x'], 'b': (math.nan, None, 3)})
    self.assertEqual(found, {'a': [None, 1.0, 'x'], 'b': [None, None, 3]})


if __name__ == '__main__':
  absltest.main()
