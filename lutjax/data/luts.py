"""Looks from files: `.cube`, LUT pictures, numpy archives, what OpenColorIO reads.

A look is one colour map with a name. A file that is named must be readable;
in a folder, files of other kinds are skipped with a message, and a LUT that
cannot be read is reported while the rest is loaded.
"""

import collections
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors, files, urls
from lutjax.data import archives, images, listing, ocio_files
from lutjax.lut import chain as chain_lib
from lutjax.lut import cube, lattice, tiles

EXTENSIONS = ('.cube', '.npz', '.png', '.tif', '.tiff', *ocio_files.EXTENSIONS)
# Pictures that are read as a Hald when they are named themselves.
_LOSSY = ('.jpg', '.jpeg', '.webp')
_UNSAFE = re.compile(r"[^\w .+&,(){}=@#%!~^'-]")
_NAME_BYTES = 180
# Nodes per axis of a chain of steps where a LUT is wanted.
_BAKED_SIZE = 65
# Devices on Windows, with any extension.
_RESERVED = re.compile(r'(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?')

Say = Callable[[str], None]


class Look(NamedTuple):
  """One colour map.

  Attributes:
    name: Unique among those loaded together, and fit for a file name.
    lut: Numpy leaves.
    source: The file; in an archive with the index, as `FILE[3]`.
    digest: SHA-256 of the file, or of the table where a file holds several.
    title: Of a `.cube`.
    comments: Of a `.cube`, those before its rows.
  """

  name: str
  lut: lattice.Lut
  source: str
  digest: str
  title: str = ''
  comments: tuple[str, ...] = ()


class Loaded(NamedTuple):
  """What `load` found.

  Attributes:
    looks: In the order of the patterns, sorted by path within each.
    problems: One line for each LUT file that could not be read.
  """

  looks: list[Look]
  problems: list[str]


class _NotLattice(errors.LutError):
  """A picture that holds no lattice."""


def load(
  patterns: Sequence[str],
  *,
  strict: bool = False,
  allow_nonfinite: bool = False,
  layout: str | None = None,
  say: Say = print,
) -> Loaded:
  """Loads the looks that files, folders and globs hold.

  Args:
    patterns: Names of files or folders (searched at any depth), or globs.
    strict: Whether unknown keywords in `.cube` files are errors.
    allow_nonfinite: Whether NaN and infinite values are kept.
    layout: Of pictures, one of `tiles.LAYOUTS`; None goes by their content.
    say: Gets one line for what is left out, ignored or cannot be read.

  Returns:
    The looks, and what went wrong on the way.

  Raises:
    LutError: if a pattern means nothing, if a file that is named itself
      cannot be read, or if no look could be.
  """
  found = listing.find(patterns, EXTENSIONS, error=errors.LutError, say=say)
  named = {path.resolve() for path in map(pathlib.Path, patterns) if path.is_file()}
  looks: list[Look] = []
  paths: list[pathlib.PurePath] = []
  problems: list[str] = []
  for item in found:
    try:
      loaded = _read(item.path, strict, allow_nonfinite, layout, say)
    except errors.InputError as error:
      if item.path.resolve() in named:
        raise errors.LutError(str(error)) from error
      if isinstance(error, _NotLattice):
        say(f'{error}; skipped')
        continue
      problems.append(str(error))
      say(problems[-1])
      continue
    looks += loaded
    paths += [item.relative] * len(loaded)
  if not looks:
    more = f' (and {len(problems) - 1} more like it)' if len(problems) > 1 else ''
    expected = f'{", ".join(patterns)}: found no LUT, expected {" ".join(EXTENSIONS)}'
    raise errors.LutError(f'{problems[0]}{more}' if problems else expected)
  names = unique_names([look.name for look in looks], paths)
  _tell_renamed(looks, names, say)
  looks = [look._replace(name=name) for look, name in zip(looks, names)]
  return Loaded(looks, problems)


def _tell_renamed(looks: Sequence[Look], names: Sequence[str], say: Say) -> None:
  """Reports the names that several looks had, and their new names."""
  count = collections.Counter(look.name for look in looks)
  for wished, number in count.items():
    given = [name for look, name in zip(looks, names) if look.name == wished]
    if number > 1:
      listed = ', '.join(given[:3]) + (', ...' if number > 3 else '')
      say(f'{number} looks named {wished}: called {listed}')


def unique_names(names: Sequence[str], paths: Sequence[pathlib.PurePath]) -> list[str]:
  """Turns names into file names that differ, in any case of letters.

  Names that clash between files get the folders they are in, then their
  extension as well; what still clashes gets a number. A name without a rival is
  kept.

  Args:
    names: As wished for.
    paths: The file that each is from, relative to where it was found.

  Returns:
    Names of 200 bytes at most, without separators and other special
    characters.
  """
  wishes = []
  for name, path in zip(names, paths):
    inside = [] if name == path.stem else [name]
    parts = path.with_suffix('').parts
    extension = path.suffix.removeprefix('.')
    longer = ['-'.join([*parts, *inside]), '-'.join([*parts, extension, *inside])]
    wishes.append([file_name(option) for option in (name, *longer)])
  chosen = [options[0] for options in wishes]
  for step in (1, 2):
    rivals = collections.defaultdict(set)
    for name, path in zip(chosen, paths):
      rivals[name.casefold()].add(path)
    for i, options in enumerate(wishes):
      if len(rivals[chosen[i].casefold()]) > 1:
        chosen[i] = options[step]
  numbers: collections.Counter[str] = collections.Counter()
  taken = set()
  for i, name in enumerate(chosen):
    while chosen[i].casefold() in taken:
      numbers[name] += 1
      chosen[i] = f'{name}-{numbers[name] + 1}'
    taken.add(chosen[i].casefold())
  return chosen


