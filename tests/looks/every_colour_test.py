"""Tests of `lutjax.looks.every_colour`."""

from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import metrics, systems
from lutjax.codec import labels
from lutjax.commands import apply
from lutjax.looks import decoding, every_colour, normalized
from lutjax.lut import interpolate, lattice
from lutjax.systems.nilut import model as nilut

# Of the codes, reds 0 to 15.
_COUNT = 1 << 20


def _loaded():
  label = labels.Label('soft', range=(0.0, 1.5))
  config = nilut.Config(widths=(8,), activations=('relu',), looks=(label,))
  variables = jax.device_get(nilut.init(config, jax.random.key(0)))
  return systems.load(nilut.export(config, variables))


def _look():
  rng = np.random.default_rng(0)
  table = np.clip(lattice.identity(9) + rng.normal(0, 0.05, (9, 9, 9, 3)), 0, 1)
  label = labels.Label('soft', range=(-0.25, 1.25))
  return normalized.NormalizedLook(label, '', table.astype(np.float32))


class ExhaustiveTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(mock.patch.object(every_colour, 'COUNT', _COUNT))
    self.rgb = metrics.every_code()[:_COUNT].astype(np.float32) / 255

  def test_codes_are_all_colours_of_8_bits(self):
    got = every_colour.codes(np.int32((1 << 24) - 1000), 1000)
    np.testing.assert_array_equal(np.rint(got * 255), metrics.every_code()[-1000:])

  @parameterized.parameters('apply', 'network')
  def test_scores_what_the_commands_would_give(self, read):
    loaded, look = _loaded(), _look()
    done = []
    got = every_colour.score(
      loaded, 0, look, read=read, interpolation='trilinear', advance=done.append
    )
    if read == 'apply':
      lut = decoding.decode(loaded, np.ones(1, np.float32), decoding.APPLY_SIZE)
      map_pixels = apply.applier(lut, interpolation='tetrahedral', strength=1.0)
      outputs = map_pixels(self.rgb[None])[0]
    else:
      config = loaded.config
      batch = nilut.query(config, self.rgb, np.ones(1, np.float32))
      outputs = 1.5 * nilut.apply(config, loaded.variables, batch)
    truth = interpolate.trilinear(look.table, self.rgb)
    want = metrics.colour_errors(outputs, -0.25 + 1.5 * truth)
    statistics = metrics.lut_statistics(want.cie76)
    self.assertAlmostEqual(got['cie76_mean'], float(statistics.mean), places=3)
    self.assertAlmostEqual(got['cie76_p99'], float(statistics.p99), delta=2e-3)
    self.assertAlmostEqual(got['ciede2000_mean'], want.ciede2000.mean(), places=3)
    level = float(metrics.psnr(outputs, -0.25 + 1.5 * truth))
    self.assertAlmostEqual(got['psnr'], level, places=2)
    self.assertEqual(sum(done), _COUNT)


if __name__ == '__main__':
  absltest.main()
