"""What the commands write, against oracles that share no code with lutjax.

Command by command, each kind of input by each kind of output, in this process.
The oracles are float64 numpy written here, OpenColorIO without optimisation,
Pillow, tifffile and OpenCV.
"""

import io
import itertools
import pathlib
import re
import unittest

import cv2
import jax
import numpy as np
import PIL.Image
import tifffile
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.codec import labels
from lutjax.systems.nilut import model as nilut
from tests.launch import in_process

try:
  import PyOpenColorIO as ocio

  ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_NONE)
except ImportError:
  ocio = None

CASES = pathlib.Path(__file__).resolve().parent.parent / 'cases'
METHODS = ('nearest', 'trilinear', 'tetrahedral', 'prism')
UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_RNG = np.random.default_rng(0)


class Look:
  """A LUT in float64, and the text of its file."""

  def __init__(self, table=None, domain=UNIT, curves=None, curve_domain=UNIT):
    self.table, self.curves = table, curves
    self.domain, self.curve_domain = np.array(domain), np.array(curve_domain)

  @property
  def largest(self):
    parts = [x for x in (self.table, self.curves) if x is not None]
    return max(1.0, *(float(np.abs(x).max()) for x in parts[:1]))

  def text(self):
    lines = []
    both = self.table is not None and self.curves is not None
    for name, values, domain in (
      ('1D', self.curves, self.curve_domain),
      ('3D', self.table, self.domain),
    ):
      if values is None:
        continue
      lines.append(f'LUT_{name}_SIZE {len(values)}')
      low, high = domain
      if both:
        lines.append(f'LUT_{name}_INPUT_RANGE {low[0]:.9g} {high[0]:.9g}')
      elif not np.array_equal(domain, UNIT):
        lines.append('DOMAIN_MIN ' + ' '.join(f'{v:.9g}' for v in low))
        lines.append('DOMAIN_MAX ' + ' '.join(f'{v:.9g}' for v in high))
    for values in (self.curves, self.table):
      if values is not None:
        rows = values.reshape(-1, 3)
        if values.ndim == 4:
          rows = values.transpose(2, 1, 0, 3).reshape(-1, 3)
        rows = np.asarray(rows, np.float64)
        lines.append(('%.9g %.9g %.9g\n' * len(rows) % tuple(rows.ravel())).rstrip())
    return '\n'.join(lines) + '\n'

  def __call__(self, rgb, method='tetrahedral'):
    """Maps `[P, 3]`; NaN where the nearest node hangs on rounding."""
    x = np.asarray(rgb, np.float64)
    if self.curves is not None:
      x = np.stack([self._curve(x[:, i], i) for i in range(3)], axis=1)
    if self.table is None:
      return x
    low, high = self.domain
    cells = len(self.table) - 1
    position = np.clip((x - low) / (high - low), 0.0, 1.0) * cells
    node = np.minimum(np.floor(position), cells - 1).astype(int)
    return _METHODS[method](self.table.astype(np.float64), node, position - node)

  def _curve(self, x, channel):
    low, high = self.curve_domain[:, channel]
    nodes = np.linspace(low, high, len(self.curves))
    return np.interp(x, nodes, self.curves[:, channel].astype(np.float64))


def _nearest(table, node, fraction):
  chosen = node + (fraction >= 0.5)
  out = table[tuple(chosen.T)]
  return np.where((np.abs(fraction - 0.5) < 1e-3).any(1, keepdims=True), np.nan, out)


def _trilinear(table, node, fraction):
  total = 0.0
  for corner in itertools.product((0, 1), repeat=3):
    weight = np.prod(np.where(corner, fraction, 1.0 - fraction), axis=1)
    total = total + weight[:, None] * table[tuple((node + corner).T)]
  return total


def _simplex(table, node, fraction, axes):
  """Walks from corner to corner along `axes`, the longest step first."""
  steps = fraction[:, axes]
  order = np.argsort(-steps, axis=1, kind='stable')
  steps = np.take_along_axis(steps, order, axis=1)
  gaps = -np.diff(steps, axis=1, prepend=1.0, append=0.0)
  total = gaps[:, :1] * table[tuple(node.T)]
  for i in range(len(axes)):
    node = node + np.eye(3, dtype=int)[np.array(axes)[order[:, i]]]
    total = total + gaps[:, i + 1 : i + 2] * table[tuple(node.T)]
  return total


