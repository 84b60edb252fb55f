import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.lut import cube_header

_ROWS = b'0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n'
_SMALL = b'LUT_3D_SIZE 2\n' + _ROWS


def _read(content, strict=False):
  return cube_header.read(content, source='a.cube', strict=strict, max_size=256)


class ReadTest(parameterized.TestCase):
  def test_stops_at_the_first_row(self):
    header = _read(b'# a\n\nLUT_3D_SIZE 2\n  -.5 0 0\n')
    self.assertEqual((header.position, header.line), (19, 4))
    self.assertEqual((header.sizes, header.kind), ({'LUT_3D_SIZE': 2}, '3D'))

  @parameterized.parameters(
    (b'', '', [[0, 0, 0], [1, 1, 1]]),
    (b'DOMAIN_MIN -1 0 0.5\n', '', [[-1, 0, 0.5], [1, 1, 1]]),
    (b'domain_max 1 2 1e2 # wide\n', '', [[0, 0, 0], [1, 2, 100]]),
    (b'LUT_3D_INPUT_RANGE\t-1 3\n', 'LUT_3D_INPUT_RANGE', [[-1] * 3, [3] * 3]),
  )
  def test_domains(self, lines, keyword, want):
    np.testing.assert_array_equal(
      cube_header.domain(_read(lines + _SMALL), keyword), want
    )

  @parameterized.parameters(
    (b'TITLE "A look"', 'A look'),
    (b'TITLE A look', 'A look'),
    (b'title\t"A look"', 'A look'),
    (b'TITLE', ''),
    (b'TITLE ""', ''),
    (b'TITLE "', ''),
    (b'TITLE "open', 'open'),
    (b'TITLE "a "b" c"', 'a "b" c'),
    (b'TITLE "caf\xe9"', 'café'),
    (b'TITLE "caf\xc3\xa9"', 'café'),
    (b'TITLE "LUT_3D_SIZE 9 # no comment"', 'LUT_3D_SIZE 9 # no comment'),
  )
  def test_titles(self, line, title):
    self.assertEqual(_read(line + b'\n' + _SMALL).title, title)

  def test_keeps_the_comments_of_the_header(self):
    got = _read(b'#one\n# two \xb5\n' + _SMALL + b'# three\n')
    self.assertEqual(got.comments, ['one', 'two µ'])

  def test_warns_of_what_it_ignores(self):
    content = b'LUT_1D_INPUT_RANGE 0 2\nTITLE "a"\nTITLE "b"\nVIDEO 1\n' + _SMALL
    got = _read(content)
    self.assertEqual(got.title, 'a')
    self.assertEqual(
      [warning.split(', expected')[0] for warning in got.warnings],
      [
        'a.cube: line 3: found TITLE again',
        "a.cube: line 4: found the unknown keyword 'VIDEO'",
        'a.cube: line 1: found LUT_1D_INPUT_RANGE',
      ],
    )
    self.assertEndsWith(got.warnings[0], 'expected it once (line 2); ignored')

  def test_an_unknown_keyword_is_refused_when_strict(self):
    message = (
      "^a.cube: line 1: found the unknown keyword 'GAMMA', expected one of TITLE, "
    )
    with self.assertRaisesRegex(errors.LutError, message):
      _read(b'GAMMA 2.2\n' + _SMALL, strict=True)

  # Numbered as the kinds of bad file that are known to occur.
  @parameterized.named_parameters(
    (
      '2_no_size',
      b'TITLE "a"\n# b\n',
      'line 2: found no size, expected LUT_1D_SIZE or',
    ),
    ('2_rows_only', b'\n' + _ROWS, "line 2: found '0 0 0', expected LUT_1D_SIZE or"),
    ('3_zero', b'LUT_3D_SIZE 0\n', "found LUT_3D_SIZE '0', expected a whole number"),
    ('3_one', b'LUT_3D_SIZE 1\n0 0 0', "LUT_3D_SIZE '1', expected .* from 2 to 256"),
    ('3_negative', b'LUT_3D_SIZE -2\n', "LUT_3D_SIZE '-2', expected a whole number"),
    ('3_fraction', b'LUT_3D_SIZE 3.5\n', "LUT_3D_SIZE '3.5', expected a whole number"),
    ('3_word', b'LUT_1D_SIZE abc\n', "LUT_1D_SIZE 'abc', expected a whole number"),
    ('3_missing', b'LUT_3D_SIZE\n', 'found LUT_3D_SIZE alone, expected a whole number'),
    ('3_two', b'LUT_3D_SIZE 2 2\n', "LUT_3D_SIZE '2 2', expected a whole number"),
    ('4_over', b'LUT_3D_SIZE 257\n', "LUT_3D_SIZE '257', expected .* 2 to 256"),
    ('4_huge', b'LUT_3D_SIZE ' + b'9' * 9000, "'9{40}...', expected a whole number"),
    ('4_curve', b'LUT_1D_SIZE 1048577\n', "'1048577', expected .* 2 to 1048576"),
    (
      '5_twice',
      b'LUT_3D_SIZE 2\n' + _SMALL,
      'line 2: found LUT_3D_SIZE again, .*line 1',
    ),
    ('13_equal', b'DOMAIN_MIN 1 0 0\n' + _SMALL, 'line 1: found a domain from 1 to 1'),
    (
      '13_turned',
      b'DOMAIN_MAX 1 -1 1\n' + _SMALL,
      'line 1: found a domain from 0 to -1, expected the minimum below the maximum',
    ),
    ('13_nan', b'DOMAIN_MIN 0 nan 0\n' + _SMALL, "line 1: found DOMAIN_MIN 'nan', exp"),
    ('13_two', b'DOMAIN_MIN 0 0\n' + _SMALL, 'line 1: .* with 2 numbers, expected 3'),
    ('13_three', b'LUT_3D_INPUT_RANGE 0 0 1\n' + _SMALL, '3 numbers, expected 2'),
    ('13_wide', b'LUT_3D_INPUT_RANGE -3e38 3e38\n' + _SMALL, 'within float32'),
    ('13_again', b'DOMAIN_MIN 0 0 0\n' * 2 + _SMALL, 'line 2: found DOMAIN_MIN again'),
    (
      '13_both_ways',
      b'DOMAIN_MIN 0 0 0\nLUT_3D_INPUT_RANGE 0 2\n' + _SMALL,
      'line 1: found DOMAIN_MIN beside LUT_3D_INPUT_RANGE, expected',
    ),
    (
      'video_in',
      b'LUT_IN_VIDEO_RANGE\n' + _SMALL,
      'line 1: found LUT_IN_VIDEO_RANGE: this LUT takes video levels, expected full',
    ),
    (
      'video_out',
      b'lut_out_video_range\n' + _SMALL,
      'found LUT_OUT_VIDEO_RANGE: this LUT gives video levels, expected full range',
    ),
    (
      '20_domain',
      b'DOMAIN_MIN 0 0 0\nLUT_1D_SIZE 2\n' + _SMALL,
      'line 1: found DOMAIN_MIN beside both sizes, expected LUT_1D_INPUT_RANGE',
    ),
  )
  def test_refuses(self, content, message):
    with self.assertRaises(errors.LutError) as caught:
      _read(content)
    self.assertRegex(str(caught.exception), '^a.cube: line [0-9]+: found .*, expected')
    self.assertRegex(str(caught.exception), message)
    self.assertNotIn('\n', str(caught.exception))


if __name__ == '__main__':
  absltest.main()
