"""The kernels on numpy arrays, target by target, against a float64 oracle."""

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
_TARGETS = tuple(library.TARGETS)
_METHODS = tuple(library.METHODS)
_LIMITS = np.float32([[-1, 0, 0.25], [1, 2, 0.75]])
_LENGTHS = (2, 3, 17, 1000, 4098, 65536)
# A float's last bit in front of a steep lattice is many behind it.
_GENTLE = np.float32(lattice.identity(7)[:, :5, :4] ** 2)

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


def _table(*sizes: int) -> np.ndarray:
  return np.random.default_rng(sizes).uniform(size=(*sizes, 3)).astype(np.float32)


def _oracle(table: np.ndarray, rgb: np.ndarray, method: str) -> np.ndarray:
  """Interpolates in float64; tetrahedra by sorting the fractions."""
  cells = np.array(table.shape[:3]) - 1
  position = np.clip(rgb.astype(float), 0, 1) * cells
  node = np.minimum(np.floor(position), cells - 1).astype(int)
  fraction = position - node
  total = np.zeros(rgb.shape)
  if method == 'trilinear':
    for corner in np.ndindex(2, 2, 2):
      weight = np.prod(np.where(corner, fraction, 1 - fraction), axis=-1)
      total += weight[:, None] * table[tuple((node + corner).T)]
    return total
  order = np.argsort(-fraction, axis=-1, kind='stable')
  falling = np.take_along_axis(fraction, order, axis=-1)
  weights = -np.diff(falling, axis=-1, prepend=1, append=0)
  for step in range(4):
    total += weights[:, step : step + 1] * table[tuple(node.T)]
    if step < 3:
      node = node + (np.arange(3) == order[:, step : step + 1])
  return total


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


def _curves(size: int) -> np.ndarray:
  x = np.linspace(0, 1, size)
  return np.stack([x**2, 1.2 * np.sin(x) - 0.1, 1 - x], -1).astype(np.float32)


