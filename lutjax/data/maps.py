"""Maps of colours that depend on settings, each a lattice in a numpy archive.

An `.npz` holds `map` `[N, N, N, M1, 3]` or `[N, N, N, M1, M2, 3]`, values in [0, 1]
or integers over their full scale, and `settings` `[1]` or `[2]`, the names of the
axes behind those of red, green and blue. Nodes are even, from 0 to 1.
"""

import io
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors, files, urls
from lutjax.codec import labels
from lutjax.data import archives, listing, luts
from lutjax.lut import lattice

EXTENSION = '.npz'
_KEYS = ('map', 'settings')
# By which rounding may leave [0, 1].
_TOLERANCE = 1e-6


class Map(NamedTuple):
  """One map.

  Attributes:
    label: Its name, unique among those loaded together, and its settings.
    table: `[N, N, N, M1, (M2,) 3]` float32 in [0, 1].
    digest: SHA-256 of the file.
  """

  label: labels.Label
  table: np.ndarray
  digest: str


class Loaded(NamedTuple):
  """What `load` found.

  Attributes:
    maps: In the order of the patterns, sorted by path within each.
    problems: One line for each file that could not be read.
  """

  maps: list[Map]
  problems: list[str]


def encode(table: np.ndarray, names: Sequence[str]) -> bytes:
  """Returns the archive of a map, which `decode` gives back bit for bit.

  Args:
    table: `[N, N, N, M1, (M2,) 3]` float32.
    names: Of the settings.
  """
  stream = io.BytesIO()
  np.savez_compressed(stream, map=table, settings=np.array(names))
  return stream.getvalue()


def decode(
  content: bytes, source: str
) -> tuple[np.ndarray, tuple[labels.Setting, ...]]:
  """Reads a map and its settings, without unpickling.

  Args:
    content: The file.
    source: Its name, for messages.

  Returns:
    `[N, N, N, M1, (M2,) 3]` float32 in [0, 1], and the settings.

  Raises:
    LutError: if it is damaged, holds no map, or one of another form.
  """
  arrays = archives.read_arrays(content, source, _KEYS)
  missing = [key for key in _KEYS if key not in arrays]
  if missing:
    raise errors.LutError(
      f'{source}: found no array {missing[0]!r}, expected map [N, N, N, M1, 3] or '
      '[N, N, N, M1, M2, 3] and settings, names of M1 and M2'
    )
  table, names = arrays['map'], arrays['settings']
  shape = table.shape
  sizes, count = shape[:-1], table.ndim - 4
  fits = 1 <= count <= lattice.MAX_DIMENSIONS - 3 and len(set(shape[:3])) == 1
  if not (
    fits and shape[-1] == 3 and 2 <= min(sizes) <= max(sizes) <= labels.MAX_NODES
  ):
    raise errors.LutError(
      f'{source}: found map {shape}, expected [N, N, N, M1, 3] or [N, N, N, M1, M2, 3] '
      f'of 2 to {labels.MAX_NODES} nodes per axis'
    )
  if table.dtype.kind not in 'fui':
    raise errors.LutError(
      f'{source}: found map of {table.dtype}, expected float or integer values'
    )
  if names.dtype.kind != 'U' or names.shape != (count,) or len(set(names)) < count:
    found = f'{names.dtype} {names.shape}'
    if names.dtype.kind == 'U':
      found = ', '.join(names.ravel().tolist()[:4])[:80] or 'none'
    raise errors.LutError(
      f'{source}: found settings {found}, expected {count} names that differ'
    )
  try:
    axes = zip(names.tolist(), sizes[3:])
    settings = tuple(labels.Setting(name, nodes) for name, nodes in axes)
  except ValueError as error:
    raise errors.LutError(f'{source}: {error}') from error
  return _unit(table, source), settings


def load(patterns: Sequence[str], *, say: Callable[[str], None] = print) -> Loaded:
  """Loads the maps that files, folders and globs hold.

  Args:
    patterns: Names of files or folders (searched at any depth), or globs.
    say: Gets one line for what is left out or cannot be read.

  Returns:
    The maps, and what went wrong on the way.

  Raises:
    LutError: if a pattern means nothing, if a file that is named itself cannot be
      read, or if no map could be.
  """
  found = listing.find(patterns, (EXTENSION,), error=errors.LutError, say=say)
  named = {path.resolve() for path in map(pathlib.Path, patterns) if path.is_file()}
  read, paths, problems = [], [], []
  for item in found:
    try:
      read.append(_read(item.path))
    except errors.LutError as error:
      if item.path.resolve() in named:
        raise
      problems.append(str(error))
      say(problems[-1])
      continue
    paths.append(item.relative)
  if not read:
    more = f' (and {len(problems) - 1} more like it)' if len(problems) > 1 else ''
    raise errors.LutError(f'{problems[0]}{more}')
  names = luts.unique_names([path.stem for path in paths], paths)
  maps = [
    Map(labels.Label(name, settings=settings), table, digest)
    for name, (table, settings, digest) in zip(names, read)
  ]
  return Loaded(maps, problems)


def _read(
  path: pathlib.Path,
) -> tuple[np.ndarray, tuple[labels.Setting, ...], str]:
  """Reads one file: its map, settings and digest."""
  if path.suffix.lower() != EXTENSION:
    raise errors.LutError(
      f'{path}: found extension {path.suffix!r}, expected {EXTENSION} with a map'
    )
  size, _ = urls.measure(path)
  if size > archives.MAX_ARRAY_BYTES:
    raise errors.LutError(
      f'{path}: found {size} bytes, expected {archives.MAX_ARRAY_BYTES} at most'
    )
  content = files.read_bytes(path, error=errors.LutError)
  return *decode(content, str(path)), files.digest(content)


def _unit(table: np.ndarray, source: str) -> np.ndarray:
  """Returns values as float32 in [0, 1], or raises LutError."""
  if table.dtype.kind != 'f':
    values = table / np.iinfo(table.dtype).max
  else:
    values = table
  low, high = float(values.min()), float(values.max())
  # NaN is within nothing.
  if not -_TOLERANCE <= low <= high <= 1.0 + _TOLERANCE:
    raise errors.LutError(
      f'{source}: found values from {low:g} to {high:g}, expected 0 to 1'
    )
  return np.clip(values, 0.0, 1.0).astype(np.float32)
