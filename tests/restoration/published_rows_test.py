import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.restoration import published_rows, scores


class PublishedRowsTest(parameterized.TestCase):
  @parameterized.parameters(
    ('bicubic', 4, 11, {'Set5', 'Set14', 'Urban100', 'BSD100', 'Manga109'}),
    ('noise', 15, 6, {'Set12', 'BSD68'}),
    ('noise', 50, 6, {'Set12', 'BSD68'}),
    ('jpeg', 10, 8, {'Classic5', 'LIVE1'}),
  )
  def test_rows_hold_the_sets_of_their_task(self, kind, strength, count, sets):
    rows = published_rows.rows(degradations.Degradation(kind, strength))
    self.assertLen(rows, count)
    for row in rows:
      self.assertEqual({*row.scores}, sets)
      for found in row.scores.values():
        self.assertContainsSubset(found, scores.MEASURES[kind])

  @parameterized.parameters(('bicubic', 2), ('noise', 20), ('jpeg', 20))
  def test_other_strengths_have_none(self, kind, strength):
    self.assertEmpty(published_rows.rows(degradations.Degradation(kind, strength)))

  @parameterized.parameters(
    # Means that the same table prints.
    ('bicubic', 4, 'TinyLUT-S', 'psnr_y', 27.13),
    ('bicubic', 4, 'TinyLUT-F', 'psnr_y', 28.01),
    ('bicubic', 4, 'MuLUT-SDY-X2', 'psnr_y', 27.48),
    ('bicubic', 4, 'VDSR', 'psnr_y', 28.07),
    ('bicubic', 4, 'TinyLUT-S', 'ssim_y', 0.7710),
  )
  def test_means_are_those_of_the_table(self, kind, strength, method, measure, want):
    rows = published_rows.rows(degradations.Degradation(kind, strength))
    (row,) = (row for row in rows if row.method == method)
    got = np.mean([found[measure] for found in row.scores.values()])
    self.assertAlmostEqual(got, want, delta=0.006 if measure == 'psnr_y' else 6e-5)

  def test_denoising_means_are_those_of_the_table(self):
    found = {}
    for strength in (15, 25, 50):
      for row in published_rows.rows(degradations.Degradation('noise', strength)):
        held = found.setdefault(row.method, [])
        held += [figures['psnr'] for figures in row.scores.values()]
    for method, want in (('TinyLUT-S', 27.53), ('TinyLUT-F', 28.93), ('DnCNN', 29.61)):
      self.assertAlmostEqual(np.mean(found[method]), want, delta=0.006)

  @parameterized.parameters(
    ('set5', 5, 'Set5', True),
    ('Set_5', 5, 'Set5', True),
    ('set5', 4, 'Set5', False),
    ('set14', 5, 'Set5', False),
    ('B100', 100, 'BSD100', True),
    ('CLASSIC5', 5, 'Classic5', True),
  )
  def test_a_set_is_known_by_name_and_number(self, name, pictures, published, want):
    self.assertEqual(published_rows.is_set(name, pictures, published), want)


if __name__ == '__main__':
  absltest.main()
