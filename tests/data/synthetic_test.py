import itertools

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from lutjax.color import gamut, spaces, transfer
from lutjax.data import synthetic
from lutjax.lut import lattice


def _steps(table: np.ndarray) -> np.ndarray:
  """The change of each channel per step along its own axis."""
  return np.concatenate([np.diff(table[..., i], axis=i).ravel() for i in range(3)])


class LooksTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.looks = synthetic.looks(0)

  def test_there_are_many_and_all_differ(self):
    self.assertGreaterEqual(len(self.looks), 12)
    tables = [*self.looks.values(), lattice.identity(33)]
    for one, other in itertools.combinations(tables, 2):
      self.assertGreater(np.abs(one - other).mean(), 0.01)

  def test_they_are_lattices_of_numbers_in_the_unit_cube(self):
    for name, table in self.looks.items():
      with self.subTest(name):
        self.assertEqual((table.shape, table.dtype), ((33, 33, 33, 3), np.float32))
        self.assertBetween(table.min(), 0.0, 0.2)
        self.assertBetween(table.max(), 0.3, 1.0)

  def test_they_are_of_every_kind(self):
    tables = list(self.looks.values())
    clipping = [np.mean((t == 0) | (t == 1)) > 0.15 for t in tables]
    folding = [np.mean(_steps(t) < -1e-6) > 0.05 for t in tables]
    grey = [np.ptp(t, axis=-1).max() == 0 for t in tables]
    self.assertBetween(sum(clipping), 2, 8)
    self.assertBetween(sum(folding), 1, 6)
    self.assertEqual(sum(grey), 1)

  def test_they_are_smooth_between_nodes(self):
    for name, table in self.looks.items():
      with self.subTest(name):
        jumps = np.abs(np.diff(table, axis=1)).max(axis=(0, 1, 2))
        self.assertLess(np.median(np.abs(np.diff(table, 2, axis=0))), 0.01)
        self.assertLess(jumps.max(), 0.5)

  def test_a_size_samples_the_same_look(self):
    for name, table in synthetic.looks(0, size=17).items():
      np.testing.assert_allclose(table, self.looks[name][::2, ::2, ::2], atol=1e-6)

  def test_the_seed_decides(self):
    again, other = synthetic.looks(0), synthetic.looks(1)
    self.assertEqual(list(other), list(self.looks))
    for name, table in self.looks.items():
      np.testing.assert_array_equal(again[name], table)
      self.assertGreater(np.abs(other[name] - table).max(), 1e-4)

  def test_more_looks_than_kinds_get_numbers(self):
    kinds = len(self.looks)
    more = synthetic.looks(0, count=kinds + 2, size=3)
    self.assertLen(more, kinds + 2)
    self.assertEqual(list(more)[-1], f'{list(self.looks)[1]} 2')
    self.assertLen(synthetic.looks(0, count=2, size=3), 2)


class PhotoTest(parameterized.TestCase):
  @settings(deadline=None, max_examples=10)
  @given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40), st.booleans())
  def test_any_size_is_a_picture(self, seed, height, width, wide_gamut):
    photo = synthetic.photo(seed, height, width, wide_gamut=wide_gamut)
    self.assertEqual((photo.shape, photo.dtype), ((height, width, 3), np.float32))
    self.assertBetween(photo.min(), 0.0, 1.0)
    self.assertBetween(photo.max(), 0.0, 1.0)

  def test_the_seed_decides(self):
    photo = synthetic.photo(3, 40, 60)
    np.testing.assert_array_equal(synthetic.photo(3, 40, 60), photo)
    self.assertGreater(np.abs(synthetic.photo(7, 40, 60) - photo).mean(), 0.01)

  def test_sizes_show_the_same_scene(self):
    small = synthetic.photo(0, 90, 120)
    large = synthetic.photo(0, 360, 480).reshape(90, 4, 120, 4, 3).mean(axis=(1, 3))
    self.assertLess(np.median(np.abs(small - large)), 0.03)

  def test_it_has_lights_darks_and_many_colours(self):
    photo = synthetic.photo(0, 180, 270)
    lightness = np.asarray(spaces.srgb_to_lab(photo))[..., 0]
    self.assertGreater(np.mean(lightness > 90), 0.001)
    self.assertGreater(np.mean(lightness < 15), 0.02)
    self.assertBetween(lightness.mean(), 35, 70)
    self.assertGreater(
      len(np.unique((photo * 31).astype(int).reshape(-1, 3), axis=0)), 900
    )

  @parameterized.parameters(range(8))
  def test_a_tenth_of_a_wide_photo_is_out_of_gamut(self, seed):
    wide = synthetic.photo(seed, 128, 160, wide_gamut=True)
    linear = transfer.romm_to_linear(wide)
    linear = spaces.convert(linear, 'prophoto', 'srgb')
    outside = np.asarray(gamut.out_of_gamut(linear))
    self.assertGreater(outside.mean(), 0.10)
    narrow = synthetic.photo(seed, 128, 160)
    gap = np.abs(np.asarray(transfer.linear_to_srgb(linear)) - narrow).max(axis=-1)
    self.assertLess(np.median(gap[~outside]), 0.02)
    self.assertGreater(np.median(gap[outside]), 0.03)


if __name__ == '__main__':
  absltest.main()
