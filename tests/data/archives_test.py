import io
import json
import pathlib
import zipfile

import hypothesis
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lutjax import errors
from lutjax.data import archives


def _packed(**arrays):
  file = io.BytesIO()
  np.savez_compressed(file, **arrays)
  return file.getvalue()


def _zipped(name, content):
  file = io.BytesIO()
  with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(name, content)
  return file.getvalue()


def _header(shape, kind='<f4'):
  file = io.BytesIO()
  fields = {'descr': kind, 'fortran_order': False, 'shape': shape}
  np.lib.format.write_array_header_1_0(file, fields)
  return file.getvalue()


_TABLES = np.random.default_rng(0).uniform(size=(3, 4, 4, 4, 3))


class DecodeTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=30)
  @hypothesis.given(
    hnp.arrays(np.uint16, (2, 3, 3, 3, 3), elements=st.integers(0, 4095)),
    st.sampled_from([np.int64(4095), np.array([4095]), 4095.0]),
  )
  def test_second_differences_undo(self, codes, scale):
    delta = codes
    for axis in (1, 2):
      delta = np.diff(delta, axis=axis, prepend=np.uint16(0))
    archive = archives.decode(_packed(delta=delta, scale=scale), 'a.npz')
    for i in range(2):
      want = codes[i].astype(np.float32) / np.float32(4095)
      np.testing.assert_array_equal(archives.table(archive, i), want)

  @parameterized.parameters('u1', 'u2', 'i2', 'u4', '>u2')
  def test_integers_are_over_their_full_scale(self, kind):
    full_scale = np.iinfo(kind).max
    stored = np.rint(_TABLES * full_scale).astype(kind)
    archive = archives.decode(_packed(luts=stored), 'a.npz')
    want = (stored[1].astype(np.float64) / full_scale).astype(np.float32)
    got = archives.table(archive, 1)
    np.testing.assert_array_equal(got, want)
    self.assertEqual(got.dtype, np.float32)

  @parameterized.product(kind=('f2', 'f4', 'f8', '>f4'), name=('lut', 'luts'))
  def test_floats_are_kept(self, kind, name):
    stored = (3 * _TABLES - 1).astype(kind)
    one = archives.decode(_packed(**{name: stored[2]}), 'a.npz')
    np.testing.assert_array_equal(archives.table(one, 0), stored[2].astype(np.float32))
    many = archives.decode(_packed(**{name: stored}), 'a.npz')
    self.assertLen(many.tables, 3)

  @parameterized.parameters(
    ({'x': _TABLES}, 'found no known arrays, expected luts, lut, or delta with scale'),
    ({'delta': np.zeros((1, 2, 2, 2, 3), 'u2')}, 'found delta, expected luts'),
    ({'luts': _TABLES[:, :3]}, r'found luts \(3, 3, 4, 4, 3\), expected \[L, N, N, N'),
    ({'luts': _TABLES[..., :2]}, r'found luts \(3, 4, 4, 4, 2\)'),
    ({'luts': _TABLES[:0]}, r'found luts \(0, 4, 4, 4, 3\)'),
    ({'luts': np.zeros((1, 1, 1, 3))}, r'found luts \(1, 1, 1, 3\)'),
    ({'luts': np.zeros(3)}, r'found luts \(3,\)'),
    ({'luts': _TABLES > 0}, 'found luts of bool, expected float or integer'),
    ({'luts': _TABLES * 1j}, 'found luts of complex128'),
    ({'delta': _TABLES, 'scale': 9}, 'found delta of float64, expected unsigned'),
    ({'delta': np.zeros((1, 2, 2, 2, 3), 'u2'), 'scale': 0}, r'found scale \[0\]'),
    (
      {'luts': np.array([None])},
      'found .* does not decode .luts.npy holds Python objects',
    ),
  )
  def test_refuses(self, arrays, message):
    with self.assertRaisesRegex(errors.LutError, f'^a.npz: {message}'):
      archives.decode(_packed(**arrays), 'a.npz')

  @parameterized.parameters(
    (b'', 'File is not a zip file'),
    (b'PK\3\4', 'File is not a zip file'),
    (_zipped('luts.npy', b'no array'), 'magic string is not correct'),
    (_zipped('luts.npy', _header((10**6, 33, 33, 33, 3))), 'luts.npy claims shape'),
    (_zipped('luts.npy', _header((1, 2, 2, 2, 3), '|O')), 'holds Python objects'),
    (_packed(luts=_TABLES)[:-40], 'File is not a zip file'),
  )
  def test_refuses_what_is_no_archive(self, content, message):
    with self.assertRaisesRegex(errors.LutError, f'does not decode .*{message}') as e:
      archives.decode(content, 'a.npz')
    self.assertNotIn('\n', str(e.exception))

  def test_mutated_archives_give_lattices_or_a_lut_error(self):
    rng = np.random.default_rng(0)
    seed = _packed(delta=np.zeros((2, 2, 2, 2, 3), 'u2'), scale=9, dev512_id=[0, 1])
    for _ in range(500):
      content = bytearray(seed)
      for _ in range(rng.integers(1, 4)):
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
      content = bytes(content)[: rng.integers(len(seed) // 2, 2 * len(seed))]
      try:
        archive = archives.decode(content, 'a.npz')
      except errors.LutError:
        continue
      self.assertEqual(archives.table(archive, 0).shape, (2, 2, 2, 3))


class NamesTest(parameterized.TestCase):
  @parameterized.parameters(
    (['x', 'y', 'z'], None, ['x', 'y', 'z']),
    ([{'name': 'x'}, {'name': 'y'}, {'id': 3, 'name': 'z'}], None, ['x', 'y', 'z']),
    (['x', 'y'], None, ['a-0000', 'a-0001', 'a-0002']),
    (['x', 'y', 3], None, ['a-0000', 'a-0001', 'a-0002']),
    ({'x': 1, 'y': 2, 'z': 3}, None, ['a-0000', 'a-0001', 'a-0002']),
    (['v', 'w', 'x', 'y', 'z'], [4, 0, 2], ['z', 'v', 'x']),
    (['v', 'w', 'x', 'y', 'z'], [5, 0, 2], ['a-0000', 'a-0001', 'a-0002']),
    (['x', 'y', 'z'], [-1, 0, 2], ['x', 'y', 'z']),
    (None, None, ['a-0000', 'a-0001', 'a-0002']),
  )
  def test_names(self, listed, ids, want):
    folder = pathlib.Path(self.create_tempdir().full_path)
    if listed is not None:
      (folder / 'names.json').write_text(json.dumps(listed))
    arrays = {'luts': _TABLES} if ids is None else {'luts': _TABLES, 'dev512_id': ids}
    archive = archives.decode(_packed(**arrays), 'a.npz')
    self.assertEqual(archives.names(folder / 'a.npz', archive), want)

  def test_a_broken_list_is_no_list(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'names.json').write_bytes(b'["x", \xff')
    archive = archives.Archive(_TABLES)
    self.assertEqual(archives.names(folder / 'a.npz', archive)[0], 'a-0000')


if __name__ == '__main__':
  absltest.main()
