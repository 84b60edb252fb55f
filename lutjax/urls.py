"""Files in object stores, by URL: read through fsspec, with paths of etils."""

import os
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

from lutjax import errors

# What brings each kind of store, an extra of this package of the same name.
_DRIVERS = {'s3': 's3fs', 'gs': 'gcsfs'}
_T = TypeVar('_T')


def is_url(name: str | os.PathLike) -> bool:
  """Returns whether a name is the URL of something in an object store."""
  scheme, found, _ = str(name).partition('://')
  return bool(found) and scheme in _DRIVERS


def path(name: str | os.PathLike) -> pathlib.Path:
  """Returns the path of a file of this host, or of a URL.

  Args:
    name: Of the file; the path of a URL has what reading takes of a `pathlib.Path`.
  """
  if not is_url(name):
    return pathlib.Path(name)
  from etils import epath

  return cast(pathlib.Path, epath.Path(name))


def find(
  pattern: str, *, error: type[errors.InputError] = errors.InputError
) -> tuple[list[pathlib.Path], pathlib.Path]:
  """Lists the files that a URL means: a file, a folder at any depth, or a glob.

  Args:
    pattern: A URL, with `**` for any depth.
    error: Class of what is raised.

  Returns:
    The files, and the folder that they are counted from: the part of the URL before
    its first wildcard.

  Raises:
    InputError: of class `error`, where the store cannot be read.
  """

  def found() -> list[str]:
    import fsspec

    store, root = fsspec.core.url_to_fs(pattern)
    tops = store.glob(root) if _is_glob(root) else [root]
    names = {name for top in tops for name in store.find(top)}
    return [store.unstrip_protocol(name) for name in sorted(names)]

  scheme, _, inside = pattern.partition('://')
  parts = inside.split('/')
  wild = next((i for i, part in enumerate(parts) if _is_glob(part)), len(parts))
  root = path(f'{scheme}://{"/".join(parts[:wild])}'.rstrip('/'))
  return [path(name) for name in reached(pattern, found, error)], root


def read(
  name: str | os.PathLike, *, error: type[errors.InputError] = errors.InputError
) -> bytes:
  """Returns the content of a file in a store.

  Args:
    name: Its URL.
    error: Class of what is raised.

  Raises:
    InputError: of class `error`, where it cannot be read.
  """
  return reached(name, path(name).read_bytes, error)


def measure(name: pathlib.Path) -> tuple[int, int]:
  """Returns the bytes of a file, here or in a store, and when it was changed.

  Args:
    name: Path of a file that is there; the time is in nanoseconds.
  """
  if not is_url(name):
    stat = name.stat()
    return stat.st_size, stat.st_mtime_ns
  found: Any = reached(name, name.stat, errors.InputError)
  return found.length, int(found.mtime) * 10**9


def reached(
  name: str | os.PathLike, ask: Callable[[], _T], error: type[errors.InputError]
) -> _T:
  """Asks a store; whatever goes wrong is one line.

  Args:
    name: The URL that is asked for.
    ask: Called once.
    error: Class of what is raised.

  Raises:
    InputError: of class `error`.
  """
  scheme = str(name).partition('://')[0]
  try:
    return ask()
  except ImportError as problem:
    driver = _DRIVERS[scheme]
    raise error(
      f'{name}: found no {driver}, which reads it; pip install {driver} (extra '
      f'[{scheme}]) brings it'
    ) from problem
  # Each driver has its own.
  except Exception as problem:
    if isinstance(problem, FileNotFoundError):
      raise error(f'{name}: is not there') from problem
    reason = str(problem).partition('\n')[0] or type(problem).__name__
    raise error(f'{name}: cannot be read: {reason}') from problem


def _is_glob(text: str) -> bool:
  return any(character in text for character in '*?[')
