import json
import os
import pathlib

import hypothesis
import numpy as np
import PIL.Image
import pytest
from absl.testing import absltest, parameterized
from hypothesis import strategies as st

from lutjax import errors, files
from lutjax.data import images, luts
from lutjax.lut import cube, hald, lattice

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'


def _table(size, seed=0):
  return np.random.default_rng(seed).uniform(size=(size,) * 3 + (3,)).astype('f4')


def _cube(seed=0):
  return cube.render(lattice.from_table(_table(2, seed)))


class _FolderTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines: list[str] = []

  def put(self, name, content):
    files.write_bytes(self.folder / name, content)
    return str(self.folder / name)

  def put_picture(self, name, pixels):
    images.write(self.folder / name, images.Image(pixels))
    return str(self.folder / name)

  def load(self, *patterns, **options):
    return luts.load(patterns or [str(self.folder)], say=self.lines.append, **options)


class LoadTest(_FolderTest):
  def test_a_folder_gives_every_look_at_any_depth(self):
    self.put('b/two.CUBE', _cube(2))
    self.put('a.cube', _cube(1))
    self.put('b/notes.txt', b'')
    self.put_picture('c/hald.png', np.zeros((8, 8, 3), np.uint8))
    looks, problems = self.load()
    self.assertEqual([look.name for look in looks], ['a', 'two', 'hald'])
    self.assertEmpty(problems)
    self.assertLen(self.lines, 1)
    self.assertRegex(self.lines[0], 'skipped 1 file: notes.txt')
    np.testing.assert_array_equal(looks[0].lut.table, _table(2, 1))
    self.assertEqual(looks[0].source, str(self.folder / 'a.cube'))
    self.assertEqual(looks[0].digest, files.digest(_cube(1)))
    self.assertIsInstance(looks[2].lut.table, np.ndarray)

  def test_curves_come_as_a_shaper(self):
    path = self.put('a.cube', b'LUT_1D_SIZE 2\n0 0 0\n1 2 3\n')
    ((look,), _) = self.load(path)
    np.testing.assert_array_equal(look.lut.shaper.table, [[0] * 3, [1, 2, 3]])

  def test_what_a_file_says_in_passing_is_said(self):
    path = self.put('a.cube', b'VIDEO 1\n' + _cube())
    self.load(path)
    self.assertRegex(
      self.lines[0], r"a.cube: line 1: found the unknown keyword 'VIDEO'"
    )
    with self.assertRaisesRegex(errors.LutError, 'line 1: found the unknown keyword'):
      self.load(path, strict=True)

  def test_a_bad_file_in_a_folder_leaves_the_rest(self):
    self.put('bad.cube', b'LUT_3D_SIZE 2\n0 0 0\n')
    self.put('good.cube', _cube())
    self.put('odd.npz', b'PK')
    looks, problems = self.load()
    self.assertEqual([look.name for look in looks], ['good'])
    self.assertLen(problems, 2)
    self.assertRegex(problems[0], 'bad.cube: line 2: found 1 rows, expected 8$')
    self.assertRegex(problems[1], 'odd.npz: found an archive that does not decode')
    self.assertEqual(self.lines, problems)

  def test_a_bad_file_that_is_named_stops_all(self):
    self.put('good.cube', _cube())
    path = self.put('bad.cube', b'LUT_3D_SIZE 2\n0 0 0\n')
    with self.assertRaisesRegex(errors.LutError, 'bad.cube: line 2'):
      self.load(str(self.folder), path)

  @parameterized.parameters(
    ('*.cube', r'\*.cube: found no file to use, expected .*.cube'),
    ('empty', 'empty: found no file to use'),
    ('missing.cube', 'missing.cube: No such file'),
    ('a.xyz', "a.xyz: found extension '.xyz', expected .cube .npz .png"),
    ('all_bad', r'b.cube: line 1: found an empty file.* \(and 1 more like it\)$'),
    ('pictures', 'found no LUT, expected .cube'),
  )
  def test_says_what_was_looked_for(self, name, message):
    self.put('a.xyz', b'0 64 128\n')
    self.put('all_bad/b.cube', b'')
    self.put('all_bad/c.cube', b'')
    self.put_picture('pictures/a.png', np.zeros((5, 7, 3), np.uint8))
    (self.folder / 'empty').mkdir()
    with self.assertRaisesRegex(errors.LutError, message):
      self.load(str(self.folder / name))


