import unittest

import numpy as np

from lutjax import errors
from lutjax.systems.gamut_mlp import seeded

_CONFIG = seeded.Config(waves=24)


class SeededTest(unittest.TestCase):
  def test_bytes_round_trip(self):
    weight = np.random.default_rng(0).normal(size=(33, 3)).astype(np.float32)
    codes, scale = seeded.quantise(_CONFIG, weight)
    body = seeded.to_bytes(_CONFIG, codes, scale)
    config, got, rest = seeded.from_bytes(body + b'more', 0, 'x')
    self.assertEqual((config.waves, config.space_spread, rest), (24, 5.0, b'more'))
    np.testing.assert_array_equal(got, codes * scale.astype(np.float32))
    np.testing.assert_allclose(got, weight, atol=np.abs(weight).max() / 200)

  def test_an_output_that_is_not_needed_takes_no_bytes(self):
    weight = np.random.default_rng(0).normal(size=(33, 3)).astype(np.float32)
    sizes = []
    for used in (3, 1):
      kept = np.where(np.arange(3) < used, weight, 0)
      body = seeded.to_bytes(_CONFIG, *seeded.quantise(_CONFIG, kept))
      _, got, _ = seeded.from_bytes(body, 0, 'x')
      np.testing.assert_array_equal(got[:, used:], 0)
      sizes.append(len(body))
    self.assertLess(sizes[1], sizes[0] / 2)

  def test_refuses_damage(self):
    codes, scale = seeded.quantise(_CONFIG, np.ones((33, 3), np.float32))
    body = seeded.to_bytes(_CONFIG, codes, scale)
    for content in (b'', body[:4], body[:-3], b'\0' * len(body)):
      with self.assertRaisesRegex(errors.ArtefactError, '^x: '):
        seeded.from_bytes(content, 0, 'x')

  def test_refuses_settings_that_cannot_be_stored(self):
    with self.assertRaisesRegex(ValueError, '1 to 4096 waves'):
      seeded.Config(waves=0)
    with self.assertRaisesRegex(ValueError, 'multiples of 1/8'):
      seeded.Config(space_spread=0.3)


if __name__ == '__main__':
  unittest.main()
