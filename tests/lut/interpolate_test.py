import functools
import pathlib
import subprocess
import warnings

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import scipy.interpolate
from absl.testing import absltest, parameterized
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from jax.sharding import AxisType

from lutjax.lut import interpolate, lattice
from lutjax.native import library

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None
try:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import colour
except ImportError:
  colour = None
try:
  import imageio_ffmpeg
except ImportError:
  imageio_ffmpeg = None

_METHODS = tuple(interpolate.METHODS)
_at = {name: jax.jit(method) for name, method in interpolate.METHODS.items()}
_sample = jax.jit(interpolate.sample, static_argnames='method')
_apply = jax.jit(interpolate.apply, static_argnames=('method', 'chunk'))

_SMALL = np.random.default_rng(1).uniform(size=(4, 4, 4, 3)).astype(np.float32)
_DOMAIN = np.float32([[-0.5, 0.1, 0.0], [1.5, 0.9, 4.0]])


def _case(size: int, count: int = 8192) -> tuple[np.ndarray, np.ndarray]:
  """Returns a random table, and colours that reach outside [0, 1]."""
  rng = np.random.default_rng(size)
  table = rng.uniform(size=(size, size, size, 3)).astype(np.float32)
  return table, rng.uniform(-0.1, 1.1, (count, 3)).astype(np.float32)


def _write_cube(path: pathlib.Path, table: np.ndarray, header: str = '') -> None:
  """Writes a `.cube` file, red fastest."""
  size = table.shape[0]
  rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
  np.savetxt(path, rows, '%.9g', header=f'LUT_3D_SIZE {size}\n{header}', comments='')


def _opencolorio(transform, rgb: np.ndarray) -> np.ndarray:
  """Returns what OpenColorIO makes of float32 colours."""
  result = rgb.copy()
  processor = ocio.Config.CreateRaw().getProcessor(transform)
  image = ocio.PackedImageDesc(result, result.shape[0], 1, 3)
  processor.getDefaultCPUProcessor().apply(image)
  return result


def _ffmpeg(cube: pathlib.Path, rgb: np.ndarray, method: str) -> np.ndarray:
  """Returns what ffmpeg's lut3d makes of `[256 k, 3]` float32 colours."""
  height = rgb.shape[0] // 256
  command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-f', 'rawvideo']
  command += ['-pix_fmt', 'gbrpf32le', '-s', f'256x{height}', '-i', '-']
  command += ['-vf', f'lut3d=file={cube}:interp={method}']
  command += ['-pix_fmt', 'gbrpf32le', '-f', 'rawvideo', '-']
  planes = np.ascontiguousarray(rgb[:, [1, 2, 0]].T).tobytes()
  output = subprocess.run(command, input=planes, capture_output=True, check=True)
  planes = np.frombuffer(output.stdout, '<f4').reshape(3, -1)
  return planes[[2, 0, 1]].T


def _knots(rng: np.random.Generator, sizes: list[int]) -> list[np.ndarray]:
  """Returns uneven knots for each axis."""
  steps = [rng.uniform(0.2, 1, n - 1) for n in sizes]
  return [np.append(0, np.cumsum(s) / s.sum()).astype(np.float32) for s in steps]


def _simplex(table: np.ndarray, axes: list[np.ndarray], x: np.ndarray) -> np.ndarray:
  """Interpolates one colour after the other in float64, as Kasson's paper does."""
  results = []
  for colour in x.astype(float):
    node, fraction = [], []
    for value, axis in zip(colour, axes):
      i = min(max(int(np.sum(axis <= value)) - 1, 0), len(axis) - 2)
      node.append(i)
      fraction.append((value - axis[i]) / (axis[i + 1] - axis[i]))
    result = table[tuple(node)].astype(float)
    for axis in np.argsort(fraction)[::-1]:
      before = table[tuple(node)].astype(float)
      node[axis] += 1
      result = result + fraction[axis] * (table[tuple(node)] - before)
    results.append(result)
  return np.array(results)