def _prism(table, node, fraction):
  green = fraction[:, 1:2]
  below = _simplex(table, node, fraction, [0, 2])
  above = _simplex(table, node + np.array([0, 1, 0]), fraction, [0, 2])
  return (1.0 - green) * below + green * above


_METHODS = {
  'nearest': _nearest,
  'trilinear': _trilinear,
  'tetrahedral': lambda *place: _simplex(*place, [0, 1, 2]),
  'prism': _prism,
}


def _nodes(size):
  axis = np.linspace(0, 1, size)
  return np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1)


def _steep(size, scale=1.0):
  """Neighbours that have nothing to do with each other."""
  return (_RNG.uniform(size=(size,) * 3 + (3,)) * scale).astype(np.float32)


def _curves(size, power):
  x = np.linspace(0, 1, size)
  return np.stack([x**power, x ** (power * 1.1), x ** (power * 0.9)], 1).astype(
    np.float32
  )


LOOKS = {
  'two nodes': Look(_steep(2)),
  'steep, 17 nodes': Look(_steep(17)),
  'steep, 64 nodes': Look(_steep(64)),
  'HDR, 9 nodes': Look((0.016 * 1000 ** _nodes(9)).astype(np.float32)),
  'below zero': Look(1.5 * _steep(5) - 0.25),
  'domain': Look(_steep(9), domain=((-0.5, 0, 0), (1.5, 1, 2))),
  'curves': Look(curves=_curves(1024, 1 / 2.4)),
  'curves with a domain': Look(
    curves=_curves(33, 0.5), curve_domain=((-0.25, 0, 0), (1.25, 2, 1))
  ),
  'curves, then nodes': Look(
    (_nodes(17) ** 0.8).astype(np.float32),
    curves=_curves(64, 0.7),
    curve_domain=((-0.1,) * 3, (1.2,) * 3),
  ),
}


def _pixels(kind, channels=3, shape=(31, 33)):
  """Returns an image of any depth, float beyond [0, 1]."""
  if kind == np.float32:
    return _RNG.uniform(-0.3, 1.4, (*shape, channels)).astype(np.float32)
  top = np.iinfo(kind).max
  return _RNG.integers(0, top, (*shape, channels), endpoint=True).astype(kind)


def _unit(pixels):
  full = 1.0 if pixels.dtype.kind == 'f' else float(np.iinfo(pixels.dtype).max)
  return pixels.astype(np.float64) / full


def _read(path):
  """Reads an image without lutjax: PNG by OpenCV, TIFF by tifffile, else Pillow."""
  if path.suffix == '.png':
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return pixels[..., order]
  if path.suffix == '.tif':
    return tifffile.imread(path)
  with PIL.Image.open(path) as image:
    return np.asarray(image)


