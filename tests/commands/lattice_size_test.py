import pathlib
import re
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.color import difference, spaces
from lutjax.commands import export, lattice_size, look_files
from lutjax.lut import chain, cube, lattice, tabulate

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None


def _bent(rgb):
  """Returns a smooth look."""
  return 0.1 + 0.4 * jnp.sin(2.5 * rgb) + 0.3 * rgb[..., ::-1] ** 2


def _lut(size: int, **parts) -> lattice.Lut:
  return lattice.from_table(_bent(lattice.identity(size)), **parts)


@jax.jit
def _delta_e(one, other):
  """Returns the CIEDE2000 of sRGB colours; `color` is tested by itself."""
  return difference.delta_e_2000(spaces.srgb_to_lab(one), spaces.srgb_to_lab(other))


def _opencolorio(path, rgb: np.ndarray) -> np.ndarray:
  """Returns what OpenColorIO makes of colours by a file, tetrahedrally."""
  file = ocio.FileTransform(str(path))
  file.setInterpolation(ocio.INTERP_TETRAHEDRAL)
  result = rgb.copy()
  processor = ocio.Config.CreateRaw().getProcessor(file).getDefaultCPUProcessor()
  processor.apply(ocio.PackedImageDesc(result, len(result), 1, 3))
  return result


class SmallestTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def write(self, look: look_files.Look, name: str, max_error: float) -> str:
    lines = []
    options = export.Options(max_error=max_error)
    export.write(look, self.folder / name, 'cube', options, say=lines.append)
    (line,) = lines
    return line

  @parameterized.parameters(False, True)
  @absltest.skipIf(ocio is None, 'needs opencolorio')
  def test_what_opencolorio_reads_holds_the_error(self, with_curves):
    curves = None
    if with_curves:
      rows = np.linspace(0, 1, 64)[:, None] ** np.float32([0.5] * 3)
      curves = lattice.Shaper(rows, np.float32([[0] * 3, [4] * 3]))
    lut = _lut(41, shaper=curves)
    (self.folder / 'fine.cube').write_bytes(cube.render(lut))
    line = self.write(look_files.of_lut(lut), 'small.cube', 0.15)
    got = cube.read(self.folder / 'small.cube').lut
    size = len(got.table)
    self.assertIn(size, (17, 25, 33))
    self.assertEqual(got.shaper is not None, with_curves)
    said = re.search(
      rf'small.cube: {size}\^3 nodes: (\S+) CIEDE2000 off at most, at (\S+), (\S+), '
      r'(\d\S*\d)(,| behind the curves)',
      line,
    )
    error, *colour = map(float, said.groups()[:4])
    self.assertEqual(said[5] == ' behind the curves', with_curves)
    rgb = np.random.default_rng(7).uniform(size=(1 << 16, 3)).astype(np.float32)
    rgb[0] = colour
    if with_curves:
      rgb = 4 * rgb**2
    want = _opencolorio(self.folder / 'fine.cube', rgb)
    off = _delta_e(_opencolorio(self.folder / 'small.cube', rgb), want)
    self.assertLess(off.max(), 0.15)
    # The colour that is named is off by what is named, but for digits left out.
    np.testing.assert_allclose(off[0], error, rtol=0.05)
    self.assertLess(off.max(), 1.005 * error)
    # And the next smaller size would not do.
    below = lattice_size.SIZES[lattice_size.SIZES.index(size) - 1]
    coarse = tabulate.bake(lut._replace(shaper=None), below, method='tetrahedral')
    coarse = cube.render(coarse._replace(shaper=curves))
    (self.folder / 'coarse.cube').write_bytes(coarse)
    off = _delta_e(_opencolorio(self.folder / 'coarse.cube', rgb), want)
    self.assertGreater(off.max(), 0.15)

  def test_the_nodes_of_the_file_hold_any_error(self):
    for size in (5, 20):
      line = self.write(look_files.of_lut(_lut(size)), f'{size}.cube', 1e-6)
      self.assertIn(f'{size}^3 nodes, those of the file: not off', line)
      got = cube.read(self.folder / f'{size}.cube').lut
      np.testing.assert_array_equal(got.table, _lut(size).table)

  def test_curves_that_a_file_cannot_hold_are_baked(self):
    domain = np.float32([[0, 0, 0], [1, 1, 2]])
    curves = lattice.Shaper(np.tile(np.linspace(0, 1, 5)[:, None], 3), domain)
    line = self.write(look_files.of_lut(_lut(9, shaper=curves)), 'baked.cube', 5.0)
    got = cube.read(self.folder / 'baked.cube').lut
    self.assertIsNone(got.shaper)
    np.testing.assert_array_equal(got.domain, domain)
    self.assertRegex(line, r'\^3 nodes: .* off at most')

  def test_a_model_is_measured_by_itself(self):
    look = look_files.Look(
      lambda size: lattice.from_table(tabulate.tabulate(_bent, size)), network=_bent
    )
    choice = lattice_size.smallest(look, 1.0)
    self.assertLen(choice.lut.table, 9)
    self.assertLess(choice.found.largest, 1.0)
    self.assertLess(choice.found.nodes, 0.01)
    self.enter_context(mock.patch.object(lattice_size, 'SIZES', (5, 9)))
    with self.assertRaisesRegex(
      errors.InputError,
      r'no.cube: --max_error=0.001: found [\d.]+ CIEDE2000 off at most, at .* at 9\^3 '
      'nodes, the closest that was tried; expected a larger error, or --size$',
    ):
      self.write(look, 'no.cube', 0.001)
    self.assertFalse((self.folder / 'no.cube').exists())

  def test_a_log_curve_in_front_is_taken_where_it_takes_fewer_nodes(self):
    halved = chain.Matrix(np.eye(3, dtype=np.float32) / 2, np.zeros(3, np.float32))
    # x^(1/3) of scene-linear light, straight below 0.001.
    numbers = (1 / 3, 1.0, 0.0, 1.0, 0.0, 0.001, 100.0, 0.0)
    dark = chain.Power(*(np.float32([number] * 3) for number in numbers))
    found = {}
    for name, steps in (('even', (halved,)), ('dark', (dark,))):
      options = export.Options(max_error=2.0)
      look = look_files.of_chain(steps)
      lines = []
      path = self.folder / f'{name}.cube'
      export.write(look, path, 'cube', options, say=lines.append)
      got = cube.read(path).lut
      found[name] = got.shaper is not None
    self.assertEqual(found, {'even': False, 'dark': True})
    message = r'dark.cube: \d+\^3 nodes behind a log curve: .* off at most'
    self.assertRegex(lines[-1], message)

  def test_an_inverse_is_measured_against_a_finer_one(self):
    look = look_files.Look(
      lambda size: lattice.from_table(_bent(lattice.identity(size)))
    )
    choice = lattice_size.smallest(look, 1.0)
    self.assertLen(choice.lut.table, 9)
    self.assertBetween(choice.found.largest, 0.1, 1.0)

  @parameterized.parameters(0.0, -1.0, float('nan'), float('inf'))
  def test_refuses_other_numbers(self, wanted):
    with self.assertRaisesRegex(errors.InputError, '--max_error=.* a number above 0'):
      self.write(look_files.of_lut(_lut(2)), 'no.cube', wanted)


if __name__ == '__main__':
  absltest.main()
