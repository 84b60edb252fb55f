from unittest import mock

import numpy as np
from absl.testing import absltest

from lutjax.report import plots
from lutjax.restoration import evaluation, score_plots

RNG = np.random.default_rng(0)


def row(name, role, psnr, table_bytes=None, size_bytes=None):
  return {
    'name': name,
    'role': role,
    'size_bytes': size_bytes,
    'table_bytes': table_bytes,
    'sets': {'Set12': {'psnr': psnr}, 'mine': {'psnr': psnr}},
    'mean': {'psnr': psnr},
  }


class ScorePlotsTest(absltest.TestCase):
  def test_sizes_are_drawn_for_sets_with_published_figures(self):
    published = row('theirs', 'published', 28.0, 22528)
    del published['sets']['mine']
    rows = [
      row('noisy input', 'baseline', 20.0),
      row('ours', 'ours', 27.0, 30000, 9000),
      published,
    ]
    tables = [
      {
        'degradation': f'noise sigma {sigma}',
        'kind': 'noise',
        'pictures': {'mine': {}, 'Set12': {}},
        'rows': rows[: None if sigma == 25 else 2],
      }
      for sigma in (25, 20)
    ]
    with mock.patch.object(plots, 'rate_distortion') as drawn:
      drawn.return_value = np.zeros((4, 5, 3), np.uint8)
      sheet = score_plots.sizes({'tables': tables})
    self.assertEqual(sheet.shape, (8, 5, 3))
    titles = [call.kwargs['title'] for call in drawn.call_args_list]
    self.assertEqual(titles, ['noise sigma 25, Set12', 'noise sigma 20, mean'])
    (series,) = drawn.call_args_list[0].args
    self.assertEqual(
      series,
      {
        'published, in memory': [plots.Point(22528, 28.0, 'theirs')],
        'ours, in memory': [plots.Point(30000, 27.0, 'ours')],
        'ours, shipped': [plots.Point(9000, 27.0, 'ours')],
      },
    )

  def test_parts_lie_below_each_other(self):
    shown = []
    for side in (20, 120):
      panels = {
        label: RNG.integers(0, 256, (side, side, 1), dtype=np.uint8)
        for label in ('noisy input', 'ours', 'original')
      }
      shown.append(evaluation.Shown('a.png', 'noise sigma 25', panels))
    sheet = score_plots.parts(shown)
    self.assertEqual((sheet.ndim, sheet.dtype, sheet.shape[2]), (3, np.uint8, 3))
    self.assertGreater(sheet.shape[1], 1000)


if __name__ == '__main__':
  absltest.main()
