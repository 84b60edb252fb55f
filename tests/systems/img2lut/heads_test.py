"""Heads against loops in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.lut import lattice
from lutjax.systems.img2lut import heads
from lutjax.types import LookLibrary

N, FEATURES = 4, 6
GIVEN = np.random.default_rng(0).normal(size=(2, FEATURES)).astype(np.float32)
# Lifts colours by powers: one number for each channel.
LIBRARY = LookLibrary(
  lambda code, rgb: jnp.maximum(rgb, 1e-3) ** jnp.exp(code),
  3,
  np.array([0.1, 0.0, -0.2], np.float32),
  np.array([1.0, 2.0, 0.5], np.float32),
)
SHAPES = {
  'dense': heads.Shape('dense', N, (8,)),
  'bounded': heads.Shape('dense', N, (8,), bounded=True),
  'basis': heads.Shape('basis', N, (8,), bases=3),
  'compressed': heads.Shape('compressed', N, (8,), bases=3, ranks=(2, 5)),
  'factors': heads.Shape('factors', N, (8,), rank=4),
  'constant': heads.Shape('constant', N, (8,)),
}
apply = jax.jit(heads.apply, static_argnums=0)


@functools.cache
def _start(name):
  made = jax.jit(lambda key: heads.init(key, SHAPES[name], FEATURES, None))
  return jax.device_get(made(jax.random.key(0)))


@functools.cache
def _drawn(name):
  """Random numbers in the form of a head, nothing compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(
    lambda: heads.init(jax.random.key(0), SHAPES[name], FEATURES, None)
  )
  return jax.tree.map(
    lambda leaf: rng.normal(0.0, 0.7, leaf.shape).astype(np.float32), shapes
  )


def _outputs(params):
  """What the layers make of `GIVEN`, in float64."""
  hidden = GIVEN.astype(np.float64)
  for i, layer in enumerate(params['layers']):
    hidden = hidden @ np.float64(layer['weight']) + np.float64(layer['bias'])
    if i < len(params['layers']) - 1:
      hidden = np.maximum(hidden, 0)
  return hidden


