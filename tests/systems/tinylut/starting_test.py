import dataclasses
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import degradations
from lutjax.systems.tinylut import model as tinylut
from lutjax.systems.tinylut import starting, structure, tables
from lutjax.types import Loaded, Variables

CONFIG = structure.Config(
  restores=degradations.Degradation('noise', 25), channels=4, width=4, msb_bits=4
)
ENTRIES = dataclasses.replace(CONFIG, learned='entries')
MODEL = mock.Mock()


class StartingTest(parameterized.TestCase):
  def test_training_goes_on_from_the_very_tables(self):
    variables = tinylut.init(CONFIG, jax.random.key(0))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
      lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape).astype(np.float32),
      variables,
    )
    config, shipped = tables.to_tables(CONFIG, variables)
    other = dataclasses.replace(
      ENTRIES, restores=degradations.Degradation('noise', 15), width=9, spatial='curve'
    )
    start = starting.variables(other, Loaded(MODEL, config, shipped), 'a.lutjax')
    for leaf in jax.tree.leaves(start):
      self.assertEqual(leaf.dtype, np.float32)
    _, again = tables.to_tables(other, start)
    jax.tree.map(np.testing.assert_array_equal, again, shipped)

  @parameterized.parameters(
    (CONFIG, ENTRIES, 'holds tables, .* expected --set=learned=entries'),
    (ENTRIES, object(), 'found a model of other, expected tables of a TinyLUT'),
    (
      ENTRIES,
      dataclasses.replace(ENTRIES, channels=8, low='fused'),
      'found channels 8, expected 4; low fused, expected chain',
    ),
    (
      ENTRIES,
      dataclasses.replace(
        ENTRIES, restores=degradations.Degradation('bicubic', 2), channels=4
      ),
      'found outputs 4, expected 1',
    ),
  )
  def test_refuses_what_does_not_fit(self, config, held, message):
    MODEL.name = 'other'
    with self.assertRaisesRegex(errors.InputError, f'^a.lutjax: {message}'):
      starting.variables(config, Loaded(MODEL, held, Variables({})), 'a.lutjax')


if __name__ == '__main__':
  absltest.main()
