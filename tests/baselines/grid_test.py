import dataclasses

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines import grid
from lutjax.codec import container, labels
from lutjax.lut import interpolate, lattice

CONFIG = grid.Config(size=5, looks=(labels.Label('warm'),))


def _look(size=17):
  return (lattice.identity(size) ** 1.7).astype(np.float32)


def _error(config):
  table = np.asarray(grid.from_lattice(config, _look()).params['table'])
  got = interpolate.trilinear(table, lattice.identity(17))
  return float(np.mean((np.asarray(got) - _look()) ** 2))


class GridTest(parameterized.TestCase):
  def test_solved_nodes_are_the_least_squares_of_a_dense_system(self):
    config = dataclasses.replace(CONFIG, size=3)
    table = np.random.default_rng(0).uniform(size=(5, 5, 5, 3)).astype(np.float32)
    at = np.linspace(0, 2, 5)
    hats = np.maximum(1 - np.abs(at[:, None] - np.arange(3)), 0)
    dense = np.kron(np.kron(hats, hats), hats)
    want = np.linalg.lstsq(dense, table.reshape(-1, 3), rcond=None)[0]
    got = grid.from_lattice(config, table).params['table'].reshape(-1, 3)
    np.testing.assert_allclose(got, want, atol=1e-5)

  def test_solved_is_closer_than_sampled(self):
    sampled = dataclasses.replace(CONFIG, nodes='sampled')
    self.assertLess(_error(CONFIG), 0.5 * _error(sampled))

  @parameterized.parameters(8, 5, 1)
  def test_an_artefact_holds_what_it_rounded(self, bits):
    config = dataclasses.replace(CONFIG, bits=bits)
    variables = grid.from_lattice(config, _look())
    content = grid.export(config, variables)
    loaded = systems.load(content)
    self.assertEqual(loaded.config, config)
    got = loaded.variables.params['table']
    step = 1 / (2**bits - 1)
    clipped = np.clip(variables.params['table'], 0, 1)
    np.testing.assert_allclose(got, clipped, atol=step / 2 + 1e-6)
    self.assertEqual(grid.export(loaded.config, loaded.variables), content)

  @parameterized.parameters(
    ({'bits': 9}, 'header that does not fit'),
    ({'delta': 2}, 'header that does not fit'),
    ({'looks': {}}, 'expected names'),
  )
  def test_refuses_headers_that_do_not_fit(self, change, message):
    artefact = container.unpack(grid.export(CONFIG, grid.from_lattice(CONFIG, _look())))
    content = container.pack('grid', {**artefact.header, **change}, artefact.tensors)
    with self.assertRaisesRegex(errors.ArtefactError, f'a.lutjax: found .*{message}'):
      systems.load(content, 'a.lutjax')

  def test_refuses_a_table_that_is_no_cube(self):
    artefact = container.unpack(grid.export(CONFIG, grid.from_lattice(CONFIG, _look())))
    content = container.pack(
      'grid', artefact.header, [np.zeros((2, 3, 2, 3), np.uint8)]
    )
    with self.assertRaisesRegex(errors.ArtefactError, r'uint8\[2, 3, 2, 3\]'):
      systems.load(content, 'a.lutjax')


if __name__ == '__main__':
  absltest.main()