class OracleTest(parameterized.TestCase):
  """Other engines; float32 weights of 8 nodes in [0, 1] err by 2e-7."""

  @parameterized.product(size=(2, 17, 33, 65), method=('trilinear', 'tetrahedral'))
  @absltest.skipIf(ocio is None, 'needs opencolorio')
  def test_matches_opencolorio(self, size, method):
    table, rgb = _case(size)
    lut = ocio.Lut3DTransform(gridSize=size)
    linear = method == 'trilinear'
    lut.setInterpolation(ocio.INTERP_LINEAR if linear else ocio.INTERP_TETRAHEDRAL)
    lut.setData(table.ravel())
    want = _opencolorio(lut, rgb)
    np.testing.assert_allclose(_at[method](table, rgb), want, atol=1e-6)

  @parameterized.product(size=(2, 17, 33, 65), method=('trilinear', 'tetrahedral'))
  @absltest.skipIf(colour is None, 'needs colour-science')
  def test_matches_colour_science(self, size, method):
    table, rgb = _case(size)
    kernel = getattr(colour.algebra, f'table_interpolation_{method}')
    want = colour.LUT3D(table).apply(rgb, interpolator=kernel)
    np.testing.assert_allclose(_at[method](table, rgb), want, atol=1e-6)

  @parameterized.product(size=(17, 20), method=('trilinear', 'tetrahedral'))
  @absltest.skipIf(ocio is None or colour is None, 'needs both')
  def test_matches_both_over_another_domain(self, size, method):
    table, _ = _case(size)
    rgb = np.random.default_rng(0).uniform(-1, 5, (8192, 3)).astype(np.float32)
    low, high = (' '.join(str(x) for x in row) for row in _DOMAIN)
    path = pathlib.Path(self.create_tempdir().full_path) / f'{size}{method}.cube'
    _write_cube(path, table, f'DOMAIN_MIN {low}\nDOMAIN_MAX {high}')
    file = ocio.FileTransform(str(path))
    linear = method == 'trilinear'
    file.setInterpolation(ocio.INTERP_LINEAR if linear else ocio.INTERP_TETRAHEDRAL)
    kernel = getattr(colour.algebra, f'table_interpolation_{method}')
    got = _sample(lattice.from_table(table, _DOMAIN), rgb, method=method)
    np.testing.assert_allclose(got, _opencolorio(file, rgb), atol=5e-6)
    want = colour.LUT3D(table, domain=_DOMAIN).apply(rgb, interpolator=kernel)
    np.testing.assert_allclose(got, want, atol=5e-6)

  @parameterized.product(size=(2, 33), method=('prism', 'trilinear', 'nearest'))
  @absltest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
  def test_matches_ffmpeg(self, size, method):
    table, rgb = _case(size)
    path = pathlib.Path(self.create_tempdir().full_path) / 'table.cube'
    _write_cube(path, table)
    want = _ffmpeg(path, rgb, method)
    np.testing.assert_allclose(_at[method](table, rgb), want, atol=1e-6)

  @parameterized.parameters(
    ([7], 3), ([4, 9], 1), ([3, 5, 4], 3), ([3] * 4, 4), ([2, 3, 2, 3, 2], 7)
  )
  def test_matches_float64_in_any_dimension_and_with_knots(self, sizes, outputs):
    rng = np.random.default_rng(len(sizes))
    table = rng.uniform(size=(*sizes, outputs)).astype(np.float32)
    x = rng.uniform(size=(2000, len(sizes))).astype(np.float32)
    uneven = _knots(rng, sizes)
    even = [np.linspace(0, 1, n) for n in sizes]
    for axes, given in ((even, None), (uneven, uneven)):
      lut = lattice.from_table(table, knots=given)
      got = _sample(lut, x, method='trilinear')
      want = scipy.interpolate.RegularGridInterpolator(axes, table.astype(float))
      np.testing.assert_allclose(got, want(x), atol=1e-6)
      got = _sample(lut, x, method='tetrahedral')
      np.testing.assert_allclose(got, _simplex(table, axes, x), atol=1e-6)

  def test_simplices_of_three_dimensions_are_tetrahedra(self):
    # A fourth channel that plays no part, in front or behind, changes nothing.
    table, rgb = _case(3, 500)
    x = np.random.default_rng(0).uniform(size=(500, 1)).astype(np.float32)
    want = _at['tetrahedral'](table, rgb)
    behind = np.repeat(table[:, :, :, None], 2, axis=3)
    got = _at['tetrahedral'](behind, np.concatenate([rgb, x], axis=1))
    np.testing.assert_allclose(got, want, atol=1e-6)
    before = np.repeat(table[None], 2, axis=0)
    got = _at['tetrahedral'](before, np.concatenate([x, rgb], axis=1))
    np.testing.assert_allclose(got, want, atol=1e-6)


