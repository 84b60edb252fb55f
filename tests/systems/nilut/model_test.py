import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import container, labels
from lutjax.systems.nilut import model as nilut
from lutjax.types import Variables

LOOKS = (labels.Label('Café 7', ((-0.5, 0.0, 0.0), (1.0, 2.0, 1.0)), (-0.25, 1.5)),)
CONFIG = nilut.Config(widths=(8, 8), precision='bf16', looks=LOOKS)
BATCH = {
  'rgb': np.random.default_rng(0).uniform(size=(64, 3)).astype(np.float32),
}


def _trained(config=CONFIG):
  """Returns a network whose last layer is not zero."""
  variables = nilut.init(config, jax.random.key(0))
  noise = 0.3 * jax.random.normal(jax.random.key(1), (config.widths[-1], 3))
  layers = [*variables.params[:-1], variables.params[-1] | {'weight': noise}]
  return Variables(layers)


class NilutTest(parameterized.TestCase):
  def test_an_untrained_network_changes_nothing(self):
    variables = nilut.init(CONFIG, jax.random.key(0))
    np.testing.assert_array_equal(nilut.apply(CONFIG, variables, BATCH), BATCH['rgb'])

  def test_the_published_network_is_relu_then_tanh_plus_the_colour(self):
    config = nilut.published(width=16)
    self.assertEqual(config.widths, (16, 16, 16))
    variables = nilut.init(config, jax.random.key(0))
    hidden = BATCH['rgb'].astype(np.float64)
    for i, layer in enumerate(variables.params):
      weight = np.asarray(layer['weight'], np.float64)
      hidden = hidden @ weight + np.asarray(layer['bias'], np.float64)
      if i < 3:
        hidden = np.maximum(hidden, 0) if i == 0 else np.tanh(hidden)
    want = np.clip(BATCH['rgb'] + hidden, 0, 1)
    got = nilut.apply(config, variables, BATCH)
    np.testing.assert_allclose(got, want, atol=1e-5)

  def test_hinge_leaves_out_what_the_clamp_removes(self):
    variables = nilut.init(CONFIG, jax.random.key(0))
    batch = {'rgb': jnp.ones((4, 3)), 'target': jnp.ones((4, 3))}
    params = [*variables.params[:-1], variables.params[-1] | {'bias': jnp.full(3, 0.5)}]
    value, gradient = jax.value_and_grad(
      lambda params: nilut.loss(CONFIG, params, (), batch, jax.random.key(0))[0]
    )(params)
    self.assertEqual(float(value), 0.0)
    self.assertEqual(max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradient)), 0)
    below = batch | {'target': jnp.full((4, 3), 0.75)}
    value, _ = nilut.loss(CONFIG, params, (), below, jax.random.key(0))
    self.assertAlmostEqual(float(value), 0.75, places=6)

  @parameterized.parameters('fp32', 'bf16', 'int8')
  def test_an_artefact_holds_what_it_rounded(self, precision):
    config = nilut.Config(widths=(8, 8), precision=precision, looks=LOOKS)
    content = nilut.export(config, _trained(config))
    loaded = systems.load(content)
    self.assertEqual(loaded.config, config)
    again = nilut.export(loaded.config, loaded.variables)
    self.assertEqual(again, content)
    want = nilut.apply(config, _trained(config), BATCH)
    got = nilut.apply(loaded.config, loaded.variables, BATCH)
    tolerance = {'fp32': 0, 'bf16': 2e-2, 'int8': 5e-2}[precision]
    np.testing.assert_allclose(got, want, atol=tolerance)

  def test_vmapped_networks_are_the_single_ones(self):
    keys = jax.random.split(jax.random.key(5), 3)
    stacked = jax.vmap(lambda key: nilut.init(nilut.published(8), key))(keys)
    apply = lambda v: nilut.apply(nilut.published(8), v, BATCH)  # noqa: E731
    got = jax.vmap(apply)(stacked)
    for i in range(3):
      one = jax.tree.map(lambda leaf: leaf[i], stacked)  # noqa: B023
      np.testing.assert_allclose(got[i], apply(one), atol=1e-6)

  @parameterized.parameters(
    ({'activations': 'xx'}, 'header that does not fit'),
    ({'precision': 'int9'}, 'header that does not fit'),
    ({'activations': 'r'}, 'header that does not fit'),
    ({'looks': 3}, 'expected names'),
    ({'looks': [['a', 1.0]]}, 'expected names'),
  )
  def test_refuses_headers_that_do_not_fit(self, change, message):
    artefact = container.unpack(nilut.export(CONFIG, _trained()))
    content = container.pack('nilut', {**artefact.header, **change}, artefact.tensors)
    with self.assertRaisesRegex(errors.ArtefactError, f'a.lutjax: found .*{message}'):
      systems.load(content, 'a.lutjax')

  def test_refuses_layers_that_do_not_follow_each_other(self):
    artefact = container.unpack(nilut.export(CONFIG, _trained()))
    first, second, last = np.split(np.arange(len(artefact.tensors)), 3)
    tensors = [artefact.tensors[i] for i in (*second, *first, *last)]
    content = container.pack('nilut', artefact.header, tensors)
    with self.assertRaisesRegex(errors.ArtefactError, r'found layers of shapes'):
      systems.load(content, 'a.lutjax')

  def test_refuses_a_config_that_does_not_fit(self):
    with self.assertRaisesRegex(ValueError, 'widths of 1 or more'):
      nilut.Config(widths=(0, 4))
    with self.assertRaisesRegex(ValueError, 'one activation per hidden layer'):
      nilut.Config(widths=(8,))
    with self.assertRaisesRegex(ValueError, r"got \['step'\]"):
      nilut.Config(widths=(8,), activations=('step',))


