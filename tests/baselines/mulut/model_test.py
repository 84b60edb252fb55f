import fractions
import os
import pathlib
import unittest
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized
from PIL import Image

from lutjax import errors, systems
from lutjax.baselines.mulut import model
from lutjax.data import degradations
from lutjax.types import Variables

DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data'))
_TAPS = {
  's': [(0, 0), (0, 1), (1, 0), (1, 1)],
  'd': [(0, 0), (0, 2), (2, 0), (2, 2)],
  'y': [(0, 0), (1, 1), (1, 2), (2, 1)],
}


def _config(stages, bits, scale):
  return model.Config(stages, bits, degradations.Degradation('bicubic', scale))


def _random(config, seed=0):
  rng = np.random.default_rng(seed)
  return Variables(
    tuple(rng.integers(-128, 128, shape, np.int8) for shape in config.shapes)
  )


def _picture(seed, *shape):
  return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _one(table, codes, step):
  """Interpolates one point: axes are left in the order of their fractions."""
  size = 256 // step + 1
  at = [code // step for code in codes]
  order = sorted(range(4), key=lambda axis: -(codes[axis] % step))
  edges = [1.0, *[codes[axis] % step / step for axis in order], 0.0]
  total = 0.0
  for turn in range(5):
    row = ((at[0] * size + at[1]) * size + at[2]) * size + at[3]
    total = total + (edges[turn] - edges[turn + 1]) * table[row].astype(np.float64)
    if turn < 4:
      at[order[turn]] += 1
  return total


def _oracle(config, tables, plane):
  """Turns the picture itself, pads it, goes through it pixel by pixel."""
  step = 2**config.sampling_bits
  for stage, letters in enumerate(config.stages):
    last = stage == len(config.stages) - 1
    scale = config.restores.scale if last else 1
    total = 0.0
    for letter, table in zip(letters, tables[stage]):
      for turn in range(4):
        turned = np.pad(np.rot90(plane, turn), ((0, 2), (0, 2)), 'edge').astype(int)
        height, width = (side - 2 for side in turned.shape)
        out = np.zeros((height * scale, width * scale))
        for y in range(height):
          for x in range(width):
            codes = [turned[y + dy, x + dx] for dy, dx in _TAPS[letter]]
            cell = _one(table, codes, step).reshape(scale, scale)
            out[y * scale : (y + 1) * scale, x * scale : (x + 1) * scale] = cell
        total = total + np.rot90(out, -turn)
    parts, middle = (len(letters), 0) if last else (4 * len(letters), 127)
    plane = np.array(
      [
        [
          min(max(round(fractions.Fraction(value) / parts + middle), 0), 255)
          for value in row
        ]
        for row in total.tolist()
      ],
      np.uint8,
    )
  return plane


class ModelTest(parameterized.TestCase):
  @parameterized.parameters(
    (_config(('sdy', 'sdy'), 4, 4), [(1, 1), (1, 6), (5, 1), (4, 7)]),
    (_config(('yd', 's', 'd'), 5, 3), [(1, 1), (5, 3)]),
    (_config(('sy', 'd'), 7, 2), [(2, 3), (3, 2)]),
    (_config(('sdy',), 6, 1), [(1, 1), (9, 5)]),
  )
  def test_gives_what_rotating_and_fractions_give(self, config, sizes):
    variables = _random(config)
    restore = model.process(config, variables)
    for seed, (height, width) in enumerate(sizes):
      picture = _picture(seed, height, width, 2)
      got = restore(picture)
      for channel in range(2):
        want = _oracle(config, variables.params, picture[..., channel])
        np.testing.assert_array_equal(got[..., channel], want)

  def test_tiled_equals_whole(self):
    config = _config(('sdy', 'sdy'), 6, 2)
    variables = _random(config)
    picture = _picture(0, 31, 50, 3)
    with mock.patch.object(model, '_SIDES', (20,)):
      got = model.process(config, variables)(picture)
    whole = jax.jit(systems.make(config).apply)
    want = whole(variables, {'patch': np.moveaxis(picture, -1, 0)})
    np.testing.assert_array_equal(np.moveaxis(got, -1, 0), want)

  @unittest.skipUnless(
    (DATA / 'mulut_published').is_dir(), 'needs mulut_published under LUTJAX_DATA'
  )
  def test_published_tables_give_the_published_pictures(self):
    loaded = systems.load_folder(DATA / 'mulut_published')
    restore = model.process(loaded.config, loaded.variables)
    for path in sorted((DATA / 'mulut_published/expected_set5_x4').iterdir()):
      low = np.asarray(Image.open(DATA / 'restoration/set5/LR_x4' / path.name))
      np.testing.assert_array_equal(restore(low), np.asarray(Image.open(path)))

  def test_starts_as_nothing_and_is_not_trained(self):
    config = _config(('s', 's'), 7, 2)
    system = systems.make(config)
    variables = system.init(jax.random.key(0))
    got = model.process(config, variables)(_picture(0, 3, 2, 1))
    np.testing.assert_array_equal(got, np.zeros((6, 4, 1)))
    self.assertEqual(model.table_bytes(config, variables), 81 * (1 + 4))
    with self.assertRaisesRegex(errors.InputError, 'run here, not trained'):
      system.loss(variables.params, (), {}, jax.random.key(0))

  @parameterized.parameters(
    ({'stages': ()}, 'letters of sdy'),
    ({'stages': ('sds',)}, 'letters of sdy'),
    ({'stages': ('s', '')}, 'letters of sdy'),
    ({'stages': ('sh',)}, 'letters of sdy'),
    ({'sampling_bits': 2}, 'from 3 to 7'),
  )
  def test_refuses_configs(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      model.Config(**fields)

  def test_refuses_shapes(self):
    config = _config(('s',), 7, 1)
    restore = model.process(config, _random(config))
    for pixels in (_picture(0, 2, 2), np.zeros((2, 2, 3)), _picture(0, 0, 2, 3)):
      with self.assertRaisesRegex(ValueError, r'uint8 \[H, W, C\]'):
        restore(pixels)
    tables = _random(_config(('s',), 7, 2)).params
    with self.assertRaisesRegex(ValueError, r'tables \[\(1, 81, 1\)\]'):
      model.restore_plane(config, tables, _picture(0, 2, 2))


if __name__ == '__main__':
  absltest.main()