class PropertyTest(parameterized.TestCase):
  @hypothesis.settings(deadline=None, max_examples=40)
  @hypothesis.given(
    st.sampled_from(_METHODS),
    st_numpy.arrays(np.float32, (8, 3), elements=st.floats(-1, 2, width=32)),
  )
  def test_stays_between_the_nodes_and_clamps_the_edges(self, method, rgb):
    got = np.asarray(_at[method](_SMALL, rgb))
    self.assertGreaterEqual(got.min(), _SMALL.min() - 1e-6)
    self.assertLessEqual(got.max(), _SMALL.max() + 1e-6)
    inside = _at[method](_SMALL, np.clip(rgb, 0, 1))
    np.testing.assert_array_equal(got, inside)

  @hypothesis.settings(deadline=None, max_examples=40)
  @hypothesis.given(
    st.sampled_from(_METHODS[1:]),
    st_numpy.arrays(np.float32, (8, 3), elements=st.floats(0, 1, width=32)),
  )
  def test_a_linear_map_is_kept(self, method, rgb):
    matrix = np.float32([[2, -1, 0.5], [0, 3, 1], [-1, 0.25, 1]])
    table = lattice.identity(4) @ matrix
    np.testing.assert_allclose(_at[method](table, rgb), rgb @ matrix, atol=3e-6)

  @parameterized.product(sizes=([5], [3, 4], [2, 3, 4, 2], [3, 2, 2, 2, 4]))
  def test_simplices_keep_a_linear_map_in_any_dimension(self, sizes):
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*(np.linspace(0, 1, n) for n in sizes), indexing='ij')
    matrix = rng.normal(size=(len(sizes), 3)).astype(np.float32)
    rgb = rng.uniform(size=(500, len(sizes))).astype(np.float32)
    got = _at['tetrahedral'](np.float32(np.stack(axes, -1) @ matrix), rgb)
    np.testing.assert_allclose(got, rgb @ matrix, atol=2e-6)

  @hypothesis.settings(deadline=None, max_examples=20)
  @hypothesis.given(
    st_numpy.arrays(np.float32, (8, 1), elements=st.floats(0, 1, width=32))
  )
  def test_tetrahedral_greys_depend_on_greys_only(self, grey):
    spoilt = 9 * np.ones((4, 4, 4, 3), np.float32)
    diagonal = np.arange(4)
    spoilt[diagonal, diagonal, diagonal] = _SMALL[diagonal, diagonal, diagonal]
    got = _at['tetrahedral'](spoilt, np.repeat(grey, 3, 1))
    want = _at['tetrahedral'](_SMALL, np.repeat(grey, 3, 1))
    np.testing.assert_array_equal(got, want)


