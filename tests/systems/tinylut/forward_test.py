"""Training on tables is training on networks, to the bit forward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.systems.tinylut import forward, networks, rounding, structure

SMALL = structure.Config(channels=16, width=8)


def _pixelwise(config, params, patches):
  """The network at every pixel, by plain autodiff: no table anywhere."""

  def chained(branch, planes, total):
    lowest, highest = structure.level_range(config, branch)
    reach = config.kernel - 1
    state = jnp.clip(
      rounding.ste_round(total / config.kernel**2) + planes[:, reach:, reach:, None],
      lowest,
      highest,
    )
    for kind, layer in zip(structure.layers(config), params[branch]['layers']):
      state = jnp.clip(rounding.ste_round(state * layer['scale']), lowest, highest)
      unit = state / max(-lowest, highest)
      out = 0.0
      for c in range(config.channels):
        net = jax.tree.map(lambda leaf: leaf[c], layer['net'])  # noqa: B023
        hidden = unit[..., c : c + 1]
        for i, dense in enumerate(net):
          hidden = hidden @ dense['weight'] + dense['bias']
          hidden = jax.nn.relu(hidden) if i < len(net) - 1 else hidden
        out += rounding.entry(16.0 * hidden)
      mean = rounding.ste_round(out / config.channels)
      ends = (-128, 127) if kind.last else (lowest, highest)
      state = jnp.clip(mean + state[..., : kind.outputs], *ends)
    return state

  total = 0.0
  for turn in range(4):
    turned = jnp.rot90(patches, turn, axes=(1, 2))
    inner = turned.shape[1] - config.kernel + 1
    before, _ = structure.margins(config)
    side = patches.shape[1] - before
    high = jnp.floor((turned - 128) / 4)[:, :side, :side]
    low = (turned - 128)[:, :side, :side] - 4 * high
    out = 0.0
    for branch, plane in (('high', high), ('low', low)):
      sums = 0.0
      for k, (i, j) in enumerate((i, j) for i in range(3) for j in range(3)):
        seen = plane[:, i : i + inner - 2, j : j + inner - 2, None]
        sums += rounding.entry(params[branch]['spatial']['line'][k] * seen)
      out += chained(branch, plane, sums)
    out = jnp.clip(out, -128, 127)
    batch, height, width, _ = out.shape
    grid = out.reshape(batch, height, width, 4, 4).transpose(0, 1, 3, 2, 4)
    total += jnp.rot90(grid.reshape(batch, 4 * height, -1), -turn, axes=(1, 2))
  return total + 128


class ForwardTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    self.patches = jnp.asarray(rng.integers(0, 256, (2, 9, 9)), jnp.float32)
    params = networks.init(SMALL, jax.random.key(1))
    # Last layers start at zero; here they say something.
    self.params = jax.tree.map(
      lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape).astype(np.float32), params
    )

  def test_equals_the_network_at_every_pixel_with_its_gradient(self):
    target = jnp.asarray(np.random.default_rng(1).uniform(0, 255, (2, 20, 20)))

    def error(run, params):
      return jnp.mean((run(params) - target) ** 2)

    def by_tables(params):
      return forward.forward(
        SMALL, *networks.entries(SMALL, params), patches=self.patches
      )

    def by_pixels(params):
      return _pixelwise(SMALL, params, self.patches)

    np.testing.assert_array_equal(
      jax.jit(by_tables)(self.params), jax.jit(by_pixels)(self.params)
    )
    got = jax.jit(jax.grad(functools.partial(error, by_tables)))(self.params)
    want = jax.jit(jax.grad(functools.partial(error, by_pixels)))(self.params)
    for (path, g), w in zip(
      jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(want)
    ):
      scale = np.abs(w).max()
      if 'shift' not in str(path):
        self.assertGreater(scale, 0, path)
      np.testing.assert_allclose(g, w, atol=3e-5 * scale, err_msg=str(path))


if __name__ == '__main__':
  absltest.main()
