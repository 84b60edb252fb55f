"""Curves, alone and in front of a lattice, target by target."""

import os
import pathlib
import subprocess
import sys

import hypothesis
import jax
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from lutjax.lut import interpolate, lattice
from lutjax.native import library

_UNIT = np.float32([[0, 0, 0], [1, 1, 1]])
_LIMITS = np.float32([[-1, 0, 0.25], [1, 2, 0.75]])
_TARGETS = tuple(library.TARGETS)
_METHODS = tuple(library.METHODS)
_SIZES = (2, 3, 17, 1000, 4098, 65536)

# Gentle: a float's last bit in front of a steep lattice is many behind it.
_TABLE = np.float32(lattice.identity(7)[:, :5, :4] ** 2)

# Shares a picture among threads on few cores; several calls at a time.
_PROGRESS = """
import concurrent.futures, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import numpy as np
from lutjax.native import library
rng = np.random.default_rng(0)
rows, pixels = rng.random((9, 3), 'float32'), rng.random((300_001, 3), 'float32')
unit = np.float32([[0] * 3, [1] * 3])
def one(threads):
  return library.curves(rows, unit, pixels, threads=threads)
want = one(1)
with concurrent.futures.ThreadPoolExecutor(3) as pool:
  print(all((got == want).all() for got in pool.map(one, [2, 3, 64] * 10)))
"""


def setUpModule():
  if not library.targets():
    raise absltest.SkipTest('the extension is not built, or it is turned off')


def _curves(size: int) -> np.ndarray:
  x = np.linspace(0, 1, size)
  return np.stack([x**2, 1.2 * np.sin(x) - 0.1, 1 - x], -1).astype(np.float32)


