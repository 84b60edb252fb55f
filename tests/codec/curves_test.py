import json

import msgpack
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.codec import curves, packing


def _log(samples):
  x = np.linspace(0, 1, samples)
  table = np.stack([x ** (1 / 2.4), np.log2(1 + 255 * x) / 8, 1 - x * x], axis=-1)
  return table.astype(np.float32)


def _sampled(curve, x):
  """Reads a curve as its docstring says, in float64."""
  columns = []
  for channel in curve.channels:
    positions, values = zip(*channel)
    at = np.array(positions) / (curve.samples - 1)
    columns.append(np.interp(x, at, np.array(values) / 2.0**curve.bits))
  return np.clip(np.stack(columns * (3 // len(columns)), axis=-1), 0, 1)


class CurvesTest(parameterized.TestCase):
  @parameterized.parameters(65, 1024, 4096)
  def test_long_curves_take_few_knots_within_the_tolerance(self, samples):
    table = _log(samples)
    curve = curves.fit(table)
    self.assertLess(curve.knots, 700)
    got = _sampled(curve, np.linspace(0, 1, samples))
    np.testing.assert_allclose(got, table, atol=curves.TOLERANCE + 1e-9)
    np.testing.assert_allclose(curves.table_of(curve), got, atol=1e-7)

  def test_short_curves_keep_every_sample(self):
    table = _log(16)
    curve = curves.fit(table)
    self.assertEqual(curve.knots, 48)
    np.testing.assert_allclose(curves.table_of(curve), table, atol=2.0**-25)

  def test_equal_channels_are_one(self):
    table = np.tile(_log(1024)[:, :1], (1, 3))
    curve = curves.fit(table)
    self.assertLen(curve.channels, 1)
    size = len(packing.compress(msgpack.packb(curves.to_header(curve)))[1])
    self.assertLess(size, 250)
    np.testing.assert_allclose(curves.table_of(curve), table, atol=curves.TOLERANCE)

  def test_where_a_curve_leaves_the_cube_is_kept(self):
    x = np.linspace(0, 1, 257)
    table = np.stack([40 * x - 7, 1e6 * x - 2e5, -3 + 8 * x**2], axis=-1)
    curve = curves.fit(table.astype(np.float32))
    between = np.linspace(0, 1, 4001)
    rows = np.stack([np.interp(between, x, row) for row in table.T], axis=-1)
    # The steep channel crosses the whole cube in a part of a sample.
    gap = np.abs(_sampled(curve, between) - np.clip(rows, 0, 1))
    self.assertLess(gap[:, ::2].max(), 2e-5)
    self.assertLess(gap[:, 1].mean(), 1e-4)

  @parameterized.parameters(3, 64, 65, 5000)
  def test_headers_come_back(self, samples):
    curve = curves.fit(_log(samples))
    header = curves.to_header(curve)
    self.assertEqual(curves.from_header(header), curve)
    self.assertEqual(curves.from_header(json.loads(json.dumps(header))), curve)

  def test_noise_costs_all_its_samples(self):
    table = np.random.default_rng(0).uniform(size=(300, 3)).astype(np.float32)
    curve = curves.fit(table)
    np.testing.assert_allclose(
      curves.table_of(curve), table, atol=curves.TOLERANCE + 1e-7
    )
    self.assertEqual(curves.from_header(curves.to_header(curve)), curve)

  @parameterized.parameters(
    (None, 'no curve'),
    ([3, 16], 'no curve'),
    ([3.0, 16, [[2], [0, 1]]], 'samples of a curve'),
    ([True, 16, [[2], [0, 1]]], 'samples of a curve'),
    ([1 << 40, 16, [[2], [0, 1]]], 'samples of a curve'),
    ([3, 60, [[2], [0, 1]]], 'bits'),
    ([3, 16, [[2]]], 'no channel'),
    ([3, 16, [2, [0, 1]]], 'no channel'),
    ([3, 16, [[2], [0, 1.0]]], 'whole numbers'),
    ([3, 16, [[2], [0, float('nan')]]], 'whole numbers'),
    ([3, 16, [[2], [0, 1, 2]]], 'do not rise'),
    ([3, 16, [[3, -1], [0, 1, 2]]], 'do not rise'),
    ([3, 16, [[], [0]]], 'do not rise'),
    ([3, 16, [[1], [0, 1]]], 'do not end at sample 2'),
    ([3, 16, [[2], [0, 1 << 32]]], 'out of bounds'),
    ([3, 16, [[2], [0, 1]], [[2], [0, 1]]], 'no curve'),
  )
  def test_refuses(self, header, message):
    with self.assertRaisesRegex(ValueError, message):
      curves.from_header(header)

  @parameterized.parameters(1, 2)
  def test_refuses_tables_that_are_no_curves(self, samples):
    with self.assertRaises(ValueError):
      curves.fit(np.full((samples, 3), np.nan))


if __name__ == '__main__':
  absltest.main()
