import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.interpolate
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import labels
from lutjax.fit import fleet
from lutjax.looks import decoding, settings
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.types import Loaded

_EXPOSURE = (labels.Setting('exposure', 3),)
_LABELS = tuple(labels.Label(name, settings=_EXPOSURE) for name in ('dim', 'bright'))
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
    some = jax.jit(lambda key: sample(key, data, 7)['lut'])
    drawn = [np.bincount(some(jax.random.key(i)), minlength=2) for i in range(20)]
    self.assertEqual({(3, 4), (4, 3)}, {tuple(counts) for counts in drawn})

  def test_of_a_padded_lattice_its_own_nodes_count(self):
    table = np.random.default_rng(0).uniform(size=(3, 3, 3, 2, 3)).astype(np.float32)
    padded = fleet.padded(table, (5, 5, 5, 4))
    data = {'table': padded, 'sizes': np.array(table.shape[:-1], np.int32)}
    places = np.random.default_rng(1).uniform(size=(64, 4)).astype(np.float32)
    places[:16] = np.eye(16, 4) > 0
    got = settings.of_lattice(data, places)
    axes = [np.linspace(0, 1, size) for size in table.shape[:-1]]
    want = scipy.interpolate.RegularGridInterpolator(axes, table)(places)
    np.testing.assert_allclose(got, want, atol=1e-6)

  @parameterized.parameters(
    (nilut.MODEL, nilut.Config(widths=(4, 4), settings=1, looks=_LABELS[:1])),
    (lutflow.MODEL, _FLOW),
  )
  def test_a_bound_model_is_one_of_looks_at_these_settings(self, model, config):
    variables = model.make(config).init(jax.random.key(0))
    variables = jax.tree.map(lambda leaf: leaf + 0.3, variables)
    loaded = Loaded(model, config, variables)
    count = len(config.looks)
    bound = settings.bind(loaded, {'exposure': 0.25, 'other': 1.0}, [True] * count)
    again = settings.bind(loaded, {'exposure': 0.25}, [True] * count)
    self.assertIs(bound.model.query, again.model.query)
    weights = jnp.eye(count)[-1]
    rgb = jax.random.uniform(jax.random.key(1), (64, 3))
    got = decoding.evaluate(bound, np.asarray(weights), rgb)
    for value, same in ((0.25, True), (0.75, False)):
      batch = {
        **model.query(config, rgb, weights),
        'settings': jnp.full((64, 1), value),
      }
      want = model.apply(config, variables, batch)
      self.assertEqual(np.allclose(got, want, atol=1e-6), same)

  def test_settings_without_values_or_names_are_refused(self):
    loaded = Loaded(lutflow.MODEL, _FLOW, lutflow.init(_FLOW, jax.random.key(0)))
    settings.bind(loaded, {}, [False, False])
    with self.assertRaisesRegex(errors.InputError, 'no value for exposure of bright'):
      settings.bind(loaded, {}, [False, True])
    nameless = dataclasses.replace(_FLOW, looks=(labels.Label('dim'),))
    with self.assertRaisesRegex(
      errors.InputError, 'no names for 1 inputs of a lutflow'
    ):
      settings.bind(loaded._replace(config=nameless), {}, [True])

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
