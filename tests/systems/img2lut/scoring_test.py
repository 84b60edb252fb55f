import dataclasses

import jax
import numpy as np
from absl.testing import absltest

from lutjax.data import synthetic
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model, sampling, scoring

try:
  import colour
  from skimage import metrics
except ImportError:
  colour = metrics = None

FORM = model.Config(
  side=16,
  network=resnet.Shape(stem=4, widths=(4,)),
  histogram=4,
  head=heads.Shape(size=5, hidden=(8,), rank=3),
)
TASK = sampling.Config(
  task='pairs', side=16, pixels=256, crop=1.0, constant_steps=300, oracle_steps=300
)


def _photo(seed):
  return synthetic.photo(seed, 40, 48).astype(np.float32)


def _look(rgb):
  """Red and blue do not change places: a map that a lattice of five nodes holds."""
  matrix = np.array([[0.8, 0.1, 0.0], [0.0, 0.7, 0.2], [0.1, 0.0, 0.6]], np.float32)
  return rgb @ matrix.T + np.float32(0.05)


class ScoringTest(absltest.TestCase):
  def test_measures_are_those_of_other_libraries(self):
    if metrics is None:
      self.skipTest('needs colour-science and scikit-image')
    got, want = _photo(0), _look(_photo(0))
    found = scoring.measure(got, want)
    labs = [
      colour.XYZ_to_Lab(
        colour.RGB_to_XYZ(of.astype(np.float64), 'sRGB', apply_cctf_decoding=True),
        colour.CCS_ILLUMINANTS['CIE 1931 2 Degree Standard Observer']['D65'],
      )
      for of in (got, want)
    ]
    for name, method in (('cie76', 'CIE 1976'), ('ciede2000', 'CIE 2000')):
      delta = colour.delta_E(*labs, method=method)
      self.assertAlmostEqual(found[name], float(np.mean(delta)), delta=2e-3)
    psnr = metrics.peak_signal_noise_ratio(want, got, data_range=1.0)
    self.assertAlmostEqual(found['psnr'], psnr, places=3)
    similar = metrics.structural_similarity(
      want.astype(np.float64),
      got.astype(np.float64),
      channel_axis=2,
      gaussian_weights=True,
      sigma=1.5,
      use_sample_covariance=False,
      data_range=1.0,
    )
    self.assertAlmostEqual(found['ssim'], similar, delta=2e-2)
    self.assertEqual(scoring.measure(got, got)['psnr'], 100.0)
    self.assertNotIn('ssim', scoring.measure(got[:8], want[:8]))

  def test_the_oracle_finds_the_map_of_its_picture(self):
    pair = scoring.Pair(_photo(1), _look(_photo(1)))
    table = scoring.oracle_of(TASK, FORM, pair)
    found = scoring.measure(scoring.apply_lattice(table, pair.before), pair.after)
    before = scoring.measure(pair.before, pair.after)
    self.assertLess(found['cie76'], 0.05 * before['cie76'])

  def test_the_constant_is_the_map_that_all_pictures_share(self):
    pictures = np.stack([_photo(i)[:40, :40] for i in range(4)])
    data = {'before': pictures, 'after': _look(pictures)}
    table = scoring.constant_of(TASK, FORM, data, jax.random.key(0))
    new = _photo(7)
    found = scoring.measure(scoring.apply_lattice(table, new), _look(new))
    self.assertLess(found['cie76'], 0.1 * scoring.measure(new, _look(new))['cie76'])

  def test_similarity_as_a_loss_has_lattices_to_stand_beside(self):
    form = dataclasses.replace(FORM, loss='ssim')
    pair = scoring.Pair(_photo(1), _look(_photo(1)))
    table = scoring.oracle_of(TASK, form, pair)
    found = scoring.measure(scoring.apply_lattice(table, pair.before), pair.after)
    self.assertGreater(found['psnr'], 35.0)

  def test_colours_that_a_picture_has_not_are_told_apart(self):
    dark = np.full((16, 16, 3), 0.1, np.float32)
    nodes = np.array([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]], np.float32)
    pair = scoring.Pair(dark, dark, None, nodes, nodes)
    table = np.zeros((2, 2, 2, 3), np.float32)
    table[1, 1, 1] = 1.0
    form = dataclasses.replace(FORM, head=dataclasses.replace(FORM.head, size=5))
    variables = model.init(form, jax.random.key(0))
    found = scoring.score(form, variables, pair, {'constant': table, 'oracle': table})
    self.assertEqual(found['identity']['cie76'], 0.0)
    self.assertNotIn('classical', found)
    # Greys are kept by this lattice, and by the model, which starts as the identity.
    self.assertLess(found['constant']['visited'], 0.1)
    self.assertLess(found['ours']['unvisited'], 0.1)
    nodes[1] = (0.9, 0.1, 0.1)
    found = scoring.score(form, variables, pair, {'constant': table, 'oracle': table})
    self.assertLess(found['constant']['visited'], 0.1)
    self.assertGreater(found['constant']['unvisited'], 10.0)

  def test_the_share_of_the_gap(self):
    records = [
      {
        name: {'cie76': value, 'psnr': 40.0 - value}
        for name, value in (('constant', c), ('ours', m), ('oracle', o))
      }
      for c, m, o in ((10.0, 4.0, 1.0), (6.0, 3.0, 3.0))
    ]
    found = scoring.mean(records)
    self.assertAlmostEqual(found['gap_closed'], (8.0 - 3.5) / (8.0 - 2.0))
    self.assertAlmostEqual(found['gap_closed_db'], 0.75)
    self.assertEqual(found['methods']['ours']['cie76'], 3.5)
    flat = {name: {'cie76': 1.0, 'psnr': 9.0} for name in records[0]}
    self.assertIsNone(scoring.mean([flat])['gap_closed'])


if __name__ == '__main__':
  absltest.main()
