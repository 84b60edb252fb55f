"""Builds the optional kernels of lutjax/native; setup.cfg says all the rest."""

import importlib.util
import os
import pathlib
import shutil
import sysconfig

import setuptools
from setuptools.command import build_ext

_FOLDER = pathlib.Path('lutjax/native')
_FLAGS = ['-std=c++17', '-O3']
# Multiplications and additions are fused where the target can: rounded once.
_FLAGS += ['-ffp-contract=fast', '-fno-math-errno', '-Wno-psabi']


def _jax_headers() -> pathlib.Path | None:
  """Finds the headers that jaxlib ships, without importing it."""
  found = importlib.util.find_spec('jaxlib')
  if found is None or found.origin is None:
    return None
  headers = pathlib.Path(found.origin).parent / 'include'
  return headers if (headers / 'xla/ffi/api/ffi.h').is_file() else None


class BuildKernels(build_ext.build_ext):
  """Builds what can be built: without the kernels all works, only slower."""

  def build_extension(self, ext: setuptools.Extension) -> None:
    headers = _jax_headers()
    compiler = os.environ.get('CXX') or sysconfig.get_config_var('CXX') or 'c++'
    compiler = compiler.split()[0]
    if headers is None:
      print('lutjax: no headers of jaxlib, hence no native kernels')
      return
    if not shutil.which(compiler):
      print(f'lutjax: no compiler {compiler}, hence no native kernels')
      return
    ext.extra_compile_args += ['-isystem', str(headers)]
    super().build_extension(ext)


setuptools.setup(
  ext_modules=[
    setuptools.Extension(
      'lutjax.native._kernels',
      sources=sorted(path.as_posix() for path in _FOLDER.glob('*.cc')),
      depends=sorted(path.as_posix() for path in _FOLDER.glob('*.h')),
      extra_compile_args=_FLAGS,
      language='c++',
      optional=True,
    )
  ],
  cmdclass={'build_ext': BuildKernels},
)
