import io
import pathlib

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import labels
from lutjax.data import maps

TABLE = np.random.default_rng(0).uniform(size=(3, 3, 3, 4, 2, 3)).astype(np.float32)
NAMES = ('exposure', 'warm th')


def _packed(**arrays):
  file = io.BytesIO()
  np.savez(file, **arrays)
  return file.getvalue()


class DecodeTest(parameterized.TestCase):
  def test_maps_come_back_bit_for_bit(self):
    table, settings = maps.decode(maps.encode(TABLE, NAMES), 'a.npz')
    np.testing.assert_array_equal(table, TABLE)
    self.assertEqual(
      settings, (labels.Setting('exposure', 4), labels.Setting('warm th', 2))
    )

  def test_integers_are_over_their_full_scale(self):
    stored = np.rint(TABLE[..., 0, :] * 65_535).astype('>u2')
    table, _ = maps.decode(_packed(map=stored, settings=['exposure']), 'a.npz')
    want = (stored.astype(np.float64) / 65_535).astype(np.float32)
    np.testing.assert_array_equal(table, want)
    self.assertEqual(table.dtype, np.float32)

  @parameterized.parameters(
    ({'settings': None}, "found no array 'settings'"),
    ({'map': None, 'luts': TABLE[..., 0, 0, :]}, "found no array 'map'"),
    ({'map': TABLE[..., 0, 0, :]}, r'found map \(3, 3, 3, 3\), expected \[N, N, N, M1'),
    ({'map': TABLE[..., None, :]}, r'found map \(3, 3, 3, 4, 2, 1, 3\)'),
    ({'map': TABLE[..., :2]}, r'found map \(3, 3, 3, 4, 2, 2\)'),
    ({'map': TABLE[:2]}, r'found map \(2, 3, 3, 4, 2, 3\)'),
    ({'map': TABLE[..., :1, :]}, r'found map \(3, 3, 3, 4, 1, 3\)'),
    ({'map': np.float32(0)}, r'found map \(\)'),
    ({'map': TABLE.astype(np.complex64)}, 'found map of complex64'),
    ({'map': TABLE * np.nan}, 'found values from nan to nan, expected 0 to 1'),
    ({'map': 1.5 * TABLE}, r'to 1\.\d+, expected 0 to 1'),
    ({'map': TABLE - 0.5}, r'from -0\.\d+ to 0\.\d+, expected 0 to 1'),
    ({'settings': ['exposure']}, 'found settings exposure, expected 2 names'),
    ({'settings': ['a', 'a']}, 'found settings a, a, expected 2 names that differ'),
    ({'settings': [1, 2]}, r'found settings int64 \(2,\), expected 2 names'),
    ({'settings': ['a:b', 'c']}, "found a setting 'a:b'"),
    ({'settings': ['', 'c']}, "found a setting ''"),
    ({'settings': np.array([None, 1])}, 'never loaded'),
  )
  def test_refuses(self, given, message):
    arrays = {'map': TABLE, 'settings': NAMES} | given
    arrays = {key: array for key, array in arrays.items() if array is not None}
    with self.assertRaisesRegex(errors.LutError, f'^a.npz: .*{message}') as caught:
      maps.decode(_packed(**arrays), 'a.npz')
    self.assertNotIn('\n', str(caught.exception))

  def test_refuses_what_is_damaged(self):
    content = maps.encode(TABLE, NAMES)
    for damaged in (b'', content[:-30], content[:200] + b'x' + content[201:]):
      with self.assertRaisesRegex(
        errors.LutError, '^a.npz: found an archive that does'
      ):
        maps.decode(damaged, 'a.npz')


class LoadTest(absltest.TestCase):
  def test_a_folder_gives_its_maps_and_says_what_is_broken(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / 'sub').mkdir()
    for name in ('b.npz', 'sub/b.npz'):
      (folder / name).write_bytes(maps.encode(TABLE, NAMES))
    (folder / 'odd.npz').write_bytes(_packed(luts=TABLE))
    lines = []
    found = maps.load([str(folder)], say=lines.append)
    self.assertEqual([one.label.name for one in found.maps], ['b', 'sub-b'])
    self.assertLen(found.problems, 1)
    self.assertEqual(found.problems, lines)
    with self.assertRaisesRegex(errors.LutError, "odd.npz: found no array 'map'"):
      maps.load([str(folder / 'odd.npz')], say=lines.append)
    (folder / 'a.cube').write_text('')
    with self.assertRaisesRegex(errors.LutError, "found extension '.cube'"):
      maps.load([str(folder / 'a.cube')], say=lines.append)


if __name__ == '__main__':
  absltest.main()
