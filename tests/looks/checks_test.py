"""Verdicts on looks with known faults."""

import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.looks import checks

try:
  import skimage.color as skimage_color
except ImportError:
  skimage_color = None

RAMP = np.linspace(0, 1, 256)
GREYS = np.repeat(RAMP[:, None], 3, axis=1)
N = 17


def curved(*curves):
  """Returns the lattice and the greys of one function per channel."""
  steps = np.linspace(0, 1, N)
  nodes = [np.asarray(curve(steps), np.float32) for curve in curves]
  table = np.stack(np.meshgrid(*nodes, indexing='ij'), axis=-1)
  greys = [np.interp(RAMP, steps, column) for column in nodes]
  return table, np.stack(greys, axis=-1).astype(np.float32)


def found(*curves, limits=checks.Limits()):  # noqa: B008
  return {one.name: one for one in checks.check(*curved(*curves), limits)}


def warned(by_name):
  return {name for name, one in by_name.items() if one.verdict == 'warn'}


def same(x):
  return x


def folded(x):
  return np.where(x > 0.5, np.where(x > 0.75, 3 * x - 2, 1 - x), x)


def posterised(x):
  return np.floor(x * 3.99) / 3


def lab(rgb):
  """Returns Lab of sRGB in float64, by the digits of IEC 61966-2-1."""
  linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
  to_xyz = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
  ]
  xyz = linear @ np.transpose(to_xyz) / np.sum(to_xyz, axis=1)
  f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
  x, y, z = np.moveaxis(f, -1, 0)
  return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


class ChecksTest(parameterized.TestCase):
  def test_the_identity_passes_all(self):
    by_name = found(same, same, same)
    self.assertEmpty(warned(by_name))
    for name, one in by_name.items():
      if name != 'grey_step':
        self.assertAlmostEqual(one.figure, 0, delta=2e-4, msg=name)

  def test_a_fold_warns(self):
    by_name = found(folded, same, same)
    expected = {'folding', 'reversed', 'monotonic_red', 'bend_largest', 'bend_p99'}
    expected |= {'grey_step', 'neutral_cie76', 'neutral_ciede2000'}  # By red alone.
    expected |= {'round_trip'}
    self.assertEqual(warned(by_name), expected)
    for name in ('folding', 'reversed'):  # From 0.5 to 0.75: 4 of 16 cells.
      self.assertAlmostEqual(by_name[name].figure, 25)
    self.assertAlmostEqual(by_name['monotonic_red'].figure, 0.25 * 255)
    # From slope -1 to 3: four times the distance of two nodes.
    self.assertAlmostEqual(by_name['bend_largest'].figure, 4 * 255 / 16)
    self.assertEqual(by_name['monotonic_green'].figure, 0)
    # Of 20 reds 12 have a value that three reds have, of which one comes back.
    self.assertBetween(by_name['round_trip'].figure, 25, 60)

  def test_greys_that_fall_warn(self):
    by_name = found(folded, folded, folded)
    self.assertIn('greys_rise', warned(by_name))
    values = np.interp(RAMP, np.linspace(0, 1, N), folded(np.linspace(0, 1, N)))
    light = lab(np.repeat(values[:, None], 3, axis=1))[:, 0]
    want = max(light[i] - light[i:].min() for i in range(256))
    self.assertAlmostEqual(by_name['greys_rise'].figure, want, delta=1e-3)

  def test_clipping_warns(self):
    by_name = found(*[lambda x: np.minimum(2 * x, 1)] * 3)
    names = {'folding', 'clipped_nodes', 'clipped_colours', 'bend_largest', 'bend_p99'}
    self.assertEqual(warned(by_name), names | {'round_trip'})
    # One of those that are clipped may be what comes back.
    self.assertBetween(by_name['round_trip'].figure, 85, 87.5)
    inner = 100 * (1 - (9 / 17) ** 3)
    self.assertAlmostEqual(by_name['clipped_nodes'].figure, inner)
    self.assertAlmostEqual(by_name['clipped_colours'].figure, 87.5)
    self.assertAlmostEqual(by_name['folding'].figure, 87.5)
    self.assertEqual(by_name['reversed'].figure, 0)

  @unittest.skipIf(skimage_color is None, 'needs scikit-image')
  def test_tinted_greys_warn(self):
    by_name = found(same, same, lambda x: 0.9 * x)
    self.assertEqual(warned(by_name), {'neutral_cie76', 'neutral_ciede2000'})
    seen = lab(GREYS * [1, 1, 0.9])
    neutral = seen * [1, 0, 0]
    want = np.linalg.norm(seen - neutral, axis=-1).max()
    self.assertAlmostEqual(by_name['neutral_cie76'].figure, want, delta=1e-3)
    want = skimage_color.deltaE_ciede2000(seen, neutral).max()
    self.assertAlmostEqual(by_name['neutral_ciede2000'].figure, want, delta=1e-3)

  @unittest.skipIf(skimage_color is None, 'needs scikit-image')
  def test_posterised_tones_warn(self):
    by_name = found(posterised, posterised, posterised)
    names = {'bend_largest', 'bend_p99', 'folding', 'clipped_nodes', 'clipped_colours'}
    self.assertEqual(warned(by_name), names | {'grey_step', 'round_trip'})
    self.assertAlmostEqual(by_name['bend_largest'].figure, 255 / 3, places=4)
    steps = np.linspace(0, 1, N)
    values = np.interp(RAMP, steps, posterised(steps))
    seen = lab(np.repeat(values[:, None], 3, axis=1))
    want = skimage_color.deltaE_ciede2000(seen[1:], seen[:-1]).max()
    self.assertAlmostEqual(by_name['grey_step'].figure, want, delta=2e-3)

  def test_values_outside_warn(self):
    by_name = found(lambda x: 1.3 * x - 0.1, same, same)
    self.assertContainsSubset({'below_zero', 'above_one'}, warned(by_name))
    self.assertAlmostEqual(by_name['below_zero'].figure, 25.5, places=4)
    self.assertAlmostEqual(by_name['above_one'].figure, 51, places=4)

  def test_limits_decide(self):
    limits = checks.Limits(chroma=99, chroma_2000=99)
    by_name = found(same, same, lambda x: 0.9 * x, limits=limits)
    self.assertEmpty(warned(by_name))
    self.assertEqual(by_name['neutral_cie76'].limit, 99)
    with self.assertRaisesRegex(ValueError, r'chroma in \[0, inf\), got -1'):
      checks.Limits(chroma=-1)

  def test_the_table_has_a_row_for_each_and_warnings_a_line(self):
    rows = list(found(folded, same, same).values())
    self.assertLen(checks.render(rows).splitlines(), 2 + len(rows))
    self.assertIn('| reversed | 25.000 | 0.100 | % | warn |', checks.render(rows))
    lines = checks.warnings(rows)
    self.assertLen(lines, 9)
    self.assertRegex(lines[1], r'^reversed: 25.00 % of .* \(limit 0.1 %\)$')


if __name__ == '__main__':
  absltest.main()
