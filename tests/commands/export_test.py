import pathlib

import imageio.v3 as iio
import jax
import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors, files
from lutjax.codec import labels
from lutjax.commands import export, look_files, selection
from lutjax.lut import cube, hald, interpolate, lattice
from lutjax.systems.nilut import model as nilut


class ExportingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.lines = []

  def save(self, name, lut):
    path = self.folder / name
    path.write_bytes(cube.render(lut))
    return selection.named_looks(lut=str(path))

  def model(self, bias, **label):
    config = nilut.Config(
      widths=(4,),
      activations=('relu',),
      precision='fp32',
      looks=(labels.Label('up', **label),),
    )
    variables = nilut.init(config, jax.random.key(0))
    variables.params[-1]['bias'] = np.full(3, bias, np.float32)
    files.write_bytes(self.folder / 'up.lutjax', nilut.export(config, variables))
    return selection.named_looks(model=str(self.folder / 'up.lutjax'))

  def write(self, looks, out, form, **options):
    (path,) = export.write_all(
      looks,
      self.folder / out,
      [form],
      export.Options(**options),
      say=self.lines.append,
    )
    return path

  def test_files_that_exist_are_found_before_anything_is_made(self):
    there = self.folder / 'out/b.cube'
    files.write_bytes(there, b'kept')
    plain = look_files.of_lut(lattice.from_table(lattice.identity(2)))
    looks = {'a': plain, 'b': plain}
    with self.assertRaisesRegex(errors.InputError, 'b.cube: exists already'):
      list(export.write_all(looks, there.parent, ['cube']))
    self.assertEqual([path.name for path in there.parent.iterdir()], ['b.cube'])
    options = export.Options(overwrite=True)
    list(export.write_all(looks, there.parent, ['cube'], options))
    self.assertGreater(len(there.read_bytes()), 50)

  def test_one_look_that_cannot_be_made_leaves_the_others(self):
    plain = look_files.of_lut(lattice.from_table(lattice.identity(2)))

    def broken(size):
      raise errors.InputError('b: squeezes colours')

    looks = {'a': plain, 'b': look_files.Look(broken), 'c': plain}
    problems = []
    written = list(
      export.write_all(looks, self.folder / 'o', ['cube'], problems=problems)
    )
    self.assertEqual([path.name for path in written], ['a.cube', 'c.cube'])
    self.assertEqual(problems, ['b: squeezes colours'])

  @parameterized.parameters(8, 16)
  def test_the_blank_hald_is_exact(self, bits):
    looks = selection.named_looks(lut='identity')
    path = self.write(looks, 'h.png', 'hald', level=4, bits=bits)
    if bits == 8:
      want = np.rint(hald.identity(4) * 255)
      np.testing.assert_array_equal(iio.imread(path), want)
    again = selection.named_looks(lut=str(path))['h'].own
    tolerance = 0.5 / (2**bits - 1) + 1e-7
    np.testing.assert_allclose(again.table, lattice.identity(16), atol=tolerance)
    self.assertEmpty(self.lines)

  @parameterized.parameters(
    ('a', ['cubes'], {}, r'did you mean cube\?'),
    ('a.png', ['cube'], {}, 'expected the extension .cube'),
    ('a.cube', ['cube', 'npz'], {}, '2 files to write, expected a folder'),
    ('a', ['cube'], {'size': 1}, '--size=1: expected 2 to 256'),
    ('a', ['hald'], {'level': 17}, '--level=17: expected 2 to 16'),
    ('a', ['hald'], {'bits': 12}, '--bits=12: expected 8 or 16'),
  )
  def test_flags_are_checked_before_anything_is_written(
    self, out, formats, options, message
  ):
    looks = selection.named_looks(lut='identity')
    options = export.Options(**options)
    with self.assertRaisesRegex(errors.InputError, message):
      list(export.write_all(looks, self.folder / out, formats, options))
    self.assertFalse((self.folder / out).exists())

  def test_a_name_leads_nowhere_else(self):
    looks = {'../up': look_files.of_lut(lattice.from_table(lattice.identity(2)))}
    with self.assertRaisesRegex(errors.InputError, 'no file can be called'):
      list(export.write_all(looks, self.folder / 'out', ['cube']))

  @parameterized.parameters('cube', 'npz')
  def test_curves_sizes_domains_and_notes_are_kept(self, form):
    rng = np.random.default_rng(0)
    curves = np.sort(rng.uniform(size=(7, 3)), axis=0).astype(np.float32)
    shaper = lattice.Shaper(curves, np.float32([[-0.1] * 3, [1.2] * 3]))
    table = rng.uniform(-1, 16, size=(4, 4, 4, 3)).astype(np.float32)
    for lut in (
      lattice.from_table(table, [[-1, 0, 0], [1, 2, 3]]),
      lattice.from_table(table, shaper=shaper),
      lattice.from_shaper(shaper),
    ):
      looks = self.save('a.cube', lut)
      path = self.write(looks, f'again.{form}', form, overwrite=True)
      again = selection.named_looks(lut=str(path))['again'].own
      jax.tree.map(np.testing.assert_array_equal, again, lut)
    self.assertEmpty(self.lines)

  def test_title_and_comments_are_kept(self):
    text = b'# made by hand\nTITLE "Warm"\nLUT_3D_SIZE 2\n' + b'0 0.5 1\n' * 8
    (self.folder / 'a.cube').write_bytes(text)
    looks = selection.named_looks(lut=str(self.folder / 'a.cube'))
    again = cube.read(self.write(looks, 'b.cube', 'cube'))
    self.assertEqual((again.title, again.comments), ('Warm', ('made by hand',)))

  def test_another_size_is_said_with_its_error(self):
    looks = self.save('a.cube', lattice.from_table(lattice.identity(3) ** 2))
    path = self.write(looks, 'b.cube', 'cube', size=4)
    got = cube.read(path).lut
    # Three nodes of x^2 read at thirds; a straight line misses 1/4 at the middle.
    np.testing.assert_allclose(got.table[:, 0, 0, 0], [0, 1 / 6, 0.5, 1], atol=1e-6)
    (line,) = self.lines
    self.assertRegex(line, r'b.cube: 3\^3 nodes evaluated at 4\^3 nodes: 0.083 off')

  def test_a_size_that_holds_all_nodes_is_exact_and_silent(self):
    looks = self.save('a.cube', lattice.from_table(lattice.identity(3) ** 2))
    path = self.write(looks, 'b.cube', 'cube', size=5)
    rgb = np.random.default_rng(0).uniform(size=(99, 3)).astype(np.float32)
    got = interpolate.sample(cube.read(path).lut, rgb)
    want = interpolate.sample(looks['a'].own, rgb)
    np.testing.assert_allclose(got, want, atol=1e-6)
    self.assertEmpty(self.lines)

  def test_a_hald_of_curves_is_evaluated_at_its_nodes(self):
    x = np.linspace(0, 1, 1024, dtype=np.float32)
    curve = np.repeat((x ** (1 / 2.4))[:, None], 3, axis=1)
    shaper = lattice.Shaper(curve, np.float32([[0] * 3, [1] * 3]))
    looks = self.save('a.cube', lattice.from_shaper(shaper))
    path = self.write(looks, 'h.png', 'hald', level=4)
    got = selection.named_looks(lut=str(path))['h'].own.table
    want = np.interp(np.arange(16) / 15, x, curve[:, 0])
    np.testing.assert_allclose(got[0, :, 0, 1], want, atol=1e-5)
    (line,) = self.lines
    self.assertRegex(
      line, r'curves of 1024 entries evaluated at 16\^3 nodes: 0.1\d* off'
    )

  def test_a_hald_holds_no_values_and_no_inputs_beyond_the_unit_cube(self):
    table = 1.5 * lattice.identity(4) - 0.25
    looks = self.save('a.cube', lattice.from_table(table, [[-1] * 3, [1] * 3]))
    with self.assertRaisesRegex(errors.InputError, 'from 0.5 to 1.25 at .*; --clip'):
      self.write(looks, 'h.png', 'hald', level=2)
    self.assertFalse((self.folder / 'h.png').exists())
    self.lines.clear()
    path = self.write(looks, 'h.png', 'hald', level=2, clip=True)
    got = selection.named_looks(lut=str(path))['h'].own.table
    want = np.clip(1.5 * (0.5 + 0.5 * lattice.identity(4)) - 0.25, 0, 1)
    np.testing.assert_allclose(got, want, atol=1e-5)
    self.assertRegex(self.lines[0], 'inputs from -1 to 1; .* the rest is lost')
    self.assertRegex(self.lines[1], 'from 0.5 to 1.25 at .* cut to 0 to 1')

  def test_a_model_is_asked_at_the_nodes_of_the_hald(self):
    looks = self.model(-0.1, domain=((-1.0,) * 3, (1.0,) * 3))
    path = self.write(looks, 'h.png', 'hald', level=3)
    got = selection.named_looks(lut=str(path))['h'].own.table
    want = np.clip(0.5 + 0.5 * lattice.identity(9) - 0.1, 0, 1)
    np.testing.assert_allclose(got, want, atol=1e-5)

  def test_a_model_writes_the_lattice_that_it_decodes(self):
    looks = self.model(0.25)
    for form in ('npz', 'cube'):
      path = self.write(looks, f'up.{form}', form, size=5)
      again = selection.named_looks(lut=str(path))['up'].own
      np.testing.assert_array_equal(again.table, looks['up'].decode(5).table)


if __name__ == '__main__':
  absltest.main()
