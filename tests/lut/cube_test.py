import itertools
import os
import pathlib
import re
import subprocess
import time
import tracemalloc
import warnings
from unittest import mock

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lutjax import errors, files
from lutjax.lut import cube, interpolate, lattice

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None
try:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # It misses optional packages aloud.
    import colour
except ImportError:
  colour = None
try:
  import imageio_ffmpeg
except ImportError:
  imageio_ffmpeg = None

_FOLDER = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts/cube'
_REAL_FILES = sorted(_FOLDER.glob('*.cube')) or [None]
_COLOURS = 2048
_CASES = pathlib.Path(__file__).parent.parent / 'cases'

_ROWS = b'0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n'
_SMALL = b'LUT_3D_SIZE 2\n' + _ROWS


def _ours(path, rgb):
  lut = cube.read(path).lut
  return np.asarray(interpolate.sample(lut, rgb, method='trilinear'))


def _opencolorio(path, rgb):
  ocio.ClearAllCaches()
  transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_LINEAR)
  processor = ocio.Config.CreateRaw().getProcessor(transform)
  image = np.array(rgb[None], np.float32)
  processor.getDefaultCPUProcessor().applyRGB(image)
  return image[0]


def _colour_science(path, rgb):
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    return np.asarray(colour.read_LUT(str(path)).apply(rgb))


def _ffmpeg(path, rgb):
  # Frames as wide as this: it gives wrong reds in frames 1 or 2 pixels wide.
  image = np.float32(rgb).reshape(-1, 256, 3)[..., [1, 2, 0]]
  planes = np.ascontiguousarray(np.moveaxis(image, -1, 0))
  run = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-f', 'rawvideo']
  run += ['-pix_fmt', 'gbrpf32le', '-s', f'256x{len(image)}', '-i', '-']
  run += ['-vf', f'lut3d=file={path}:interp=trilinear']
  run += ['-pix_fmt', 'gbrpf32le', '-f', 'rawvideo', '-']
  done = subprocess.run(run, input=planes.tobytes(), capture_output=True, check=True)
  image = np.frombuffer(done.stdout, np.float32).reshape(planes.shape)
  return np.moveaxis(image, 0, -1)[..., [2, 0, 1]].reshape(-1, 3)


def _colours(lut, seed=0, beyond=0.2):
  """Random colours in and around the domain of what is applied first."""
  low, high = lut.domain if lut.shaper is None else lut.shaper.domain
  unit = np.random.default_rng(seed).uniform(-beyond, 1 + beyond, (_COLOURS, 3))
  return (low + unit * (high - low)).astype(np.float32)


def _random_lut(kind, size=5, seed=0):
  rng = np.random.default_rng(seed)
  table = rng.uniform(-0.5, 2.0, (size,) * 3 + (3,)).astype(np.float32)
  shaper, domain = None, None
  if kind == 'domain':
    domain = np.float32([[-0.5, 0.0, 0.25], [1.5, 3.0, 0.7]])
  if kind == 'curves':
    curve = np.sort(rng.uniform(-0.2, 1.7, (17, 3)), axis=0)
    low, high = np.float32([[-0.1, 0, 0.1], [1.1, 2, 0.9]])
    return lattice.from_shaper(lattice.Shaper(np.float32(curve), np.stack([low, high])))
  if kind in ('shaper', 'shaper and domain'):
    curve = np.float32(np.sort(rng.uniform(0, 1, (33, 3)), axis=0))
    shaper = lattice.Shaper(curve, np.float32([[-0.5] * 3, [2.0] * 3]))
    domain = np.float32([[0.1] * 3, [0.8] * 3])
  if kind == 'shaper and domain':
    domain = np.float32([[0.1, 0.0, 0.2], [0.8, 1.0, 0.9]])
  return lattice.from_table(table, domain, shaper)


