"""The built wheel and source archive, away from the repository."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from absl.testing import absltest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPIED = ('lutjax', 'configs', 'launch')

_IMPORT = """
import sys
from absl import flags
import orbax.checkpoint  # defines flags of its own
before = set(flags.FLAGS)
import lutjax
from jax._src import xla_bridge
for name in lutjax.__all__:
  getattr(lutjax, name)
import lutjax.commands.fit, lutjax.systems.nilut.model, lutjax.report.looks
assert not xla_bridge.backends_are_initialized(), 'a device was started'
assert set(flags.FLAGS) == before, set(flags.FLAGS) - before
print(lutjax.__file__)
"""

_FIT = """
import sys
from lutjax.launch import fit
sys.argv = ['fit', *sys.argv[1:]]
fit.run()
"""


class WheelTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls._made = tempfile.TemporaryDirectory()
    cls.folder = pathlib.Path(cls._made.name)
    cls.source = source = cls.folder / 'source'
    for name in COPIED:
      shutil.copytree(
        ROOT / name,
        source / name,
        ignore=shutil.ignore_patterns('__pycache__', '*.so'),
      )
    for name in ('setup.cfg', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
      shutil.copy(ROOT / name, source)
    pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
    wheel = ['wheel', '--no-deps', '--no-build-isolation', '-w', str(cls.folder)]
    subprocess.run([*pip, *wheel, str(source)], check=True, capture_output=True)
    (cls.wheel,) = cls.folder.glob('lutjax-*.whl')
    install = [
      'install',
      '--no-deps',
      '--target',
      str(cls.folder / 'site'),
      str(cls.wheel),
    ]
    subprocess.run([*pip, *install], check=True, capture_output=True)

  @classmethod
  def tearDownClass(cls):
    cls._made.cleanup()
    super().tearDownClass()

  def python(self, *arguments):
    return subprocess.run(
      [sys.executable, *arguments],
      cwd=self.folder,
      env={
        **os.environ,
        'PYTHONPATH': str(self.folder / 'site'),
        'LUTJAX_CACHE': 'off',
      },
      capture_output=True,
      text=True,
      check=False,
    )

  def setup(self, *arguments, **variables):
    done = subprocess.run(
      [sys.executable, 'setup.py', '--quiet', *arguments],
      cwd=self.source,
      env={**os.environ, **variables},
      capture_output=True,
      text=True,
      check=True,
    )
    return done.stdout

  def test_wheel_has_the_kernels_and_their_source(self):
    with zipfile.ZipFile(self.wheel) as wheel:
      names = wheel.namelist()
    self.assertIn('lutjax/native/handlers.cc', names)
    self.assertIn('lutjax/native/vectors.h', names)
    if shutil.which('c++'):
      built = [name for name in names if name.startswith('lutjax/native/_kernels.')]
      self.assertLen(built, 1)
      done = self.python(
        '-c', 'from lutjax.native import library as l; print(l.targets())'
      )
      self.assertIn('plain', done.stdout, done.stderr)

  def test_builds_without_a_compiler(self):
    said = self.setup('build', '--build-base=bare', CXX='missing-c++')
    self.assertEqual(said, 'lutjax: no compiler missing-c++, hence no native kernels\n')
    (kept,) = self.source.glob('bare/lib*/lutjax/native/library.py')
    self.assertEmpty(list(kept.parent.glob('*.so')))

  def test_source_archive_has_the_source(self):
    self.setup('sdist', '--dist-dir=archive')
    (path,) = self.source.glob('archive/*.tar.gz')
    with tarfile.open(path) as archive:
      names = {name.split('/', 1)[-1] for name in archive.getnames()}
    for name in ('setup.py', 'lutjax/native/avx2.cc', 'lutjax/native/lattice.h'):
      self.assertIn(name, names)

  def test_importing_starts_no_device_and_defines_no_flag(self):
    done = self.python('-c', _IMPORT)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn(str(self.folder / 'site'), done.stdout)

  def test_launchers_configs_and_templates_come_along(self):
    (self.folder / 'dim.cube').write_text(
      'LUT_3D_SIZE 2\n'
      + '\n'.join(
        f'{r / 2} {g / 2} {b / 2}' for b in (0, 1) for g in (0, 1) for r in (0, 1)
      )
    )
    done = self.python(
      '-c',
      _FIT,
      '--config=configs/nilut.py',
      '--luts=dim.cube',
      '--out=run',
      '--set=widths=8',
      '--set=activations=relu',
      '--set=steps=40',
      '--set=segment_steps=20',
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertTrue((self.folder / 'run/model.lutjax').is_file())
    self.assertTrue((self.folder / 'run/report.html').is_file())

  def test_console_scripts_show_their_flags(self):
    for verb, flag in (
      ('fit', '--config'),
      ('evaluate', '--model'),
      ('export', '--format'),
      ('apply', '--interpolation'),
    ):
      script = self.folder / f'site/bin/lutjax-{verb}'
      done = self.python(str(script), '--help')
      self.assertIn(flag, done.stdout, done.stderr)


if __name__ == '__main__':
  absltest.main()
