"""Tables are what training saw, and say how large they are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import model, structure, tables

_CONFIG = structure.Config(
  restores=degradations.Degradation('bicubic', 2),
  channels=4,
  width=8,
  shift_radius=1,
  pairs=1,
  low='fused',
)


class TablesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    self.variables = jax.tree.map(
      lambda leaf: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32),
      model.init(_CONFIG, jax.random.key(0)),
    )

  def test_network_equals_its_tables(self):
    config, made = tables.to_tables(_CONFIG, self.variables)
    self.assertEqual(config, dataclasses.replace(_CONFIG, learned='entries'))
    codes = np.random.default_rng(1).integers(0, 256, (1, 19, 19))
    patch = jnp.asarray(codes, jnp.float32)
    apply = jax.jit(model.apply, static_argnums=0)
    want = apply(_CONFIG, self.variables, {'patch': patch})
    entries = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), made)
    got = apply(config, entries, {'patch': patch})
    self.assertGreater(np.ptp(want), 50)
    np.testing.assert_array_equal(got, want)

  def test_levels_of_a_scale(self):
    got = tables.levels_of(_CONFIG, 'high', np.array([0.5, 1.0, 1.25], np.float32))
    want = np.arange(-32, 32)
    np.testing.assert_array_equal(got[0], np.round(want / 2))
    np.testing.assert_array_equal(got[1], want)
    np.testing.assert_array_equal(got[2], np.clip(np.round(want * 1.25), -32, 31))

  def test_bytes_count_what_is_reached(self):
    _, made = tables.to_tables(_CONFIG, self.variables)
    want = 9 * 64 * 4 + 9 * 4 * 4
    for layer, outputs in zip(made.params['high']['layers'], (4, 9, 4, 4)):
      for scale in layer['scale']:
        reached = {
          max(-32, min(31, round(float(np.float32(scale) * np.float32(level)))))
          for level in range(-32, 32)
        }
        want += len(reached) * outputs
    self.assertEqual(tables.table_bytes(_CONFIG, made), want)

  def test_rows_that_nothing_reaches_are_zero(self):
    for layer in self.variables.params['high']['layers']:
      layer['scale'] = jnp.full(4, 0.25)
    _, made = tables.to_tables(_CONFIG, self.variables)
    pointwise, depthwise = made.params['high']['layers'][:2]
    for rows in (pointwise['rows'], np.moveaxis(depthwise['rows'], -1, 0)):
      axis = 1 if rows is pointwise['rows'] else 2
      filled = np.any(np.moveaxis(rows, axis, 0).reshape(64, -1) != 0, axis=1)
      self.assertEqual(filled.sum(), 17)


if __name__ == '__main__':
  absltest.main()