class HaldTest(_FolderTest):
  def test_tiles_are_recognised(self):
    path = pathlib.Path(__file__).parent.parent / 'cases/tiles_8x8_of_64.png'
    ((look,), _) = self.load(str(path))
    self.assertRegex(self.lines[0], 'read as tiles of 64 nodes per axis')
    self.assertEqual(look.lut.table.shape, (64, 64, 64, 3))
    as_hald = self.load(str(path), layout='hald').looks[0].lut.table
    self.assertGreater(np.abs(as_hald - look.lut.table).max(), 0.5)

  @parameterized.parameters(('png', 8), ('png', 16), ('tif', 16), ('tif', 32))
  def test_pictures_keep_their_depth(self, extension, bits):
    pixels = images.from_float(np.asarray(hald.from_lattice(_table(9))), bits)
    path = self.put_picture(f'a.{extension}', pixels)
    ((look,), _) = self.load(path)
    want = hald.to_lattice(images.to_float(pixels))
    np.testing.assert_array_equal(look.lut.table, want)
    tolerance = 0 if bits == 32 else 0.5001 / (2**bits - 1)
    np.testing.assert_allclose(look.lut.table, _table(9), atol=tolerance)
    self.assertEmpty(self.lines)

  def test_other_pictures_in_a_folder_are_left_out(self):
    self.put('a.cube', _cube())
    self.put_picture('photo.png', np.zeros((12, 16, 3), np.uint8))
    PIL.Image.new('L', (30, 30)).save(self.folder / 'grey.png')
    looks, problems = self.load()
    self.assertLen(looks, 1)
    self.assertEmpty(problems)
    self.assertRegex(self.lines[0], 'grey.png: found 30 x 30 pixels.*; skipped')
    self.assertRegex(self.lines[1], 'photo.png: found 16 x 12 pixels.*; skipped')
    with self.assertRaisesRegex(errors.LutError, 'expected a Hald picture'):
      self.load(str(self.folder / 'photo.png'))

  @parameterized.parameters(('P', 'palette'), ('L', 'grey'))
  def test_refuses_pictures_without_three_channels(self, mode, name):
    path = str(self.folder / 'a.png')
    PIL.Image.new(mode, (8, 8)).save(path)
    with self.assertRaisesRegex(errors.LutError, f'a.png: found .*{name}.* RGB'):
      self.load(path)
    self.put('b.cube', _cube())
    self.assertLen(self.load().problems, 1)

  def test_alpha_must_be_opaque(self):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    path = self.put_picture('a.png', pixels)
    self.load(path)
    self.assertRegex(self.lines[0], 'a.png: its alpha channel is opaque and left out')
    pixels[3, 3, 3] = 254
    self.put_picture('a.png', pixels)
    with self.assertRaisesRegex(
      errors.LutError, 'found a LUT picture with transparent pixels'
    ):
      self.load(path)

  def test_jpeg_is_read_with_a_warning(self):
    path = self.put_picture('a.jpg', np.full((8, 8, 3), 128, np.uint8))
    ((look,), _) = self.load(path)
    self.assertRegex(self.lines[0], 'a.jpg: JPEG is lossy')
    np.testing.assert_allclose(look.lut.table, 0.5, atol=0.01)

  def test_a_damaged_picture_is_a_problem(self):
    path = self.put_picture('a.png', np.zeros((64, 64, 3), np.uint8))
    self.put('a.png', pathlib.Path(path).read_bytes()[:-20])
    self.put('b.cube', _cube())
    self.assertRegex(self.load().problems[0], 'a.png: found ')