class OracleTest(parameterized.TestCase):
  @parameterized.parameters(b'\x1a', b'\x1a\r\n', b'\r\n\x1a\x1a \n', b'\x1a' * 128)
  def test_a_final_end_mark_is_noted(self, ending):
    got = cube.parse(_SMALL.removesuffix(b'\n') + ending, source='a.cube')
    np.testing.assert_array_equal(got.lut.table, cube.parse(_SMALL).lut.table)
    (note,) = got.warnings
    self.assertRegex(note, '^a.cube: line \\d+: found a final byte 0x1A, .*; ignored$')
    with self.assertRaisesRegex(errors.LutError, r'line \d+: found a final byte 0x1A'):
      cube.parse(_SMALL + ending, source='a.cube', strict=True)

  def test_an_end_mark_among_the_rows_is_refused(self):
    with self.assertRaisesRegex(errors.LutError, r"line 9: found '1\\x1a'"):
      cube.parse(_SMALL.removesuffix(b'1\n') + b'1\x1a\n#')

  def test_a_file_of_an_old_tool_has_its_colours(self):
    got = cube.read(_CASES / 'ctrl_z.cube')
    self.assertLen(got.warnings, 1)
    rgb = np.random.default_rng(0).uniform(size=(64, 3)).astype(np.float32)
    applied = interpolate.sample(got.lut, rgb, method='trilinear')
    np.testing.assert_allclose(applied, rgb, atol=1e-6)  # It holds the identity.

  @parameterized.parameters(*((path,) for path in _REAL_FILES))
  def test_real_files_mean_what_other_readers_say(self, path):
    if path is None:
      self.skipTest(f'no files in {_FOLDER}')
    # OpenColorIO takes no title in Resolve's form.
    use_colour = path.name == 'logc_video_1d16_3d4.cube'
    if (colour if use_colour else ocio) is None:
      self.skipTest('needs opencolorio and colour-science')
    # colour-science extends curves past their ends, colour engines clamp.
    rgb = _colours(cube.read(path).lut, beyond=0.0 if use_colour else 0.2)
    want = (_colour_science if use_colour else _opencolorio)(path, rgb)
    # The tables reach 14, and the domains are not all [0, 1].
    np.testing.assert_allclose(_ours(path, rgb), want, atol=2e-6, rtol=1e-6)

  @parameterized.parameters(
    *itertools.product(
      ('_opencolorio', '_colour_science'),
      ('plain', 'domain', 'curves', 'shaper', 'shaper and domain'),
    ),
    ('_ffmpeg', 'plain'),
  )
  def test_others_read_what_is_written(self, reader, kind):
    packages = {'_opencolorio': ocio, '_colour_science': colour}
    if packages.get(reader, imageio_ffmpeg) is None:
      self.skipTest(f'needs {reader[1:]}')
    lut = _random_lut(kind)
    path = os.path.join(self.create_tempdir(), 'a.cube')
    title = 'Ein "Look" für Würfel \n' * 9
    pathlib.Path(path).write_bytes(cube.render(lut, title=title))
    rgb = _colours(lut, beyond=0.0 if reader == '_colour_science' else 0.2)
    want = np.asarray(interpolate.sample(lut, rgb, method='trilinear'))
    got = globals()[reader](path, rgb)
    np.testing.assert_allclose(got, want, atol=1e-6 if kind == 'plain' else 5e-6)


class RoundTripTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=100)
  @hypothesis.given(st.data())
  def test_what_is_written_reads_back_equal(self, data):
    numbers = st.floats(-1e4, 1e4, width=32)
    size = data.draw(st.integers(2, 4))
    shape = (size,) * 3 + (3,)
    decimals = data.draw(st.sampled_from([None, 6, 8]))
    table = data.draw(hnp.arrays(np.float32, shape, elements=numbers))
    if decimals:
      table = np.round(table.astype(np.float64), decimals).astype(np.float32)
    low = data.draw(hnp.arrays(np.float32, 3, elements=numbers))
    span = data.draw(hnp.arrays(np.float32, 3, elements=st.floats(0.125, 64, width=32)))
    domain = np.stack([low, np.maximum(low + span, np.nextafter(low, np.inf))])
    lut = lattice.from_table(table, domain.astype(np.float32))
    jax.tree.map(np.testing.assert_array_equal, cube.parse(cube.render(lut)).lut, lut)

  @parameterized.parameters('plain', 'domain', 'curves', 'shaper')
  def test_every_kind_reads_back_equal(self, kind):
    lut = _random_lut(kind)
    got = cube.parse(cube.render(lut))
    jax.tree.map(np.testing.assert_array_equal, got.lut, lut)
    kinds = {'curves': '1D', 'shaper': '1D+3D'}
    self.assertEqual(got.kind, kinds.get(kind, '3D'))
    self.assertEqual(cube.render(jax.tree.map(jnp.asarray, got.lut)), cube.render(lut))

  @hypothesis.settings(deadline=None)
  @hypothesis.given(st.text(max_size=300))
  def test_titles_stay_on_their_line(self, title):
    got = cube.parse(cube.render(_random_lut('plain', size=2), title=title))
    self.assertLessEqual(len(got.title.encode()), 200)
    self.assertEqual(cube.parse(cube.render(got.lut, title=got.title)).title, got.title)
    if title.isascii() and title.isalnum():
      self.assertEqual(got.title, title[:200])

  @parameterized.parameters(
    ([0.0, 0.5, 1.0], b'0.000000 0.500000 1.000000'),
    ([0.0, -0.0, 1.0], b'0.000000 0.000000 1.000000'),
    ([0.1, -1.5, 12.0], b'0.100000 -1.500000 12.000000'),
    ([0.123456789, 1e-12, 1e7], b'0.123456791 9.99999996e-13 10000000'),
  )
  def test_rows_have_as_many_digits_as_it_takes(self, colour_row, want):
    table = np.zeros((2, 2, 2, 3), np.float32) + np.float32(colour_row)
    self.assertIn(b'\n' + want + b'\n', cube.render(lattice.from_table(table)))

  @parameterized.parameters(
    ({'table': np.full((2, 2, 2, 3), np.nan)}, 'found NaN'),
    ({'table': np.zeros((2, 2, 3, 3))}, r'found a lattice \(2, 2, 3, 3\)'),
    ({'table': np.zeros((2, 2, 2, 1))}, r'found a lattice \(2, 2, 2, 1\)'),
    ({'knots': ([0.0, 1.0],) * 3}, 'found uneven knots'),
    (
      {'shaper': lattice.Shaper(np.eye(3), np.float32([[0, 0, 0], [1, 1, 2]]))},
      'found curves with a domain per channel .*: bake it first',
    ),
  )
  def test_says_what_the_format_cannot_hold(self, change, message):
    lut = lattice.from_table(np.zeros((2, 2, 2, 3)))._replace(**change)
    with self.assertRaisesRegex(errors.LutError, message):
      cube.render(lut)


