"""Sums of rows against plain indexing, and every quotient against float64."""

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import folding, row_sums

_level = jax.jit(row_sums.level, static_argnums=1)


class RowSumsTest(parameterized.TestCase):
  @parameterized.product(spacing=(3, 64, 256), backend=('gather', 'one_hot'))
  def test_rows_are_added_modulo_16_bits(self, spacing, backend):
    rng = np.random.default_rng(spacing)
    rows = rng.integers(0, 1 << 16, (2 * spacing + 256, 16), np.uint16)
    levels = [rng.integers(0, spacing, 40).astype(np.uint8) for _ in range(3)]
    got = row_sums.by_row(rows, spacing, levels, backend=backend)
    want = sum(
      rows[i * spacing + part.astype(int)].astype(int) for i, part in enumerate(levels)
    )
    self.assertEqual(got.dtype, np.uint16)
    np.testing.assert_array_equal(got, want % (1 << 16))

  @parameterized.parameters('gather', 'one_hot')
  def test_each_channel_has_tables_of_its_own(self, backend):
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 1 << 16, (8 + 256, 16), np.uint16)
    levels = [rng.integers(0, 4, (20, 16)).astype(np.uint8) for _ in range(3)]
    got = row_sums.by_channel(rows, 4, levels, backend=backend)
    want = sum(
      rows[4 * i + part, np.arange(16)].astype(int) for i, part in enumerate(levels)
    )
    np.testing.assert_array_equal(got, want % (1 << 16))

  # Odd, powers of two, and neither; 64 channels fill the 16 bits.
  @parameterized.parameters(1, 4, 9, 12, 16, 17, 48, 64)
  def test_halves_go_to_even_before_the_skip_is_added(self, parts):
    how = folding.Divisor(parts, 256, -32, 31)
    sums, skips = np.meshgrid(
      np.arange(-128 * parts, 127 * parts + 1), [-128, -32, -7, 0, 31, 127]
    )
    folded = folding._start(how) + sums + folding._skip(skips, how)
    got = _level((folded & 0xFFFF).astype(np.uint16), how)
    want = np.clip(np.rint(sums / parts) + skips, -32, 31) + 32
    np.testing.assert_array_equal(got, want)


if __name__ == '__main__':
  absltest.main()
