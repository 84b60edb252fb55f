"""The kernels as JAX functions, against the pure functions that they stand for."""

import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from jax.sharding import AxisType

from lutjax.lut import interpolate
from lutjax.lut import lattice as lattice_lib
from lutjax.native import lattice, library

_METHODS = tuple(library.METHODS)
_PURE = {name: functools.partial(interpolate._evenly_pure, name) for name in _METHODS}
_EITHER = {name: lattice.twin(name, pure) for name, pure in _PURE.items()}

_RNG = np.random.default_rng(0)
_TABLES = _RNG.uniform(size=(3, 4, 5, 6, 3)).astype(np.float32)
_DOMAINS = np.float32(
  [[[0, 0, 0], [1, 1, 1]], [[-1, 0, 0.1], [1, 2, 0.7]], [[0] * 3, [2] * 3]]
)
_COLOURS = _RNG.uniform(-0.1, 1.1, (3, 7, 3)).astype(np.float32)
_TARGET = library.CALL

# Runs calls that are large enough to be shared, mapped and nested, on few cores.
_PROGRESS = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import jax, jax.numpy as jnp, numpy as np
from lutjax.lut import interpolate
from lutjax.native import library
table = np.random.default_rng(0).uniform(size=(2, 9, 9, 9, 3)).astype('float32')
rgb = np.random.default_rng(1).uniform(size=(2, 70_001, 3)).astype('float32')
one = interpolate.tetrahedral
def both(table, rgb):
  inner = jax.vmap(one, (None, 0))
  several = [one(table[0], rgb * k) for k in (0.5, 0.7, 0.9)]  # Side by side.
  return jax.vmap(inner, (0, None))(table, rgb).sum() + sum(x.sum() for x in several)
fast = jax.jit(both)
for _ in range(20):
  total = fast(table, rgb)