class LegalTest(parameterized.TestCase):
  @parameterized.parameters(
    b'\xef\xbb\xbf' + _SMALL,
    b'\xef\xbb\xbf# first\n' + _SMALL,
    _SMALL.replace(b'\n', b'\r\n'),
    _SMALL.replace(b'\n', b'\r'),
    _SMALL.replace(b'\n', b'\r\n', 3).replace(b'0 1\n', b'0 1\r'),
    _SMALL.replace(b'\n', b'\r\n').replace(b'1 1 0', b'1.0 1 0 # a'),
    _SMALL.replace(b' ', b'\t'),
    _SMALL.rstrip(),
    _SMALL.replace(b'0', b'0.0e+00').replace(b'SIZE', b'SIZE '),
    _SMALL.lower(),
    b'Domain_Min 0 0 0\nDoMaIn_MaX 1 1 1\n' + _SMALL,
    b'LUT_3D_INPUT_RANGE 0 1\n' + _SMALL,
    _SMALL.replace(b'1 1 0\n', b'1 1 0\n# half\n\n  \n'),
    _SMALL + b'\n\n# end\n',
  )
  def test_the_same_lattice_in_any_clothes(self, content):
    got = cube.parse(content)
    np.testing.assert_array_equal(got.lut.table, lattice.identity(2))
    np.testing.assert_array_equal(got.lut.domain, [[0] * 3, [1] * 3])
    self.assertEqual((got.kind, got.warnings), ('3D', ()))

  def test_red_runs_fastest(self):
    rows = b''.join(b'%d 0 0\n' % i for i in range(27))
    table = cube.parse(b'LUT_3D_SIZE 3\n' + rows).lut.table
    self.assertEqual(
      [table[1, 0, 0, 0], table[0, 1, 0, 0], table[0, 0, 1, 0]], [1, 3, 9]
    )

  def test_rows_of_both_sizes_are_curves_first(self):
    header = b'LUT_3D_SIZE 2\nLUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE -1 3\n'
    header += b'LUT_3D_INPUT_RANGE 0 4\n'
    got = cube.parse(header + b'0 0 0\n1 2 3\n4 4 4\n\n' + _ROWS)
    self.assertEqual(got.kind, '1D+3D')
    shaper = got.lut.shaper
    np.testing.assert_array_equal(shaper.table, [[0, 0, 0], [1, 2, 3], [4, 4, 4]])
    np.testing.assert_array_equal(shaper.domain, [[-1] * 3, [3] * 3])
    np.testing.assert_array_equal(got.lut.domain, [[0] * 3, [4] * 3])
    np.testing.assert_array_equal(got.lut.table, lattice.identity(2))

  def test_keeps_what_is_not_finite_when_asked(self):
    content = b'LUT_1D_SIZE 2\n0 nan 0\n1 1 inf\n'
    lut = cube.parse(content, allow_nonfinite=True).lut
    np.testing.assert_array_equal(lut.shaper.table, [[0, np.nan, 0], [1, 1, np.inf]])
    self.assertTrue(np.isfinite(lut.table).all())


