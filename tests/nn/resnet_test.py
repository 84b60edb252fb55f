import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax.nn import resnet

# Twelve channels make two groups of six: eight do not divide them.
SMALL = {
  norm: resnet.Shape(stem=4, stem_stride=1, widths=(12,), norm=norm)
  for norm in ('none', 'batch', 'group')
}
PICTURES = np.random.default_rng(0).uniform(size=(8, 9, 7, 3)).astype(np.float32)
apply = jax.jit(resnet.apply, static_argnums=0)
train = jax.jit(resnet.train, static_argnums=0)


@functools.cache
def _drawn(norm):
  """A network none of whose numbers is 0, drawn without compiling anything."""
  rng = np.random.default_rng(1)
  made = jax.eval_shape(lambda key: resnet.init(key, SMALL[norm]), jax.random.key(0))

  def draw(path, leaf):
    signed = 'kernel' in jax.tree_util.keystr(path)
    low, high = (-0.4, 0.5) if signed else (0.1, 1.0)
    return rng.uniform(low, high, leaf.shape).astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, made)


def _convolved(pictures, layer, stride=1):
  """Sums over the places of the kernel in float64."""
  kernel, bias = (np.float64(layer[name]) for name in ('kernel', 'bias'))
  rim = (len(kernel) - 1) // 2
  padded = np.pad(np.float64(pictures), [(0, 0), (rim, rim), (rim, rim), (0, 0)])
  windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (1, 2))
  seen = windows[:, ::stride, ::stride]
  return np.einsum('bhwcij,ijcd->bhwd', seen, kernel) + bias


def _normalized(hidden, norm, variables, *path):
  """Normalises in float64, by running statistics or by groups of a picture."""
  if norm == 'none':
    return hidden
  layer, stats = variables
  for name in path:
    layer, stats = layer[name], stats.get(name, {})
  if norm == 'batch':
    mean, var = (np.float64(stats[name]) for name in ('mean', 'var'))
  else:
    size = {4: 4, 12: 6}[hidden.shape[-1]]
    groups = hidden.reshape(*hidden.shape[:3], -1, size)
    mean, var = (
      np.repeat(of(axis=(1, 2, 4), keepdims=True)[..., 0], size, axis=-1)
      for of in (groups.mean, groups.var)
    )
  return (hidden - mean) / np.sqrt(var + 1e-5) * layer['scale'] + layer['bias']


class ResnetTest(parameterized.TestCase):
  @parameterized.parameters(*SMALL)
  def test_features_are_those_of_float64(self, norm):
    variables = _drawn(norm)
    block = variables.params['block0']
    stem = _convolved(PICTURES, variables.params['stem'])
    stem = np.maximum(_normalized(stem, norm, variables, 'stem_norm'), 0)
    hidden = _convolved(stem, block['first'], 2)
    hidden = np.maximum(_normalized(hidden, norm, variables, 'block0', 'first_norm'), 0)
    hidden = _convolved(hidden, block['second'])
    hidden = _normalized(hidden, norm, variables, 'block0', 'second_norm')
    if norm == 'none':
      hidden = hidden * np.float64(block['gain'])
    beside = _convolved(stem, block['shortcut'], 2)
    beside = _normalized(beside, norm, variables, 'block0', 'shortcut_norm')
    out = np.maximum(hidden + beside, 0)
    want = np.concatenate([out.mean((1, 2)), out.max((1, 2))], axis=-1)
    got = apply(SMALL[norm], variables, PICTURES)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)

  def test_the_trunk_of_the_notebook(self):
    shape = resnet.Shape(32, 1, (64, 128, 256), 'batch', 'mean')
    made = jax.eval_shape(lambda key: resnet.init(key, shape), jax.random.key(0))
    counts = sum(leaf.size for leaf in jax.tree.leaves(made.params))
    self.assertEqual((counts, shape.features), (1_209_216, 256))

  @parameterized.parameters(*SMALL)
  def test_a_picture_does_not_depend_on_the_others(self, norm):
    many = np.asarray(apply(SMALL[norm], _drawn(norm), PICTURES))
    self.assertEqual(many.shape, (8, SMALL[norm].features))
    self.assertGreater(np.ptp(many, axis=0).max(), 1e-2)
    for i in (0, 5):
      # Among others of the same number, which spares a program.
      among = np.roll(PICTURES, 1, axis=0) ** 2
      among[i] = PICTURES[i]
      one = apply(SMALL[norm], _drawn(norm), among)
      np.testing.assert_allclose(one[i], many[i], rtol=1e-5, atol=1e-6)

  def test_a_picture_alone(self):
    many = apply(SMALL['batch'], _drawn('batch'), PICTURES)
    alone = apply(SMALL['batch'], _drawn('batch'), PICTURES[3:4])
    np.testing.assert_allclose(alone[0], many[3], rtol=1e-5, atol=1e-6)

  @parameterized.parameters('none', 'group')
  def test_training_gives_what_applying_does_but_for_batch_norm(self, norm):
    features, stats = train(SMALL[norm], _drawn(norm), PICTURES)
    want = apply(SMALL[norm], _drawn(norm), PICTURES)
    np.testing.assert_allclose(features, want, rtol=1e-5, atol=1e-6)
    self.assertEmpty(jax.tree.leaves(stats))

  def test_running_statistics_are_those_of_the_batch(self):
    variables = _drawn('batch')
    features, stats = train(SMALL['batch'], variables, PICTURES)
    out = _convolved(PICTURES, variables.params['stem'])
    before = variables.stats['stem_norm']
    for name, now in (('mean', out.mean((0, 1, 2))), ('var', out.var((0, 1, 2)))):
      want = 0.9 * np.asarray(before[name]) + 0.1 * now
      np.testing.assert_allclose(stats['stem_norm'][name], want, rtol=1e-4, atol=1e-6)
    # Training looks at the batch, applying at what was kept.
    gap = features - apply(SMALL['batch'], variables, PICTURES)
    self.assertGreater(float(jnp.abs(gap).max()), 1e-2)

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