class ExactTest(parameterized.TestCase):
  @parameterized.product(size=(2, 6, 23, 33), method=_METHODS)
  def test_nodes_are_exact(self, size, method):
    table, _ = _case(size)
    got = _at[method](table * 7 - 3, lattice.identity(size))
    np.testing.assert_array_equal(got, table * 7 - 3)

  def test_nodes_are_exact_up_to_the_largest_size(self):
    table = np.random.default_rng(0).uniform(size=(256, 1)).astype(np.float32)
    sizes = range(4, 257, 18)
    nodes = [np.float32(np.arange(size) / (size - 1))[:, None] for size in sizes]

    @jax.jit
    def read(table, nodes):
      return [interpolate.trilinear(table[: len(x)], x) for x in nodes]

    for size, got in zip(sizes, read(table, nodes)):
      np.testing.assert_array_equal(got, table[:size], f'size {size}')

  @parameterized.parameters(*_METHODS)
  def test_knots_are_exact(self, method):
    axis = np.float32([0, 0.05, 0.3, 1])
    rgb = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), -1)
    got = _sample(lattice.from_table(_SMALL, knots=[axis] * 3), rgb, method=method)
    np.testing.assert_array_equal(got, _SMALL)

  @parameterized.parameters(*_METHODS)
  def test_nan_spreads_and_infinity_clamps(self, method):
    rgb = np.float32([[0.2, np.nan, 0.7], [np.inf, 0, -np.inf], [-np.inf, 0.5, np.nan]])
    lut = lattice.from_table(_SMALL)
    got = np.asarray(_sample(lut, rgb, method=method))
    np.testing.assert_array_equal(np.isnan(got), [[True] * 3, [False] * 3, [True] * 3])
    np.testing.assert_array_equal(got[1], _SMALL[3, 0, 0])

  def test_half_precision_colours_are_placed_in_single(self):
    rgb = np.random.default_rng(0).uniform(size=(50, 3)).astype(np.float16)
    want = _at['trilinear'](_SMALL, rgb.astype(np.float32))
    np.testing.assert_array_equal(_at['trilinear'](_SMALL, rgb), want)

  def test_results_are_not_clamped(self):
    got = _at['tetrahedral'](_SMALL * 100 - 50, np.float32([[0.5, 0.1, 0.9]]))
    self.assertGreater(np.abs(got).max(), 1)

  @parameterized.parameters(*_METHODS)
  def test_vmap_over_lattices_and_colours_equals_a_loop(self, method):
    luts = lattice.Lut(np.stack([_SMALL, 1 - _SMALL]), np.stack([_DOMAIN] * 2))
    rgb = np.random.default_rng(2).uniform(size=(2, 50, 3)).astype(np.float32)
    one = functools.partial(interpolate.sample, method=method)
    got = jax.jit(jax.vmap(one))(luts, rgb)
    for i in range(2):
      want = _sample(jax.tree.map(lambda leaf: leaf[i], luts), rgb[i], method=method)  # noqa: B023
      np.testing.assert_allclose(got[i], want, atol=1e-6)


