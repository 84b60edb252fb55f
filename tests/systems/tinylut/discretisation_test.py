import numpy as np
from absl.testing import absltest

from lutjax.data import degradations
from lutjax.systems.tinylut import discretisation, structure
from lutjax.types import Variables


class DiscretisationTest(absltest.TestCase):
  def test_counts_the_levels_that_scales_leave(self):
    config = structure.Config(
      restores=degradations.Degradation('noise', 25), channels=4
    )
    scale = np.array([1.0, 0.5, 0.0, 2.0], np.float32)
    layer = {'scale': scale}
    variables = Variables(
      {'high': {'layers': [layer, layer]}, 'low': {'layers': [layer, layer]}}
    )
    # In the high branch all; -16 to 16, since halves go to even; 0; every second level
    # from -32 to 30, and 31.
    high, low = [64, 33, 1, 33], [4, 3, 1, 3]
    got = discretisation.levels_used(config, variables)
    self.assertEqual(
      got,
      {
        'high 1: pointwise': high,
        'high 2: up': high,
        'low 1: pointwise': low,
        'low 2: up': low,
      },
    )


if __name__ == '__main__':
  absltest.main()
