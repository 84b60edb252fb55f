"""The model against colour-science, scikit-image and float64 arithmetic."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.data import synthetic
from lutjax.lut import lattice
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model
from lutjax.types import LookLibrary, Variables

try:
  import colour
  from skimage import metrics
except ImportError:
  colour = metrics = None

FORM = model.Config(
  side=16,
  network=resnet.Shape(stem=4, widths=(4,)),
  histogram=4,
  head=heads.Shape(size=5, hidden=(8,), rank=3),
)
CONSTANT = dataclasses.replace(FORM, head=heads.Shape('constant', 5))
IDENTITY = lattice.identity(5)
_PHOTOS = np.stack([synthetic.photo(i, 16, 16) for i in range(5)]).astype(np.float32)
_apply = jax.jit(model.apply, static_argnums=0)
_lattices = jax.jit(model.lattices, static_argnums=0)


@functools.cache
def _loss(config):
  return jax.jit(
    lambda params, batch: model.loss(config, params, {}, batch, jax.random.key(0))
  )


@functools.cache
def _slopes(config):
  return jax.jit(
    jax.grad(lambda params, batch: model.loss(config, params, {}, batch, None)[0])
  )


def _drawn(config, spread=0.2):
  """Random numbers in the form of a model, nothing compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda: model.init(config, jax.random.key(0)))
  params = jax.tree.map(
    lambda leaf: rng.normal(0.0, spread, leaf.shape).astype(np.float32), shapes.params
  )
  stats = jax.tree.map(
    lambda leaf: rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32), shapes.stats
  )
  return Variables(params, stats)


def _batch(target):
  rgb = _PHOTOS.reshape(5, -1, 3)
  return {'image': _PHOTOS, 'rgb': rgb, 'target': target.reshape(rgb.shape)}


def _target():
  return np.clip(_PHOTOS**0.8 * np.float32([1.0, 0.9, 0.7]) + 0.02, 0.0, 1.0)


def _plain(loss):
  """A constant lattice without penalties: what is measured is the error alone."""
  return dataclasses.replace(CONSTANT, loss=loss, bending=0.0, monotonicity=0.0)


def _difference(method):
  def measure(got, want):
    white = colour.CCS_ILLUMINANTS['CIE 1931 2 Degree Standard Observer']['D65']
    labs = [
      colour.XYZ_to_Lab(
        colour.RGB_to_XYZ(of.astype(np.float64), 'sRGB', apply_cctf_decoding=True),
        white,
      )
      for of in (got, want)
    ]
    return np.mean(colour.delta_E(*labs, method=method))

  return measure


def _dissimilarity(got, want):
  # Windows wholly within the picture, as ours: the rim of the map is left out.
  found = [
    metrics.structural_similarity(
      *(of.astype(np.float64) for of in pair),
      channel_axis=2,
      gaussian_weights=True,
      sigma=1.5,
      use_sample_covariance=False,
      data_range=1.0,
      full=True,
    )[1][5:-5, 5:-5]
    for pair in zip(got, want)
  ]
  return 1.0 - np.mean(found)


ORACLES = {
  'mse': lambda got, want: np.mean(np.square(got - want, dtype=np.float64)),
  'l1': lambda got, want: np.mean(np.abs(got - want), dtype=np.float64),
  'cie76': _difference('CIE 1976'),
  'ciede2000': _difference('CIE 2000'),
  'ssim': _dissimilarity,
}


