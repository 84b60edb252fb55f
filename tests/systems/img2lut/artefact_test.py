import dataclasses
import functools

import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, systems
from lutjax.codec import container
from lutjax.nn import resnet
from lutjax.systems.img2lut import heads, model

FORM = model.Config(
  side=16,
  network=resnet.Shape(stem=4, widths=(8,), norm='batch'),
  head=heads.Shape('factors', size=9, hidden=(64,), rank=3),
)
# As a header has them.
PENALTIES = ('l1', 0.0, None, 0.5, False, 0.0, 0.0)
SHAPES = {
  'dense': heads.Shape('dense', 5, (8,), bounded=True),
  'basis': heads.Shape('basis', 5, (8,), bases=4),
  'compressed': heads.Shape('compressed', 5, (8,), bases=4),
  'factors': heads.Shape('factors', 5, (8,), rank=3),
  'constant': heads.Shape('constant', 5, ()),
  'two_nodes': heads.Shape('factors', 2, (8,), rank=3),
}


def _drawn(form):
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda key: model.init(form, key), jax.random.key(0))
  made = jax.tree.map(
    lambda leaf: rng.normal(0.0, 0.1, leaf.shape).astype(np.float32), shapes
  )
  # No variance is negative.
  return made._replace(stats=jax.tree.map(np.abs, made.stats))


@functools.cache
def _content():
  return systems.make(FORM).export(_drawn(FORM))


class ArtefactTest(parameterized.TestCase):
  @parameterized.parameters(*SHAPES)
  def test_floats_come_back_as_they_were(self, kind):
    form = dataclasses.replace(FORM, head=SHAPES[kind], loss='l1', neutrality=0.25)
    variables = _drawn(form)
    loaded = systems.load(systems.make(form).export(variables))
    self.assertEqual(loaded.config.head, form.head)
    self.assertEqual(loaded.config.network, form.network)
    self.assertEqual((loaded.config.loss, loaded.config.neutrality), ('l1', 0.25))
    self.assertEqual(
      (loaded.config.side, loaded.config.histogram, loaded.config.interpolation),
      (form.side, form.histogram, form.interpolation),
    )
    self.assertEqual(
      jax.tree.structure(loaded.variables.params), jax.tree.structure(variables.params)
    )
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, variables)
    if kind != 'constant':
      self.assertNotEmpty(jax.tree.leaves(loaded.variables.stats))

  def test_many_nodes_come_back(self):
    form = dataclasses.replace(FORM, head=heads.Shape('dense', 40, (2,)))
    content = systems.make(form).export(_drawn(form))
    self.assertEqual(systems.load(content).config.head.size, 40)

  def test_headers_are_repeated_on_one_short_line(self):
    held = container.unpack(_content(), 'x')
    head = ['long\n' * 10_000, *held.header['head'][1:]]
    content = container.pack('img2lut', held.header | {'head': head}, held.tensors)
    with self.assertRaises(errors.ArtefactError) as caught:
      systems.load(content, 'x.lutjax')
    self.assertLess(len(str(caught.exception)), 300)
    self.assertNotIn('\n', str(caught.exception))

  def test_precision_costs_little_and_saves_much(self):
    variables = _drawn(FORM)
    picture = np.random.default_rng(0).random((16, 16, 3), np.float32)
    predict = jax.jit(model.predict_lattice, static_argnums=0)
    want = predict(FORM, variables, picture)
    sizes = {'fp32': len(_content())}
    for precision, atol in (('bf16', 0.02), ('int8', 0.05)):
      form = dataclasses.replace(FORM, precision=precision)
      content = systems.make(form).export(variables)
      sizes[precision] = len(content)
      loaded = systems.load(content)
      self.assertEqual(loaded.config.precision, precision)
      got = predict(FORM, loaded.variables, picture)
      self.assertGreater(np.abs(got - want).max(), 0.0)
      np.testing.assert_allclose(got, want, atol=atol)
    self.assertBetween(sizes['bf16'] / sizes['fp32'], 0.4, 0.6)
    self.assertBetween(sizes['int8'] / sizes['fp32'], 0.2, 0.35)

  def test_each_mixed_lattice_has_a_scale_of_its_own(self):
    form = dataclasses.replace(FORM, head=SHAPES['basis'], precision='int8')
    variables = _drawn(form)
    variables.params['head']['bases'] *= np.array([1, 0.1, 0.01, 10.0], np.float32)[
      :, None, None, None, None
    ]
    bases = variables.params['head']['bases']
    loaded = systems.load(systems.make(form).export(variables))
    gap = np.abs(loaded.variables.params['head']['bases'] - bases).max((1, 2, 3, 4))
    np.testing.assert_array_less(gap, np.abs(bases).max((1, 2, 3, 4)) / 250)

  @parameterized.parameters(
    ('form', [16, 4]),
    ('form', [16, 'many', 'tetrahedral', 'fp32', *PENALTIES]),
    ('form', [16, 16, 'cubic', 'fp32', *PENALTIES]),
    ('form', [16, 16, 'tetrahedral', 'fp32', 'l3', *PENALTIES[1:]]),
    ('network', [4, 2]),
    ('network', [4, 2, [8.5], 'batch', 'mean_max']),
    ('network', [4, 2, [8], 'layer', 'mean_max']),
    ('network', [4, 2, [10**9], 'batch', 'mean_max']),
    ('head', ['factors', 9, [64], 3, [5, 10], 10**6, False, True]),
    ('head', ['factors', 9, [10**9], 3, [5, 10], 3, False, True]),
    ('head', ['other', 9, [64], 3, [5, 10], 3, False, True]),
    ('head', ['library', 9, [64], 3, [5, 10], 3, False, True]),
    ('head', None),
  )
  def test_headers_are_not_trusted(self, field, value):
    held = container.unpack(_content(), 'x')
    content = container.pack('img2lut', held.header | {field: value}, held.tensors)
    with self.assertRaises(errors.InputError) as caught:
      systems.load(content, 'x.lutjax')
    self.assertNotIn('\n', str(caught.exception))
    self.assertStartsWith(str(caught.exception), 'x.lutjax: ')

  def test_tensors_are_not_trusted(self):
    held = container.unpack(_content(), 'x')
    for tensors in (
      held.tensors[:-1],
      [*held.tensors, held.tensors[0]],
      held.tensors[::-1],
      [tensor.astype(np.float16) for tensor in held.tensors],
    ):
      content = container.pack('img2lut', held.header, tensors)
      with self.assertRaisesRegex(
        errors.ArtefactError, 'x.lutjax: found img2lut weigh'
      ):
        systems.load(content, 'x.lutjax')


if __name__ == '__main__':
  absltest.main()
