"""The residual network against the same arithmetic in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.nn import resnet
from lutjax.types import Variables

NORMS = ('none', 'batch', 'group')
NOTEBOOK = resnet.Shape(32, 1, (64, 128, 256), 'batch', 'mean')
_apply = jax.jit(resnet.apply, static_argnums=0)
_train = jax.jit(resnet.train, static_argnums=0)
_RNG = np.random.default_rng(0)
# Odd sides: halves of them are not even.
_PICTURES = _RNG.random((4, 9, 7, 3), np.float32)


@functools.cache
def _drawn(shape):
  """Random numbers in the form of a network, nothing compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda: resnet.init(jax.random.key(0), shape))
  params = jax.tree.map(
    lambda leaf: rng.normal(0.1, 0.4, leaf.shape).astype(np.float32), shapes.params
  )
  stats = jax.tree.map(
    lambda leaf: rng.uniform(0.2, 2.0, leaf.shape).astype(np.float32), shapes.stats
  )
  return Variables(params, stats)


def _convolved(pictures, layer, stride):
  """Sums over places of the kernel, one output pixel after the other."""
  kernel = np.asarray(layer['kernel'], np.float64)
  size = len(kernel)
  rim = (size - 1) // 2
  padded = np.pad(pictures.astype(np.float64), [(0, 0), (rim, rim), (rim, rim), (0, 0)])
  rows, columns = (
    range(0, length + 2 * rim - size + 1, stride) for length in pictures.shape[1:3]
  )
  out = [
    [
      np.tensordot(padded[:, y : y + size, x : x + size], kernel, axes=3)
      for x in columns
    ]
    for y in rows
  ]
  return np.moveaxis(np.array(out), 2, 0) + np.asarray(layer['bias'], np.float64)


def _scaled(hidden, mean, variance, layer):
  scale, bias = (np.asarray(layer[name], np.float64) for name in ('scale', 'bias'))
  return (hidden - mean) / np.sqrt(variance + 1e-5) * scale + bias