class GradientTest(parameterized.TestCase):
  @parameterized.parameters(*_METHODS)
  def test_is_finite_everywhere_between_knots_too(self, method):
    nodes = lattice.identity(4).reshape(-1, 3)
    odd = [[-1, 2, 0.5], [0, 0, 0], [1, 1, 1], [0.4] * 3, [np.inf, -np.inf, 1e30]]
    rgb = np.concatenate([nodes, np.float32(odd)])
    knots = [np.float32([0, 0.2, 0.2, 1])] * 3 if method == 'trilinear' else None
    lut = lattice.from_table(_SMALL, knots=knots)

    @jax.jit
    def slopes(lut):
      def total(lut, x):
        return interpolate.sample(lut, x, method=method).sum()

      return jax.grad(total, (0, 1))(lut, rgb)

    for leaf in jax.tree.leaves(slopes(lut)):
      self.assertTrue(np.isfinite(leaf).all())

  @parameterized.parameters('trilinear', 'tetrahedral', 'prism')
  def test_of_a_linear_map_is_its_matrix_at_nodes_too(self, method):
    matrix = np.float32([[2, -1, 0.5], [0, 3, 1], [-1, 0.25, 1]])
    inner = lattice.identity(12)[1:-1, 1:-1, 1:-1].reshape(-1, 3)
    rgb = np.concatenate([inner, np.random.default_rng(0).uniform(size=(50, 3))])
    one = functools.partial(interpolate.METHODS[method], lattice.identity(12) @ matrix)
    got = jax.jit(jax.vmap(jax.jacobian(one)))(rgb.astype(np.float32))
    np.testing.assert_allclose(got, np.broadcast_to(matrix.T, got.shape), atol=1e-4)

  @parameterized.parameters(('trilinear', 2), ('tetrahedral', 4))
  def test_of_values_knots_and_curves_is_that_of_differences(self, method, dimensions):
    rng = np.random.default_rng(dimensions)
    sizes = [3, 4, 2, 3][:dimensions]
    limits = np.stack([np.zeros(dimensions), np.ones(dimensions)])
    curves = lattice.Shaper(np.sort(rng.uniform(size=(4, dimensions)), axis=0), limits)
    knots = tuple(axis.astype(np.float64) for axis in _knots(rng, sizes))
    lut = lattice.Lut(rng.uniform(size=(*sizes, 2)), limits, knots, curves)
    still = jax.tree.map(np.zeros_like, lut)
    # The ends of an axis stay where they are; the rest moves at random.
    inner = tuple(np.pad(rng.normal(size=len(axis) - 2), 1) for axis in knots)
    ways = {
      'values': still._replace(table=rng.normal(size=lut.table.shape)),
      'knots': still._replace(knots=inner),
      'curves': still._replace(
        shaper=still.shaper._replace(table=rng.normal(size=curves.table.shape))
      ),
    }
    with jax.enable_x64(True):  # Differences of float64 are exact to six digits.
      x = jnp.asarray(rng.uniform(0.01, 0.99, (20, dimensions)))

      def total(lut):
        return jnp.sum(interpolate.sample(lut, x, method=method) ** 2)

      both = jax.jit(jax.value_and_grad(total))
      slope = jax.tree.leaves(both(lut)[1])
      for name, way in ways.items():
        ahead = both(jax.tree.map(lambda at, step: at + 1e-6 * step, lut, way))[0]
        behind = both(jax.tree.map(lambda at, step: at - 1e-6 * step, lut, way))[0]
        got = sum(np.vdot(a, b) for a, b in zip(slope, jax.tree.leaves(way)))
        self.assertGreater(abs(got), 0.01, name)
        np.testing.assert_allclose(got, (ahead - behind) / 2e-6, rtol=1e-5)


