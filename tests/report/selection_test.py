"""Tests of the choice of pictures."""

import numpy as np
from absl.testing import parameterized
from hypothesis import given
from hypothesis import strategies as st

from lutjax.report import selection


class ChooseTest(parameterized.TestCase):
  @given(st.integers(0, 90), st.sampled_from(['auto', 'all']))
  def test_groups_share_no_row(self, count, pictures):
    groups = selection.choose(range(count), pictures)
    rows = [row for group in groups for row in group.rows]
    self.assertLen(set(rows), len(rows))
    self.assertLen(rows, count if pictures == 'all' else min(count, 24))
    self.assertLessEqual(sum(len(g.rows) for g in groups if g.inside), 24)
    if count > 24:
      middle = groups[1].rows
      self.assertLen(middle, 6)
      self.assertLess(abs(np.mean(middle) - (count - 1) / 2), 4)

  def test_refuses_other_words(self):
    with self.assertRaisesRegex(ValueError, "'auto', 'all' or 'none', got 'some'"):
      selection.choose([1], 'some')