NAMED = tuple(labels.Label(name) for name in 'abc')


def _lively(config, key=0):
  """Returns a network without zero layers."""
  leaves, tree = jax.tree.flatten(nilut.init(config, jax.random.key(key)).params)
  keys = jax.random.split(jax.random.key(key + 1), len(leaves))
  noisy = [
    leaf + 0.2 * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys)
  ]
  return Variables(jax.tree.unflatten(tree, noisy))


class StylesTest(parameterized.TestCase):
  def test_a_mix_of_heads_is_the_mix_of_what_each_gives(self):
    config = nilut.Config(widths=(8, 8), styles='heads', looks=NAMED)
    variables = _lively(config)
    rgb = BATCH['rgb']
    each = [
      np.asarray(nilut.apply(config, variables, nilut.query(config, rgb, unit)))
      for unit in np.eye(3, dtype=np.float32)
    ]
    self.assertGreater(np.mean(np.stack(each) >= 1.0), 0.02)  # Some are clamped.
    weights = np.array([0.2, 0.5, 0.3], np.float32)
    want = sum(w * one for w, one in zip(weights, each))
    got = nilut.apply(config, variables, nilut.query(config, rgb, weights))
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_heads_learn_from_every_style_at_once(self):
    config = nilut.Config(widths=(8, 8), styles='heads', looks=NAMED)
    variables = nilut.init(config, jax.random.key(0))
    target = np.repeat(BATCH['rgb'][:, None], 3, axis=1)
    target[:, 1] = 0.5
    batch = {**BATCH, 'target': target}
    value, _ = nilut.loss(config, variables.params, (), batch, jax.random.key(0))
    want = np.abs(BATCH['rgb'] - 0.5).mean() / 3
    self.assertAlmostEqual(float(value), float(want), places=6)

  @parameterized.product(
    encoding=('unit', 'centred', 'fourier', 'frequency'),
    styles=('heads', 'inputs'),
  )
  def test_artefacts_keep_styles_and_encodings(self, encoding, styles):
    config = nilut.Config(
      widths=(8,),
      activations=('sine',),
      encoding=encoding,
      features=5,
      styles=styles,
      precision='int6',
      looks=NAMED,
    )
    loaded = systems.load(nilut.export(config, _lively(config)))
    self.assertEqual(loaded.config.layer_widths, config.layer_widths)
    again = nilut.export(loaded.config, loaded.variables)
    self.assertEqual(again, nilut.export(config, _lively(config)))

  def test_an_aware_loss_is_that_of_the_artefact(self):
    config = nilut.Config(widths=(8, 8), precision='int4', aware=True)
    variables = _lively(config)
    batch = {**BATCH, 'target': BATCH['rgb'] ** 2}
    got, _ = nilut.loss(config, variables.params, (), batch, jax.random.key(0))
    rounded = systems.load(nilut.export(config, variables)).variables
    want, _ = nilut.loss(config, rounded.params, (), batch, jax.random.key(0))
    self.assertAlmostEqual(float(got), float(want), delta=2e-3)
    plain = nilut.Config(widths=(8, 8), precision='int4')
    without, _ = nilut.loss(plain, variables.params, (), batch, jax.random.key(0))
    self.assertGreater(abs(float(without) - float(want)), 5e-3)

  def test_gradients_agree_with_finite_differences(self):
    config = nilut.Config(
      widths=(8, 8), activations=('tanh', 'tanh'), styles='heads', looks=NAMED
    )
    variables = jax.tree.map(lambda leaf: 0.3 * leaf, _lively(config))
    rgb = jnp.asarray(BATCH['rgb'][:8]) * 0.4 + 0.3

    def graded(params, style, rgb, white, matrix):
      balanced = rgb * white
      out = nilut.apply(
        config, Variables(params), {'rgb': balanced @ matrix, 'style': style}
      )
      return jnp.mean(jnp.sin(5.0 * out))

    style = jnp.broadcast_to(jnp.array([0.2, 0.5, 0.3]), (8, 3))
    at = (variables.params, style, rgb, jnp.array([1.1, 1.0, 0.9]), jnp.eye(3))
    gradient = jax.jit(jax.grad(graded, argnums=(0, 1, 2, 3, 4)))(*at)
    value = jax.jit(graded)
    leaves, tree = jax.tree.flatten(at)
    for i, slope in enumerate(jax.tree.leaves(gradient)):
      along = jax.random.normal(jax.random.key(i), leaves[i].shape)
      along /= jnp.linalg.norm(along)
      moved = []
      for sign in (1, -1):
        shifted = [*leaves[:i], leaves[i] + sign * 3e-2 * along, *leaves[i + 1 :]]
        moved.append(float(value(*jax.tree.unflatten(tree, shifted))))
      want = (moved[0] - moved[1]) / 6e-2
      np.testing.assert_allclose(jnp.sum(slope * along), want, atol=2e-3)

  def test_refuses_several_looks_without_styles(self):
    with self.assertRaisesRegex(ValueError, 'styles heads or inputs for 3 looks'):
      nilut.Config(looks=NAMED)