def file_name(name: str) -> str:
  """Returns `name` with only the characters that every file system allows."""
  short = _UNSAFE.sub('_', name).encode('utf-8')[:_NAME_BYTES]
  kept = short.decode('utf-8', 'ignore').strip(' .')
  return f'{kept}_' if not kept or _RESERVED.fullmatch(kept) else kept


def _read(
  path: pathlib.Path,
  strict: bool,
  allow_nonfinite: bool,
  layout: str | None,
  say: Say,
) -> list[Look]:
  """Reads the looks of one file."""
  suffix = path.suffix.lower()
  known = (*EXTENSIONS, *_LOSSY, *ocio_files.NAMED)
  if suffix not in known:
    expected = ' '.join(known)
    raise errors.LutError(f'{path}: found extension {suffix!r}, expected {expected}')
  size, _ = urls.measure(path)
  if size > cube.MAX_FILE_BYTES:
    message = f'{path}: found {size} bytes, expected {cube.MAX_FILE_BYTES} at most'
    raise errors.LutError(message)
  content = files.read_bytes(path, error=errors.LutError)
  if suffix == '.npz':
    return _from_archive(content, path, allow_nonfinite)
  if suffix == '.cube':
    options = {'strict': strict, 'allow_nonfinite': allow_nonfinite}
    parsed = cube.parse(content, source=str(path), **options)
    for warning in parsed.warnings:
      say(warning)
    notes = parsed.title, parsed.comments
    return [Look(path.stem, parsed.lut, str(path), files.digest(content), *notes)]
  if suffix in (*ocio_files.EXTENSIONS, *ocio_files.NAMED):
    return [_from_chain(content, path, say)]
  lut = _from_picture(content, path, layout, say)
  return [Look(path.stem, lut, str(path), files.digest(content))]


def _from_chain(content: bytes, path: pathlib.Path, say: Say) -> Look:
  """Reads the steps of a file, as one LUT where they are one."""
  chain = ocio_files.decode(content, str(path))
  digest = files.digest(content)
  lut = chain_lib.as_lut(chain)
  if lut is not None:
    return Look(path.stem, lut, str(path), digest)
  say(
    f'{path}: {chain_lib.describe(chain)}; where one LUT is wanted, {_BAKED_SIZE} '
    'nodes per axis from 0 to 1'
  )
  baked = chain_lib.bake(chain, _BAKED_SIZE)
  return Look(path.stem, baked, str(path), digest)


def _from_picture(
  content: bytes, path: pathlib.Path, layout: str | None, say: Say
) -> lattice.Lut:
  """Reads a Hald picture, a strip or tiles of 8, 16 or 32 bits."""
  source, suffix = str(path), path.suffix.lower()
  want = images.EXTENSIONS[suffix]
  notes: list[str] = []
  image = images.decode(content, source, want=want, convert=True, say=notes.append)
  colours = image.pixels[..., :3]
  try:
    if layout is None:
      layout, table = tiles.recognise(colours, source=source)
      if layout != 'hald':
        say(f'{path}: read as {layout} of {len(table)} nodes per axis')
    else:
      table = tiles.to_lattice(colours, layout, source=source)
  except errors.LutError as error:
    raise _NotLattice(str(error)) from error
  if notes:
    image = images.decode(content, source, want=want, say=say)
  if image.pixels.shape[2] == 4:
    opaque = 1 if image.pixels.dtype.kind == 'f' else np.iinfo(image.pixels.dtype).max
    if (image.pixels[..., 3] != opaque).any():
      message = f'{path}: found a LUT picture with transparent pixels'
      raise errors.LutError(f'{message}, expected opaque ones')
    say(f'{path}: its alpha channel is opaque and left out')
  if suffix in _LOSSY:
    say(f'{path}: {want} is lossy, so this LUT is only near to what was saved')
  return lattice.from_table(np.ascontiguousarray(images.to_float(np.asarray(table))))


def _from_archive(
  content: bytes, path: pathlib.Path, allow_nonfinite: bool
) -> list[Look]:
  """Reads all lattices of an archive."""
  archive = archives.decode(content, str(path))
  looks = []
  for i, name in enumerate(archives.names(path, archive)):
    table = archives.table(archive, i)
    source = f'{path}[{i}]'
    if not allow_nonfinite and not np.isfinite(table).all():
      message = f'{source}: found NaN or infinite values, expected finite ones'
      raise errors.LutError(f'{message} (--allow_nonfinite reads them)')
    domain, shaper = archive.domain, archive.shaper
    leaves = [leaf for leaf in (domain, *(shaper or ())) if leaf is not None]
    within = b''.join(leaf.tobytes() for leaf in leaves)
    digest = files.digest(repr(table.shape).encode() + table.tobytes() + within)
    lut = lattice.from_table(table, domain, shaper)
    looks.append(Look(name, lut, source, digest))
  return looks
