import dataclasses

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines import dct
from lutjax.codec import container, labels
from lutjax.lut import lattice

LOOKS = (labels.Label('warm'),)
CONFIG = dct.Config(size=9, size_bytes=300, looks=LOOKS)


def _look(size=9):
  rgb = lattice.identity(size)
  curved = rgb**0.8 * np.array([1.0, 0.9, 0.7]) + 0.05
  return np.clip(curved + 0.05 * np.sin(9 * rgb[..., ::-1]), 0, 1).astype(np.float32)


def _psnr(config, table):
  loaded = systems.load(dct.export(config, dct.from_lattice(config, table)))
  got = loaded.variables.params['table']
  return -10 * np.log10(np.mean((got - _look(config.size)) ** 2))


class DctTest(parameterized.TestCase):
  @parameterized.parameters(150, 300, 600)
  def test_spends_what_it_may_and_no_more(self, size_bytes):
    config = dataclasses.replace(CONFIG, size_bytes=size_bytes)
    content = dct.export(config, dct.from_lattice(config, _look()))
    self.assertLessEqual(len(content), size_bytes)
    self.assertGreater(len(content), 0.8 * size_bytes)

  def test_more_bytes_and_finer_steps_come_closer(self):
    by_bytes = [
      _psnr(dataclasses.replace(CONFIG, size_bytes=n), _look()) for n in (150, 300, 600)
    ]
    by_step = [
      _psnr(dataclasses.replace(CONFIG, size_bytes=0, step=step), _look())
      for step in (0.1, 0.03, 0.001)
    ]
    self.assertEqual(by_bytes, sorted(by_bytes))
    self.assertEqual(by_step, sorted(by_step))
    self.assertGreater(by_bytes[0], 30.0)
    self.assertGreater(by_step[-1], 55.0)

  def test_nodes_are_what_the_artefact_decodes_to(self):
    loaded = systems.load(dct.export(CONFIG, dct.from_lattice(CONFIG, _look())))
    self.assertEqual(loaded.config.looks, LOOKS)
    nodes = lattice.identity(9)
    got = jax.jit(lambda rgb: dct.apply(loaded.config, loaded.variables, {'rgb': rgb}))
    np.testing.assert_allclose(got(nodes), loaded.variables.params['table'], atol=1e-6)
    again = dct.export(
      dataclasses.replace(loaded.config, size_bytes=0),
      dct.from_lattice(loaded.config, _look()),
    )
    want = systems.load(again).variables.params['table']
    np.testing.assert_array_equal(want, loaded.variables.params['table'])

  def test_takes_a_look_of_another_size(self):
    variables = dct.from_lattice(CONFIG, lattice.identity(5).astype(np.float32))
    np.testing.assert_allclose(
      variables.params['table'], lattice.identity(9), atol=1e-6
    )

  @parameterized.parameters(
    ({'step': [1.5, 3]}, 'header that does not fit'),
    ({'step': [10_000, 3]}, 'header that does not fit'),
    ({'size': 1000}, 'header that does not fit'),
    ({'size': 3}, 'expected at most 3 each'),
    ({'looks': 7}, 'expected names'),
  )
  def test_refuses_headers_that_do_not_fit(self, change, message):
    content = dct.export(CONFIG, dct.from_lattice(CONFIG, _look()))
    artefact = container.unpack(content)
    content = container.pack('dct', {**artefact.header, **change}, artefact.tensors)
    with self.assertRaisesRegex(errors.ArtefactError, f'a.lutjax: .*{message}'):
      systems.load(content, 'a.lutjax')

  def test_refuses_a_budget_that_holds_nothing(self):
    config = dataclasses.replace(CONFIG, size_bytes=20)
    with self.assertRaisesRegex(errors.InputError, 'size_bytes=20: names'):
      dct.export(config, dct.from_lattice(config, _look()))


if __name__ == '__main__':
  absltest.main()