class HeadsTest(parameterized.TestCase):
  @parameterized.parameters(*SHAPES)
  def test_starts_as_the_identity_whatever_the_picture(self, name):
    got = apply(SHAPES[name], _start(name), GIVEN, None)
    want = np.broadcast_to(lattice.identity(N), (2, N, N, N, 3))
    atol = 1 / 500 if name == 'bounded' else 1e-6
    np.testing.assert_allclose(got, want, atol=atol)

  @parameterized.parameters(*(name for name in SHAPES if name != 'constant'))
  def test_every_parameter_can_move(self, name):
    params = _drawn(name)

    def total(params):
      made = heads.apply(SHAPES[name], params, GIVEN, None)
      return jnp.sum(jnp.sin(3 * made))

    for leaf in jax.tree.leaves(jax.jit(jax.grad(total))(params)):
      self.assertGreater(np.abs(leaf).max(), 0.0)

  @parameterized.parameters(*(name for name in SHAPES if name != 'constant'))
  def test_what_starts_as_the_identity_leaves_it_by_the_picture(self, name):
    want = 1.0 - lattice.identity(N)[..., ::-1]

    def moved(params):
      def error(params):
        made = heads.apply(SHAPES[name], params, GIVEN, None)
        return jnp.mean(jnp.square(made - want))

      slopes = jax.grad(error)(params)
      return jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, params, slopes)

    made = apply(SHAPES[name], jax.jit(moved)(_start(name)), GIVEN, None)
    # One step is enough for two pictures to differ.
    self.assertGreater(float(jnp.abs(made[0] - made[1]).max()), 1e-5)

  def test_curves_start_as_waves_along_one_axis_in_turn(self):
    want = np.ones((4, 3, N))
    for i, (axis, count) in enumerate([(0, 1), (1, 1), (2, 1), (0, 2)]):
      want[i, axis] = np.cos(np.pi * count * np.arange(N) / (N - 1))
    np.testing.assert_allclose(_start('factors')['curves'], want, atol=1e-6)

  def test_a_bound_holds_however_large_the_numbers(self):
    params = jax.tree.map(lambda leaf: 100 * leaf, _drawn('bounded'))
    made = np.asarray(apply(SHAPES['bounded'], params, GIVEN, None))
    self.assertTrue(np.isfinite(made).all())
    self.assertBetween(made.min(), 0.0, 0.01)
    self.assertBetween(made.max(), 0.99, 1.0)

  def test_a_bounded_residual_is_a_sigmoid_around_the_identity(self):
    inner = np.clip(lattice.identity(N).astype(np.float64), 1 / 512, 511 / 512)
    raw = _outputs(_drawn('bounded')).reshape(2, N, N, N, 3)
    want = 1 / (1 + np.exp(-raw) * (1 - inner) / inner)
    got = apply(SHAPES['bounded'], _drawn('bounded'), GIVEN, None)
    np.testing.assert_allclose(got, want, atol=1e-4)

  def test_dense_is_what_the_last_layer_says(self):
    got = apply(SHAPES['dense'], _drawn('dense'), GIVEN, None)
    want = _outputs(_drawn('dense')).reshape(2, N, N, N, 3) + lattice.identity(N)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    bounded = apply(SHAPES['bounded'], _drawn('bounded'), GIVEN, None)
    self.assertBetween(float(bounded.min()), 0.0, 1.0)
    self.assertBetween(float(bounded.max()), 0.0, 1.0)
    plain = heads.Shape('dense', N, (8,), bounded=True, residual=False)
    params = heads.init(jax.random.key(0), plain, FEATURES, None)
    want = 1 / (1 + np.exp(-_outputs(params)))
    got = apply(plain, params, GIVEN, None)
    np.testing.assert_allclose(got.reshape(2, -1), want, atol=1e-5)

  def test_bases_are_mixed(self):
    params = _drawn('basis')
    weights = _outputs(params)
    want = np.zeros((2, N, N, N, 3))
    for picture in range(2):
      for k in range(3):
        base = np.float64(params['bases'][k]) + (lattice.identity(N) if k == 0 else 0)
        want[picture] += weights[picture, k] * base
    got = apply(SHAPES['basis'], params, GIVEN, None)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)

  def test_compressed_lattices_are_products_along_the_own_axis(self):
    params = _drawn('compressed')
    weights = _outputs(params)
    want = np.zeros((2, N, N, N, 3))
    bases = np.zeros((3, N, N, N, 3))
    for k, c in np.ndindex(3, 3):
      product = (
        np.float64(params['own'])
        @ np.float64(params['cores'][k, c])
        @ np.float64(params['others'])
      ).reshape(N, N, N)
      for r, g, b in np.ndindex(N, N, N):
        own = (r, g, b)[c]
        others = [node for i, node in enumerate((r, g, b)) if i != c]
        bases[k, r, g, b, c] = product[own, others[0], others[1]]
    bases[0] += lattice.identity(N)
    for picture in range(2):
      want[picture] = np.tensordot(weights[picture], bases, 1)
    got = apply(SHAPES['compressed'], params, GIVEN, None)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)

  def test_factors_are_products_of_curves_with_a_colour(self):
    params = _drawn('factors')
    outputs = _outputs(params)
    rank = SHAPES['factors'].rank
    want = np.zeros((2, N, N, N, 3))
    for picture in range(2):
      split = rank * 3 * N
      curves = np.float64(params['curves'])
      curves = curves + outputs[picture, :split].reshape(rank, 3, N)
      colours = outputs[picture, split:].reshape(rank, 3)
      want[picture] = lattice.identity(N) + np.float64(params['lattice'])
      for i, (r, g, b) in (
        (i, node) for i in range(rank) for node in np.ndindex(N, N, N)
      ):
        product = curves[i, 0, r] * curves[i, 1, g] * curves[i, 2, b]
        want[picture, r, g, b] += product * colours[i]
    got = apply(SHAPES['factors'], params, GIVEN, None)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)

  def test_a_library_decodes_a_code_at_every_node(self):
    shape = heads.Shape('library', N, (8,))
    params = heads.init(jax.random.key(0), shape, FEATURES, LIBRARY)
    rng = np.random.default_rng(2)
    params['layers'][-1]['weight'] = rng.normal(size=(8, 3)).astype(np.float32) / 8
    codes = LIBRARY.start + LIBRARY.spread * _outputs(params)
    nodes = np.maximum(lattice.identity(N).astype(np.float64), 1e-3)
    want = np.stack([nodes ** np.exp(code) for code in codes])
    made = jax.jit(lambda params: heads.apply(shape, params, GIVEN, LIBRARY))
    np.testing.assert_allclose(made(params), want, atol=1e-5)
    with self.assertRaisesRegex(ValueError, 'Expected a look library'):
      heads.outputs(shape, None)

  def test_how_much_a_picture_decides(self):
    counts = {name: heads.outputs(shape, None) for name, shape in SHAPES.items()}
    self.assertEqual(
      counts,
      {
        'dense': 192,
        'bounded': 192,
        'basis': 3,
        'compressed': 3,
        'factors': 4 * 3 * 5,
        'constant': 0,
      },
    )

  def test_mixed_lattices_have_an_energy(self):
    got = heads.bases_energy(SHAPES['basis'], _drawn('basis'), GIVEN)
    want = np.mean(_outputs(_drawn('basis')) ** 2)
    np.testing.assert_allclose(got, want, rtol=1e-4)
    self.assertEqual(heads.bases_energy(SHAPES['dense'], _drawn('dense'), GIVEN), 0.0)

  @parameterized.parameters(
    ({'kind': 'basis', 'bounded': True}, 'of a dense head alone, got basis'),
    ({'size': 1}, r'size in \[2, 65\]'),
    ({'hidden': (0,)}, 'ranks of 1 or more'),
  )
  def test_refuses(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      heads.Shape(**fields)


if __name__ == '__main__':
  absltest.main()
