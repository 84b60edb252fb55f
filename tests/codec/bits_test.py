import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.codec import bits


class BitsTest(parameterized.TestCase):
  @settings(deadline=None)
  @given(st.integers(2, 8), st.lists(st.integers(-128, 127), max_size=40))
  def test_packs_as_python_would(self, width, values):
    low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
    values = [min(max(value, low), high) for value in values]
    content = bits.pack(np.array(values, np.int8), width)
    digits = ''.join(format(value % 2**width, f'0{width}b') for value in values)
    want = int('0' + digits.ljust(8 * len(content), '0'), 2).to_bytes(len(content))
    self.assertEqual(content, want)
    self.assertLen(content, bits.size_bytes(len(values), width))
    self.assertEqual(bits.unpack(content, width, len(values)).tolist(), values)

  def test_every_code_of_every_width(self):
    for width in range(2, 9):
      codes = np.arange(-(2 ** (width - 1)), 2 ** (width - 1)).astype(np.int8)
      content = bits.pack(codes.reshape(2, -1), width)
      np.testing.assert_array_equal(bits.unpack(content, width, codes.size), codes)
      self.assertEqual(bits.needed(codes), width)

  @parameterized.parameters(
    ([], 2), ([0], 2), ([1, -2], 2), ([2], 3), ([-3], 3), ([-4], 3), ([127], 8)
  )
  def test_needed(self, values, want):
    self.assertEqual(bits.needed(np.array(values, np.int8)), want)

  def test_refuses_what_does_not_fit(self):
    with self.assertRaisesRegex(ValueError, 'Expected codes of 3 bits, got 4'):
      bits.pack(np.array([4], np.int8), 3)
    with self.assertRaisesRegex(ValueError, 'Expected 2 bytes for 3 codes of 4 bits'):
      bits.unpack(b'1', 4, 3)


if __name__ == '__main__':
  absltest.main()
