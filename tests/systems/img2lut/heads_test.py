"""Each head against what it says, computed node by node in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice
from lutjax.systems.img2lut import heads
from lutjax.types import LookLibrary

FEATURES = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
IDENTITY = lattice.identity(4).astype(np.float64)
DENSE = heads.Shape('dense', 4, (5,))
SHAPES = {
  'dense': DENSE,
  'bounded': heads.Shape('dense', 4, (5,), bounded=True),
  'notebook': heads.Shape('dense', 4, (5,), bounded=True, residual=False),
  'raw': heads.Shape('dense', 4, (5,), residual=False),
  'basis': heads.Shape('basis', 4, (5,), bases=3),
  'compressed': heads.Shape('compressed', 4, (5,), bases=2, ranks=(2, 3)),
  'factors': heads.Shape('factors', 4, (5,), rank=4),
  'constant': heads.Shape('constant', 4, (5,)),
  'library': heads.Shape('library', 4, (5,)),
}
# Two numbers of a code: a gain, and what is taken from blue for red.
LIBRARY = LookLibrary(
  lambda code, rgb: code[0] * rgb + code[1] * rgb[..., 2:] * jnp.array([1.0, 0.0, 0.0]),
  2,
  np.array([1.0, 0.25], np.float32),
  np.array([0.5, 0.1], np.float32),
)


def _library(name):
  return LIBRARY if name == 'library' else None


@functools.cache
def _program(name):
  return jax.jit(
    lambda params, features: heads.apply(SHAPES[name], params, features, _library(name))
  )


@functools.cache
def _start(name):
  made = jax.jit(lambda key: heads.init(key, SHAPES[name], 6, _library(name)))
  return jax.device_get(made(jax.random.key(0)))


def _drawn(name, spread=0.5):
  """A head with nothing at zero."""
  rng = np.random.default_rng(3)
  shapes = jax.eval_shape(
    lambda: heads.init(jax.random.key(0), SHAPES[name], 6, _library(name))
  )
  return jax.tree.map(
    lambda leaf: rng.normal(0.0, spread, leaf.shape).astype(np.float32), shapes
  )


def _given(params):
  """What the layers say of the features, in float64."""
  (first, last) = jax.tree.map(lambda leaf: leaf.astype(np.float64), params['layers'])
  hidden = np.maximum(FEATURES @ first['weight'] + first['bias'], 0.0)
  return hidden @ last['weight'] + last['bias']


def _nodes():
  return np.ndindex(4, 4, 4)


class HeadsTest(parameterized.TestCase):
  @parameterized.parameters('dense', 'bounded', 'basis', 'compressed', 'factors')
  def test_starts_at_the_identity_whatever_is_seen(self, name):
    got = _program(name)(_start(name), FEATURES)
    self.assertEqual((got.shape, got.dtype), ((2, 4, 4, 4, 3), np.float32))
    # A sigmoid never gets to 0 and 1.
    atol = 1.01 / 512 if name == 'bounded' else 1e-6
    np.testing.assert_allclose(got, np.stack([IDENTITY] * 2), atol=atol)

  @parameterized.parameters('dense', 'bounded', 'basis', 'compressed', 'factors')
  def test_what_starts_at_the_identity_can_leave_it(self, name):
    program = _program(name)
    want = 1.0 - IDENTITY[..., ::-1]

    def error(params):
      return jnp.mean(jnp.square(program(params, FEATURES) - want))

    slopes = jax.jit(jax.grad(error))(_start(name))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(slopes))
    self.assertGreater(largest, 1e-4)
    # The picture counts from the first step on, or from the second, once what is
    # common to all has moved.
    moved = jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, _start(name), slopes)
    one, other = program(moved, FEATURES)
    self.assertGreater(float(jnp.abs(one - other).max()), 1e-5)

  @parameterized.parameters(*SHAPES)
  def test_a_picture_decides_as_many_numbers_as_said(self, name):
    shape = SHAPES[name]
    count = heads.outputs(shape, _library(name))
    if name == 'constant':
      self.assertEqual(count, 0)
      self.assertEqual(set(_drawn(name)), {'lattice'})
      return
    self.assertEqual(_drawn(name)['layers'][-1]['bias'].shape, (count,))
    want = {'basis': 3, 'compressed': 2, 'factors': 4 * 3 * 5, 'library': 2}
    self.assertEqual(count, want.get(name, 3 * 4**3))

  def test_dense_numbers_are_indexed_red_green_blue(self):
    params = _drawn('dense')
    given = _given(params).reshape(2, 4, 4, 4, 3)
    got = _program('dense')(params, FEATURES)
    np.testing.assert_allclose(got, given + IDENTITY, rtol=1e-5, atol=1e-5)
    raw = _program('raw')(params, FEATURES)
    np.testing.assert_allclose(raw, given, rtol=1e-5, atol=1e-5)

  @parameterized.parameters('bounded', 'notebook')
  def test_a_bound_is_a_sigmoid(self, name):
    params = _drawn(name)
    raw = _given(params).reshape(2, 4, 4, 4, 3)
    if name == 'bounded':
      inner = np.clip(IDENTITY, 1 / 512, 511 / 512)
      raw = raw + np.log(inner / (1.0 - inner))
    got = np.asarray(_program(name)(params, FEATURES))
    np.testing.assert_allclose(got, 1.0 / (1.0 + np.exp(-raw)), rtol=1e-5, atol=1e-6)
    self.assertGreater(got.min(), 0.0)
    self.assertLess(got.max(), 1.0)
    far = np.asarray(_program(name)(_drawn(name, 20.0), FEATURES))
    self.assertTrue(np.isfinite(far).all())
    self.assertBetween(far.min(), 0.0, 0.1)
    self.assertBetween(far.max(), 0.9, 1.0)

  def test_a_basis_is_mixed_with_the_weights_of_the_picture(self):
    params = _drawn('basis')
    bases = params['bases'].astype(np.float64)
    bases[0] += IDENTITY
    want = np.zeros((2, 4, 4, 4, 3))
    for picture, weights in enumerate(_given(params)):
      for weight, base in zip(weights, bases):
        want[picture] += weight * base
    got = _program('basis')(params, FEATURES)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)

  def test_compressed_lattices_are_of_low_rank_along_each_channels_axis(self):
    params = _drawn('compressed')
    own, others, cores = (
      params[name].astype(np.float64) for name in ('own', 'others', 'cores')
    )
    bases = np.zeros((2, 4, 4, 4, 3))
    for k in range(2):
      for place in _nodes():
        for channel in range(3):
          along = place[channel]
          # The two others in their order: green and blue, red and blue, red and green.
          first, second = (at for axis, at in enumerate(place) if axis != channel)
          value = 0.0
          for s in range(2):
            for w in range(3):
              value += (
                own[along, s] * cores[k, channel, s, w] * others[w, 4 * first + second]
              )
          bases[(k, *place, channel)] = value
    bases[0] += IDENTITY
    want = np.einsum('bk,krgpc->brgpc', _given(params), bases)
    got = _program('compressed')(params, FEATURES)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)

  def test_factors_are_products_of_a_curve_for_each_axis(self):
    params = _drawn('factors')
    given = _given(params)
    want = np.zeros((2, 4, 4, 4, 3))
    for picture in range(2):
      changes = given[picture, : 4 * 3 * 4].reshape(4, 3, 4)
      colours = given[picture, 4 * 3 * 4 :].reshape(4, 3)
      curves = params['curves'].astype(np.float64) + changes
      for r, g, b in _nodes():
        for i in range(4):
          product = curves[i, 0, r] * curves[i, 1, g] * curves[i, 2, b]
          want[picture, r, g, b] += product * colours[i]
    want += IDENTITY + params['lattice']
    got = _program('factors')(params, FEATURES)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)

  def test_curves_start_as_waves_along_one_axis(self):
    curves = _start('factors')['curves']
    waves = np.cos(np.pi * np.arange(4) / 3)
    for i in range(3):
      for axis in range(3):
        want = waves if axis == i else np.ones(4)
        np.testing.assert_allclose(curves[i, axis], want, atol=1e-6)
    np.testing.assert_allclose(curves[3, 0], np.cos(2 * np.pi * np.arange(4) / 3))

  def test_a_constant_is_the_same_for_every_picture(self):
    np.testing.assert_array_equal(_start('constant')['lattice'], 0.0)
    params = _drawn('constant')
    want = np.stack([params['lattice'] + IDENTITY] * 2)
    got = _program('constant')(params, np.zeros((2, 0), np.float32))
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_a_library_decodes_codes_around_its_start(self):
    got = _program('library')(_start('library'), FEATURES)
    want = IDENTITY + 0.25 * IDENTITY[..., 2:] * [1.0, 0.0, 0.0]
    np.testing.assert_allclose(got, np.stack([want] * 2), atol=1e-6)
    params = _drawn('library')
    codes = LIBRARY.start + LIBRARY.spread * _given(params)
    got = _program('library')(params, FEATURES)
    for picture, (gain, mixed) in enumerate(codes):
      want = gain * IDENTITY + mixed * IDENTITY[..., 2:] * [1.0, 0.0, 0.0]
      np.testing.assert_allclose(got[picture], want, rtol=1e-5, atol=1e-5)

  @parameterized.parameters('basis', 'compressed', 'factors')
  def test_the_energy_is_that_of_the_weights(self, name):
    params = _drawn(name)
    want = 0.0 if name == 'factors' else np.mean(_given(params) ** 2)
    got = heads.bases_energy(SHAPES[name], params, FEATURES)
    self.assertAlmostEqual(float(got), want, delta=1e-5 * (1.0 + want))

  def test_refuses_what_does_not_fit(self):
    with self.assertRaisesRegex(ValueError, 'a dense head alone, got factors'):
      heads.Shape('factors', bounded=True)
    with self.assertRaisesRegex(ValueError, 'a dense head alone, got basis'):
      heads.Shape('basis', residual=False)
    with self.assertRaisesRegex(ValueError, 'size'):
      heads.Shape(size=1)
    with self.assertRaisesRegex(ValueError, 'units and ranks of 1 or more'):
      heads.Shape(ranks=(0, 3))
    with self.assertRaisesRegex(ValueError, 'Expected a look library'):
      heads.outputs(SHAPES['library'], None)


if __name__ == '__main__':
  absltest.main()
