"""Tests of `lutjax.systems.tinylut.lines`."""

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import lines

_LEVELS = np.arange(-32, 32)


def _table(weights):
  """Rounds as training does: products in float32, halves to even."""
  products = np.float32(weights)[:, None] * _LEVELS[:, None].astype(np.float32)
  return np.clip(np.rint(products), -128, 127).astype(np.int8)


class LinesTest(parameterized.TestCase):
  def assert_found(self, table):
    found = lines.fit(_LEVELS, table)
    self.assertIsNotNone(found)
    bits, high, low = found
    self.assertEqual((high.dtype, low.dtype), (np.int8, np.int8))
    np.testing.assert_array_equal(lines.evaluate(_LEVELS, bits, high, low), table)
    return bits

  @parameterized.parameters(0.1, 1.0, 3.0)
  def test_lines_of_any_weights_are_found(self, spread):
    weights = spread * np.random.default_rng(0).normal(size=(9, 16))
    self.assertLessEqual(self.assert_found(_table(weights)), 11)

  def test_halves_and_steep_lines(self):
    quarters = np.arange(-20, 20).reshape(4, 10) / 4
    self.assertLessEqual(self.assert_found(_table(quarters)), 2)
    self.assert_found(_table(np.linspace(-15, 15, 40).reshape(4, 10)))

  def test_zeros_and_rows_that_are_clipped_throughout(self):
    table = np.zeros((1, 64, 3), np.int8)
    table[:, :32, 1], table[:, 33:, 1] = -128, 127
    self.assertEqual(lines.fit(_LEVELS, table[..., [0, 2]])[0], 0)
    # Steeper than high bytes hold at any number of bits, or just not.
    self.assert_found(table)

  def test_what_is_no_line_is_refused(self):
    table = _table(np.full((2, 3), 0.7))
    table[1, 40, 2] += 1
    self.assertIsNone(lines.fit(_LEVELS, table))
    self.assertIsNone(lines.fit(_LEVELS, table + np.int8(1)))


if __name__ == '__main__':
  absltest.main()
