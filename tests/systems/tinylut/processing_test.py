"""Pictures of all sizes: what training gives, whole and in parts."""

import dataclasses
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import model, processing, structure, tables

_S = model.Config(width=8)
_OURS = model.Config(
  width=8, spatial='curve', low='fused', msb_bits=5, pointwise=2, shift_radius=2
)


def _drawn(config, seed=0):
  """Draws a model in which every part says something."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda leaf: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32),
    model.init(config, jax.random.key(seed)),
  )


_apply = jax.jit(model.apply, static_argnums=0)


def _trained(config, variables, plane):
  """Restores `[H, W]` by the forward pass of training, on a mirrored picture."""
  margin = max(structure.margins(config))
  wide = np.pad(plane, margin, mode='reflect')
  side = 32 + 2 * margin
  square = np.zeros((1, side, side), np.float32)
  square[0, : wide.shape[0], : wide.shape[1]] = wide
  got = np.asarray(_apply(config, variables, {'patch': square}))[0]
  scale = config.restores.scale
  return got[: plane.shape[0] * scale, : plane.shape[1] * scale]


class ProcessingTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('s_x4', _S),
    ('ours_x4', _OURS),
    (
      'pairs_x1',
      dataclasses.replace(
        _S, restores=degradations.Degradation('noise', 25), pairs=1, pointwise=0
      ),
    ),
    (
      'x3_of_2_x_2_without_scales',
      dataclasses.replace(
        _S,
        restores=degradations.Degradation('bicubic', 3),
        kernel=2,
        msb_bits=4,
        scaled=False,
        shift_radius=1,
      ),
    ),
    (
      'x2_of_8_bits',
      dataclasses.replace(
        _OURS, restores=degradations.Degradation('bicubic', 2), msb_bits=8, pointwise=0
      ),
    ),
  )
  def test_equals_training_at_all_sizes(self, config):
    variables = _drawn(config)
    process = processing.process(*tables.to_tables(config, variables))
    rng = np.random.default_rng(1)
    for height, width in ((1, 1), (1, 9), (13, 1), (31, 17)):
      picture = rng.integers(0, 256, (height, width, 2)).astype(np.uint8)
      got = process(picture)
      for channel in range(2):
        want = _trained(config, variables, picture[..., channel])
        np.testing.assert_array_equal(got[..., channel], want)
    self.assertGreater(np.ptp(got), 50)

  def test_parts_are_the_whole(self):
    process = processing.process(*tables.to_tables(_S, _drawn(_S)))
    picture = np.random.default_rng(2).integers(0, 256, (70, 90, 1)).astype(np.uint8)
    whole = process(picture)
    limits = {'_LENGTHS': (3 << 10,), '_MOST_WIDTH': 37}
    with mock.patch.multiple(processing, **limits):
      self.assertGreater(len(list(processing._parts(70, 90, 2))), 6)
      np.testing.assert_array_equal(process(picture), whole)

  def test_one_program_serves_all_models_of_a_structure(self):
    picture = np.zeros((8, 8, 1), np.uint8)
    processing.process(*tables.to_tables(_S, _drawn(_S)))(picture)
    before = processing._jitted(processing._form(_S))._cache_size()
    other = dataclasses.replace(_S, name='other', spatial='curve')
    processing.process(*tables.to_tables(other, _drawn(other, 1)))(picture[:5])
    after = processing._jitted(processing._form(other))._cache_size()
    self.assertEqual(before, after)

  def test_refuses(self):
    process = processing.process(*tables.to_tables(_S, _drawn(_S)))
    for picture in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 1), np.uint16)):
      with self.assertRaisesRegex(ValueError, 'Expected pixels'):
        process(picture)


if __name__ == '__main__':
  absltest.main()
