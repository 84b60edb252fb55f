import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import PIL.Image
from absl import flags
from absl.testing import absltest, flagsaver

from launch import apply, export, fit
from lutjax.data import luts
from lutjax.lut import cube, interpolate, tiles
from lutjax.native import library
from tests.launch import in_process

CASE = pathlib.Path(__file__).parent.parent / 'cases' / 'film, look [v1] (2).cube'


class NamesTest(absltest.TestCase):
  """Each file flag takes a name with commas, brackets and spaces."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    flags.FLAGS.mark_as_parsed()

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path, 'a, b [c]')
    self.folder.mkdir()
    self.lut = self.folder / CASE.name
    shutil.copy(CASE, self.lut)

  def run_command(self, command, **given):
    self.assertEmpty(in_process.run(command, **given)[0])

  def test_luts(self):
    for text, names in (
      (self.lut, [self.lut]),
      (f'{self.lut},{CASE}', [self.lut, CASE]),
      (self.folder, [self.folder]),
      (self.folder / 'film*', [self.folder / 'film*']),
    ):
      with flagsaver.as_parsed(luts=str(text)):
        value = fit._LUTS.value
        self.assertEqual(value, [str(name) for name in names])
        found = luts.load(value, say=lambda line: None)
        self.assertLen(found.looks, len(names))

  def test_lut_and_images_of_export_and_apply(self):
    copy = self.folder / 'copy, [1].cube'
    self.run_command('export', lut=self.lut, out=copy)
    got, want = cube.read(copy).lut, cube.read(self.lut).lut
    np.testing.assert_array_equal(got.table, want.table)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    for name in ('x, y [1].png', 'z.png'):
      PIL.Image.fromarray(pixels).save(self.folder / name)
    photos = f'{self.folder}/x, y [1].png,{self.folder}/z.png'
    self.run_command('apply', lut=copy, images=photos, out=self.folder / 'graded, 2')
    for name in ('x, y [1].png', 'z.png'):  # The look is the identity.
      written = np.asarray(PIL.Image.open(self.folder / 'graded, 2' / name))
      np.testing.assert_array_equal(written, pixels)

  def test_pairs(self):
    named = {}
    for name in ('before', 'after'):
      pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
      named[name] = self.folder / f'{name}, [1].png'
      PIL.Image.fromarray(pixels).save(named[name])
    with flagsaver.as_parsed(pairs=f'{named["before"]},{named["after"]}'):
      self.assertEqual(fit._PAIRS.value, [str(p) for p in named.values()])


class PipeTest(absltest.TestCase):
  def test_a_reader_that_has_seen_enough_ends_a_command_in_silence(self):
    process = subprocess.Popen(
      [sys.executable, '-m', 'launch.export', '--info', f'--lut={CASE}'],
      cwd=CASE.parent.parent.parent,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
    )
    process.stdout.close()
    with process.stderr as stream:
      self.assertEqual(stream.read(), b'')
    self.assertEqual(process.wait(), 128 + signal.SIGPIPE)


class StartTest(absltest.TestCase):
  """What takes long to load is loaded by those that need it."""

  def run_python(self, *lines, argv=()):
    result = subprocess.run(
      [sys.executable, '-c', '\n'.join(lines), *argv],
      cwd=CASE.parent.parent.parent,
      capture_output=True,
      text=True,
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    return result.stdout

  def test_flags_need_no_jax(self):
    self.run_python(
      'import sys',
      'from launch import apply, demo, evaluate, export, fit',
      "assert 'jax' not in sys.modules and 'numpy' not in sys.modules",
    )

  def test_a_lut_file_is_applied_without_a_device(self):
    if not library.targets():
      self.skipTest('needs the kernels')
    folder = pathlib.Path(self.create_tempdir().full_path)
    PIL.Image.new('RGB', (9, 7), (10, 20, 30)).save(folder / 'a.png')
    self.run_python(
      'import sys',
      'from launch import apply',
      'try:',
      '  apply.run()',
      'except SystemExit as end:',
      '  assert not end.code',
      'import jax',
      'assert not jax._src.xla_bridge.backends_are_initialized()',
      "heavy = {'flax', 'matplotlib', 'optax', 'orbax', 'scipy', 'tensorstore'}",
      'assert not heavy & set(sys.modules)',
      argv=[
        f'--lut={CASE}',
        f'--images={folder / "a.png"}',
        f'--out={folder / "b.png"}',
      ],
    )
    self.assertTrue((folder / 'b.png').is_file())

  def test_apply_offers_every_interpolation(self):
    self.assertCountEqual(_choices(apply._INTERPOLATION), interpolate.METHODS)

  def test_layouts_are_those_of_pictures(self):
    for holder in (apply._LAYOUT, export._LAYOUT):
      self.assertCountEqual(_choices(holder), tiles.LAYOUTS)


def _choices(holder):
  return holder._flagvalues[holder.name].parser.enum_values


if __name__ == '__main__':
  absltest.main()
