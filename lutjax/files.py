"""Atomic writing of files."""

import contextlib
import hashlib
import os
import pathlib
import secrets
from collections.abc import Iterator

from lutjax import errors

# Ends every temporary name, so that a reader of the folder can tell.
TEMPORARY_SUFFIX = '.lutjax-tmp'
_unfinished: set[pathlib.Path] = set()


@contextlib.contextmanager
def replacing(
  path: str | os.PathLike, *, overwrite: bool = True
) -> Iterator[pathlib.Path]:
  """Gives a temporary path beside `path`, renamed onto it on success.

  The content is flushed to the disk before the rename. If the block raises,
  the temporary file is removed and `path` stays as it was.

  Args:
    path: Where the file shall be; its folder is made when missing.
    overwrite: Whether a file that is there already may be replaced.

  Yields:
    The path to write to, with the same extension as `path`.

  Raises:
    InputError: if `path` exists and `overwrite` is false, or if its folder
      cannot be made or written to.
  """
  path = pathlib.Path(path)
  unique = f'.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}'
  short = path.name.encode()[:200].decode(errors='ignore')
  temporary = path.with_name(short + unique + path.suffix)
  try:
    if path.exists() and not overwrite:
      raise errors.InputError(f'{path}: exists already; --overwrite replaces it')
    path.parent.mkdir(parents=True, exist_ok=True)
    _unfinished.add(temporary)
    yield temporary
    with open(temporary, 'rb') as file:
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:
    raise errors.InputError(
      f'{path}: cannot be written: {error.strerror or error}'
    ) from error
  finally:
    # Where the folder is none, there is nothing to remove.
    with contextlib.suppress(OSError):
      temporary.unlink()
    _unfinished.discard(temporary)


def remove_unfinished() -> None:
  """Removes what `replacing` is about to write, in a process that is about to end."""
  for temporary in list(_unfinished):
    with contextlib.suppress(OSError):
      temporary.unlink()


def write_bytes(
  path: str | os.PathLike, content: bytes, *, overwrite: bool = True
) -> None:
  """Writes `content` to `path`, whole or not at all (see `replacing`).

  Args:
    path: Of the file.
    content: What it shall hold.
    overwrite: Whether an existing file may be replaced.
  """
  with replacing(path, overwrite=overwrite) as temporary:
    temporary.write_bytes(content)


def write_text(
  path: str | os.PathLike, content: str, *, overwrite: bool = True
) -> None:
  """Writes `content` to `path` as UTF-8, whole or not at all.

  Args:
    path: Of the file.
    content: What it shall hold.
    overwrite: Whether an existing file may be replaced.
  """
  write_bytes(path, content.encode('utf-8'), overwrite=overwrite)


def read_bytes(
  path: str | os.PathLike,
  *,
  error: type[errors.InputError] = errors.InputError,
) -> bytes:
  """Returns the content of a regular file.

  Args:
    path: The file.
    error: The class raised when it cannot be read.

  Raises:
    InputError: of class `error`, one line, if `path` is missing, a folder, a
      dangling link, a device, or not readable.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    raise error(f'{path}: is a folder, expected a file')
  if path.is_symlink() and not path.exists():
    raise error(f'{path}: is a link to {os.readlink(path)}, which is missing')
  if path.exists() and not path.is_file():
    raise error(f'{path}: is not a regular file')
  try:
    return path.read_bytes()
  except OSError as problem:
    raise error(f'{path}: {problem.strerror or problem}') from problem


def digest(content: bytes) -> str:
  """Returns the SHA-256 of `content` in hexadecimal."""
  return hashlib.sha256(content).hexdigest()