def _oracle(rows: np.ndarray, limits: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Reads curves in float64."""
  columns = []
  for x, low, high, values in zip(rgb.T, *limits.astype(float), rows.T):
    columns.append(np.interp(x, np.linspace(low, high, len(values)), values))
  return np.stack(columns, -1)


class CurvesTest(parameterized.TestCase):
  """What must hold for each kind of processor that this one can be."""

  def use(self, target):
    if target not in library.targets():
      self.skipTest(f'this processor has no {target}')
    self.addCleanup(library.use, None)
    library.use(target)

  @parameterized.product(target=_TARGETS, size=_SIZES, count=(1, 63, 64, 1000))
  def test_equal_the_oracle(self, target, size, count):
    self.use(target)
    rng = np.random.default_rng(count)
    rgb = rng.uniform(-1.2, 2.2, (count, 3)).astype(np.float32)
    for limits in (_UNIT, _LIMITS):
      got = library.curves(_curves(size), limits, rgb)
      want = _oracle(_curves(size), limits, rgb)
      np.testing.assert_allclose(got, want, rtol=0, atol=2e-7)

  @parameterized.product(target=_TARGETS, size=(*range(2, 40), 1024, 4098, 65536))
  def test_samples_are_exact(self, target, size):
    self.use(target)
    rows = np.random.default_rng(size).uniform(-3, 4, (size, 3)).astype(np.float32)
    axis = np.float32(np.arange(size) / (size - 1))
    got = library.curves(rows, _UNIT, np.stack([axis] * 3, -1))
    np.testing.assert_array_equal(got, rows)

  @parameterized.parameters(*_TARGETS)
  def test_nan_spreads_and_infinity_clamps(self, target):
    self.use(target)
    odd = [[0.2, np.nan, 0.7], [np.nan, 0, 0], [1, 1, np.nan], [0.5, 0.25, 0.75]]
    rgb = np.float32([*odd, [np.inf, -np.inf, 3e38]] * 15)
    rows = _curves(5)
    calm = np.nan_to_num(rgb)
    for shaped, want in (
      (library.curves(rows, _UNIT, rgb), library.curves(rows, _UNIT, calm)),
      *(
        [
          library.interpolate(_TABLE, _UNIT, x, method=method, shaper=(rows, _UNIT))
          for x in (rgb, calm)
        ]
        for method in _METHODS
      ),
    ):
      is_nan = np.isnan(rgb).any(-1)
      self.assertTrue(np.isnan(shaped[is_nan]).all())
      np.testing.assert_array_equal(shaped[~is_nan], want[~is_nan])

  @parameterized.product(
    target=_TARGETS, dtype=('uint8', 'uint16', 'float32'), channels=(3, 4)
  )
  def test_pixels_of_all_kinds(self, target, dtype, channels):
    self.use(target)
    top = 1 if dtype == 'float32' else np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    pixels = (rng.uniform(size=(331, channels)) * top).astype(dtype)
    rows = _curves(257)
    rgb = pixels[:, :3] / np.float64(top)
    room = 3e-7 if dtype == 'float32' else 0.5 + 3e-7 * top
    for strength in (1, 0.7):
      got = library.curves(rows, _UNIT, pixels, strength=strength)
      want = top * (rgb + strength * (_oracle(rows, _UNIT, rgb) - rgb))
      if dtype != 'float32':
        want = np.clip(want, 0, top)
      self.assertEqual(got.dtype, dtype)
      np.testing.assert_allclose(got[:, :3].astype(float), want, rtol=0, atol=room)
      np.testing.assert_array_equal(got[:, 3:], pixels[:, 3:])

  @parameterized.product(target=_TARGETS, channels=(3, 4), alone=(True, False))
  def test_in_place_mixed_and_shared(self, target, channels, alone):
    self.use(target)
    pixels = np.random.default_rng(0).random((100_003, channels), np.float32)

    def mapped(pixels, out=None, **options):
      if alone:
        return library.curves(_curves(33), _LIMITS, pixels, out, **options)
      shaper = (_curves(33), _LIMITS)
      return library.interpolate(
        _TABLE, _UNIT, pixels, out, method='trilinear', shaper=shaper, **options
      )

    want = mapped(pixels)
    half = mapped(pixels, strength=0.5, threads=2)
    np.testing.assert_allclose(half, (pixels + want) / 2, rtol=0, atol=2e-7)
    own = pixels.copy()
    self.assertIs(mapped(own, own, threads=3), own)
    np.testing.assert_array_equal(own, want)

  @hypothesis.settings(deadline=None, max_examples=60)
  @hypothesis.given(
    st.sampled_from(_METHODS),
    st_numpy.arrays(np.float32, (9, 3), elements=st.floats(width=32)),
    st_numpy.arrays(np.float32, (6, 3), elements=st.floats(0, 1, width=32)),
    st.sampled_from([_UNIT, _LIMITS]),
  )
  def test_any_colours_as_the_pure_path(self, method, rgb, rows, limits):
    lut = lattice.from_table(_TABLE, shaper=lattice.Shaper(rows, limits))
    alone = lattice.from_shaper(lut.shaper)
    # XLA divides by the width of a domain with another last bit, which counts as often
    # as there are cells; behind a lattice, as often again as its slope.
    room = 2e-7 if limits is _UNIT else 2e-7 + 5 * 2**-24
    self.addCleanup(library.use, None)
    for target in library.targets():
      library.use(target)
      got = library.curves(rows, limits, rgb)
      np.testing.assert_allclose(got, _pure(alone, rgb, method), rtol=0, atol=room)
      got = library.interpolate(
        _TABLE, _UNIT, rgb, method=method, shaper=tuple(lut.shaper)
      )
      want = _pure(lut, rgb, method)
      np.testing.assert_allclose(got, want, rtol=0, atol=2 * room + 2e-7)


@jax.jit
def _pure_shaped(rows, limits, rgb):
  return interpolate._shaped_pure(rows, limits, rgb)


_PURE = {
  name: jax.jit(lambda *given, name=name: interpolate._evenly_pure(name, *given))
  for name in _METHODS
}


def _pure(lut, rgb, method):
  shaped = _pure_shaped(*lut.shaper, rgb)
  return _PURE[method](lut.table, lut.domain, shaped)


class FunctionTest(parameterized.TestCase):
  """`interpolate.sample` with a shaper, by kernels."""

  def setUp(self):
    super().setUp()
    self.lut = lattice.from_table(
      _TABLE, shaper=lattice.Shaper(_curves(9), 2 * _LIMITS)
    )
    rng = np.random.default_rng(0)
    self.rgb = rng.uniform(-1, 1, (4, 5, 3)).astype(np.float32)

  def test_slopes_are_those_of_the_pure_function(self):
    def slopes(shaped):
      def total(rows, limits, rgb):
        return (shaped(rows, limits, rgb) ** 2).sum()

      return jax.jit(jax.grad(total, (0, 1, 2)))(*self.lut.shaper, self.rgb)

    got, want = slopes(interpolate._shaped), slopes(interpolate._shaped_pure)
    for one, other in zip(got, want):
      np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
      self.assertGreater(np.abs(other).max(), 0.1)

  def test_mapped_over_looks_in_one_call(self):
    rows = np.stack([_curves(9), _curves(9)[::-1]])
    mapped = jax.jit(jax.vmap(interpolate._shaped, (0, None, None)))
    given = (rows, _UNIT, self.rgb[0])
    want = [interpolate._shaped_pure(each, *given[1:]) for each in rows]
    np.testing.assert_allclose(mapped(*given), np.stack(want), rtol=0, atol=2e-7)
    text = mapped.lower(*given).as_text()
    self.assertEqual(text.count(f'custom_call @{library.CURVES}'), 1)

  def test_calls_on_cpus_only(self):
    traced = jax.jit(interpolate.sample).trace(self.lut, self.rgb)
    self.assertIn(library.CURVES, traced.lower().as_text())
    text = traced.lower(lowering_platforms=('cuda',)).as_text()
    self.assertNotIn('custom_call', text)

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
    self.assertEqual(done.stdout.strip(), 'True')


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters(
    ((4, 2), 'float32', 1, r'curves \[S, 3\].* got float32 \(4, 2\)'),
    ((1, 3), 'float32', 1, r'curves \[S, 3\].* got float32 \(1, 3\)'),
    ((4, 3), 'float64', 1, r'curves \[S, 3\].* got float64 \(4, 3\)'),
    ((4, 3), 'float32', 0, '1 or more threads, got 0'),
  )
  def test_refuses_other_curves(self, shape, dtype, threads, message):
    with self.assertRaisesRegex(ValueError, message):
      library.curves(
        np.zeros(shape, dtype), _UNIT, np.zeros((5, 3), np.float32), threads=threads
      )


if __name__ == '__main__':
  absltest.main()
