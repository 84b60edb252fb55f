"""Listing the files that a name, a folder or a pattern stands for."""

import glob
import os
import pathlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from lutjax import errors, files, urls

# Of a name that holds commas, at most.
_MOST_PIECES = 16


class Found(NamedTuple):
  """A file to work on.

  Attributes:
    path: Where it is.
    relative: Where its output belongs inside an output folder.
  """

  path: pathlib.Path
  relative: pathlib.Path


def find(
  patterns: Sequence[str],
  extensions: Collection[str],
  *,
  error: type[errors.InputError] = errors.InputError,
  say: Callable[[str], None] = print,
) -> list[Found]:
  """Lists the files that the patterns mean, each once, in a stable order.

  A folder gives its files with these extensions, at any depth. A file that
  is named itself is taken whatever its extension, so that reading it says what
  it is. A glob is expanded first and its matches are treated as folders are.

  Args:
    patterns: Names of files or folders, or globs (`**` for any depth); each may be
      the URL of an object store.
    extensions: In lower case with the dot, such as `.png`.
    error: Class of what is raised.
    say: Gets one line for each pattern that leaves files out.

  Returns:
    The files; `relative` is counted from the folder, or from the part of a
    glob before its first wildcard.

  Raises:
    InputError: of class `error`, if a pattern means no file at all.
  """
  found: dict[pathlib.Path, Found] = {}
  for pattern in patterns:
    if not pattern:
      raise error('found an empty name, expected a file, a folder or a glob')
    path = urls.path(pattern)
    if urls.is_url(pattern):
      inside, root = urls.find(pattern, error=error)
      listed, skipped = _partition(inside, root, extensions)
      if inside == [path]:
        listed, skipped = [Found(path, pathlib.Path(path.name))], []
    elif path.is_file():
      listed, skipped = [Found(path, pathlib.Path(path.name))], []
    elif path.is_dir():
      listed, skipped = _partition(_walk(path), path, extensions)
    elif glob.has_magic(pattern):
      listed, skipped = _partition(_expand(pattern), _root(path), extensions)
    else:
      files.read_bytes(path, error=error)  # Says why it cannot be read.
      listed, skipped = [], []
    if skipped:
      say(f'{pattern}: skipped {_summary(skipped)}')
    if not listed:
      expected = ' '.join(sorted(extensions))
      raise error(f'{pattern}: found no file to use, expected {expected}')
    for item in listed:
      path = item.path if urls.is_url(item.path) else item.path.resolve()
      found.setdefault(path, item)
  return list(found.values())


def split(text: str) -> list[str]:
  """Reads a list of paths that are separated by commas.

  Names may hold commas: what exists as it stands, or is a glob that matches, is one
  path. Of the other ways to split, the one that leaves the fewest parts missing is
  taken; parts that are missing hold no comma.

  Args:
    text: As a user writes it.

  Returns:
    The paths and patterns; none for an empty text.
  """
  pieces = text.split(',')
  # From each piece on: how many parts are missing, and the parts.
  best: list[tuple[int, list[str]]] = [(0, [])]
  for start in reversed(range(len(pieces))):
    alone = pieces[start] if _means_any(pieces[start]) else pieces[start].strip()
    options = []
    for end in reversed(range(start + 1, min(len(pieces), start + _MOST_PIECES) + 1)):
      part = alone if end == start + 1 else ','.join(pieces[start:end])
      there = _means_any(part)
      if there or end == start + 1:
        missing, rest = best[end - start - 1]
        options.append((missing + (not there), [part, *rest]))
    best.insert(0, min(options, key=lambda option: option[0]))
  return best[0][1] if text.strip() else []


def _means_any(part: str) -> bool:
  """Whether a path exists, or a glob matches."""
  return os.path.exists(part) or (
    glob.has_magic(part) and next(_matches(part), None) is not None
  )


def _matches(pattern: str) -> Iterator[str]:
  root = _root(pathlib.Path(pattern))
  wild = str(pathlib.Path(pattern).relative_to(root))
  return glob.iglob(os.path.join(glob.escape(str(root)), wild), recursive=True)


def _walk(folder: pathlib.Path) -> list[pathlib.Path]:
  return [
    pathlib.Path(parent, name) for parent, _, names in os.walk(folder) for name in names
  ]


def _expand(pattern: str) -> list[pathlib.Path]:
  paths = []
  for match in _matches(pattern):
    path = pathlib.Path(match)
    paths.extend(_walk(path) if path.is_dir() else [path])
  return sorted(set(paths))


def _root(pattern: pathlib.Path) -> pathlib.Path:
  """Returns the folders before the first wildcard; brackets may be in a name."""
  root = pathlib.Path()
  for part in pattern.parts[:-1]:
    if glob.has_magic(part) and not (root / part).is_dir():
      break
    root /= part
  return root


def _partition(
  paths: Sequence[pathlib.Path], root: pathlib.Path, extensions: Collection[str]
) -> tuple[list[Found], list[pathlib.Path]]:
  listed, skipped = [], []
  for path in sorted(paths):
    hidden = path.name.startswith('.') or files.is_unfinished(path.relative_to(root))
    if path.suffix.lower() in extensions and not hidden:
      listed.append(Found(path, path.relative_to(root)))
    else:
      skipped.append(path)
  return listed, skipped


def _summary(paths: Sequence[pathlib.Path]) -> str:
  names = ', '.join(path.name for path in paths[:5])
  more = ', ...' if len(paths) > 5 else ''
  return f'{len(paths)} {"file" if len(paths) == 1 else "files"}: {names}{more}'