def _curves_oracle(rows: np.ndarray, limits: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Reads curves in float64."""
  columns = []
  for x, low, high, values in zip(rgb.T, *limits.astype(float), rows.T):
    columns.append(np.interp(x, np.linspace(low, high, len(values)), values))
  return np.stack(columns, -1)


class TargetTest(parameterized.TestCase):
  """What must hold for each kind of processor that this one can be."""

  def setUp(self):
    super().setUp()
    if not library.targets():
      self.skipTest('the extension is not built, or it is turned off')
    self.addCleanup(library.use, None)

  def run_on(self, target, table, rgb, method, domain=_UNIT, **options):
    if target not in library.targets():
      self.skipTest(f'this processor has no {target}')
    library.use(target)
    return library.interpolate(table, domain, rgb, method=method, **options)

  @parameterized.product(
    target=_TARGETS,
    method=_METHODS,
    sizes=((2, 2, 2), (33, 33, 33), (65, 3, 17), (2, 5, 9)),
    count=(1, 63, 64, 65, 1000),
  )
  def test_equals_the_oracle(self, target, method, sizes, count):
    table = _table(*sizes)
    rgb = np.random.default_rng(count).uniform(-0.1, 1.1, (count, 3))
    rgb = rgb.astype(np.float32)
    got = self.run_on(target, table, rgb, method)
    np.testing.assert_allclose(got, _oracle(table, rgb, method), rtol=0, atol=2e-7)

  @parameterized.product(target=_TARGETS, method=_METHODS, size=(2, 6, 23, 50, 64, 65))
  def test_nodes_are_exact(self, target, method, size):
    sizes = (size, 7, max(2, size // 2))
    table = _table(*sizes) * 7 - 3
    axes = [np.float32(np.arange(n) / (n - 1)) for n in sizes]
    nodes = np.ascontiguousarray(np.stack(np.meshgrid(*axes, indexing='ij'), -1))
    got = self.run_on(target, table, nodes, method)
    np.testing.assert_array_equal(got, table)

  @parameterized.product(target=_TARGETS, method=_METHODS)
  def test_nodes_of_every_size_are_exact(self, target, method):
    for size in range(2, 257):
      table = _table(size, 2, 2)
      axis = np.float32(np.arange(size) / (size - 1))
      rgb = np.stack([axis, 0 * axis, 0 * axis + 1], -1)
      got = self.run_on(target, table, rgb, method)
      np.testing.assert_array_equal(got, table[:, 0, 1], f'size {size}')

  @parameterized.product(target=_TARGETS, method=_METHODS)
  def test_nan_spreads_and_infinity_clamps(self, target, method):
    table = _table(4, 5, 6)
    odd = [[0.2, np.nan, 0.7], [np.nan, 0, 0], [1, 1, np.nan], [np.nan] * 3]
    odd += [[np.inf, 0, -np.inf], [3e38, -3e38, -0.0]]
    rgb = np.float32(odd * 12)
    got = self.run_on(target, table, rgb, method).reshape(12, 6, 3)
    np.testing.assert_array_equal(np.isnan(got[:, :4]), True)
    np.testing.assert_array_equal(
      got[:, 4:], np.broadcast_to(table[3, 0, 0], (12, 2, 3))
    )

  @parameterized.product(target=_TARGETS, method=_METHODS)
  def test_other_domains(self, target, method):
    table, domain = _table(6, 9, 17), np.float32([[-1, 0.25, 0], [3, 0.75, 100]])
    rgb = np.random.default_rng(0).uniform(-1, 2, (200, 3)) * domain[1]
    rgb = rgb.astype(np.float32)
    low, high = domain
    unit = (np.clip(rgb, low, high) - low) / (high - low)
    got = self.run_on(target, table, rgb, method, domain)
    want = self.run_on(target, table, unit, method)
    np.testing.assert_array_equal(got, want)

  @parameterized.product(target=_TARGETS, method=_METHODS)
  def test_in_place_and_nothing_else_is_written(self, target, method):
    table = _table(5, 5, 5)
    rgb = np.random.default_rng(0).uniform(size=(131, 3)).astype(np.float32)
    want = self.run_on(target, table, rgb, method)
    frame = np.full((133, 3), 7, np.float32)
    frame[1:-1] = rgb
    own = frame[1:-1]
    self.assertIs(library.interpolate(table, _UNIT, own, own, method=method), own)
    np.testing.assert_array_equal(own, want)
    np.testing.assert_array_equal(frame[[0, -1]], 7)

  @parameterized.product(
    target=_TARGETS,
    dtype=('uint8', 'uint16', 'float32'),
    channels=(3, 4),
    strength=(1, 0.7),
  )
  def test_pixels_of_all_kinds(self, target, dtype, channels, strength):
    rng = np.random.default_rng(0)
    # Results reach outside the codes.
    table = 1.4 * _table(9, 17, 5) - 0.2
    top = 1 if dtype == 'float32' else np.iinfo(dtype).max
    pixels = (rng.uniform(size=(331, channels)) * top).astype(dtype)
    kept = pixels.copy()
    got = self.run_on(target, table, pixels, 'tetrahedral', strength=strength)
    np.testing.assert_array_equal(pixels, kept)
    rgb = pixels[:, :3] / np.float64(top)
    want = rgb + strength * (_oracle(table, rgb, 'tetrahedral') - rgb)
    want *= top
    if dtype != 'float32':
      want = np.clip(want, 0, top)
    self.assertEqual(got.dtype, dtype)
    # Half a code, and what float32 has lost before.
    room = 3e-7 if dtype == 'float32' else 0.5 + 3e-7 * top
    np.testing.assert_allclose(got[:, :3].astype(float), want, rtol=0, atol=room)
    np.testing.assert_array_equal(got[:, 3:], pixels[:, 3:])
    library.interpolate(
      table, _UNIT, pixels, pixels, method='tetrahedral', strength=strength
    )
    np.testing.assert_array_equal(pixels, got)

  @parameterized.product(target=_TARGETS, dtype=('uint8', 'uint16'))
  def test_every_code_is_kept(self, target, dtype):
    grey = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    axes = np.meshgrid(*[np.linspace(0, 1, 6)] * 3, indexing='ij')
    identity = np.float32(np.stack(axes, -1))
    pixels = np.ascontiguousarray(np.stack([grey, grey[::-1], grey], -1))
    for strength in (0, 0.3, 1):
      got = self.run_on(target, identity, pixels, 'trilinear', strength=strength)
      np.testing.assert_array_equal(got, pixels)

  @hypothesis.settings(deadline=None, max_examples=50)
  @hypothesis.given(
    st.tuples(*[st.integers(2, 65)] * 3),
    st.sampled_from(_METHODS),
    st_numpy.arrays(np.float32, (9, 3), elements=st.floats(-1, 2, width=32)),
  )
  def test_any_colours_on_any_target(self, sizes, method, rgb):
    # Slopes are gentle, since colours next to a node are moved to it.
    axes = np.meshgrid(*(np.linspace(0, 1, n) for n in sizes), indexing='ij')
    table = np.float32(np.stack(axes, -1) ** 2)
    for target in library.targets():
      got = self.run_on(target, table, rgb, method)
      np.testing.assert_allclose(got, _oracle(table, rgb, method), rtol=0, atol=2.4e-7)


class CurvesTest(parameterized.TestCase):
  """What must hold for each kind of processor that this one can be."""

  def setUp(self):
    super().setUp()
    if not library.targets():
      self.skipTest('the extension is not built, or it is turned off')
    self.addCleanup(library.use, None)

  def use(self, target):
    if target not in library.targets():
      self.skipTest(f'this processor has no {target}')
    library.use(target)

  @parameterized.product(target=_TARGETS, size=_LENGTHS, count=(1, 63, 64, 1000))
  def test_equal_the_curves_oracle(self, target, size, count):
    self.use(target)
    rng = np.random.default_rng(count)
    rgb = rng.uniform(-1.2, 2.2, (count, 3)).astype(np.float32)
    for limits in (_UNIT, _LIMITS):
      got = library.curves(_curves(size), limits, rgb)
      want = _curves_oracle(_curves(size), limits, rgb)
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
          library.interpolate(_GENTLE, _UNIT, x, method=method, shaper=(rows, _UNIT))
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
      want = top * (rgb + strength * (_curves_oracle(rows, _UNIT, rgb) - rgb))
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
        _GENTLE, _UNIT, pixels, out, method='trilinear', shaper=shaper, **options
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
    st_numpy.arrays(np.int32, (6, 3), elements=st.integers(0, 1000)),
    st.sampled_from([_UNIT, _LIMITS]),
  )
  def test_any_colours_as_the_pure_path(self, method, rgb, rows, limits):
    # XLA takes what lies below 1e-38 for zero, also where it is all that curves span.
    rows = np.float32(rows / 1000)
    lut = lattice.from_table(_GENTLE, shaper=lattice.Shaper(rows, limits))
    alone = lattice.from_shaper(lut.shaper)
    # XLA divides by the width of a domain with another last bit, which counts as often
    # as there are cells; behind a lattice, as often again as its slope.
    room = 2e-7 if limits is _UNIT else 2e-7 + 5 * 2**-24
    for target in library.targets():
      library.use(target)
      got = library.curves(rows, limits, rgb)
      np.testing.assert_allclose(got, _pure(alone, rgb, method), rtol=0, atol=room)
      got = library.interpolate(
        _GENTLE, _UNIT, rgb, method=method, shaper=tuple(lut.shaper)
      )
      want = _pure(lut, rgb, method)
      np.testing.assert_allclose(got, want, rtol=0, atol=2 * room + 2e-7)

  @parameterized.parameters(1, 2)
  def test_threads_on_few_cores_do_not_wait_for_each_other(self, cores):
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
    if not library.targets():
      message = 'Expected the extension'
    with self.assertRaisesRegex(ValueError, message):
      library.curves(
        np.zeros(shape, dtype), _UNIT, np.zeros((5, 3), np.float32), threads=threads
      )

  @parameterized.parameters(
    ((4, 4, 4), (5, 3), 'float32', r'lattice .* got float32 \(4, 4, 4\)'),
    ((1, 4, 4, 3), (5, 3), 'float32', r'lattice .* got float32 \(1, 4, 4, 3\)'),
    ((4, 4, 4, 3), (5, 2), 'float32', r'pixels .* got float32 \(5, 2\)'),
    ((4, 4, 4, 3), (5, 3), 'float64', r'pixels .* got float64 \(5, 3\)'),
  )
  def test_refuses_other_arrays(self, table, pixels, dtype, message):
    if not library.targets():
      message = 'Expected the extension'
    with self.assertRaisesRegex(ValueError, message):
      library.interpolate(
        np.zeros(table, np.float32), _UNIT, np.zeros(pixels, dtype), method='trilinear'
      )

  def test_refuses_unknown_targets(self):
    with self.assertRaisesRegex(ValueError, "Expected one of .*, got 'mmx'"):
      library.use('mmx')


class VariableTest(parameterized.TestCase):
  def python(self, value):
    code = (
      'from lutjax import errors\nfrom lutjax.native import library\n'
      'try: print(*library.targets())\nexcept errors.InputError as error: print(error)'
    )
    done = subprocess.run(
      [sys.executable, '-c', code],
      env={**os.environ, library.VARIABLE: value},
      cwd=pathlib.Path(__file__).resolve().parents[2],
      capture_output=True,
      text=True,
      check=True,
    )
    return done.stdout.strip()

  def test_turns_the_kernels_off_and_names_a_target(self):
    self.assertEqual(self.python('0'), '')
    self.assertRegex(self.python('mmx'), 'LUTJAX_NATIVE=mmx: expected 0')


if __name__ == '__main__':
  absltest.main()
