import dataclasses

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.baselines import dct, grid
from lutjax.codec import curves, labels
from lutjax.looks import decoding, unit_cube
from lutjax.lut import lattice
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut

SAMPLES = 200
CURVES = np.linspace(0, 1, SAMPLES)[:, None] ** [0.4, 0.5, 2.0]
DOMAIN = ((-0.5, 0.0, 0.25), (1.5, 2.0, 0.75))
LABEL = labels.Label('look', DOMAIN, (-1.0, 3.0), curves.fit(CURVES))
PLAIN = dataclasses.replace(LABEL, curve=None)


def _seen(rgb):
  """What a network should see of colours, in float64."""
  low, high = np.array(DOMAIN)
  nodes = np.linspace(low, high, SAMPLES)
  columns = [np.interp(rgb[:, i], nodes[:, i], CURVES[:, i]) for i in range(3)]
  return np.stack(columns, axis=-1)


class UnitCubeTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    self.rgb = rng.uniform(-1, 2.5, (256, 3)).astype(np.float32)

  def test_colours_pass_domain_and_curve(self):
    got = unit_cube.to_unit(LABEL, self.rgb)
    np.testing.assert_allclose(got, _seen(self.rgb), atol=2e-5)
    low, high = np.array(DOMAIN)
    want = np.clip((self.rgb - low) / (high - low), 0, 1)
    np.testing.assert_allclose(unit_cube.to_unit(PLAIN, self.rgb), want, atol=1e-6)
    np.testing.assert_allclose(unit_cube.from_unit(LABEL, got), 4 * got - 1, atol=1e-6)

  def test_what_lies_beyond_the_lattice_is_clamped(self):
    curve = curves.fit(np.linspace(-1, 2, 100)[:, None] * np.ones(3))
    label = labels.Label('steep', curve=curve)
    at = np.linspace(0, 1, 301)[:, None] * np.ones(3)
    got = unit_cube.to_unit(label, at.astype(np.float32))
    np.testing.assert_allclose(got, np.clip(3 * at - 1, 0, 1), atol=2e-5)

  def test_a_lut_has_the_curve_in_front(self):
    table = lattice.identity(5) ** 2
    lut = unit_cube.to_lut(LABEL, table)
    np.testing.assert_allclose(lut.table, 4 * table - 1, atol=1e-6)
    np.testing.assert_allclose(lut.shaper.table, CURVES, atol=2e-5)
    np.testing.assert_array_equal(lut.shaper.domain, np.float32(DOMAIN))
    self.assertIsNone(unit_cube.to_lut(PLAIN, table).shaper)

  def test_a_network_that_changes_nothing_leaves_the_curve_alone(self):
    lut = unit_cube.to_lut(LABEL, lattice.identity(5))
    self.assertTrue(lattice.is_curves(lut))
    np.testing.assert_allclose(lut.shaper.table, 4 * CURVES - 1, atol=1e-4)

  def test_curves_are_inverted(self):
    at = np.random.default_rng(0).uniform(0.05, 1, (64, 3)).astype(np.float32)
    low, high = np.array(DOMAIN)
    seen = np.asarray(unit_cube.to_unit(LABEL, (low + at * (high - low)).astype('f4')))
    np.testing.assert_allclose(unit_cube.invert_curve(LABEL, seen), at, atol=1e-3)
    falling = dataclasses.replace(LABEL, curve=curves.fit(1 - CURVES))
    np.testing.assert_allclose(unit_cube.invert_curve(falling, 1 - seen), at, atol=1e-3)
    hill = np.sin(np.linspace(0, np.pi, 100))[:, None] * np.ones(3)
    with self.assertRaisesRegex(errors.InputError, 'curve of look rises and falls'):
      unit_cube.invert_curve(dataclasses.replace(LABEL, curve=curves.fit(hill)), seen)


class SystemsTest(parameterized.TestCase):
  @parameterized.parameters(
    (nilut.Config(widths=(4,), activations=('relu',)),),
    (dct.Config(size=5),),
    (grid.Config(size=3),),
    (lutflow.Config(mended=False, precision='fp32'),),
  )
  def test_every_system_stores_the_curve(self, config):
    looks = dataclasses.replace(config, looks=(LABEL,))
    system = systems.make(looks)
    variables = jax.device_get(system.init(jax.random.key(0)))
    loaded = systems.load(system.export(variables))
    self.assertEqual(loaded.config.looks, (LABEL,))

  def test_looks_of_different_curves_are_not_mixed(self):
    held = (LABEL, dataclasses.replace(PLAIN, name='plain'))
    config = nilut.Config(
      widths=(4,), activations=('relu',), styles='heads', looks=held
    )
    variables = jax.device_get(nilut.init(config, jax.random.key(0)))
    loaded = systems.load(nilut.export(config, variables))
    half = np.full(2, 0.5, np.float32)
    with self.assertRaisesRegex(errors.InputError, 'different domains, curves'):
      decoding.decode(loaded, half, 3)

  def test_a_curve_that_a_budget_cannot_hold_is_named(self):
    noise = np.random.default_rng(0).uniform(size=(2000, 3))
    label = labels.Label('noise', curve=curves.fit(noise))
    config = dct.Config(size=5, looks=(label,))
    with self.assertRaisesRegex(
      errors.InputError, 'size_bytes=1024: .*names and curves'
    ):
      dct.export(config, dct.init(config, jax.random.key(0)))


if __name__ == '__main__':
  absltest.main()