class RefusalTest(parameterized.TestCase):
  # Numbered as the kinds of bad file that are known to occur.
  @parameterized.named_parameters(
    ('1_empty', b'', 'line 1: found an empty file, expected a .cube LUT'),
    ('1_blank', b' \n\n', 'line 1: found an empty file'),
    ('6_row_missing', _SMALL[:-6], 'line 8: found 7 rows, expected 8'),
    ('6_no_rows', b'LUT_3D_SIZE 2\n# a', 'line 2: found 0 rows, expected 8'),
    (
      '6_word',
      b'LUT_3D_SIZE 2\nx' + _ROWS,
      r"7 rows, .*\(line 2 was .*keyword: 'x0'\)",
    ),
    ('7_row_extra', _SMALL + b'1 1 1\n', 'line 10: found row 9, expected 8 rows'),
    ('8_two', _SMALL.replace(b'0 1 0', b'0 1'), 'line 4: found 2 numbers, expected 3'),
    ('8_four', _SMALL.replace(b'0 1 0', b'0 1 0 0'), 'line 4: found 4 numbers'),
    (
      '9_text',
      _SMALL.replace(b'0 1 0', b'0 x 0'),
      "line 4: found 'x' in column 2, exp",
    ),
    ('10_nan', _SMALL.replace(b'0 1 0', b'0 nan 0'), "line 4: found 'nan' in column 2"),
    ('10_inf', _SMALL.replace(b'0 1 0', b'0 -inf 0'), 'expected a finite number'),
    ('11_overflow', _SMALL.replace(b'0 1 0', b'0 1e60 0'), "line 4: found '1e60' .*32"),
    ('12_comma', _SMALL.replace(b'0 1 0', b'0,5 1 0'), "line 4: found '0,5' .* not a"),
    ('15_late_keyword', _SMALL + b'TITLE "a"\n', "line 10: found 'TITLE' after a row"),
    ('15_middle', _SMALL[:20] + b'DOMAIN_MIN 0 0 0\n' + _SMALL[20:], 'after a row'),
    (
      '18_nul',
      b'LUT_3D_SIZE 2\n0 0 \0',
      'line 2: found binary data, expected a text LUT',
    ),
    ('18_png', b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'found binary data'),
    ('18_control', b'\x89PNG\r\n\x1a\n', 'line 2: found binary data'),
    ('18_utf16', _SMALL.decode().encode('utf-16'), 'line 1: found binary data'),
    (
      '20_no_curve_rows',
      b'LUT_1D_SIZE 4\n' + _SMALL,
      'line 10: found 8 rows, expected 12',
    ),
    (
      '21_comment',
      _SMALL + b'#' * (1 << 21),
      'line 10: found a line of 2097152 bytes, expected 1048576 at most',
    ),
    ('21_row', b'# a\n' + b'0 ' * (1 << 20) + b'\n', 'line 2: found a line of 2097152'),
    ('curves', b'LUT_1D_SIZE 2\n-3e38 0 0\n3e38 0 0', 'found curves from -3e.38 to 3e'),
  )
  def test_refuses(self, content, message):
    with self.assertRaises(errors.LutError) as caught:
      cube.parse(content, source='a.cube')
    self.assertRegex(str(caught.exception), '^a.cube: line [0-9]+: found .*, expected')
    self.assertRegex(str(caught.exception), message)
    self.assertNotIn('\n', str(caught.exception))

  @parameterized.parameters(
    ('3D', b'LUT_1D_SIZE 2\n0 0 0\n1 1 1\n', 'line 1: found a 1D LUT, expected 3D'),
    ('1D', _SMALL, 'line 1: found a 3D LUT, expected 1D'),
  )
  def test_refuses_another_kind_than_wanted(self, kind, content, message):
    with self.assertRaisesRegex(errors.LutError, message):
      cube.parse(content, kind=kind)

  @parameterized.parameters(
    b'LUT_3D_SIZE 256\n0 0 0\n',
    b'LUT_1D_SIZE 1048576\n0 0 0\n',
    b'LUT_3D_SIZE 100000\n' + _ROWS,
  )
  def test_a_claimed_size_takes_no_memory(self, content):
    tracemalloc.start()
    try:
      with self.assertRaises(errors.LutError):
        cube.parse(content)
      self.assertLess(tracemalloc.get_traced_memory()[1], 1 << 20)
    finally:
      tracemalloc.stop()

  def test_a_late_mistake_is_found_in_time(self):
    rows = b'0.5 0.5 0.5\n' * (33**3 - 1)
    start = time.process_time()
    with self.assertRaisesRegex(errors.LutError, "line 35938: found 'x' in column 3"):
      cube.parse(b'LUT_3D_SIZE 33\n' + rows + b'0.5 0.5 x\n')
    self.assertLess(time.process_time() - start, 2.0)

  def test_says_why_a_file_cannot_be_read(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'dangling.cube').symlink_to(folder / 'nowhere')
    for name, message in (
      ('', 'is a folder, expected a file'),
      ('missing.cube', 'missing.cube: No such file'),
      ('dangling.cube', 'is a link to .*nowhere, which is missing'),
    ):
      with self.assertRaisesRegex(errors.LutError, message):
        cube.read(folder / name)

  def test_says_that_reading_is_not_permitted(self):
    path = pathlib.Path(self.create_tempfile('a.cube', _SMALL).full_path)
    denied = PermissionError(13, 'Permission denied')
    refused = mock.patch.object(files, 'open', create=True, side_effect=denied)
    with refused, self.assertRaisesRegex(errors.LutError, 'a.cube: Permission denied'):
      cube.read(path)

  def test_refuses_a_file_too_large_to_be_one(self):
    path = pathlib.Path(self.create_tempfile('a.cube').full_path)
    with open(path, 'wb') as file:
      file.truncate(cube.MAX_FILE_BYTES + 1)
    with self.assertRaisesRegex(errors.LutError, 'found 2147483649 bytes, expected'):
      cube.read(path)


