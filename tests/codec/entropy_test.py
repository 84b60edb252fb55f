"""Tests of `lutjax.codec.entropy`."""

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax import errors
from lutjax.codec import entropy


def _lanes(count):
  return entropy.by_lane, count


class EntropyTest(parameterized.TestCase):
  def test_comes_close_to_the_entropy_of_laplacian_lanes(self):
    rng = np.random.default_rng(0)
    scales = np.array([0.3, 1.0, 4.0, 12.0])
    values = np.rint(rng.laplace(size=(4000, 4)) * scales).astype(np.int64)
    bits = 0.0
    for lane in values.T:
      share = np.unique(lane, return_counts=True)[1] / len(lane)
      bits -= len(lane) * float(share @ np.log2(share))
    self.assertLess(len(entropy.encode(values, *_lanes(4))), 1.02 * bits / 8 + 60)

  @settings(deadline=None, max_examples=40)
  @given(
    st.lists(st.lists(st.integers(-65000, 65000), min_size=3, max_size=3), max_size=30)
  )
  def test_any_integers_come_back(self, rows):
    values = np.array(rows, np.int64).reshape(-1, 3)
    content = entropy.encode(values, *_lanes(3))
    back = entropy.decode(content, values.shape, *_lanes(3))
    np.testing.assert_array_equal(back, values)

  def test_contexts_may_use_earlier_steps(self):
    def contexts(step, values):
      before = values[step - 1] if step else np.zeros(values.shape[1], int)
      return np.minimum(np.abs(before), 3)

    values = np.repeat(np.random.default_rng(1).integers(-9, 9, (50, 2)), 8, axis=0)
    content = entropy.encode(values, contexts, 4)
    np.testing.assert_array_equal(
      entropy.decode(content, values.shape, contexts, 4), values
    )

  def test_zeros_cost_two_bytes(self):
    self.assertLen(entropy.encode(np.zeros((900, 7), int), entropy.pooled, 1), 2)

  @parameterized.parameters(b'', b'\x03', b'\x03\x00\x01', b'\xff\xff\x00\x00\x00\x00')
  def test_refuses_what_is_no_code(self, content):
    with self.assertRaisesRegex(errors.ArtefactError, 'entropy code'):
      entropy.decode(content, (4, 2), entropy.by_lane, 2)

  def test_refuses_integers_beyond_its_range(self):
    with self.assertRaisesRegex(ValueError, r'\+-65000, got 70000'):
      entropy.encode(np.array([[70000]]), entropy.pooled, 1)


if __name__ == '__main__':
  absltest.main()
