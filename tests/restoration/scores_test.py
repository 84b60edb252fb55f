import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.restoration import quality, scores

RNG = np.random.default_rng(0)
GOT, WANT = RNG.integers(0, 256, (2, 16, 18, 3), dtype=np.uint8)


class ScoresTest(parameterized.TestCase):
  @parameterized.parameters(('bicubic', 2), ('noise', 25), ('jpeg', 10))
  def test_gives_the_measures_of_a_kind(self, kind, strength):
    degradation = degradations.Degradation(kind, strength)
    found = scores.score(degradation, GOT, WANT)
    self.assertEqual(tuple(found), scores.MEASURES[kind])
    self.assertIn(scores.MAIN[kind], found)
    described = scores.describe(degradation)
    for measure in found:
      self.assertIn(scores.HEADINGS[measure], described)

  def test_the_border_is_left_out_of_enlarged_pictures_alone(self):
    got = WANT.copy()
    got[:2] = 0
    inner = scores.score(degradations.Degradation('bicubic', 2), got, WANT)
    self.assertEqual(inner['psnr_y'], np.inf)
    self.assertLess(inner['ssim_y'], 1)
    whole = scores.score(degradations.Degradation('jpeg', 10), got, WANT)
    self.assertEqual(whole['psnr'], quality.psnr_y(got, WANT, 0))

  def test_means_leave_times_out(self):
    found = scores.mean([{'psnr': 20.0, 'ms': 1.0}, {'psnr': 30.0, 'ms': 9.0}])
    self.assertEqual(found, {'psnr': 25.0})


if __name__ == '__main__':
  absltest.main()
