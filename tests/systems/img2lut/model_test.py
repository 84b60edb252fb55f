"""The model's losses and lattices against other libraries."""

import dataclasses
import functools
import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model
from lutjax.types import Variables

try:
  import colour
  import PyOpenColorIO as ocio
  from skimage import metrics
except ImportError:
  colour = metrics = ocio = None

S = 16
IDENTITY = lattice.identity(5)
FORM = model.Config(
  side=S,
  network=resnet.Shape(stem=4, widths=(4,)),
  histogram=4,
  head=heads.Shape('dense', size=5, hidden=(8,)),
  bending=0.0,
  monotonicity=0.0,
)
RNG = np.random.default_rng(0)
BATCH = {
  'image': RNG.uniform(size=(2, S, S, 3)).astype(np.float32),
  'rgb': RNG.uniform(size=(2, S * S, 3)).astype(np.float32),
  'target': RNG.uniform(size=(2, S * S, 3)).astype(np.float32),
}
loss = jax.jit(model.loss, static_argnums=0)
lattices = jax.jit(model.lattices, static_argnums=0)


@functools.cache
def _drawn(form=FORM):
  """Random numbers in the form of a model, nothing compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda key: model.init(form, key), jax.random.key(0))
  params = jax.tree.map(
    lambda leaf: rng.normal(0.0, 0.3, leaf.shape).astype(np.float32), shapes.params
  )
  stats = jax.tree.map(
    lambda leaf: rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32), shapes.stats
  )
  return Variables(params, stats)


def _start(form=FORM):
  """The same, but that a dense head gives the identity."""
  params, stats = jax.tree.map(lambda leaf: leaf, _drawn(form))
  params['head']['layers'][-1] = jax.tree.map(
    np.zeros_like, params['head']['layers'][-1]
  )
  return Variables(params, stats)


def _lab(rgb):
  xyz = colour.RGB_to_XYZ(rgb.astype(np.float64), 'sRGB', apply_cctf_decoding=True)
  white = colour.CCS_ILLUMINANTS['CIE 1931 2 Degree Standard Observer']['D65']
  return colour.XYZ_to_Lab(xyz, white)


class LossTest(parameterized.TestCase):
  @unittest.skipIf(colour is None, 'needs colour-science and scikit-image')
  @parameterized.parameters('mse', 'l1', 'cie76', 'ciede2000', 'ssim')
  def test_errors_are_those_of_other_libraries(self, name):
    form = dataclasses.replace(FORM, loss=name)
    # The lattice is the identity.
    got, (_, told) = loss(form, _start().params, {}, BATCH, None)
    one, other = (BATCH[key].astype(np.float64) for key in ('rgb', 'target'))
    if name == 'ssim':
      pictures = [of.reshape(2, S, S, 3) for of in (one, other)]
      each = []
      for a, b in zip(*pictures):
        _, full = metrics.structural_similarity(
          a,
          b,
          channel_axis=2,
          gaussian_weights=True,
          sigma=1.5,
          use_sample_covariance=False,
          data_range=1.0,
          full=True,
        )
        each.append(full[5:-5, 5:-5].mean())
      want = 1 - np.mean(each)
    elif name in ('mse', 'l1'):
      want = np.mean(np.abs(one - other) ** (2 if name == 'mse' else 1))
    else:
      method = {'cie76': 'CIE 1976', 'ciede2000': 'CIE 2000'}[name]
      want = np.mean(colour.delta_E(_lab(one), _lab(other), method=method))
    np.testing.assert_allclose(got, want, rtol=2e-4)
    np.testing.assert_allclose(told['error'], want, rtol=2e-4)

  def test_penalties_have_their_weights(self):
    params = _drawn().params
    plain, (_, told) = loss(FORM, params, {}, BATCH, None)
    self.assertEqual(plain, told['error'])
    given = model._features(FORM, Variables(params, {}), BATCH['image'])
    raw = np.float64(heads.apply(FORM.head, params['head'], given, None))
    bends = [np.mean(np.diff(raw, 2, axis=axis) ** 2) for axis in (1, 2, 3)]
    falls = [
      np.mean(np.maximum(-np.diff(raw[..., c], axis=1 + c), 0)) for c in range(3)
    ]
    weighed = dataclasses.replace(FORM, bending=3.0, monotonicity=0.5)
    priced, (_, told) = loss(weighed, params, {}, BATCH, None)
    want = 3.0 * sum(bends) + 0.5 * sum(falls)
    np.testing.assert_allclose(priced - told['error'], want, rtol=1e-3)
    usual = dataclasses.replace(FORM, bending=None, monotonicity=None)
    priced, (_, told) = loss(usual, params, {}, BATCH, None)
    want = 100.0 * sum(bends) + 1.0 * sum(falls)
    np.testing.assert_allclose(priced - told['error'], want, rtol=1e-3)

  def test_the_other_penalties_have_theirs(self):
    form = dataclasses.replace(
      FORM,
      head=heads.Shape('basis', size=5, hidden=(8,), bases=2),
      smoothness=0.3,
      monotonicity=0.7,
      all_axes=True,
      neutrality=0.9,
      energy=0.5,
    )
    variables = _drawn(form)
    given = model._features(form, variables, BATCH['image'])
    head = jax.tree.map(np.float64, variables.params['head'])
    hidden = np.float64(given)
    for i, layer in enumerate(head['layers']):
      hidden = (np.maximum(hidden, 0) if i else hidden) @ layer['weight']
      hidden += layer['bias']
    bases = head['bases'] + np.array([1.0, 0.0])[:, None, None, None, None] * IDENTITY
    raw = np.tensordot(hidden, bases, 1)
    ends = np.array([2.0, 1.0, 1.0, 2.0])
    steps = [np.moveaxis(np.diff(raw, axis=axis), axis, -1) for axis in (1, 2, 3)]
    greys = np.array([[table[i, i, i] for i in range(5)] for table in raw])
    want = (
      0.3 * sum(np.mean(step**2 * ends) for step in steps)
      + 0.7 * sum(np.mean(np.maximum(-step, 0)) for step in steps)
      + 0.9 * np.mean(np.var(greys, axis=-1))
      + 0.5 * np.mean(hidden**2)
    )
    priced, (_, told) = loss(form, variables.params, {}, BATCH, None)
    np.testing.assert_allclose(priced - told['error'], want, rtol=1e-3)

  def test_two_nodes_have_no_price_of_bending(self):
    form = dataclasses.replace(
      FORM, head=heads.Shape('constant', size=2), bending=None, monotonicity=None
    )
    start = {'head': {'lattice': np.zeros((2, 2, 2, 3), np.float32)}}
    priced, (_, told) = loss(form, start, {}, BATCH, None)
    np.testing.assert_allclose(priced, told['error'], rtol=1e-6)

  def test_slopes_of_the_network_are_those_of_differences(self):
    head = heads.Shape('factors', size=5, hidden=(8,), rank=3)
    form = dataclasses.replace(FORM, head=head, loss='mse', interpolation='trilinear')
    rng = np.random.default_rng(2)
    params = jax.tree.map(np.asarray, _start(form).params)
    # Half of the identity and a little more, so that no node is cut.
    params['head']['lattice'] = 0.25 - 0.5 * IDENTITY
    last = params['head']['layers'][-1]
    last['weight'] = rng.normal(0.0, 0.02, last['weight'].shape).astype(np.float32)
    way = jax.tree.map(
      lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params
    )

    def value(step):
      moved = jax.tree.map(lambda leaf, along: leaf + step * along, params, way)
      return model.loss(form, moved, {}, BATCH, None)[0]

    run, slope = jax.jit(value), jax.jit(jax.grad(value))
    want = (run(1e-3) - run(-1e-3)) / 2e-3
    self.assertGreater(abs(want), 1e-3)
    np.testing.assert_allclose(slope(0.0), want, rtol=0.02)

  def test_statistics_move_in_training(self):
    norm = dataclasses.replace(FORM.network, norm='batch')
    form = dataclasses.replace(FORM, network=norm)
    params, stats = _drawn(form)
    _, (moved, _) = loss(form, params, stats, BATCH, None)
    for one, other in zip(jax.tree.leaves(stats), jax.tree.leaves(moved)):
      self.assertGreater(np.abs(one - other).max(), 1e-4)

  def test_slopes_are_those_of_differences(self):
    form = dataclasses.replace(FORM, loss='mse')
    # Half of the identity: no node is cut.
    variables = _start()
    bias = np.zeros(375, np.float32) - 0.0
    bias = (
      bias + 0.25 - 0.5 * np.indices((5, 5, 5)).transpose(1, 2, 3, 0).reshape(-1) / 4
    )

    def at(bias):
      params = jax.tree.map(lambda leaf: leaf, variables.params)
      params['head']['layers'][-1]['bias'] = bias
      return model.loss(form, params, {}, BATCH, None)[0]

    value = jax.jit(at)
    slopes = jax.jit(jax.grad(at))(bias)
    for i in (0, 187, 374, 200):
      step = np.zeros(375, np.float32)
      step[i] = 0.05
      want = (value(bias + step) - value(bias - step)) / 0.1
      self.assertAlmostEqual(float(slopes[i]), float(want), delta=2e-5)

  def test_cut_nodes_still_have_a_slope(self):
    variables = jax.tree.map(lambda leaf: leaf, _start())
    variables.params['head']['layers'][-1]['bias'] = jnp.full(375, 2.0)
    self.assertEqual(lattices(FORM, variables, BATCH['image']).max(), 1.0)
    form = dataclasses.replace(FORM, loss='mse')
    slopes = jax.jit(
      jax.grad(lambda params: model.loss(form, params, {}, BATCH, None)[0])
    )(variables.params)
    last = slopes['head']['layers'][-1]['bias']
    self.assertTrue((last >= 0).all())
    self.assertGreater(float(last.max()), 0.0)


class LatticesTest(parameterized.TestCase):
  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_pictures_go_through_their_own_lattice(self):
    made = np.asarray(lattices(FORM, _drawn(), BATCH['image']))
    self.assertGreater(np.abs(made[0] - made[1]).max(), 1e-3)
    got = jax.jit(model.apply, static_argnums=0)(
      FORM, _drawn(), {'image': BATCH['image']}
    )
    for table, image, out in zip(made, BATCH['image'], got):
      lut = ocio.Lut3DTransform(gridSize=5)
      lut.setInterpolation(ocio.INTERP_TETRAHEDRAL)
      lut.setData(table.ravel())
      want = image.copy()
      processor = ocio.Config.CreateRaw().getProcessor(lut)
      processor.getDefaultCPUProcessor().applyRGB(want)
      np.testing.assert_allclose(out, want, atol=2e-6)

  def test_a_picture_does_not_depend_on_its_batch(self):
    norm = dataclasses.replace(FORM.network, norm='batch')
    form = dataclasses.replace(FORM, network=norm)
    many = lattices(form, _drawn(form), BATCH['image'])
    one = model.predict_lattice(form, _drawn(form), BATCH['image'][1])
    np.testing.assert_allclose(one, many[1], atol=1e-6)

  def test_the_head_sees_a_histogram_and_mean_levels(self):
    pictures = np.full((1, S, S, 3), [0.5, 1 / 3, 0.0], np.float32)
    seen = np.asarray(model._beside_histogram(FORM, jnp.zeros((1, 2)), pictures))[0]
    self.assertLen(seen, 2 + 3 * 4 + 6)
    np.testing.assert_allclose(seen[2:6], [0, 0.5, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(seen[6:10], [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(seen[10:14], [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(
      seen[14:17], np.log(np.array([0.5, 1 / 3, 0]) + 1e-3), rtol=1e-5
    )
    np.testing.assert_allclose(seen[17], np.log(0.2140411 + 1e-3), rtol=1e-5)
    self.assertEqual(FORM.features, FORM.network.features + 3 * 4 + 6)

  @parameterized.parameters((8, 2_128_768), (33, 56_647_843))
  def test_the_parameters_of_the_notebook(self, size, want):
    counts = model.parameters(model.notebook(size))
    self.assertEqual(sum(counts.values()), want)
    self.assertEqual(counts['stem'], 896 + 64)
    self.assertEqual(counts['head layer 1'], 131_584)

  @parameterized.parameters(
    ({'histogram': 1}, 'histogram of 2 bins or more'),
    ({'library': 'x'}, 'a library for a head of that kind alone'),
    ({'head': heads.Shape('library')}, 'a library for a head of that kind alone'),
    ({'head': heads.Shape(size=2), 'bending': 1.0}, 'no bending with 2 nodes'),
    ({'energy': 1.0}, 'energy of a head that mixes lattices alone, got dense'),
    ({'all_axes': True}, 'all_axes with a weight of monotonicity'),
    ({'side': 4}, r'side in \[16, 1024\]'),
  )
  def test_refuses(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      dataclasses.replace(FORM, **fields)


if __name__ == '__main__':
  absltest.main()