class ResnetTest(parameterized.TestCase):
  def test_parameters_are_those_of_the_notebook(self):
    shapes = jax.eval_shape(lambda key: resnet.init(key, NOTEBOOK), jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes.params))
    self.assertEqual(count, 1_209_216)
    # Convolutions with biases, and two numbers a channel for each norm.
    widths = (32, 64, 128, 256)
    want = 3 * 9 * 32 + 3 * 32
    for before, after in zip(widths, widths[1:]):
      want += 9 * before * after + 9 * after * after + before * after + 3 * 3 * after
    self.assertEqual(count, want)
    moments = sum(leaf.size for leaf in jax.tree.leaves(shapes.stats))
    self.assertEqual(moments, 2 * (32 + 3 * (64 + 128 + 256)))

  @parameterized.product(pooling=('mean', 'mean_max'), norm=NORMS)
  def test_features_are_as_many_as_said(self, pooling, norm):
    for widths in ((), (5,), (5, 6)):
      shape = resnet.Shape(stem=4, widths=widths, norm=norm, pooling=pooling)
      found = jax.eval_shape(
        lambda variables, of=shape: resnet.apply(of, variables, _PICTURES),
        _drawn(shape),
      )
      self.assertEqual(found.shape, (4, shape.features))

  @parameterized.parameters(*NORMS)
  def test_one_picture_does_not_change_what_is_found_in_another(self, norm):
    shape = resnet.Shape(stem=4, widths=(12,), norm=norm)
    variables = _drawn(shape)
    together = _apply(shape, variables, _PICTURES)
    alone = _apply(shape, variables, _PICTURES[1:2])
    np.testing.assert_allclose(alone[0], together[1], rtol=1e-5, atol=1e-5)
    self.assertGreater(np.abs(together[0] - together[1]).max(), 1e-3)
    if norm == 'group':
      together, stats = _train(shape, variables, _PICTURES)
      alone, _ = _train(shape, variables, _PICTURES[1:2])
      np.testing.assert_allclose(alone[0], together[1], rtol=1e-5, atol=1e-5)
      self.assertEmpty(jax.tree.leaves(stats))

  @parameterized.parameters('mean', 'mean_max')
  def test_a_block_without_norm_is_two_paths_added(self, pooling):
    shape = resnet.Shape(stem=4, widths=(5,), norm='none', pooling=pooling)
    variables = _drawn(shape)
    stem, block = variables.params['stem'], variables.params['block0']
    seen = np.maximum(_convolved(_PICTURES, stem, 2), 0.0)
    hidden = np.maximum(_convolved(seen, block['first'], 2), 0.0)
    hidden = _convolved(hidden, block['second'], 1) * float(block['gain'])
    hidden = np.maximum(hidden + _convolved(seen, block['shortcut'], 2), 0.0)
    want = [hidden.mean(axis=(1, 2))]
    if pooling == 'mean_max':
      want.append(hidden.max(axis=(1, 2)))
    got = _apply(shape, variables, _PICTURES)
    np.testing.assert_allclose(got, np.concatenate(want, -1), rtol=1e-4, atol=1e-5)

  def test_a_block_without_norm_starts_at_its_shortcut(self):
    shape = resnet.Shape(stem=4, widths=(5,))
    # What is not returned is not compiled.
    gain = jax.jit(lambda key: resnet.init(key, shape).params['block0']['gain'])
    self.assertEqual(float(gain(jax.random.key(0))), 0.0)

  def test_running_statistics_move_by_a_tenth(self):
    shape = resnet.Shape(4, 1, (), 'batch', 'mean')
    variables = _drawn(shape)
    params, running = variables.params, jax.device_get(variables.stats)
    mean, variance = (
      running['stem_norm'][name].astype(np.float64) for name in ('mean', 'var')
    )
    for i in range(3):
      pictures = np.roll(_PICTURES, i, axis=3) * (0.5 + 0.2 * i)
      got, stats = _train(shape, variables, pictures)
      hidden = _convolved(pictures, params['stem'], 1)
      moments = hidden.mean(axis=(0, 1, 2)), hidden.var(axis=(0, 1, 2))
      want = np.maximum(_scaled(hidden, *moments, params['stem_norm']), 0.0)
      np.testing.assert_allclose(got, want.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)
      mean = 0.9 * mean + 0.1 * moments[0]
      variance = 0.9 * variance + 0.1 * moments[1]
      variables = Variables(params, jax.device_get(stats))
    np.testing.assert_allclose(stats['stem_norm']['mean'], mean, rtol=1e-5)
    np.testing.assert_allclose(stats['stem_norm']['var'], variance, rtol=1e-5)
    hidden = _convolved(_PICTURES, params['stem'], 1)
    want = np.maximum(_scaled(hidden, mean, variance, params['stem_norm']), 0.0)
    got = _apply(shape, variables, _PICTURES)
    np.testing.assert_allclose(got, want.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)

  def test_groups_are_of_channels_of_one_picture(self):
    # Twelve channels make two groups of six: eight do not divide them.
    shape = resnet.Shape(12, 1, (), 'group', 'mean')
    variables = _drawn(shape)
    hidden = _convolved(_PICTURES, variables.params['stem'], 1)
    groups = hidden.reshape(*hidden.shape[:3], 2, 6)
    mean, variance = (
      np.repeat(of(axis=(1, 2, 4), keepdims=True)[..., 0], 6, axis=-1)
      for of in (groups.mean, groups.var)
    )
    want = np.maximum(
      _scaled(hidden, mean, variance, variables.params['stem_norm']), 0.0
    )
    got = _apply(shape, variables, _PICTURES)
    np.testing.assert_allclose(got, want.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)

  @parameterized.product(stride=(1, 2), kernel=(1, 3))
  def test_both_ways_to_convolve_agree(self, stride, kernel):
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(kernel, kernel, 3, 5)).astype(np.float32)
    rim = (kernel - 1) // 2
    settings = {'strides': (stride, stride), 'padding': [(rim, rim)] * 2}
    found = []
    for convolve in (resnet._as_product, resnet._as_convolution):

      def traced(pictures, weight, convolve=convolve):
        outputs = convolve(pictures, weight, **settings)
        # Each output counts otherwise.
        return jnp.sum(jnp.sin(outputs)), outputs

      gradient = jax.jit(jax.grad(traced, argnums=(0, 1), has_aux=True))
      found.append(gradient(_PICTURES, weight))
    (slopes, outputs), (slopes2, outputs2) = found
    layer = {'kernel': weight, 'bias': np.zeros(5)}
    want = _convolved(_PICTURES, layer, stride)
    np.testing.assert_allclose(outputs, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs2, want, rtol=1e-4, atol=1e-5)
    for one, other in zip(slopes, slopes2):
      np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

  def test_refuses_what_is_no_network(self):
    with self.assertRaisesRegex(ValueError, 'widths of 1 or more'):
      resnet.Shape(widths=(4, 0))
    with self.assertRaisesRegex(ValueError, 'stem'):
      resnet.Shape(stem=0)


if __name__ == '__main__':
  absltest.main()
