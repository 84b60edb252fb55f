"""The integer pass: the paper's arithmetic in float64, and backend by backend."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import folding, inference, structure
from tests.systems.tinylut import drawn

_CHUNK = 128


@functools.partial(jax.jit, static_argnums=(0, 5, 6))
def _flat(config, program, codes, stride, count, chunk, backend):
  return inference.restore_flat(
    config, program, codes, stride, count, chunk=chunk, backend=backend
  )


_plane = jax.jit(inference.restore_plane, static_argnums=0)


def _restored(config, variables, plane, chunk=_CHUNK, backend='gather'):
  """Restores `[H, W]` by the flat pass."""
  margin, scale = max(structure.margins(config)), config.restores.scale
  wide = np.pad(plane, margin, mode='reflect')
  codes = np.zeros(4096, np.uint8)
  codes[: wide.size] = wide.ravel()
  (height, width), stride = plane.shape, wide.shape[1]
  program = folding.prepare(config, variables)
  count = (height - 1) * stride + width
  flat = _flat(config, program, codes, stride, count, chunk, backend)
  grid = np.asarray(flat)[: height * stride].reshape(height, stride, scale, scale)
  return grid[:, :width].transpose(0, 2, 1, 3).reshape(height * scale, -1)


def _by_the_paper(params, plane):
  """TinyLUT-S x4, pixel by pixel, in the order of the published script."""
  total = np.zeros((4 * plane.shape[0], 4 * plane.shape[1]))
  for turn in range(4):
    picture = np.rot90(plane.astype(np.float64) - 128, turn)
    padded = np.pad(picture, [(2, 0), (2, 0)], mode='reflect')
    quarter = np.zeros((4 * picture.shape[0], 4 * picture.shape[1]))
    for y, x in np.ndindex(picture.shape):
      window = padded[y : y + 3, x : x + 3].ravel()
      high = np.floor(window / 4).astype(int)
      both = 0
      for branch, levels, low, top in (
        ('high', high, -32, 31),
        ('low', (window - 4 * high).astype(int), 0, 3),
      ):
        held = params[branch]
        entries = held['spatial'].astype(np.float64)
        mean = np.rint(sum(entries[k, v - low] for k, v in enumerate(levels)) / 9)
        state = np.clip(mean + levels[8], low, top)
        for layer, ends in zip(held['layers'], ((low, top), (-128, 127))):
          scaled = state.astype(np.float32) * layer['scale']
          state = np.clip(np.rint(scaled), low, top).astype(int)
          rows = layer['rows'].astype(np.float64)
          mean = np.rint(sum(rows[c, v - low] for c, v in enumerate(state)) / 16)
          state = np.clip(np.clip(mean, -128, 127) + state, *ends)
        both = both + state
      both = np.clip(both, -128, 127).reshape(4, 4)
      quarter[4 * y : 4 * y + 4, 4 * x : 4 * x + 4] = both
    total += np.rot90(quarter, -turn)
  return (np.clip(total, -128, 127) + 128).astype(np.uint8)


class InferenceTest(parameterized.TestCase):
  def test_is_the_arithmetic_of_the_paper(self):
    config = structure.Config()
    _, variables = drawn.entries(config)
    plane = np.random.default_rng(1).integers(0, 256, (7, 5)).astype(np.uint8)
    got = _restored(config, variables, plane)
    self.assertGreater(np.ptp(got), 100)
    np.testing.assert_array_equal(got, _by_the_paper(variables.params, plane))

  @parameterized.parameters(
    structure.Config(),
    structure.Config(
      restores=degradations.Degradation('noise', 25),
      channels=6,
      pointwise=0,
      pairs=1,
      low='fused',
      msb_bits=5,
      shift_radius=1,
    ),
  )
  def test_products_of_matrices_and_other_chunks_give_the_same(self, config):
    _, variables = drawn.entries(config)
    plane = np.random.default_rng(2).integers(0, 256, (11, 9)).astype(np.uint8)
    want = _restored(config, variables, plane)
    got = _restored(config, variables, plane, backend='one_hot')
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(_restored(config, variables, plane, chunk=96), want)

  def test_a_plane_is_mirrored_without_its_edge(self):
    config = structure.Config(kernel=2)
    _, variables = drawn.entries(config)
    plane = np.random.default_rng(3).integers(0, 256, (6, 3)).astype(np.uint8)
    got = _plane(config, folding.prepare(config, variables), plane)
    np.testing.assert_array_equal(got, _restored(config, variables, plane))

  @parameterized.parameters((7, 2), (3, 9), (2, 3), (1, 4))
  def test_mirrored_as_by_numpy(self, side, margin):
    got = inference.mirrored(side, margin)
    want = np.pad(np.arange(side), margin, mode='reflect')
    np.testing.assert_array_equal(got, want)

  def test_refuses_other_codes(self):
    with self.assertRaisesRegex(ValueError, r'uint8 \[H, W\], got uint8 \(0, 3\)'):
      inference.restore_plane(structure.Config(), {}, jnp.zeros((0, 3), jnp.uint8))
    with self.assertRaisesRegex(ValueError, r'uint8 \[N\], got int32 \(4, 4\)'):
      inference.restore_flat(
        structure.Config(), {}, jnp.zeros((4, 4), jnp.int32), 4, 16
      )


if __name__ == '__main__':
  absltest.main()