print(bool(library.targets()), float(total))
"""


def setUpModule():
  if not library.targets():
    raise absltest.SkipTest('the extension is not built, or it is turned off')


def _total(function, table, domain, rgb):
  return jnp.sum(jnp.sin(3 * function(table, domain, rgb)))


class TransformationTest(parameterized.TestCase):
  def assert_close(self, got, want, atol=3e-7):
    compare = functools.partial(np.testing.assert_allclose, rtol=0, atol=atol)
    jax.tree.map(compare, got, want)

  @parameterized.product(
    method=_METHODS,
    axes=((0, None, None), (None, None, 0), (0, 0, 0)),
  )
  def test_mapped_over_any_argument(self, method, axes):
    given = (_TABLES, _DOMAINS, _COLOURS)
    given = [x if axis == 0 else x[1] for x, axis in zip(given, axes)]
    mapped = jax.jit(jax.vmap(_EITHER[method], axes))
    self.assert_close(mapped(*given), jax.vmap(_PURE[method], axes)(*given))
    text = mapped.lower(*given).as_text()
    self.assertEqual(text.count(f'custom_call @{_TARGET}'), 1)
    self.assertNotIn('stablehlo.while', text)

  @parameterized.parameters(*_METHODS)
  def test_numpy_arrays_are_mapped_within_a_program(self, method):
    mapped = jax.vmap(interpolate.METHODS[method])
    got = jax.jit(lambda: mapped(_TABLES, _COLOURS))()
    want = [_PURE[method](*each) for each in zip(_TABLES, [None] * 3, _COLOURS)]
    np.testing.assert_allclose(got, np.stack(want), atol=3e-7)

  @parameterized.parameters(
    ((0, None, None), (None, None, 0)),
    ((None, None, 0), (0, None, None)),
    ((0, None, 0), (None, 0, 0)),
  )
  def test_mapped_twice(self, *axes):
    given = []
    for i, x in enumerate((_TABLES, _DOMAINS[:2], _COLOURS[:2])):
      count = sum(axis[i] == 0 for axis in axes)
      given.append((x[0], x, np.stack([x, 0.5 * x, x[::-1]]))[count])

    def nested(function):
      return jax.vmap(jax.vmap(function, axes[1]), axes[0])

    got = jax.jit(nested(_EITHER['tetrahedral']))(*given)
    self.assert_close(got, nested(_PURE['tetrahedral'])(*given))

  @parameterized.parameters(*_METHODS)
  def test_slopes_are_those_of_the_pure_function(self, method):
    given = (_TABLES[0], _DOMAINS[1], _COLOURS[0])

    def slopes(function):
      total = functools.partial(_total, function)
      return jax.jit(jax.value_and_grad(total, (0, 1, 2)))(*given)

    self.assert_close(slopes(_EITHER[method]), slopes(_PURE[method]), 1e-4)

  def test_mapped_curvature_is_that_of_the_pure_function(self):
    def curvature(function):
      one = jax.hessian(lambda rgb: _total(function, _TABLES[0], None, rgb))
      return jax.jit(jax.vmap(one))(_COLOURS[0])

    got, want = (curvature(each['trilinear']) for each in (_EITHER, _PURE))
    self.assert_close(got, want, 1e-3)
    self.assertGreater(np.abs(want).max(), 1)

  def test_no_call_where_only_slopes_are_asked_for(self):
    linear = jax.jit(jax.grad(lambda t: interpolate.trilinear(t, _COLOURS[0]).sum()))
    self.assertNotIn(_TARGET, linear.lower(_TABLES[0]).compile().as_text())

  @parameterized.parameters(True, False)
  def test_over_eight_devices(self, check_vma):
    mesh = jax.make_mesh((8,), ('row',), (AxisType.Auto,))
    rgb = np.random.default_rng(0).uniform(size=(8 * 70, 3)).astype(np.float32)
    spread = jax.shard_map(
      interpolate.tetrahedral,
      mesh=mesh,
      in_specs=(jax.P(), jax.P('row')),
      out_specs=jax.P('row'),
      check_vma=check_vma,
    )

    def total(table, rgb):
      result = spread(table, rgb)
      return (result**2).sum(), result

    (_, got), slope = jax.jit(jax.value_and_grad(total, has_aux=True))(_TABLES[0], rgb)
    pure = functools.partial(_PURE['tetrahedral'], _TABLES[0], None)
    self.assert_close(got, pure(rgb))
    want = jax.grad(lambda t: (_PURE['tetrahedral'](t, None, rgb) ** 2).sum())(
      _TABLES[0]
    )
    self.assert_close(slope, want, 1e-4)
    self.assertLen(got.sharding.device_set, 8)

  @parameterized.parameters('cuda', 'tpu')
  def test_no_call_for_other_devices(self, platform):
    for method in (interpolate.trilinear, interpolate.tetrahedral):
      traced = jax.jit(method).trace(_TABLES[0], _COLOURS[0])
      text = traced.lower(lowering_platforms=(platform,)).as_text()
      self.assertNotIn('custom_call', text)

  def test_exports_where_the_call_is_allowed(self):
    allowed = jax.export.DisabledSafetyCheck.custom_call(_TARGET)
    made = jax.export.export(
      jax.jit(interpolate.tetrahedral), platforms=('cpu',), disabled_checks=[allowed]
    )(_TABLES[0], _COLOURS[0])
    want = _PURE['tetrahedral'](_TABLES[0], None, _COLOURS[0])
    self.assert_close(made.call(_TABLES[0], _COLOURS[0]), want)

  def test_exports_unknown_shapes_without_a_call(self):
    (count,) = jax.export.symbolic_shape('p')
    colours = jax.ShapeDtypeStruct((count, 3), np.float32)
    made = jax.export.export(jax.jit(interpolate.tetrahedral))(_TABLES[0], colours)
    want = _PURE['tetrahedral'](_TABLES[0], None, _COLOURS[0])
    self.assert_close(made.call(_TABLES[0], _COLOURS[0]), want)

  @parameterized.parameters((0, 3), (3,), (100_000, 3))
  def test_any_number_of_pixels(self, *shape):
    rgb = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    got, want = (
      jax.jit(f)(_TABLES[0], None, rgb)
      for f in (_EITHER['tetrahedral'], _PURE['tetrahedral'])
    )
    self.assert_close(got, want)

  @parameterized.parameters(
    ('float16', 'float32', 3), ('float32', 'bfloat16', 3), ('float32', 'float32', 2)
  )
  def test_what_no_kernel_does_is_done_as_before(self, colours, nodes, channels):
    table = jnp.asarray(_TABLES[0][..., :channels], nodes)
    rgb = jnp.asarray(_COLOURS[0], colours)
    got = interpolate.trilinear(table, rgb)
    want = _PURE['trilinear'](table, None, rgb)
    self.assertEqual(got.dtype, want.dtype)
    self.assert_close(got, want)


class CurvesTest(parameterized.TestCase):
  """`interpolate.sample` with a shaper, by kernels."""

  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    self.rows = rng.uniform(size=(2, 9, 3)).astype(np.float32)
    self.rgb = rng.uniform(-1, 1, (4, 5, 3)).astype(np.float32)

  def test_slopes_are_those_of_the_pure_function(self):
    def slopes(shaped):
      def total(rows, limits, rgb):
        return (shaped(rows, limits, rgb) ** 2).sum()

      return jax.jit(jax.grad(total, (0, 1, 2)))(self.rows[0], _DOMAINS[1], self.rgb)

    got, want = slopes(interpolate._shaped), slopes(interpolate._shaped_pure)
    for one, other in zip(got, want):
      np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
      self.assertGreater(np.abs(other).max(), 0.1)

  def test_mapped_over_looks_in_one_call(self):
    mapped = jax.jit(jax.vmap(interpolate._shaped, (0, None, None)))
    given = (self.rows, _DOMAINS[0], self.rgb[0])
    want = [interpolate._shaped_pure(each, *given[1:]) for each in self.rows]
    np.testing.assert_allclose(mapped(*given), np.stack(want), rtol=0, atol=2e-7)
    text = mapped.lower(*given).as_text()
    self.assertEqual(text.count(f'custom_call @{library.CURVES}'), 1)

  def test_calls_on_cpus_only(self):
    shaper = lattice_lib.Shaper(self.rows[0], _DOMAINS[1])
    lut = lattice_lib.from_table(_TABLES[0], shaper=shaper)
    traced = jax.jit(interpolate.sample).trace(lut, self.rgb)
    self.assertIn(library.CURVES, traced.lower().as_text())
    text = traced.lower(lowering_platforms=('cuda',)).as_text()
    self.assertNotIn('custom_call', text)


class ProgressTest(parameterized.TestCase):
  @parameterized.parameters(1, 2)
  def test_few_cores_do_not_wait_for_each_other(self, cores):
    done = subprocess.run(
      [sys.executable, '-c', _PROGRESS, str(cores)],
      cwd=pathlib.Path(__file__).resolve().parents[2],
      env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
      capture_output=True,
      text=True,
      timeout=120,
      check=True,
    )
    self.assertStartsWith(done.stdout, 'True')


if __name__ == '__main__':
  absltest.main()