class ParametersTest(parameterized.TestCase):
  @parameterized.parameters((8, 2_128_768), (33, 56_647_843))
  def test_the_notebooks_are_counted(self, size, total):
    counts = model.parameters(model.notebook(size))
    self.assertEqual(sum(counts.values()), total)
    self.assertEqual(
      list(counts),
      ['block0', 'block1', 'block2', 'stem', 'head layer 1', 'head layer 2'],
    )
    self.assertEqual(counts['head layer 1'], 256 * 512 + 512)
    self.assertEqual(counts['head layer 2'], 513 * 3 * size**3)
    self.assertEqual(counts['stem'], 3 * 9 * 32 + 32 + 2 * 32)
    trunk = sum(n for name, n in counts.items() if not name.startswith('head'))
    self.assertEqual(trunk, 1_209_216)

  def test_what_all_pictures_share_is_counted(self):
    counts = model.parameters(FORM)
    self.assertEqual(counts['head lattice'], 3 * 5**3)
    self.assertEqual(counts['head curves'], 3 * 3 * 5)
    self.assertEqual(counts['head layer 1'], (2 * 4 + 3 * 4 + 6 + 1) * 8)
    self.assertEqual(model.parameters(CONSTANT), {'head lattice': 3 * 5**3})


class LossTest(parameterized.TestCase):
  @parameterized.parameters(*ORACLES)
  def test_the_error_is_that_of_other_libraries(self, name):
    if colour is None and name not in ('mse', 'l1'):
      self.skipTest('needs colour-science and scikit-image')
    config = _plain(name)
    start = {'head': {'lattice': np.zeros((5, 5, 5, 3), np.float32)}}
    got, (_, told) = _loss(config)(start, _batch(_target()))
    want = float(ORACLES[name](_PHOTOS, _target()))
    self.assertGreater(want, 1e-3)
    self.assertAlmostEqual(float(got), want, delta=1e-3 * want)
    self.assertEqual(float(told['error']), float(got))

  def test_lattices_have_a_price(self):
    config = dataclasses.replace(
      CONSTANT,
      loss='mse',
      smoothness=0.3,
      bending=0.5,
      monotonicity=0.7,
      neutrality=0.9,
      all_axes=True,
    )
    params = _drawn(config).params
    made = (IDENTITY + params['head']['lattice']).astype(np.float64)
    steps = [np.diff(made, axis=axis) for axis in range(3)]
    ends = np.array([2.0, 1.0, 1.0, 2.0])
    weights = [
      ends.reshape([-1 if i == axis else 1 for i in range(4)]) for axis in range(3)
    ]
    smooth = sum(np.mean(step**2 * weight) for step, weight in zip(steps, weights))
    bent = sum(np.mean(np.diff(made, n=2, axis=axis) ** 2) for axis in range(3))
    fall = sum(np.mean(np.maximum(-step, 0.0)) for step in steps)
    greys = np.array([made[i, i, i] for i in range(5)])
    tint = np.mean(np.var(greys, axis=-1))
    want = 0.3 * smooth + 0.5 * bent + 0.7 * fall + 0.9 * tint
    loss, (_, told) = _loss(config)(params, _batch(_target()))
    self.assertAlmostEqual(float(loss - told['error']), want, delta=1e-4 * want)

  @parameterized.parameters(
    ('mse', 0.01), ('l1', 1.0), ('cie76', 100.0), ('ciede2000', 50.0), ('ssim', 1.0)
  )
  def test_the_usual_price_suits_the_loss(self, name, bending):
    usual = dataclasses.replace(CONSTANT, loss=name)
    said = dataclasses.replace(usual, bending=bending, monotonicity=0.01 * bending)
    weights = [[w for w, _ in model._penalties(of)] for of in (usual, said)]
    np.testing.assert_allclose(*weights)

  def test_two_nodes_do_not_bend(self):
    config = dataclasses.replace(CONSTANT, head=heads.Shape('constant', 2))
    loss, (_, told) = _loss(config)(_drawn(config, 0.0).params, _batch(_target()))
    self.assertAlmostEqual(float(loss), float(told['error']), places=6)

  def test_mixing_has_a_price(self):
    head = heads.Shape('basis', 5, (), bases=2)
    config = dataclasses.replace(
      FORM, head=head, loss='mse', bending=0.0, monotonicity=0.0, energy=0.5
    )
    params = _drawn(config).params
    params['head']['layers'] = [
      {
        'weight': np.zeros((config.features, 2), np.float32),
        'bias': np.float32([1.0, 3.0]),
      }
    ]
    loss, (_, told) = _loss(config)(params, _batch(_target()))
    self.assertAlmostEqual(float(loss - told['error']), 0.5 * 5.0, places=4)

  @parameterized.product(
    interpolation=('trilinear', 'tetrahedral'), name=('mse', 'cie76')
  )
  def test_slopes_of_a_lattice_are_those_of_differences(self, interpolation, name):
    config = dataclasses.replace(_plain(name), interpolation=interpolation)
    # Within [0, 1], where nothing is cut.
    params = {'head': {'lattice': (0.3 + 0.4 * IDENTITY - IDENTITY)}}
    way = np.random.default_rng(2).normal(size=(5, 5, 5, 3)).astype(np.float32)
    self._check_slope(config, params, {'head': {'lattice': way}}, 1e-2, 1e-2)

  def test_slopes_of_the_network_are_those_of_differences(self):
    config = dataclasses.replace(FORM, loss='mse', bending=0.0, monotonicity=0.0)
    params = _drawn(config).params
    rng = np.random.default_rng(2)
    way = jax.tree.map(
      lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params
    )
    self._check_slope(config, params, way, 1e-3, 5e-2)

  def _check_slope(self, config, params, way, step, share):
    batch = _batch(_target())
    each = jax.tree.map(jnp.vdot, _slopes(config)(params, batch), way)
    got = float(sum(jax.tree.leaves(each)))
    ends = [
      float(_loss(config)(jax.tree.map(lambda p, w: p + s * w, params, way), batch)[0])
      for s in (step, -step)
    ]
    want = (ends[0] - ends[1]) / (2 * step)
    self.assertGreater(abs(want), 1e-3)
    self.assertAlmostEqual(got, want, delta=share * abs(want))

  def test_what_is_cut_keeps_its_slope(self):
    config = _plain('mse')
    # Far beyond white, and all of it is cut there.
    params = {'head': {'lattice': np.full((5, 5, 5, 3), 1.5, np.float32)}}
    loss, _ = _loss(config)(params, _batch(_target()))
    want = np.mean(np.square(1.0 - _target(), dtype=np.float64))
    self.assertAlmostEqual(float(loss), want, places=5)
    slope = np.asarray(_slopes(config)(params, _batch(_target()))['head']['lattice'])
    # One lattice for all: its slope is the sum over nodes, that of the mean error.
    total = 2.0 * np.mean(1.0 - _target(), axis=(0, 1, 2)) / 3
    np.testing.assert_allclose(slope.sum(axis=(0, 1, 2)), total, rtol=1e-3)
    made = _lattices(config, Variables(params), _PHOTOS[:2])
    np.testing.assert_array_equal(made, 1.0)

  def test_statistics_move_in_training_alone(self):
    network = dataclasses.replace(FORM.network, norm='batch')
    config = dataclasses.replace(FORM, network=network)
    params, stats = _drawn(config)
    train = jax.jit(functools.partial(model.loss, config))
    _, (moved, _) = train(params, stats, _batch(_target()), jax.random.key(0))
    for one, other in zip(jax.tree.leaves(stats), jax.tree.leaves(moved)):
      self.assertGreater(np.abs(one - other).max(), 1e-4)