class FuzzTest(absltest.TestCase):
  """Whatever happens to a file, it gives a LUT or a LutError."""

  _SEEDS = (
    b'TITLE "a"\n' + _SMALL,
    b'LUT_1D_SIZE 3\nDOMAIN_MAX 1 2 3\n0 0 0\n# c\n0.5 1e-1 .5\n1 1 1\n',
    b'LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE -1 2\n'
    + _SMALL.replace(b'\n', b'\n0 0 0\n', 1)
    + b'1 1 1\n',
    b'\xef\xbb\xbf' + _SMALL.replace(b'\n', b'\r\n').replace(b'1', b'0.500000'),
  )
  _WORDS = (
    *(b'TITLE', b'LUT_1D_SIZE', b'LUT_3D_SIZE', b'DOMAIN_MIN', b'DOMAIN_MAX'),
    *(b'LUT_3D_INPUT_RANGE', b'nan', b'-inf', b'1e39', b'-3e38', b'3e38', b'1e-46'),
    *(b'0,5', b'--1', b'1e', b'0x1', b'"', b'#', b'\n', b'\r', b'\t', b'\0', b'\x1c'),
    *(b'\xc2\x85', b'\xff', b'256', b'2.0', b'99999999999', b'1_0', b''),
  )

  def test_mutated_files_give_a_lut_or_a_lut_error(self):
    rng = np.random.default_rng(0)
    read = 0
    for i in range(3000):
      content = self._SEEDS[i % len(self._SEEDS)]
      for _ in range(rng.integers(1, 3)):
        content = self._mutated(content, rng)
      try:
        lut = cube.parse(content, source='a.cube', allow_nonfinite=i % 5 == 0).lut
      except errors.LutError as error:
        self.assertRegex(str(error), r'\Aa\.cube: line \d+: found .*, expected .*\Z')
        continue
      read += 1
      self.assertEqual(lut.table.shape, (len(lut.table),) * 3 + (3,))
      self.assertTrue(i % 5 == 0 or np.isfinite(lut.table).all(), content)
      # A comment at the end changes which reader is at work, and nothing else.
      ended = content.rstrip(b'\x1a \t\r\n') + b'\n# end'
      again = cube.parse(ended, allow_nonfinite=True).lut
      jax.tree.map(np.testing.assert_array_equal, again, lut)
    # Some mutations are harmless, most are not.
    self.assertBetween(read, 150, 1500)

  def _mutated(self, content, rng):
    at, other = sorted(rng.integers(0, len(content) + 1, 2))
    word = self._WORDS[rng.integers(len(self._WORDS))]
    seed = self._SEEDS[rng.integers(len(self._SEEDS))]
    words = re.split(rb'(\s+)', content)
    words[rng.integers(len(words))] = word
    flipped = bytearray(content or b'0')
    flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
    mutations = (
      bytes(flipped),
      content[:at],
      content[:at] + content[other:],
      content[:at] + content[at:other] * 2 + content[other:],
      content[:at] + seed[rng.integers(len(seed)) :],
      content[:at] + word + content[at:],
      b''.join(words),
      content[:at] + bytes(rng.integers(0, 256, 4, np.uint8)) + content[at:],
    )
    return mutations[rng.integers(len(mutations))]


if __name__ == '__main__':
  absltest.main()
