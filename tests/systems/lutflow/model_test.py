"""Tests of `lutjax.systems.lutflow.model`, its artefact and its inverse."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import container, labels
from lutjax.lut import lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import inverse, residual_correction
from lutjax.systems.lutflow import model as lutflow

_NAMES = tuple(labels.Label(name) for name in ('velvia', 'sepia', 'teal', 'noir'))
_SHAPE = residual_flow.Shape(
  blocks=2, widths=(12, 16, 12), conditioned=(1, 3), activation='rational'
)
_STEERED = dataclasses.replace(_SHAPE, conditioned=(1,), gains=(3,), turned=True)
_CONFIG = lutflow.Config(flow=_STEERED, looks=_NAMES, mended=False)
_BACK = dataclasses.replace(_SHAPE, gated=True, stretch=3.0)
_BIJECTIVE = dataclasses.replace(
  _CONFIG, flow=_BACK, coefficient=0.95, precision='int8'
)
_apply = jax.jit(lutflow.apply, static_argnums=0)
_loss = jax.jit(lutflow.loss, static_argnums=0)
_slope = jax.jit(jax.grad(lutflow.loss, argnums=1, has_aux=True), static_argnums=0)
_RGB = np.random.default_rng(0).uniform(size=(300, 3)).astype(np.float32)


def _model(config):
  """A model as training might leave it: nothing small, nothing round."""
  variables = lutflow.init(config, jax.random.key(0))
  rng = np.random.default_rng(0)
  params = dict(variables.params)
  params['codes'] = jnp.asarray(rng.laplace(size=params['codes'].shape), jnp.float32)
  params['flow'] = {
    **params['flow'],
    'weights': jax.tree.map(
      lambda w: w + 0.3 * rng.normal(size=w.shape).astype(np.float32),
      params['flow']['weights'],
    ),
  }
  return variables._replace(params=params)


def _corrected(variables):
  rng = np.random.default_rng(1)
  order = residual_correction.ORDER
  spectra = np.zeros((4, order, order, order, 3), np.int16)
  spectra[:, :3, :3, :3] = rng.integers(-3, 4, (4, 3, 3, 3, 3))
  correction = {'levels': np.array([3, 0, 7, 1]), 'spectra': spectra}
  return variables._replace(stats={**variables.stats, 'correction': correction})


def _reload(config, variables):
  return systems.load(lutflow.export(config, variables))


class LutflowTest(parameterized.TestCase):
  @parameterized.parameters(*lutflow.PRECISIONS)
  def test_artefact_computes_what_training_saw(self, precision):
    config = dataclasses.replace(_CONFIG, precision=precision)
    variables = _model(config)
    loaded = _reload(config, variables)
    self.assertEqual(loaded.config.looks, _NAMES)
    for look in range(2):
      batch = {'rgb': _RGB, 'lut': jnp.int32(look)}
      got = _apply(loaded.config, loaded.variables, batch)
      want = _apply(config, variables, batch)
      atol = 0.03 if precision in ('bf16', 'int4', 'int5', 'int6', 'int8') else 1e-5
      np.testing.assert_allclose(got, want, atol=atol)

  @parameterized.parameters(*lutflow.PRECISIONS)
  def test_exporting_what_was_restored_changes_no_bit(self, precision):
    config = dataclasses.replace(_CONFIG, precision=precision)
    first = _reload(config, _corrected(_model(config)))
    if precision in ('int8', 'int6', 'int5', 'int4'):
      first = first._replace(config=dataclasses.replace(first.config, aware=True))
    again = _reload(first.config, first.variables)
    for name in ('flow', 'codes'):
      jax.tree.map(
        np.testing.assert_array_equal,
        first.variables.params[name],
        again.variables.params[name],
      )
    np.testing.assert_array_equal(
      first.variables.stats['correction']['spectra'],
      again.variables.stats['correction']['spectra'],
    )

  def test_lattice_is_apply_at_the_nodes(self):
    loaded = _reload(_CONFIG, _corrected(_model(_CONFIG)))
    nodes = lattice.identity(5)
    for look in range(4):
      got = lutflow.lattice(loaded.config, loaded.variables, jnp.int32(look), 5)
      batch = {'rgb': nodes, 'lut': jnp.int32(look)}
      want = _apply(loaded.config, loaded.variables, batch)
      np.testing.assert_allclose(got, want, atol=2e-5)

  def test_mixes_are_those_of_the_lattices(self):
    loaded = _reload(_CONFIG, _corrected(_model(_CONFIG)))
    weights = np.array([0.2, 0.0, 0.5, 0.3], np.float32)
    config, variables = loaded.config, loaded.variables
    each = [lutflow.lattice(config, variables, jnp.int32(i), 5) for i in range(4)]
    want = sum(w * table for w, table in zip(weights, each))
    got = lutflow.tabulate(config, variables, weights, 5)
    np.testing.assert_allclose(got, want, atol=1e-6)
    query = lutflow.query(config, lattice.identity(5), weights)
    np.testing.assert_allclose(_apply(config, variables, query), want, atol=2e-5)

  def test_learned_bits_follow_what_is_coded(self):
    looks = tuple(labels.Label(f'{i}') for i in range(96))
    config = dataclasses.replace(_CONFIG, looks=looks)
    variables = _model(config)
    batch = {'rgb': _RGB, 'target': _RGB, 'lut': np.zeros(300, np.int32)}
    _, (_, told) = _loss(
      config, variables.params, variables.stats, batch, jax.random.key(0)
    )
    content = lutflow.export(config, variables)
    coded = len(content) - lutflow.names_bytes(config)
    self.assertAlmostEqual(float(told['size_bytes']) / coded, 1.0, delta=0.15)

  def test_four_bits_are_lived_with_when_trained_for(self):
    targets = jnp.stack([_RGB**2.0, _RGB[:, ::-1] ** 1.5, 1.0 - _RGB, 0.3 + 0.5 * _RGB])
    look = jnp.arange(4).repeat(len(_RGB))
    batch = {
      'rgb': jnp.tile(_RGB, (4, 1)),
      'target': targets.reshape(-1, 3),
      'lut': look,
    }
    optimizer = optax.adam(optax.cosine_decay_schedule(0.02, 400))

    def fit(config):
      params, stats = lutflow.init(config, jax.random.key(0))

      def body(carry, _):
        params, state = carry
        slopes, _ = jax.grad(lutflow.loss, argnums=1, has_aux=True)(
          config, params, stats, batch, jax.random.key(0)
        )
        updates, state = optimizer.update(slopes, state)
        return (optax.apply_updates(params, updates), state), None

      first = (params, optimizer.init(params))
      return jax.lax.scan(body, first, length=400)[0][0]

    four = dataclasses.replace(_CONFIG, precision='int4')
    errors = []
    for trained_as in ('int4', 'fp32'):
      params = jax.jit(fit, static_argnums=0)(
        dataclasses.replace(four, precision=trained_as)
      )
      loaded = _reload(four, lutflow.Variables(params))
      got = _apply(loaded.config, loaded.variables, batch)
      errors.append(float(jnp.abs(got - batch['target']).mean()))
    self.assertLess(errors[0], 0.6 * errors[1])

  def test_loss_leaves_out_what_the_clamp_hides(self):
    config = dataclasses.replace(_CONFIG, loss='l1', precision='fp32')
    variables = _model(config)
    flow, codes = lutflow.codes_of(config, variables)
    raw = residual_flow.apply(config.flow, flow, _RGB, codes[0])
    target = jnp.clip(raw, 0, 1)
    self.assertGreater(int((raw > 1).sum() + (raw < 0).sum()), 10)
    batch = {'rgb': _RGB, 'target': target, 'lut': np.zeros(300, np.int32)}
    got, _ = _loss(config, variables.params, variables.stats, batch, jax.random.key(0))
    self.assertAlmostEqual(float(got), 0.0, places=5)

  @parameterized.parameters('cie76', 'ciede2000', 'l1', 'l2')
  def test_gradients_are_finite_where_nothing_is_wrong(self, loss):
    config = dataclasses.replace(_CONFIG, loss=loss)
    variables = lutflow.init(config, jax.random.key(0))
    rgb = jnp.array([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]])
    batch = {'rgb': rgb, 'target': rgb, 'lut': jnp.arange(3)}
    slopes, _ = _slope(
      config, variables.params, variables.stats, batch, jax.random.key(0)
    )
    for leaf in jax.tree.leaves(slopes):
      self.assertTrue(np.isfinite(leaf).all())

  def test_price_grows_while_the_estimate_is_too_large(self):
    config = dataclasses.replace(_CONFIG, budget_bytes=600)
    variables = _model(config)
    batch = {'rgb': _RGB, 'target': _RGB, 'lut': np.zeros(300, np.int32)}
    stats = variables.stats
    for i in range(30):
      _, (stats, _) = _loss(config, variables.params, stats, batch, jax.random.key(i))
    self.assertGreater(float(stats['ratio']), 1.1)
    self.assertGreater(float(stats['price']), float(variables.stats['price']))

  def test_default_budget_is_told_by_the_number_of_looks(self):
    self.assertEqual(_CONFIG.total_bytes, 8000 + 4 * 120)

  @parameterized.parameters('cpu', 'cuda', 'tpu')
  def test_decodes_on_every_backend(self, platform):
    variables = _model(_CONFIG)

    def decode(variables, index):
      return lutflow.lattice(_CONFIG, variables, index, 17)

    traced = jax.jit(decode).trace(variables, jnp.int32(0))
    self.assertIn('func', traced.lower(lowering_platforms=(platform,)).as_text())

  @parameterized.parameters('cpu', 'cuda', 'tpu')
  def test_trains_on_every_backend(self, platform):
    config = dataclasses.replace(_CONFIG, flow=_SHAPE, coefficient=0.9)
    variables = lutflow.init(config, jax.random.key(0))
    batch = {'rgb': _RGB, 'target': _RGB, 'lut': np.zeros(300, np.int32)}
    traced = _slope.trace(
      config, variables.params, variables.stats, batch, jax.random.key(0)
    )
    self.assertIn('func', traced.lower(lowering_platforms=(platform,)).as_text())


class DamagedTest(parameterized.TestCase):
  def test_every_cut_and_many_flips_are_refused(self):
    content = lutflow.export(_CONFIG, _model(_CONFIG))
    for size in range(0, len(content), 97):
      with self.assertRaises(errors.ArtefactError):
        systems.load(content[:size])
    for place in range(0, len(content), 61):
      flipped = bytearray(content)
      flipped[place] ^= 1 << (place % 8)
      with self.assertRaises(errors.ArtefactError):
        systems.load(bytes(flipped))

  @parameterized.parameters(
    ({'precision': 'int9'}, 'precision'),
    ({'looks': 3}, 'expected 3 names'),
    ({'coefficient': 1.5}, 'coefficient'),
    ({'flow': {'blocks': 0}}, 'header that does not fit'),
    ({'flow': {'blocks': 10**9}}, 'header that does not fit|tensors'),
    ({'flow': {'settings': 3}}, 'header that does not fit'),
    ({'flow': {'settings': 1.0}}, 'header that does not fit'),
  )
  def test_headers_that_do_not_fit(self, fields, message):
    artefact = container.unpack(lutflow.export(_CONFIG, _model(_CONFIG)))
    flow = {**artefact.header['flow'], **fields.get('flow', {})}
    header = {**artefact.header, **fields, 'flow': flow}
    content = container.pack('lutflow', header, artefact.tensors)
    with self.assertRaisesRegex(errors.ArtefactError, message):
      systems.load(content)

  def test_an_artefact_holds_how_many_settings_there_are(self):
    flow = dataclasses.replace(_STEERED, settings=1)
    config = dataclasses.replace(_CONFIG, flow=flow)
    variables = _model(config)
    content = lutflow.export(config, variables)
    loaded = systems.load(content)
    self.assertEqual(loaded.config.flow, flow)
    at = np.random.default_rng(3).uniform(size=(300, 1)).astype(np.float32)
    batch = {'rgb': _RGB, 'lut': jnp.int32(2), 'settings': at}
    want = _apply(config, variables, batch)
    got = _apply(loaded.config, loaded.variables, batch)
    np.testing.assert_allclose(got, want, atol=1e-5)
    other = _apply(config, variables, {**batch, 'settings': 1 - at})
    self.assertGreater(float(jnp.abs(other - want).max()), 0.01)
    plain = container.unpack(lutflow.export(_CONFIG, _model(_CONFIG)))
    self.assertNotIn('settings', plain.header['flow'])
    with self.assertRaisesRegex(ValueError, 'no mending with flow.settings'):
      dataclasses.replace(config, mended=True)

  def test_tensors_that_do_not_fit(self):
    artefact = container.unpack(lutflow.export(_CONFIG, _model(_CONFIG)))
    content = container.pack('lutflow', artefact.header, artefact.tensors[:-1])
    with self.assertRaisesRegex(errors.ArtefactError, 'found nothing, expected uint8'):
      systems.load(content)


class InverseTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.loaded = _reload(_BIJECTIVE, _model(_BIJECTIVE))
    cls.flow, cls.codes = lutflow.codes_of(cls.loaded.config, cls.loaded.variables)
    cls.mapped = residual_flow.apply(_BACK, cls.flow, _RGB, cls.codes[0])

  @parameterized.parameters(('newton', 20), ('anderson', 20), ('banach', 200))
  def test_forward_then_inverse(self, method, limit):
    solved = inverse.invert(
      _BACK, self.flow, self.mapped, self.codes[0], method=method, limit=limit
    )
    np.testing.assert_allclose(solved.rgb, _RGB, atol=1e-4)
    self.assertLess(int(solved.iterations.max()), limit)
    self.assertLessEqual(float(solved.residual.max()), 1e-6)

  def test_blocks_are_contractions(self):
    norms = inverse.lipschitz(_BACK, self.flow, _RGB, self.codes[0])
    self.assertLess(float(norms.max()), 1.0)
    for layers in self.flow['weights']:
      for weight in layers:
        largest = np.linalg.svd(np.asarray(weight), compute_uv=False)[0]
        self.assertLess(largest, 0.97)

  def test_lipschitz_sees_a_block_that_is_none(self):
    flow = {**self.flow, 'scales': 100.0 * self.flow['scales']}
    norms = inverse.lipschitz(_BACK, flow, _RGB, self.codes[0])
    self.assertGreater(float(norms.max()), 1.0)

  def test_inverse_lattice_inverts_the_lattice(self):
    config = self.loaded.config
    self.assertTrue(lutflow.invertible(config))
    self.assertFalse(lutflow.invertible(_CONFIG))
    solved = lutflow.inverse_lattice(config, self.loaded.variables, jnp.int32(0), 5)
    inside = np.all((solved.rgb > 0) & (solved.rgb < 1), axis=-1)
    self.assertGreater(inside.sum(), 5)
    back = residual_flow.apply(_BACK, self.flow, solved.rgb, self.codes[0])
    np.testing.assert_allclose(back[inside], lattice.identity(5)[inside], atol=1e-4)

  def test_refuses_blocks_that_add_nothing(self):
    for fields in ({'residual': False}, {'turned': True}):
      shape = dataclasses.replace(_BACK, **fields)
      with self.assertRaisesRegex(ValueError, 'no inverse'):
        inverse.invert(shape, self.flow, self.mapped, self.codes[0])

  def test_a_bound_holds_for_biases_only(self):
    for fields in ({'turned': True}, {'gains': (3,)}):
      shape = dataclasses.replace(_SHAPE, **fields)
      with self.assertRaisesRegex(ValueError, 'no coefficient'):
        dataclasses.replace(_BIJECTIVE, flow=shape)


if __name__ == '__main__':
  absltest.main()
