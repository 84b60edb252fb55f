"""Networks to tables: values, slopes, starts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import forward, networks, structure

_CONFIG = structure.Config(width=8, spatial='curve', shift_radius=3)


class NetworksTest(parameterized.TestCase):
  @parameterized.parameters(
    _CONFIG,
    dataclasses.replace(
      _CONFIG,
      restores=degradations.Degradation('jpeg', 10),
      low='fused',
      pairs=1,
      msb_bits=5,
      shift_radius=0,
    ),
  )
  def test_shapes_and_integers(self, config):
    params = networks.init(config, jax.random.key(0))
    tables, slopes = jax.jit(networks.entries, static_argnums=0)(config, params)
    for branch in structure.branches(config):
      low, high = structure.level_range(config, branch)
      held = tables[branch]
      self.assertEqual(held['spatial'].shape, (9, high - low + 1, 16))
      kinds = structure.layers(config) if branch in structure.chained(config) else ()
      self.assertLen(held['layers'], len(kinds))
      for kind, layer, slope in zip(kinds, held['layers'], slopes[branch]):
        count = 9 if kind.kind == 'depthwise' else 16
        want = (count, high - low + 1, kind.outputs)
        self.assertEqual(layer['rows'].shape, want)
        self.assertEqual(slope.shape, want)
        self.assertEqual(layer['scale'].shape, (16,))
    for leaf in jax.tree.leaves(
      jax.tree.map(lambda x: x['spatial'], tables, is_leaf=lambda x: 'spatial' in x)
    ):
      np.testing.assert_array_equal(leaf, np.round(leaf))
      self.assertLessEqual(np.abs(leaf).max(), 128)

  def test_slopes_are_derivatives(self):
    params = networks.init(_CONFIG, jax.random.key(0))
    rng = np.random.default_rng(0)
    layer = jax.tree.map(
      lambda leaf: rng.normal(size=leaf.shape).astype(np.float32),
      params['high']['layers'][0],
    )
    params['high']['layers'][0] = layer
    _, slopes = networks.entries(_CONFIG, params)
    net = jax.tree.map(lambda leaf: np.asarray(leaf[3], np.float64), layer['net'])

    def at(levels):
      hidden = levels[:, None] / 32.0
      for dense in net[:-1]:
        hidden = np.maximum(hidden @ dense['weight'] + dense['bias'], 0.0)
      return 16.0 * (hidden @ net[-1]['weight'] + net[-1]['bias'])

    levels = np.arange(-32.0, 32.0)
    want = (at(levels + 1e-5) - at(levels - 1e-5)) / 2e-5
    np.testing.assert_allclose(slopes['high'][0][3], want, atol=1e-3)

  def test_starts_with_the_pixels_repeated(self):
    config = dataclasses.replace(_CONFIG, shift_radius=0, low='fused')
    params = networks.init(config, jax.random.key(0))
    params['high']['spatial'] = jax.tree.map(jnp.zeros_like, params['high']['spatial'])
    params['low']['spatial'] = jax.tree.map(jnp.zeros_like, params['low']['spatial'])
    for layer in params['high']['layers']:
      layer['scale'] = jnp.ones(16)
    codes = np.random.default_rng(0).integers(0, 256, (1, 8, 8)).astype(np.float32)

    @jax.jit
    def run(params):
      return forward.forward(config, *networks.entries(config, params), patches=codes)

    got = run(params)
    want = np.kron(codes[0, 2:-2, 2:-2], np.ones((4, 4)))
    np.testing.assert_array_equal(got[0], want)

  def test_shifts_are_spread(self):
    shift = networks.init(_CONFIG, jax.random.key(0))['high']['layers'][0]['shift']
    self.assertEqual(shift.shape, (16, 2))
    np.testing.assert_array_equal(shift, np.round(shift))
    self.assertLessEqual(np.hypot(*np.asarray(shift).T).max(), 3.5)
    self.assertGreaterEqual(len({tuple(row) for row in np.asarray(shift)}), 14)


if __name__ == '__main__':
  absltest.main()