class ApplyTest(parameterized.TestCase):
  def test_colours_are_those_of_the_picture_unless_others_are_given(self):
    variables = _drawn(FORM)
    got = _apply(FORM, variables, {'image': _PHOTOS[:2]})
    self.assertEqual(got.shape, (2, 16, 16, 3))
    same = _apply(FORM, variables, {'image': _PHOTOS[:2], 'rgb': _PHOTOS[:2]})
    np.testing.assert_array_equal(got, same)
    # At the nodes, colours are the lattice's: red first.
    nodes = np.stack([IDENTITY] * 2)
    got = _apply(FORM, variables, {'image': _PHOTOS[:2], 'rgb': nodes})
    made = np.asarray(_lattices(FORM, variables, _PHOTOS[:2]))
    np.testing.assert_allclose(got, made, atol=1e-6)
    self.assertGreater(np.abs(made - np.swapaxes(made, 1, 3)).max(), 0.05)
    np.testing.assert_allclose(got[0, 3, 0, 1], made[0, 3, 0, 1], atol=1e-6)

  @parameterized.parameters('none', 'batch', 'group')
  def test_lattices_do_not_depend_on_the_batch(self, norm):
    network = dataclasses.replace(FORM.network, norm=norm)
    config = dataclasses.replace(FORM, network=network)
    variables = _drawn(config)
    together = _lattices(config, variables, _PHOTOS[:2])
    predict = jax.jit(functools.partial(model.predict_lattice, config))
    alone = predict(variables, _PHOTOS[1])
    np.testing.assert_allclose(alone, together[1], atol=1e-5)
    self.assertGreater(float(jnp.abs(together[0] - together[1]).max()), 1e-3)
    self.assertBetween(float(together.min()), 0.0, 0.5)
    self.assertBetween(float(together.max()), 0.5, 1.0)

  def test_the_head_sees_levels_and_means(self):
    found = np.zeros((5, 2), np.float32)
    see = jax.jit(functools.partial(model._beside_histogram, FORM))
    got = np.asarray(see(found, _PHOTOS))
    self.assertEqual(got.shape, (5, 2 + 3 * 4 + 6))
    shares = got[:, 2:14].reshape(5, 3, 4)
    flat = _PHOTOS.reshape(5, -1, 3).astype(np.float64)
    for picture in range(5):
      for channel in range(3):
        want = np.zeros(4)
        for value in 3.0 * flat[picture, :, channel]:
          below = min(int(value), 2)
          want[below] += 1.0 - (value - below)
          want[below + 1] += value - below
        np.testing.assert_allclose(shares[picture, channel], want / 256, atol=1e-5)
    coded = np.log(flat.mean(axis=1) + 1e-3)
    light = np.where(flat <= 0.04045, flat / 12.92, ((flat + 0.055) / 1.055) ** 2.4)
    linear = np.log(light.mean(axis=1) + 1e-3)
    np.testing.assert_allclose(got[:, 14:17], coded, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got[:, 17:], linear, rtol=1e-4, atol=1e-4)


