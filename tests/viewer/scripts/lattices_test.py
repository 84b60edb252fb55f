import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.lut import lattice, tabulate
from lutjax.viewer import artefact
from tests.viewer import decoding, models


class LatticesTest(decoding.TestCase):
  def test_lattices_come_back_within_16_bits(self):
    rng = np.random.default_rng(0)
    tables = [
      models.table_of(7),
      (4.0 * models.table_of(5) - 1.5).astype(np.float32),
      rng.uniform(size=(4, 4, 4, 3)).astype(np.float32),
      np.full((3, 3, 3, 3), 0.25, np.float32),
    ]
    content = artefact.lattices(['a', 'b', 'noise', 'flat'], tables)
    for i, table in enumerate(tables):
      got = self.lattice(content, i, len(table))
      half = (table.max() - table.min()) / 131070 + 2e-7
      np.testing.assert_allclose(got, table, rtol=0, atol=half)

  def test_other_sizes_are_those_of_exports(self):
    table = models.table_of(6)
    content = artefact.lattices(['a'], [table])
    lut = lattice.from_table(table)
    want = np.asarray(tabulate.resample(lut, 9, method='tetrahedral'))
    np.testing.assert_allclose(self.lattice(content, 0, 9), want, atol=2e-5)

  def test_a_mix_is_that_of_lattices_of_one_size(self):
    tables = [models.table_of(5, seed) for seed in range(3)]
    content = artefact.lattices(list('abc'), tables)
    want = (1.0 * tables[0] + 3.0 * tables[2]) / 4.0
    np.testing.assert_allclose(self.blend(content, [1, 0, 3], 5), want, atol=1e-5)

  def test_bytes_are_told_of_each(self):
    content = artefact.lattices(
      ['plain', 'rough'], [lattice.identity(9), models.table_of(9)]
    )
    plain, rough = self.run_script(
      'return (await lutjax.artefact.read(bytes(args[0]))).lookBytes;',
      decoding.text_of(content),
    )
    self.assertLess(plain, 300)
    self.assertBetween(rough, 1000, 9 * 9 * 9 * 3 * 4)


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters(
    (['a', 'a'], [(3, 3, 3, 3)] * 2, '2 names of 2'),
    (['a'], [(3, 3, 3, 3)] * 2, '1 names of 2'),
    ([], [], '0 names'),
    (['a'], [(3, 3, 3)], 'a: found a lattice'),
    (['a'], [(3, 3, 2, 3)], 'a: found a lattice'),
    (['a'], [(1, 1, 1, 3)], 'a: found a lattice'),
  )
  def test_other_input_is_named(self, names, shapes, message):
    with self.assertRaisesRegex(errors.InputError, message):
      artefact.lattices(names, [np.zeros(shape, np.float32) for shape in shapes])

  def test_infinity_is_named(self):
    table = models.table_of(3)
    table[1, 1, 1, 1] = np.inf
    with self.assertRaisesRegex(errors.InputError, 'a: found NaN or infinity'):
      artefact.lattices(['a'], [table])


if __name__ == '__main__':
  absltest.main()