def _write(path, pixels):
  if path.suffix == '.tif':
    tifffile.imwrite(path, pixels, photometric='rgb')
  elif path.suffix == '.png':
    cv2.imwrite(str(path), pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
  else:
    PIL.Image.fromarray(pixels).save(path, quality=95, lossless=True)


class ExactTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def lut(self, look):
    path = self.folder / 'look.cube'
    path.write_text(look.text())
    return path

  def assert_rounded_once(self, got, want, full, slack):
    """Codes are `want` rounded, either way where float32 cannot tell."""
    exact = np.clip(want, 0.0, 1.0) * full
    rounded = np.rint(exact)
    unsure = np.abs(exact - np.floor(exact) - 0.5) < slack * full
    wrong = (got != rounded) & ~(unsure & (np.abs(got - exact) < 0.5 + slack * full))
    self.assertEqual(int(wrong.sum()), 0)


class ApplyTest(ExactTest):
  """`launch.apply` of LUT files and models."""

  @parameterized.product(name=tuple(LOOKS), method=METHODS)
  def test_float_pixels_through_a_file(self, name, method):
    look = LOOKS[name]
    if method == 'nearest' and look.table is None:
      message = 'curves alone, which are read linearly'
      with self.assertRaisesRegex(errors.InputError, message):
        self.apply(look, _pixels(np.float32), '.tif', interpolation=method)
      return
    pixels = _pixels(np.float32)
    got, printed = self.apply(look, pixels, '.tif', interpolation=method)
    want = look(pixels.reshape(-1, 3), method).reshape(pixels.shape)
    sure = np.isfinite(want)
    np.testing.assert_allclose(got[sure], want[sure], atol=1e-6 * look.largest)
    self.assertEqual(printed, '')

  def test_as_many_as_129_nodes(self):
    look = Look(_steep(129))
    pixels = _pixels(np.float32)
    got, _ = self.apply(look, pixels, '.tif')
    want = look(pixels.reshape(-1, 3)).reshape(pixels.shape)
    np.testing.assert_allclose(got, want, atol=1e-6)

  @parameterized.parameters(*LOOKS)
  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_float_pixels_as_opencolorio_has_them(self, name):
    look = LOOKS[name]
    pixels = _pixels(np.float32)
    got, _ = self.apply(look, pixels, '.tif')
    transform = ocio.FileTransform(
      str(self.folder / 'look.cube'), interpolation=ocio.INTERP_TETRAHEDRAL
    )
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    want = pixels.copy()
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    # OpenColorIO rounds positions in float32: 64 nodes are off by 63 / 2^24.
    size = 2 if look.table is None else len(look.table)
    loose = look.largest * max(2e-6, size * 2.0**-22)
    np.testing.assert_allclose(got, want, atol=loose)

  @parameterized.product(
    kind=(np.uint8, np.uint16), suffix=('.png', '.tif'), channels=(3, 4)
  )
  def test_codes_are_the_exact_value_rounded_once(self, kind, suffix, channels):
    pixels = _pixels(kind, channels)
    for name in ('steep, 17 nodes', 'curves', 'below zero'):
      look = LOOKS[name]
      got, _ = self.apply(look, pixels, suffix, overwrite='true')
      self.assertEqual(got.dtype, kind)
      want = look(_unit(pixels[..., :3]).reshape(-1, 3)).reshape(*pixels.shape[:2], 3)
      slack = 1e-6 * look.largest
      self.assert_rounded_once(got[..., :3], want, np.iinfo(kind).max, slack)
      np.testing.assert_array_equal(got[..., 3:], pixels[..., 3:])

  def test_jpeg_and_webp_are_the_exact_value_encoded(self):
    look = LOOKS['curves, then nodes']
    for suffix, options in (
      ('.jpg', {'quality': 95, 'subsampling': 0}),
      ('.webp', {'lossless': True}),
    ):
      source = self.folder / f'a{suffix}'
      _write(source, _pixels(np.uint8))
      codes = _unit(_read(source)).reshape(-1, 3)
      graded = np.rint(255 * np.clip(look(codes), 0, 1)).reshape(31, 33, 3)
      want = io.BytesIO()
      image = PIL.Image.fromarray(graded.astype(np.uint8))
      image.save(want, {'.jpg': 'JPEG', '.webp': 'WebP'}[suffix], **options)
      target = self.folder / f'b{suffix}'
      lut = self.lut(look)
      problems, _ = in_process.run('apply', lut=lut, images=source, out=target)
      self.assertEmpty(problems)
      with PIL.Image.open(want) as image:
        np.testing.assert_array_equal(_read(target), np.asarray(image))

  @parameterized.product(strength=(0.0, 0.7, 1.5), bits=(8, 16))
  def test_strength_and_bits(self, strength, bits):
    look = LOOKS['domain']
    pixels = _pixels(np.uint8)
    got, _ = self.apply(look, pixels, '.png', strength=strength, bits=bits)
    rgb = _unit(pixels).reshape(-1, 3)
    want = (rgb + strength * (look(rgb) - rgb)).reshape(pixels.shape)
    self.assertEqual(got.dtype, {8: np.uint8, 16: np.uint16}[bits])
    self.assert_rounded_once(got, want, 2**bits - 1, 2e-6)

  def test_strength_of_colours_beyond_the_domain(self):
    look = LOOKS['HDR, 9 nodes']
    pixels = _pixels(np.float32)
    got, _ = self.apply(look, pixels, '.tif', strength=0.7)
    rgb = pixels.reshape(-1, 3).astype(np.float64)
    want = (rgb + 0.7 * (look(rgb) - rgb)).reshape(pixels.shape)
    np.testing.assert_allclose(got, want, atol=1e-6 * look.largest)

  @parameterized.parameters('nearest', 'tetrahedral')
  def test_a_hald_picture(self, method):
    table = np.rint(_nodes(9) ** 0.6 * 255).astype(np.uint8)
    path = self.folder / 'hald.png'
    _write(path, table.transpose(2, 1, 0, 3).reshape(27, 27, 3))
    pixels = _pixels(np.float32)
    source = self.folder / 'a.tif'
    _write(source, pixels)
    target = self.folder / 'b.tif'
    given = {'lut': path, 'interpolation': method}
    self.assertEmpty(in_process.run('apply', images=source, out=target, **given)[0])
    want = Look(table / 255.0)(pixels.reshape(-1, 3), method).reshape(pixels.shape)
    sure = np.isfinite(want)
    np.testing.assert_allclose(_read(target)[sure], want[sure], atol=1e-6)

  @parameterized.parameters(
    ('steep17', 'steep17'),
    ('nodes32', 'nodes32'),
    ('shaper_ranges', 'shaper_ranges'),
    ('curve1024', 'curve1024'),
    ('log_to_linear9', 'log_to_linear9'),
  )
  def test_cases(self, file, key):
    expected = np.load(CASES / 'expected.npz')
    source = self.folder / 'a.tif'
    rgb = expected['rgb'].reshape(16, 16, 3)
    _write(source, rgb)
    for name in expected.files:
      if name.split()[0] != key:
        continue
      method = name.split()[1:] or ['tetrahedral']
      target = self.folder / f'{name}.tif'
      given = {'lut': CASES / f'{file}.cube', 'interpolation': method[0]}
      self.assertEmpty(in_process.run('apply', images=source, out=target, **given)[0])
      want = expected[name].reshape(rgb.shape)
      np.testing.assert_allclose(_read(target), want, atol=1e-6 * max(1, want.max()))

  def apply(self, look, pixels, suffix, **given):
    source, target = self.folder / f'a{suffix}', self.folder / f'b{suffix}'
    _write(source, pixels)
    lut = self.lut(look)
    problems, printed = in_process.run(
      'apply', lut=lut, images=source, out=target, **given
    )
    self.assertEmpty(problems)
    return _read(target), printed


class ModelTest(ExactTest):
  """Models, by a network in float64 numpy."""

  def setUp(self):
    super().setUp()
    config = nilut.Config(
      widths=(8, 8),
      encoding='centred',
      precision='fp32',
      looks=(labels.Label('up', ((-0.2,) * 3, (1.0,) * 3), (-0.5, 2.0)),),
    )
    variables = nilut.init(config, jax.random.key(0))
    rng = np.random.default_rng(1)
    for layer in variables.params:
      layer['weight'] = rng.normal(0, 0.5, layer['weight'].shape).astype(np.float32)
      layer['bias'] = rng.normal(0, 0.2, layer['bias'].shape).astype(np.float32)
    self.layers = jax.tree.map(np.float64, variables.params)
    self.model = self.folder / 'up.lutjax'
    self.model.write_bytes(nilut.export(config, variables))

  def network(self, rgb):
    unit = np.clip((np.asarray(rgb, np.float64) + 0.2) / 1.2, 0, 1)
    x = 2 * unit - 1
    for layer in self.layers[:-1]:
      x = np.maximum(x @ layer['weight'] + layer['bias'], 0)
    last = self.layers[-1]
    return -0.5 + 2.5 * np.clip(unit + x @ last['weight'] + last['bias'], 0, 1)

  def lattice(self, size):
    nodes = -0.2 + 1.2 * _nodes(size).reshape(-1, 3)
    table = self.network(nodes).reshape((size,) * 3 + (3,))
    return Look(table, ((-0.2,) * 3, (1.0,) * 3))

  def apply(self, **given):
    pixels = _pixels(np.float32)
    source, target = self.folder / 'a.tif', self.folder / 'b.tif'
    _write(source, pixels)
    given = {'model': self.model, 'images': source, 'out': target} | given
    problems, printed = in_process.run('apply', **given)
    self.assertEmpty(problems)
    return pixels, _read(target), printed

  def test_every_pixel_by_the_network(self):
    pixels, got, printed = self.apply(decode='exact')
    np.testing.assert_allclose(got, self.network(pixels), atol=3e-6)
    self.assertEqual(printed, '')

  def test_by_a_lattice_whose_error_is_said(self):
    pixels, got, printed = self.apply()
    want = self.lattice(65)(pixels.reshape(-1, 3)).reshape(pixels.shape)
    np.testing.assert_allclose(got, want, atol=5e-6)
    error = 255 * np.abs(want - self.network(pixels))
    self.assertRegex(printed, r'a.tif: the 65\^3 lattice is off the network by')
    found = re.search(r'by (\S+) of 255 on average, (\S+) at most', printed)
    self.assertAlmostEqual(float(found[1]), error.mean(), delta=0.05 * error.mean())
    self.assertAlmostEqual(float(found[2]), error.max(), delta=0.05 * error.max())

  @parameterized.parameters(('cube', 5), ('npz', 6), ('hald', 36))
  def test_exported_at_the_nodes_of_the_target(self, form, size):
    suffix = {'cube': '.cube', 'npz': '.npz', 'hald': '.png'}[form]
    target = self.folder / f'out{suffix}'
    given = {'level': 6, 'clip': 'true'} if form == 'hald' else {'size': size}
    given |= {'model': self.model, 'out': target, 'format': form}
    problems, printed = in_process.run('export', **given)
    self.assertEmpty(problems)
    if form == 'hald':
      want = self.network(_nodes(36).reshape(-1, 3)).reshape((36,) * 3 + (3,))
      picture = np.clip(want, 0, 1).transpose(2, 1, 0, 3).reshape(216, 216, 3)
      self.assert_rounded_once(_read(target), picture, 65535, 3e-6)
      self.assertIn('cut to 0 to 1', printed)
      self.assertIn('the rest is lost', printed)
      return
    want = self.lattice(size).table
    got = np.load(target)['lut'] if form == 'npz' else _cube_rows(target, size)
    np.testing.assert_allclose(got, want, atol=3e-6)

  def test_flags_that_would_be_ignored(self):
    for given, message in (
      ({'decode': 'exact', 'interpolation': 'trilinear'}, '^--interpolation: nothing'),
      ({'model': None, 'lut': 'a.cube', 'decode': 'exact'}, '^--decode: nothing'),
    ):
      given = {'model': self.model, 'images': 'a.tif', 'out': 'b'} | given
      given = {key: value for key, value in given.items() if value is not None}
      with self.assertRaisesRegex(errors.InputError, message):
        in_process.run('apply', **given)


class ExportTest(ExactTest):
  """`launch.export` of LUT files."""

  @parameterized.parameters(*LOOKS)
  def test_cube_to_cube_and_npz_keep_every_value(self, name):
    look = LOOKS[name]
    lut = self.lut(look)
    for form in ('cube', 'npz'):
      target = self.folder / f'out.{form}'
      problems, printed = self.export(lut, target, form)
      self.assertEmpty(problems)
      self.assertEqual(printed, f'{target}\n')
    arrays = np.load(self.folder / 'out.npz')
    text = _without_ranges(self.folder / 'out.cube')
    if look.table is not None:
      np.testing.assert_array_equal(arrays['lut'], look.table.astype(np.float32))
    if look.curves is not None:
      np.testing.assert_array_equal(arrays['shaper'], look.curves)
    np.testing.assert_array_equal(text, _without_ranges(lut))
    # And back: the archive gives the same file.
    again = self.folder / 'again.cube'
    self.assertEmpty(self.export(self.folder / 'out.npz', again, 'cube')[0])
    self.assertEqual(_without_ranges(again).tolist(), text.tolist())

  @parameterized.parameters(*LOOKS)
  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_opencolorio_reads_the_same_look(self, name):
    look = LOOKS[name]
    target = self.folder / 'out.cube'
    self.assertEmpty(self.export(self.lut(look), target, 'cube')[0])
    rgb = _RNG.uniform(-0.3, 1.4, (999, 3)).astype(np.float32)
    transform = ocio.FileTransform(str(target), interpolation=ocio.INTERP_TETRAHEDRAL)
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    got = rgb.copy()
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(got)
    size = 2 if look.table is None else len(look.table)
    loose = look.largest * max(2e-6, size * 2.0**-22)
    np.testing.assert_allclose(got, look(rgb), atol=loose)

  @parameterized.parameters(*LOOKS)
  def test_a_hald_holds_the_true_function_at_its_nodes(self, name):
    look = LOOKS[name]
    lut, target = self.lut(look), self.folder / 'out.png'
    nodes = _nodes(16).astype(np.float32).transpose(2, 1, 0, 3).reshape(64, 64, 3)
    want = look(nodes.reshape(-1, 3)).reshape(64, 64, 3)
    given = {'level': 4}
    if want.min() < -1e-9 or want.max() > 1 + 1e-9:
      with self.assertRaisesRegex(errors.InputError, 'found values from .* --clip'):
        self.export(lut, target, 'hald', **given)
      given['clip'] = 'true'
    problems, printed = self.export(lut, target, 'hald', **given)
    self.assertEmpty(problems)
    self.assert_rounded_once(_read(target), want, 65535, 2e-6 * look.largest)
    between = _RNG.uniform(size=(9999, 3))
    table = want.reshape((16,) * 3 + (3,)).transpose(2, 1, 0, 3)
    if np.abs(Look(table)(between) - look(between)).max() > 1e-6 * look.largest:
      self.assertRegex(
        printed, r'evaluated at 16\^3 nodes: .* off between them at most'
      )

  def test_another_size_says_the_largest_error(self):
    look = LOOKS['curves']
    target = self.folder / 'out.cube'
    problems, printed = self.export(self.lut(look), target, 'cube', size=33)
    self.assertEmpty(problems)
    want = look(_nodes(33).reshape(-1, 3)).reshape((33,) * 3 + (3,))
    np.testing.assert_allclose(_cube_rows(target, 33), want, atol=1e-6)
    grey = np.repeat(np.linspace(0, 1, 100_001)[:, None], 3, axis=1)
    error = np.abs(look(grey) - Look(want)(grey)).max()
    found = float(printed.split(' off between')[0].split()[-1])
    self.assertBetween(found, 0.9 * error, 1.01 * error)

  def export(self, lut, target, form, **given):
    given = {'lut': lut, 'out': target, 'format': form, 'overwrite': 'true'} | given
    return in_process.run('export', **given)


class DemoTest(ExactTest):
  @unittest.skipIf(ocio is None, 'needs opencolorio')
  def test_the_graded_photo_is_what_opencolorio_makes_of_the_exported_files(self):
    small = ['steps=20', 'widths=(8,)', 'activations=("relu",)', 'pictures=none']
    small += ['segment_steps=20', 'nodes=5', 'random_colours=64', 'photo_colours=64']
    out = self.folder / 'demo'
    self.assertEmpty(in_process.run('demo', out=out, size=5, set=small)[0])
    photo = _read(out / 'inputs/photos/photo.png')
    rgb = _unit(photo).astype(np.float32).reshape(-1, 3)
    written = sorted((out / 'cubes').iterdir())
    self.assertNotEmpty(written)
    for path in written:
      transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_TETRAHEDRAL)
      processor = ocio.Config.CreateRaw().getProcessor(transform)
      want = rgb.copy()
      processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
      got = _read(out / 'graded' / f'{path.stem}.png').reshape(-1, 3)
      self.assert_rounded_once(got, want.astype(np.float64), 65535, 1e-6)


def _cube_rows(path, size):
  rows = _without_ranges(path)
  return rows.reshape(size, size, size, 3).transpose(2, 1, 0, 3)


def _without_ranges(path):
  """Returns the rows of a `.cube` file as float32, by numpy."""
  lines = [line for line in path.read_text().splitlines() if line[:1] in '-0123456789']
  return np.loadtxt([line for line in lines if line]).astype(np.float32)


if __name__ == '__main__':
  absltest.main()