class ConfigTest(parameterized.TestCase):
  @parameterized.parameters(
    ({'side': 8}, 'side'),
    ({'histogram': 1}, '2 bins or more'),
    ({'bending': -1.0}, 'bending'),
    ({'head': heads.Shape('dense', 2), 'bending': 1.0}, 'no bending with 2 nodes'),
    ({'head': heads.Shape('library')}, 'a library for a head of that kind alone'),
    ({'library': 'looks.lutjax'}, 'a library for a head of that kind alone'),
    ({'energy': 1.0}, 'energy of a head that mixes lattices alone, got factors'),
    ({'all_axes': True, 'monotonicity': 0.0}, 'all_axes with a weight'),
  )
  def test_refuses_what_does_not_fit(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      dataclasses.replace(FORM, **fields)

  def test_an_opened_library_is_the_same_config(self):
    head = heads.Shape('library', 5)
    library = LookLibrary(lambda code, rgb: rgb, 1, np.zeros(1), np.ones(1))
    held = model.Held('looks.lutjax', b'content')
    shut = dataclasses.replace(FORM, head=head, held=held)
    opened = dataclasses.replace(
      shut, held=dataclasses.replace(held, functions=library)
    )
    self.assertIsNone(shut.functions)
    self.assertIs(opened.functions, library)
    self.assertEqual(shut, opened)
    self.assertEqual(hash(shut), hash(opened))

  def test_the_notebook_is_as_published(self):
    config = model.notebook()
    self.assertEqual((config.side, config.head.size, config.loss), (256, 33, 'mse'))
    self.assertEqual(config.interpolation, 'trilinear')
    self.assertTrue(config.head.bounded)
    self.assertEqual([weight for weight, _ in model._penalties(config)], [0.0] * 4)


if __name__ == '__main__':
  absltest.main()