class ArchiveNamesTest(_FolderTest):
  def _save(self, name, **arrays):
    path = self.folder / name
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)
    return str(path)

  def test_names_of_the_list_beside_it(self):
    self.put('names.json', json.dumps([{'name': 'x'}, {'name': 'y/z'}]).encode())
    path = self._save('two.npz', luts=np.stack([_table(2), _table(2, 1)]))
    looks, _ = self.load(path)
    self.assertEqual([look.name for look in looks], ['x', 'y_z'])
    self.assertEqual([look.source for look in looks], [f'{path}[0]', f'{path}[1]'])
    self.assertNotEqual(looks[0].digest, looks[1].digest)
    np.testing.assert_array_equal(looks[1].lut.table, _table(2, 1))

  def test_nonfinite_values_are_kept_only_when_asked(self):
    tables = np.stack([_table(2), np.full((2, 2, 2, 3), np.inf)])
    path = self._save('two.npz', luts=tables)
    message = r'two.npz\[1\]: found NaN or infinite values, expected finite'
    with self.assertRaisesRegex(errors.LutError, message):
      self.load(path)
    self.assertLen(self.load(path, allow_nonfinite=True).looks, 2)

  def test_the_whole_collection(self):
    if not _DATA.is_dir():
      self.skipTest(f'no folder {_DATA}')
    pytest.importorskip('PyOpenColorIO')
    looks, problems = self.load(str(_DATA))
    self.assertEmpty(problems)
    self.assertLen(looks, 28 + 512 + 64 + 8)
    self.assertLen({look.name.casefold() for look in looks}, len(looks))
    names = json.loads((_DATA / 'names.json').read_bytes())
    by_source = {look.source: look for look in looks}
    # The small archives hold some of the looks of the large one, resampled
    # from the same origin, under the same name.
    with np.load(_DATA / 'dev64_size17.npz') as small:
      ids = small['dev512_id'].tolist()
    for i, number in list(enumerate(ids))[::9]:
      coarse = by_source[f'{_DATA}/dev64_size17.npz[{i}]']
      fine = by_source[f'{_DATA}/dev512.npz[{number}]']
      self.assertEndsWith(coarse.name, names[number]['name'])
      self.assertEndsWith(fine.name, names[number]['name'])
      difference = np.abs(fine.lut.table[::2, ::2, ::2] - coarse.lut.table)
      self.assertLess(difference.mean(), 0.01)


class UniqueNamesTest(parameterized.TestCase):
  @parameterized.parameters(
    (['x', 'y'], ['x.cube', 'a/y.cube'], ['x', 'y']),
    (['x', 'x'], ['a/x.cube', 'b/x.cube'], ['a-x', 'b-x']),
    (['x', 'X'], ['x.cube', 'b/X.cube'], ['x', 'b-X']),
    (['x', 'x'], ['x.cube', 'x.png'], ['x-cube', 'x-png']),
    (['n', 'n'], ['a.npz', 'b.npz'], ['a-n', 'b-n']),
    (['n', 'n', 'N'], ['a.npz'] * 3, ['n', 'n-2', 'N-3']),
    (['a/b:c*d\n', '..', 'con'], ['q.npz'] * 3, ['a_b_c_d_', '_', 'con_']),
  )
  def test_names(self, names, paths, want):
    paths = [pathlib.PurePath(path) for path in paths]
    self.assertEqual(luts.unique_names(names, paths), want)

  @hypothesis.settings(deadline=None)
  @hypothesis.given(
    st.lists(
      st.tuples(
        st.one_of(st.text(max_size=3), st.sampled_from(['a', 'A', 'a-2', 'x' * 300])),
        st.sampled_from(['a.cube', 'b/a.cube', 'a/a-2.npz', 'b-a.cube']),
      ),
      max_size=9,
    )
  )
  def test_names_differ_and_are_files(self, drawn):
    names = [name for name, _ in drawn]
    got = luts.unique_names(names, [pathlib.PurePath(path) for _, path in drawn])
    self.assertLen({name.casefold() for name in got}, len(names))
    for name in got:
      self.assertNotRegex(name, r'[/\\:*?"<>|\x00-\x1f]|^[. ]|[. ]$|^$')
      self.assertLessEqual(len(name.encode()), 200)


if __name__ == '__main__':
  absltest.main()
