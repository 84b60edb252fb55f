import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.nn import resnet
from lutjax.types import Variables

SMALL = {
  norm: resnet.Shape(stem=4, stem_stride=1, widths=(8,), norm=norm)
  for norm in ('none', 'batch', 'group')
}
PICTURES = np.random.default_rng(0).uniform(size=(4, 9, 7, 3)).astype(np.float32)
apply = jax.jit(resnet.apply, static_argnums=0)
train = jax.jit(resnet.train, static_argnums=0)


@functools.cache
def _drawn(norm, shape=None):
  """A network none of whose numbers is 0; nothing is compiled."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(
    lambda key: resnet.init(key, shape or SMALL[norm]), jax.random.key(0)
  )
  params = jax.tree.map(
    lambda leaf: rng.normal(0.1, 0.4, leaf.shape).astype(np.float32), shapes.params
  )
  stats = jax.tree.map(
    lambda leaf: rng.uniform(0.2, 2.0, leaf.shape).astype(np.float32), shapes.stats
  )
  return Variables(params, stats)


def _convolved(pictures, layer, stride):
  """Sums over the places of the kernel in float64."""
  kernel, bias = (np.float64(layer[name]) for name in ('kernel', 'bias'))
  rim = (len(kernel) - 1) // 2
  padded = np.pad(np.float64(pictures), [(0, 0), (rim, rim), (rim, rim), (0, 0)])
  windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (1, 2))
  windows = windows[:, ::stride, ::stride]
  return np.einsum('bhwcij,ijcd->bhwd', windows, kernel) + bias


def _scaled(hidden, mean, variance, layer):
  scale, bias = (np.float64(layer[name]) for name in ('scale', 'bias'))
  return (hidden - mean) / np.sqrt(variance + 1e-5) * scale + bias


class ResnetTest(parameterized.TestCase):
  def test_the_trunk_of_the_notebook(self):
    shape = resnet.Shape(32, 1, (64, 128, 256), 'batch', 'mean')
    made = jax.eval_shape(lambda key: resnet.init(key, shape), jax.random.key(0))
    counts = sum(leaf.size for leaf in jax.tree.leaves(made.params))
    self.assertEqual((counts, shape.features), (1_209_216, 256))

  @parameterized.parameters(*SMALL)
  def test_a_picture_does_not_depend_on_the_others(self, norm):
    many = apply(SMALL[norm], _drawn(norm), PICTURES)
    self.assertEqual(many.shape, (4, SMALL[norm].features))
    for i in range(4):
      one = apply(SMALL[norm], _drawn(norm), PICTURES[i : i + 1])
      np.testing.assert_allclose(one[0], many[i], rtol=1e-5, atol=1e-6)

  @parameterized.parameters('none', 'group')
  def test_training_gives_what_applying_does_but_for_batch_norm(self, norm):
    features, stats = train(SMALL[norm], _drawn(norm), PICTURES)
    want = apply(SMALL[norm], _drawn(norm), PICTURES)
    np.testing.assert_allclose(features, want, rtol=1e-5, atol=1e-6)
    self.assertEmpty(jax.tree.leaves(stats))

  def test_running_statistics_are_those_of_the_batches(self):
    shape = resnet.Shape(4, 1, (), 'batch', 'mean')
    params, stats = _drawn('batch', shape)
    mean, var = (np.float64(stats['stem_norm'][name]) for name in ('mean', 'var'))
    for i in range(3):
      pictures = np.roll(PICTURES, i, axis=3) * np.float32(0.5 + 0.2 * i)
      got, stats = train(shape, Variables(params, jax.device_get(stats)), pictures)
      out = _convolved(pictures, params['stem'], 1)
      now = out.mean((0, 1, 2)), out.var((0, 1, 2))
      want = np.maximum(_scaled(out, *now, params['stem_norm']), 0)
      np.testing.assert_allclose(got, want.mean((1, 2)), rtol=1e-4, atol=1e-5)
      mean, var = 0.9 * mean + 0.1 * now[0], 0.9 * var + 0.1 * now[1]
    np.testing.assert_allclose(stats['stem_norm']['mean'], mean, rtol=1e-5)
    np.testing.assert_allclose(stats['stem_norm']['var'], var, rtol=1e-5)
    # Training looks at the batch, applying at what was kept.
    out = _convolved(PICTURES, params['stem'], 1)
    want = np.maximum(_scaled(out, mean, var, params['stem_norm']), 0)
    got = apply(shape, Variables(params, jax.device_get(stats)), PICTURES)
    np.testing.assert_allclose(got, want.mean((1, 2)), rtol=1e-4, atol=1e-5)

  def test_groups_are_of_channels_of_one_picture(self):
    # Twelve channels make two groups of six: eight do not divide them.
    shape = resnet.Shape(12, 1, (), 'group', 'mean')
    variables = _drawn('group', shape)
    out = _convolved(PICTURES, variables.params['stem'], 1)
    groups = out.reshape(*out.shape[:3], 2, 6)
    mean, var = (
      np.repeat(of(axis=(1, 2, 4), keepdims=True)[..., 0], 6, axis=-1)
      for of in (groups.mean, groups.var)
    )
    want = np.maximum(_scaled(out, mean, var, variables.params['stem_norm']), 0)
    got = apply(shape, variables, PICTURES)
    np.testing.assert_allclose(got, want.mean((1, 2)), rtol=1e-4, atol=1e-5)

  def test_a_block_without_norm_is_two_paths_added(self):
    shape = resnet.Shape(4, 2, (5,), 'none', 'mean_max')
    variables = _drawn('none', shape)
    stem, block = variables.params['stem'], variables.params['block0']
    seen = np.maximum(_convolved(PICTURES, stem, 2), 0)
    hidden = np.maximum(_convolved(seen, block['first'], 2), 0)
    hidden = _convolved(hidden, block['second'], 1) * np.float64(block['gain'])
    out = np.maximum(hidden + _convolved(seen, block['shortcut'], 2), 0)
    want = np.concatenate([out.mean((1, 2)), out.max((1, 2))], axis=-1)
    got = apply(shape, variables, PICTURES)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    # What is not returned is not compiled.
    gain = jax.jit(lambda key: resnet.init(key, shape).params['block0']['gain'])
    self.assertEqual(float(gain(jax.random.key(0))), 0.0)

  @parameterized.parameters((3, 1, 1), (3, 2, 1), (1, 2, 0))
  def test_both_ways_to_convolve_agree(self, size, stride, rim):
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(size, size, 3, 5)).astype(np.float32)
    options = {'strides': (stride, stride), 'padding': [(rim, rim)] * 2}

    def both(way):
      def square(pictures, kernel):
        return jnp.sum(jnp.square(way(pictures, kernel, **options)))

      values = jax.jit(functools.partial(way, **options))(PICTURES, kernel)
      return values, jax.jit(jax.grad(square, (0, 1)))(PICTURES, kernel)

    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4),
      both(resnet._as_product),
      both(resnet._as_convolution),
    )

  def test_accelerators_convolve_and_cpus_multiply(self):
    traced = apply.trace(SMALL['none'], _drawn('none'), PICTURES)
    for platform, convolves in (('cuda', True), ('tpu', True), ('cpu', False)):
      text = traced.lower(lowering_platforms=(platform,)).as_text()
      self.assertEqual('stablehlo.convolution' in text, convolves, platform)

  def test_refuses_no_width(self):
    with self.assertRaisesRegex(ValueError, 'widths of 1 or more'):
      resnet.Shape(widths=(4, 0))


if __name__ == '__main__':
  absltest.main()
