"""Training on tables is training on networks, to the bit forward."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import forward, networks, rounding, structure

SMALL = structure.Config(
  restores=degradations.Degradation('bicubic', 2), channels=4, width=8
)


def _chain(params, branch, plane):
  """A branch at every pixel of `[B, N, N]` levels, by plain autodiff: no table."""
  low, high = structure.level_range(SMALL, branch)
  inner = plane.shape[1] - 2
  total = 0.0
  for k in range(9):
    i, j = divmod(k, 3)
    seen = plane[:, i : i + inner, j : j + inner, None]
    total += rounding.entry(params['spatial']['line'][k] * seen)
  mean = rounding.ste_round(total / 9)
  state = rounding.clip(mean + plane[:, 2:, 2:, None], low, high)
  for layer, last in zip(params['layers'], (False, True)):
    state = rounding.clip(rounding.ste_round(state * layer['scale']), low, high)
    hidden = state[..., None] / max(-low, high)
    for i, dense in enumerate(layer['net']):
      hidden = jnp.einsum('bhwci,cio->bhwco', hidden, dense['weight']) + dense['bias']
      hidden = jax.nn.relu(hidden) if i < 2 else hidden
    mean = rounding.ste_round(rounding.entry(16.0 * hidden).sum(axis=3) / 4)
    state = rounding.clip(mean + state, *((-128, 127) if last else (low, high)))
  return state


def _pixelwise(params, patches):
  """TinyLUT-S of few channels at every pixel, as the paper has it."""
  turned = jnp.concatenate([jnp.rot90(patches, k, axes=(1, 2)) for k in range(4)])
  side = patches.shape[1]
  high = jnp.floor((turned - 128) / 4)
  low = turned - 128 - 4 * high
  out = _chain(params['high'], 'high', high[:, : side - 2, : side - 2])
  out += _chain(params['low'], 'low', low[:, : side - 2, : side - 2])
  out = rounding.clip(out, -128, 127)
  grid = out.reshape(*out.shape[:3], 2, 2).transpose(0, 1, 3, 2, 4)
  quarters = jnp.split(grid.reshape(len(out), 2 * out.shape[1], -1), 4)
  return 128 + sum(jnp.rot90(q, -k, axes=(1, 2)) for k, q in enumerate(quarters))


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
    target = jnp.asarray(np.random.default_rng(1).uniform(0, 255, (2, 10, 10)))

    def error(run, params):
      return jnp.mean((run(params) - target) ** 2)

    def by_tables(params):
      return forward.forward(
        SMALL, *networks.entries(SMALL, params), patches=self.patches
      )

    def by_pixels(params):
      return _pixelwise(params, self.patches)

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

  def test_moved_planes_and_their_gradients(self):
    rng = np.random.default_rng(0)
    state = rng.normal(size=(2, 9, 9, 3)).astype(np.float32)
    shift = np.array([[0.2, -1.9], [2.0, 0.6], [-0.7, 0.0]], np.float32)
    upstream = rng.normal(size=(2, 5, 5, 3)).astype(np.float32)
    got, back = jax.vjp(lambda a, b: forward.moved(a, b, 2), state, jnp.asarray(shift))
    by_state, by_shift = back(upstream)
    want = np.zeros_like(state)
    for c, (down, right) in enumerate(np.rint(shift).astype(int)):
      rows, columns = slice(2 + down, 7 + down), slice(2 + right, 7 + right)
      np.testing.assert_array_equal(got[..., c], state[:, rows, columns, c])
      want[:, rows, columns, c] = upstream[..., c]
    np.testing.assert_allclose(by_state, want)
    # Along the rows of the last channel, which lies between -2 and 2.
    slope = (state[:, 2:7, 2:7, 2] - state[:, 0:5, 2:7, 2]) / 2
    np.testing.assert_allclose(
      by_shift[2, 0], np.sum(slope * upstream[..., 2]), rtol=1e-4
    )

  def test_refuses_patches_that_are_not_square(self):
    with self.assertRaisesRegex(ValueError, r'P over 4, got \(1, 8, 9\)'):
      forward.forward(SMALL, {}, {}, jnp.zeros((1, 8, 9)))


if __name__ == '__main__':
  absltest.main()
