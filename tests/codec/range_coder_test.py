import unittest

import numpy as np
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import range_coder


class RangeCoderTest(parameterized.TestCase):
  @parameterized.parameters(0.0, 0.3, 3.0, 20.0, 40.0)
  def test_is_near_the_entropy(self, spread):
    values = np.random.default_rng(0).normal(size=2000) * spread
    values = np.clip(np.rint(values), -127, 127).astype(int)
    coded = range_coder.encode(values)
    np.testing.assert_array_equal(range_coder.decode(coded, values.size), values)
    _, counts = np.unique(values, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum() / 8
    self.assertLess(len(coded), 1.03 * entropy + 32)

  @settings(deadline=None, max_examples=50)
  @given(st.lists(st.integers(-127, 127), max_size=80))
  def test_round_trip(self, values):
    coded = range_coder.encode(np.array(values, int))
    np.testing.assert_array_equal(range_coder.decode(coded, len(values)), values)

  @settings(deadline=None, max_examples=100)
  @given(st.binary(max_size=60), st.integers(0, 100))
  def test_anything_decodes_or_is_refused(self, content, count):
    try:
      values = range_coder.decode(content, count)
    except errors.ArtefactError:
      return
    self.assertLessEqual(np.abs(values).max(initial=0), range_coder.LIMIT)

  def test_refuses_what_is_cut_short(self):
    coded = range_coder.encode(np.arange(-20, 20))
    with self.assertRaisesRegex(errors.ArtefactError, 'x.png: found .* damaged'):
      range_coder.decode(coded[:-2], 40, 'x.png')
    with self.assertRaisesRegex(errors.ArtefactError, 'found 2 bytes'):
      range_coder.decode(coded[:2], 40)

  def test_refuses_integers_beyond_the_limit(self):
    with self.assertRaisesRegex(ValueError, 'at most 127'):
      range_coder.encode(np.array([128]))


if __name__ == '__main__':
  unittest.main()