class ApplyTest(parameterized.TestCase):
  @parameterized.parameters(
    *((method, (37, 53, 3)) for method in _METHODS), ('tetrahedral', (2, 1, 999, 3))
  )
  def test_equals_sample_at_any_shape(self, method, shape):
    lut = lattice.from_table(_SMALL, _DOMAIN)
    image = np.random.default_rng(0).uniform(-1, 2, shape).astype(np.float32)
    want = _sample(lut, image, method=method)
    got = _apply(lut, image, method=method, chunk=100)
    np.testing.assert_allclose(got, want, atol=1e-6)

  def test_other_channel_counts(self):
    rng = np.random.default_rng(0)
    lut = lattice.from_table(rng.uniform(size=(3, 3, 3, 2)))
    image = rng.uniform(size=(1000, 3)).astype(np.float32)
    got = _apply(lut, image, method='trilinear', chunk=64)
    want = _sample(lut, image, method='trilinear')
    np.testing.assert_allclose(got, want, atol=1e-6)

  @parameterized.parameters(*_METHODS)
  def test_twelve_megapixels_need_little_besides_the_result(self, method):
    lut = lattice.from_table(np.zeros((33, 33, 33, 3)))
    image = jax.ShapeDtypeStruct((3000, 4000, 3), np.float32)
    fast = jax.jit(
      functools.partial(interpolate.apply, method=method), donate_argnums=1
    )
    memory = fast.lower(lut, image).compile().memory_analysis()
    self.assertLess(memory.temp_size_in_bytes, 64e6)
    self.assertEqual(memory.alias_size_in_bytes, 3000 * 4000 * 3 * 4)

  @parameterized.parameters(*_METHODS)
  def test_lowers_for_every_platform(self, method):
    lut = lattice.from_table(np.zeros((33, 33, 33, 3)))
    image = jax.ShapeDtypeStruct((300, 400, 3), np.float32)
    traced = _apply.trace(lut, image, method=method)
    text = traced.lower(lowering_platforms=('cpu', 'cuda', 'tpu')).as_text()
    self.assertIn('stablehlo.gather', text)
    kernel = bool(library.targets()) and method in library.METHODS
    for platform in ('cpu', 'cuda', 'tpu'):
      text = traced.lower(lowering_platforms=(platform,)).as_text()
      on_cpu = platform == 'cpu'
      self.assertEqual('stablehlo.while' in text, on_cpu and not kernel, platform)
      self.assertEqual('custom_call' in text, on_cpu and kernel, platform)

  def test_gradient_and_vmap_pass_the_chunks(self):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(2, 150, 3)).astype(np.float32)
    luts = jax.vmap(lattice.from_table)(jnp.stack([_SMALL, 1 - _SMALL]))

    def total(run, luts, images):
      return (jax.vmap(run)(luts, images) ** 2).sum()

    fast = functools.partial(total, functools.partial(interpolate.apply, chunk=64))
    plain = functools.partial(total, interpolate.sample)
    got, want = (jax.jit(jax.grad(f, (0, 1)))(luts, images) for f in (fast, plain))
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-4), got, want)

  @parameterized.parameters(((64, 3, 3), 3), ((7, 61, 3), 2))
  def test_sharded_over_two_devices_equals_one(self, shape, channels):
    mesh = jax.make_mesh((2,), ('row',), (AxisType.Auto,), devices=jax.devices()[:2])
    image = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    lut = lattice.from_table(_SMALL[..., :channels])
    fast = functools.partial(interpolate.apply_sharded, mesh=mesh, chunk=32)
    got = jax.jit(fast)(lut, image)
    want = _sample(lut, image, method='tetrahedral')
    np.testing.assert_allclose(got, want, atol=1e-6)
    self.assertLen(got.sharding.device_set, 2)


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters(
    ((8, 3), (3,), r'colours \[..., 1\], got float32 \(3,\)'),
    ((2, 2, 1, 3), (3,), r'lattice \[N, N, N, C\], got \(2, 2, 1, 3\)'),
    ((3,), (3,), r'lattice \[N, N, N, C\], got \(3,\)'),
    ((2, 2, 2, 3), (4, 2), r'colours \[..., 3\], got float32 \(4, 2\)'),
    ((2, 2, 2, 3), (), r'colours \[..., 3\], got float32 \(\)'),
    ((2, 2, 3), (5, 2), 'for prism interpolation, got one of 2 dimensions'),
  )
  def test_refuses_other_shapes(self, table, rgb, message):
    with self.assertRaisesRegex(ValueError, message):
      interpolate.prism(jnp.zeros(table), jnp.zeros(rgb))

  def test_refuses_an_unknown_method(self):
    message = "among nearest, trilinear, tetrahedral, prism, got 'cubic'"
    for run in (interpolate.sample, interpolate.apply):
      with self.assertRaisesRegex(ValueError, message):
        run(lattice.from_table(_SMALL), jnp.zeros(3), method='cubic')

  def test_refuses_whole_numbers(self):
    with self.assertRaisesRegex(ValueError, r'float colours .* got uint8 \(4, 3\)'):
      interpolate.apply(lattice.from_table(_SMALL), jnp.zeros((4, 3), 'uint8'))

  def test_refuses_an_empty_chunk(self):
    with self.assertRaisesRegex(ValueError, 'chunk of 1 or more pixels, got 0'):
      interpolate.apply(lattice.from_table(_SMALL), jnp.zeros((4, 3)), chunk=0)


if __name__ == '__main__':
  absltest.main()
