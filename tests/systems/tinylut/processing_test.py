"""Pictures of all sizes: what training gives, whole and in parts."""

import dataclasses
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import model, processing, structure
from tests.systems.tinylut import drawn

_S = model.Config()
_OURS = model.Config(spatial='curve', low='fused', msb_bits=5, shift_radius=2)


_apply = jax.jit(model.apply, static_argnums=0)


def _trained(config, variables, plane):
  """Restores `[H, W]` by the forward pass of training, on a mirrored picture."""
  margin = max(structure.margins(config))
  variables = jax.tree.map(lambda leaf: leaf.astype(np.float32), variables)
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
        _S,
        restores=degradations.Degradation('noise', 25),
        channels=6,
        pairs=1,
        pointwise=0,
      ),
    ),
    (
      'x3_of_2_x_2_without_scales',
      dataclasses.replace(
        _S,
        restores=degradations.Degradation('bicubic', 3),
        channels=9,
        kernel=2,
        msb_bits=4,
        scaled=False,
        shift_radius=1,
      ),
    ),
    (
      'x2_of_8_bits',
      dataclasses.replace(
        _OURS,
        restores=degradations.Degradation('bicubic', 2),
        channels=8,
        msb_bits=8,
        pointwise=0,
      ),
    ),
  )
  def test_equals_training_at_all_sizes(self, config):
    config, variables = drawn.entries(config)
    process = processing.process(config, variables)
    rng = np.random.default_rng(1)
    for height, width in ((1, 1), (1, 9), (13, 1), (31, 17)):
      picture = rng.integers(0, 256, (height, width, 2)).astype(np.uint8)
      got = process(picture)
      for channel in range(2):
        want = _trained(config, variables, picture[..., channel])
        np.testing.assert_array_equal(got[..., channel], want)
    self.assertGreater(np.ptp(got), 50)

  def test_parts_are_the_whole(self):
    process = processing.process(*drawn.entries(_S))
    picture = np.random.default_rng(2).integers(0, 256, (70, 90, 1)).astype(np.uint8)
    whole = process(picture)
    with mock.patch.object(processing, '_TILE', 1 << 10):
      self.assertGreater(len(list(processing._tiles((1, 74, 94), 2, 1 << 10))), 6)
      process = processing.process(*drawn.entries(_S))
      np.testing.assert_array_equal(process(picture), whole)

  @parameterized.parameters((1, 1), (1, 4000), (3000, 1), (128, 128), (1000, 700))
  def test_tiles_cover_a_picture_once(self, height, width):
    for margin, channels in ((2, 3), (20, 4)):
      room = processing._room(margin, True)
      count = np.zeros((height, width, channels), np.uint8)
      shape = channels, height + 2 * margin, width + 2 * margin
      for tile in processing._tiles(shape, margin, room):
        size = (tile.height + 2 * margin) * (tile.width + 2 * margin)
        self.assertLessEqual(len(tile.channels) * size, room)
        rows = slice(tile.top, tile.top + tile.height)
        columns = slice(tile.left, tile.left + tile.width)
        count[rows, columns, tile.channels.start : tile.channels.stop] += 1
      np.testing.assert_array_equal(count, 1)

  def test_one_program_serves_all_models_of_a_structure(self):
    picture = np.zeros((8, 8, 1), np.uint8)
    processing.process(*drawn.entries(_S))(picture)
    before = processing._restore._cache_size()
    other = dataclasses.replace(_S, name='other', spatial='curve')
    processing.process(*drawn.entries(other, 1))(picture[:5])
    self.assertEqual(processing._restore._cache_size(), before)

  def test_refuses(self):
    process = processing.process(*drawn.entries(_S))
    for picture in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 1), np.uint16)):
      with self.assertRaisesRegex(ValueError, 'Expected pixels'):
        process(picture)


if __name__ == '__main__':
  absltest.main()
