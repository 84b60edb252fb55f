import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import scipy.interpolate
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import labels
from lutjax.fit import fleet, loop, mesh, methods
from lutjax.looks import decoding, settings
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut

_FIT = loop.Config(steps=300, batch_size=128, segment_steps=300)
_LABELS = (labels.Label('dim'), labels.Label('bright'))
_FLOW = lutflow.Config(
  flow=residual_flow.Shape(
    blocks=1, widths=(16,), conditioned=(1,), activation='rational', settings=1
  ),
  precision='bf16',
  aware=False,
  mended=False,
  loss='l1',
  looks=_LABELS,
)


def _exposed(sizes, gain):
  """Returns lattices of 3 + K axes on which the settings raise the colour."""
  nodes = lattice.nodes(sizes)
  rise = gain * (nodes[..., 3:].sum(-1, keepdims=True) - 0.4)
  return np.clip(nodes[..., :3] * (1.0 + rise), 0.0, 1.0).astype(np.float32)


def _fitted(model, config, sample, jobs, folder):
  """Fits by the engine of `launch.fit`; returns what artefacts hold."""
  system = model.make(config)
  method, over = methods.make(_FIT, system), mesh.make_mesh(jax.devices()[:1])
  programs = fleet.Programs(system, method, sample, _FIT, over, len(jobs))
  found = fleet.fit_block(
    programs,
    jobs,
    len(jobs),
    seed=0,
    shapes=fleet.largest_shapes(jobs),
    folder=pathlib.Path(folder),
    on_segment=lambda segment: None,
    say=lambda line: None,
  )
  return [systems.load(system.export(fitted.variables)) for fitted in found]


class SettingsTest(parameterized.TestCase):
  def test_places_and_targets_are_those_of_the_lattice(self):
    table = np.random.default_rng(0).uniform(size=(3, 4, 3, 2, 3, 3))
    data = {'table': jnp.asarray(table, jnp.float32)}
    batch = settings.sampler(2)(jax.random.key(0), data, 64)
    places = np.concatenate([batch['rgb'], batch['settings']], axis=-1)
    axes = [np.linspace(0, 1, size) for size in table.shape[:-1]]
    want = scipy.interpolate.RegularGridInterpolator(axes, table)(places)
    np.testing.assert_allclose(batch['target'], want, atol=1e-6)
    self.assertGreater(np.ptp(places, axis=0).min(), 0.8)

  def test_several_maps_have_equally_many_places_of_their_own(self):
    tables = np.stack([_exposed((3, 3, 3, 2), gain) for gain in (0.2, 0.9)])
    data = {'table': jnp.asarray(tables)}
    sample = settings.several(1)
    batch = sample(jax.random.key(0), data, 8)
    np.testing.assert_array_equal(batch['lut'], [0] * 4 + [1] * 4)
    for i in range(2):
      own = slice(4 * i, 4 * i + 4)
      places = jnp.concatenate([batch['rgb'], batch['settings']], axis=-1)[own]
      want = settings.of_lattice({'table': tables[i]}, places)
      np.testing.assert_allclose(batch['target'][own], want, atol=1e-6)
    with self.assertRaisesRegex(ValueError, 'batch_size of 2 times n, got 7'):
      sample(jax.random.key(0), data, 7)

  def test_the_engine_fits_nilut_to_a_lattice_of_5_axes(self):
    config = nilut.Config(widths=(16, 16), settings=2)
    sizes = (5, 5, 5, 3, 2)
    table = _exposed(sizes, 0.9)
    job = fleet.Job('one', {'table': table})
    (loaded,) = _fitted(
      nilut.MODEL, config, settings.sampler(2), [job], self.create_tempdir()
    )
    got = settings.to_lattice(nilut.MODEL, loaded.config, loaded.variables, sizes)
    identity = lattice.nodes(sizes)[..., :3]
    off = np.abs(got.table - table).mean()
    self.assertLess(off, 0.5 * np.abs(identity - table).mean())

  def test_the_engine_fits_one_lutflow_to_lattices_of_4_axes(self):
    sizes = (5, 5, 5, 3)
    tables = np.stack([_exposed(sizes, gain) for gain in (0.3, 0.9)])
    job = fleet.Job('all', {'table': tables})
    (loaded,) = _fitted(
      lutflow.MODEL, _FLOW, settings.several(1), [job], self.create_tempdir()
    )
    identity = lattice.nodes(sizes)[..., :3]
    for i, table in enumerate(tables):
      got = settings.to_lattice(
        lutflow.MODEL, loaded.config, loaded.variables, sizes, {'lut': jnp.int32(i)}
      )
      off = np.abs(got.table - table).mean()
      self.assertLess(off, 0.5 * np.abs(identity - table).mean())

  def test_lattices_of_other_axes_are_refused(self):
    config = nilut.Config(widths=(4, 4), settings=1)
    variables = nilut.init(config, jax.random.key(0))
    with self.assertRaisesRegex(ValueError, r'sizes of 4 axes, got \(2, 2, 2\)'):
      settings.to_lattice(nilut.MODEL, config, variables, (2, 2, 2))

  @parameterized.parameters(
    (nilut.MODEL, nilut.Config(settings=2)), (lutflow.MODEL, _FLOW)
  )
  def test_commands_for_colours_refuse_models_with_settings(self, model, config):
    message = rf'{model.name}: found settings=\d beside the colour, expected a model'
    with self.assertRaisesRegex(errors.InputError, message):
      decoding.decoder(model, config, 3)
    with self.assertRaisesRegex(errors.InputError, message):
      decoding.query(model, config, jnp.zeros((1, 3)), jnp.ones(1))


if __name__ == '__main__':
  absltest.main()