class SettingsTest(parameterized.TestCase):
  @parameterized.product(encoding=('unit', 'centred'), styles=('one', 'inputs'))
  def test_fixed_settings_leave_a_network_of_colours(self, encoding, styles):
    looks = LOOKS if styles == 'one' else NAMED
    config = nilut.Config(
      widths=(8, 8), encoding=encoding, styles=styles, settings=2, looks=looks
    )
    variables = _lively(config)
    self.assertLen(variables.params[0]['weight'], 5 + (3 if styles == 'inputs' else 0))
    at = np.float32([0.3, 0.8])
    weights = np.float32([0.2, 0.5, 0.3])
    fixed, held = nilut.fix(config, variables, at)
    self.assertEqual(fixed.settings, 0)
    batch = nilut.query(fixed, BATCH['rgb'], weights)
    got = nilut.apply(fixed, held, batch)
    settings = np.broadcast_to(at, (64, 2))
    want = nilut.apply(config, variables, {**batch, 'settings': settings})
    np.testing.assert_allclose(got, want, atol=1e-6)
    other = nilut.apply(config, variables, {**batch, 'settings': 1 - settings})
    self.assertGreater(float(jnp.abs(other - want).max()), 0.05)
    with self.assertRaisesRegex(ValueError, r'settings \[2\], got \(3,\)'):
      nilut.fix(config, variables, jnp.ones(3))

  @parameterized.parameters('fp32', 'int8')
  def test_an_artefact_holds_how_many_settings_there_are(self, precision):
    config = nilut.Config(widths=(8, 8), settings=1, precision=precision, looks=LOOKS)
    content = nilut.export(config, _lively(config))
    loaded = systems.load(content)
    self.assertEqual(loaded.config, config)
    self.assertEqual(nilut.export(loaded.config, loaded.variables), content)
    plain = container.unpack(nilut.export(CONFIG, _trained()))
    self.assertNotIn('settings', plain.header)

  @parameterized.parameters(0, 2, 3, -1, 1.0, True, 'a', None)
  def test_refuses_headers_of_other_settings(self, count):
    config = nilut.Config(widths=(8, 8), settings=1, looks=LOOKS)
    artefact = container.unpack(nilut.export(config, _lively(config)))
    header = {**artefact.header, 'settings': count}
    with self.assertRaises(errors.ArtefactError):
      systems.load(container.pack('nilut', header, artefact.tensors), 'a.lutjax')

  def test_refuses_settings_that_it_cannot_take(self):
    with self.assertRaisesRegex(ValueError, r'settings in \[0, 2\], got 3'):
      nilut.Config(settings=3)
    with self.assertRaisesRegex(ValueError, "with settings, got 'fourier'"):
      nilut.Config(settings=1, encoding='fourier')


class RegistryTest(absltest.TestCase):
  def test_refuses_a_system_that_it_does_not_know(self):
    content = container.pack('spline', {}, [])
    with self.assertRaisesRegex(errors.ArtefactError, "found system 'spline'"):
      systems.load(content, 'a.lutjax')


if __name__ == '__main__':
  absltest.main()
