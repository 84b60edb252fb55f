import re

import hypothesis
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st

from lutjax import errors
from lutjax.lut import cube_rows, decimal_words

_SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)
_FORMATS = ('%.6f', '%.3f', '%.9g', '%r', '%.7e', '%+.5f', '%012.8f', '%.0f')


def _rows_by_float(text: bytes) -> np.ndarray:
  """The definition: Python's `float`, rounded once to float32."""
  values = [[float(word) for word in line.split()] for line in text.splitlines()]
  return np.array([row for row in values if row], np.float64).astype(np.float32)


class DecodeTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=300)
  @hypothesis.given(
    st.lists(st.tuples(*[st.floats(-9.0, 99.0)] * 3), min_size=1, max_size=9),
    st.sampled_from(_FORMATS),
    st.sampled_from([' ', '\t', '   ']),
    st.booleans(),
  )
  def test_equals_float_to_the_last_bit(self, rows, form, gap, ends):
    lines = [gap.join(form % value for value in row) for row in rows]
    text = '\n'.join(lines).encode() + b'\n' * ends
    got = cube_rows.decode(text, 0, len(rows))
    np.testing.assert_array_equal(got, _rows_by_float(text))

  @hypothesis.settings(deadline=None, max_examples=200)
  @hypothesis.given(st.lists(st.tuples(_SINGLE, _SINGLE, _SINGLE), min_size=1))
  def test_keeps_every_float32(self, rows):
    text = '\n'.join(' '.join(f'{v:.9g}' for v in row) for row in rows).encode()
    got = cube_rows.decode(text, 0, len(rows))
    np.testing.assert_array_equal(got, np.float32(rows))

  @hypothesis.settings(deadline=None, max_examples=500)
  @hypothesis.given(
    st.lists(
      st.from_regex(
        r'[+-]?(0{0,4}[0-9]{1,17}\.?|[0-9]{0,9}\.[0-9]{1,12})([eE][+-]?0?[0-9]{1,2})?',
        fullmatch=True,
      ).filter(lambda word: abs(float(word)) < 3e38),
      min_size=3,
      max_size=30,
    ).map(lambda found: found[: len(found) // 3 * 3]),
    st.sampled_from(['\n', '\r\n', ' \n\n', '\t\n']),
  )
  def test_words_of_any_form_equal_float_with_their_sign(self, found, end):
    lines = [' '.join(found[i : i + 3]) for i in range(0, len(found), 3)]
    text = ''.join(line + end for line in lines).encode()
    got = decimal_words.rows_of_three(text)
    want = np.array([float(word) for word in found]).reshape(-1, 3)
    np.testing.assert_array_equal(got.view(np.uint64), want.view(np.uint64))
    rows = cube_rows.decode(text, 0, len(want))
    np.testing.assert_array_equal(rows, want.astype(np.float32))

  @parameterized.parameters('%.9g', '%.6e', '%.17g', '%.3g', '%.12e')
  def test_a_large_file_of_uneven_rows_equals_float(self, form):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9000, 3)) * 10.0 ** rng.integers(-12, 9, (9000, 1))
    text = (' '.join([form] * 3) + '\n') * len(rows) % tuple(rows.ravel())
    got = cube_rows.decode(text.encode(), 0, len(rows))
    np.testing.assert_array_equal(got, _rows_by_float(text.encode()))

  @parameterized.parameters(5, 7, 11, 14)
  def test_digits_are_exact_at_any_width(self, decimals):
    rows = np.random.default_rng(decimals).uniform(0, 9.99, (20_000, 3))
    row = ' '.join([f'%.{decimals}f'] * 3) + '\n'
    text = b'# no row\n' + (row * len(rows) % tuple(rows.ravel())).encode()
    got = cube_rows._equal_widths(text, 9, len(rows))
    np.testing.assert_array_equal(got, _rows_by_float(text[9:]))

  @parameterized.parameters(
    (b'0.5 0.5 0.5\n1.5 1.5 x.5\n', None),
    (b'0.5 0.5 0.5\n1.5 1.5 105\n', None),
    (b'0.5 0.5 0.5\n1.5 1.5 1/5\n', None),
    (b'0.5 0.5 0.5\n-.5 1.5 1.5\n', None),
    (b'0.5 0.5 0.5\n1.5 1.5 1.5\n1.5 1.5 1.5\n', None),
    (b'0.5 0.5 0.5\n1.5 1.5 1.5\n \n\n', [[0.5] * 3, [1.5] * 3]),
    (b'5 0.5 .5\n7 1.5 .5', [[5, 0.5, 0.5], [7, 1.5, 0.5]]),
    (b'5 0.5 .5 \r\n7 1.5 .5 ', [[5, 0.5, 0.5], [7, 1.5, 0.5]]),
  )
  def test_digits_are_only_read_where_all_rows_match_the_first(self, text, want):
    got = cube_rows._equal_widths(text, 0, 2)
    self.assertEqual(got if got is None else got.tolist(), want)

  @parameterized.parameters(
    b'0 0 0\n# a\n\n \t\n1 1 1',
    b'0 0 0 # black\n1 1 1\t#',
    b'\n\n0 0 0\n1 1 1\n\n# \xff\n',
    b'  0 0 0\n\t1 1 1  \n',
    b'0 0 0\x0b\n1 1\x0c1',
    b'0 0 0\r\n\r\n# a\r\n1 1 1.0\r\n',
    b'0 0 0\r\n1 1 1.0',
    b'+0 0. .0\n1e0 1E+00 10e-1\n',
  )
  def test_reads_between_blanks_and_comments(self, text):
    got = cube_rows.decode(text, 0, 2)
    np.testing.assert_array_equal(got, [[0] * 3, [1] * 3])

  @parameterized.parameters(
    (b'0 0 0\n1 1', 'line 8: found 2 numbers, expected 3'),
    (b'0 0 0\n1 1 1 1', 'line 8: found 4 numbers, expected 3'),
    (b'0 0 0\n', 'line 7: found 1 rows, expected 2'),
    (b'0 0 0\n1 1 1\n\n2 2 2', 'line 10: found row 3, expected 2 rows'),
    (b'0 0 0\n1 a 1', "line 8: found 'a' in column 2, expected a number"),
    (b'0 0 0\n1 1 1#', "line 8: found '1#' in column 3, expected a number"),
    (b'0 0 0\n1 1 1.#QNAN', "line 8: found '1.#QNAN' in column 3, expected a number"),
    (b'0 0 0\n1 1 1_0', "line 8: found '1_0' in column 3, expected a number"),
    (b'0 0 0\n1 0x1 1', "line 8: found '0x1' in column 2, expected a number"),
    (b'0 0 0\n1 - 1', "line 8: found '-' in column 2, expected a number"),
    (b'0 0 0\n1 1.2.3 1', "line 8: found '1.2.3' in column 2, expected a number"),
    (
      b'0 0 0\n0,1 0,2 0,3',
      "line 8: found '0,1' in column 1, expected a decimal point, not a comma",
    ),
    (
      b'0 0 nan\n1 1 1',
      "line 7: found 'nan' in column 3, "
      'expected a finite number (--allow_nonfinite reads it)',
    ),
    (
      b'0 0 0\n1 -1e39 1',
      "line 8: found '-1e39' in column 2, expected a number within float32",
    ),
    (
      b'0 0 0\ntitle 1 1',
      "line 8: found 'title' after a row, expected it before all rows",
    ),
    (
      b'0 0 0\n1 1 ' + b'9a' * 30,
      f"line 8: found '{'9a' * 20}...' in column 3, expected a number",
    ),
  )
  def test_refuses(self, text, message):
    with self.assertRaisesRegex(errors.LutError, f'^a.cube: {re.escape(message)}$'):
      cube_rows.decode(b'LUT_3D\n' + text, 7, 2, line=7, source='a.cube')

  def test_keeps_what_is_not_finite_when_asked(self):
    text = b'nan -inf +Infinity\n0 INF 1\n'
    got = cube_rows.decode(text, 0, 2, allow_nonfinite=True)
    inf = np.inf
    np.testing.assert_array_equal(got, [[np.nan, -inf, inf], [0, inf, 1]])

  @parameterized.parameters('3.4028235677973365e38', '1e400', '-1e60')
  def test_overflow_is_refused_even_then(self, word):
    with self.assertRaisesRegex(errors.LutError, 'within float32'):
      cube_rows.decode(f'0 0 {word}'.encode(), 0, 1, allow_nonfinite=True)

  def test_keeps_the_largest_number(self):
    got = cube_rows.decode(b'3.4028235e38 3.40282356779733e38 0', 0, 1)
    largest = np.finfo(np.float32).max
    np.testing.assert_array_equal(got, [[largest, largest, 0]])

  def test_names_files_on_one_line(self):
    error = cube_rows.refusal('a\nb\udc80é.cube', 3, 'found x, expected y')
    self.assertEqual(str(error), 'a\\nb\\udc80é.cube: line 3: found x, expected y')


if __name__ == '__main__':
  absltest.main()
