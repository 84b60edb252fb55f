"""What a config says about layers, ranges and margins; sizes of the paper."""

import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import degradations
from lutjax.systems.tinylut import structure

_DENOISE = degradations.Degradation('noise', 25)


def _entries(config):
  """Counts the entries of full tables."""
  total = 0
  for branch in structure.branches(config):
    low, high = structure.level_range(config, branch)
    levels = high - low + 1
    total += config.kernel**2 * levels * config.channels
    if branch in structure.chained(config):
      for layer in structure.layers(config):
        count = config.kernel**2 if layer.kind == 'depthwise' else config.channels
        total += count * levels * layer.outputs
  return total


class StructureTest(parameterized.TestCase):
  # Bytes before the scales, from the research page: S x4 44,608 (43.6 KB), all 8 bits
  # 167,936, a pair of F 26.6 KB; S for denoising 22 KB with its scales.
  @parameterized.parameters(
    (structure.Config(), 44608),
    (structure.Config(msb_bits=8), 167936),
    (structure.Config(pairs=1), 44608 + 27200),
    (structure.Config(restores=_DENOISE), 28288),
  )
  def test_sizes_of_the_paper(self, config, want):
    self.assertEqual(_entries(config), want)

  def test_window_ends_at_the_pixel(self):
    self.assertEqual(structure.taps(structure.Config(kernel=1)), ((0, 0),))
    want = ((-1, -1), (-1, 0), (0, -1), (0, 0))
    self.assertEqual(structure.taps(structure.Config(kernel=2)), want)

  @parameterized.parameters(
    (structure.Config(), (2, 0)),
    (structure.Config(pairs=2), (6, 0)),
    (structure.Config(shift_radius=2), (6, 4)),
    (structure.Config(kernel=1, pairs=1, shift_radius=1), (3, 3)),
  )
  def test_margins(self, config, want):
    self.assertEqual(structure.margins(config), want)

  def test_ranges_cover_all_codes(self):
    for bits in range(1, 9):
      config = structure.Config(msb_bits=bits)
      spans = [structure.level_range(config, b) for b in structure.branches(config)]
      self.assertEqual(np.prod([high - low + 1 for low, high in spans]), 256)

  @parameterized.parameters(('channels', 8), ('kernel', 4), ('msb_bits', 0))
  def test_refuses(self, field, value):
    with self.assertRaisesRegex(ValueError, f'Expected {field} from'):
      structure.Config(**{field: value})


if __name__ == '__main__':
  absltest.main()
