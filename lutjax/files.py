"""Atomic writing of files."""

import contextlib
import errno
import hashlib
import io
import os
import pathlib
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

from lutjax import errors, urls

# Ends the name of every temporary folder, so that a reader can tell.
TEMPORARY_SUFFIX = '.lutjax-tmp'
_unfinished: set[pathlib.Path] = set()
# Held while a temporary folder is made; `remove_unfinished` keeps it for ever.
_making = threading.Lock()
_SECONDS = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def replacing(
  path: str | os.PathLike, *, overwrite: bool = True
) -> Iterator[pathlib.Path]:
  """Gives a temporary path, renamed onto `path` on success.

  It has the same name, in a folder of its own beside `path`: once that is removed, a
  thread that has yet to open the file cannot make it any more. The content is flushed
  to the disk before the rename. If the block raises, the temporary file is removed
  and `path` stays as it was.

  Args:
    path: Where the file shall be; its folder is made when missing.
    overwrite: Whether a file that is there already may be replaced.

  Yields:
    The path to write to, with the same extension as `path`.

  Raises:
    InputError: if `path` exists and `overwrite` is false, or if its folder
      cannot be made or written to; DiskFullError if there is no room.
  """
  path = pathlib.Path(path)
  folder = path.with_name(f'.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}')
  try:
    if path.exists() and not overwrite:
      raise errors.InputError(f'{path}: exists already; --overwrite replaces it')
    path.parent.mkdir(parents=True, exist_ok=True)
    with _making:
      folder.mkdir()
      _unfinished.add(folder)
    temporary = folder / path.name
    yield temporary
    with open(temporary, 'rb') as file:
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:
    raise unwritable(path, error) from error
  finally:
    shutil.rmtree(folder, ignore_errors=True)
    _unfinished.discard(folder)


def remove_unfinished() -> None:
  """Removes what `replacing` is about to write, in a process that is about to end.

  What other threads begin from now on is not written.
  """
  # A thread may hang on a disk that does not answer.
  _making.acquire(timeout=_SECONDS)
  end = time.monotonic() + _SECONDS
  for folder in list(_unfinished):
    # Another thread may make its file while the folder is being removed.
    while folder.exists() and time.monotonic() < end:
      shutil.rmtree(folder, ignore_errors=True)


def unwritable(path: str | os.PathLike, error: OSError) -> errors.InputError:
  """Returns the error that says why a file cannot be written.

  Args:
    path: Of the file, or of its folder.
    error: What the system said.
  """
  kind = errors.DiskFullError if error.errno in _FULL else errors.InputError
  return kind(f'{path}: cannot be written: {error.strerror or error}')


def is_unfinished(path: str | os.PathLike) -> bool:
  """Returns whether `replacing` has made this path, or a folder in it."""
  return TEMPORARY_SUFFIX in str(path)


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
  """Returns the content of a regular file, or of one in an object store.

  Args:
    path: The file, or its URL.
    error: The class raised when it cannot be read.

  Raises:
    InputError: of class `error`, one line, if `path` is missing, a folder, a
      dangling link, a device, or not readable.
  """
  with opened(path, error=error) as file:
    try:
      return file.read()
    except OSError as problem:
      raise error(f'{path}: {problem.strerror or problem}') from problem


def opened(
  path: str | os.PathLike,
  *,
  error: type[errors.InputError] = errors.InputError,
) -> BinaryIO:
  """Opens a regular file, or one in an object store, to read it in parts.

  Args:
    path: The file, or its URL; what is in a store is held in memory.
    error: See `read_bytes`.

  Returns:
    The file, to be closed by the caller.

  Raises:
    InputError: see `read_bytes`.
  """
  if urls.is_url(path):
    return io.BytesIO(urls.read(path, error=error))
  path = pathlib.Path(path)
  if path.is_dir():
    raise error(f'{path}: is a folder, expected a file')
  if path.is_symlink() and not path.exists():
    raise error(f'{path}: is a link to {os.readlink(path)}, which is missing')
  if path.exists() and not path.is_file():
    raise error(f'{path}: is not a regular file')
  try:
    return open(path, 'rb')
  except OSError as problem:
    raise error(f'{path}: {problem.strerror or problem}') from problem


def size_of(file: BinaryIO) -> int:
  """Returns the bytes that a file holds; it then stands at its end."""
  return file.seek(0, io.SEEK_END)


def read_at(file: BinaryIO, start: int, size_bytes: int) -> bytes:
  """Returns a part of a file, which is shorter where the file ends before.

  Args:
    file: One that can be read at any place.
    start: Of the part.
    size_bytes: Of the part; a forged number does not cost that much memory.
  """
  left = size_of(file) - start
  file.seek(start)
  return file.read(max(0, min(size_bytes, left)))


def digest(content: bytes) -> str:
  """Returns the SHA-256 of `content` in hexadecimal."""
  return hashlib.sha256(content).hexdigest()
