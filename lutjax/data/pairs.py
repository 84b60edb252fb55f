"""Pictures before and after: what users of colour grading have instead of LUTs.

Three layouts are read: two files or two folders; a folder that holds
`before/` and `after/`, matched by path without extension; and a folder of
`STEM.png`, `STEM_STYLE.png` for each style, and `STEM_blend.png`, the equal
mix of all styles.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors, files
from lutjax.data import images, pair_floor, pair_matching

BLEND = 'blend'


class Pair(NamedTuple):
  """A picture before and its versions after.

  Attributes:
    before: The file.
    after: Files by the name of the look.
  """

  before: pathlib.Path
  after: Mapping[str, pathlib.Path]


class Colours(NamedTuple):
  """The pixels of a pair, matched.

  Attributes:
    before: `[P, 3]` float32 in [0, 1], without those that are transparent.
    after: `[P, 3]` float32 in [0, 1], by the name of the look.
    kept: `[H, W]` bool, where the P pixels are, row by row.
    jpeg: Whether a file is a JPEG, by the name of the look.
    digests: SHA-256 of each file by its path.
  """

  before: np.ndarray
  after: Mapping[str, np.ndarray]
  kept: np.ndarray
  jpeg: Mapping[str, bool]
  digests: Mapping[str, str]


def find(
  patterns: Sequence[str],
  *,
  complete: bool = False,
  say: Callable[[str], None] = print,
) -> list[Pair]:
  """Lists the pairs that `--pairs` means.

  Args:
    patterns: One folder, or what was before and what is after: two files or
      two folders.
    complete: Whether a picture without a partner is an error.
    say: Told of pictures without a partner.

  Returns:
    The pairs, in the order of their names.

  Raises:
    InputError: when there is no pair, or one must be complete and is not.
  """
  paths = [pathlib.Path(pattern) for pattern in patterns]
  for path in paths:
    if not path.exists():
      raise errors.InputError(f'--pairs: {path}: no such file or folder')
  if len(paths) == 2:
    before, after = paths
    if before.is_file() and after.is_file():
      return [Pair(before, {after.stem: after})]
    if before.is_dir() and after.is_dir():
      return _matched(before, after, after.resolve().name, say, complete)
  elif len(paths) == 1 and paths[0].is_dir():
    if (paths[0] / 'before').is_dir() and (paths[0] / 'after').is_dir():
      name = paths[0].resolve().name
      return _matched(paths[0] / 'before', paths[0] / 'after', name, say, complete)
    return _styled(paths[0], say, complete)
  raise errors.InputError(
    f'--pairs={",".join(patterns)}: expected a folder, or BEFORE,AFTER: two files or '
    'two folders'
  )


def read(pair: Pair, *, say: Callable[[str], None] = print) -> Colours:
  """Reads the pixels of a pair, and matches them (`pair_matching`).

  Pictures are turned as their EXIF asks, results are converted to the colour space
  of the picture before, larger pictures are averaged to the size of the smallest,
  and pixels that are transparent in any of them are left out.

  Args:
    pair: From `find`.
    say: Told of each of these steps.

  Raises:
    InputError: when a file cannot be read, shapes differ, a colour space cannot be
      converted, or no pixel is opaque in all.
  """
  before = pair_matching.read(pair.before, say)
  after = [
    pair_matching.to_space_of(pair_matching.read(path, say), before, say)
    for path in pair.after.values()
  ]
  before, *after = pair_matching.to_one_size([before, *after], say)
  kept = np.logical_and.reduce([one.opaque for one in (before, *after)])
  if not kept.any():
    raise errors.ImageError(
      f'{pair.before}: found no pixel that is opaque before and after, expected some'
    )
  if not kept.all():
    say(
      f'--pairs: {pair.before}: left out {np.count_nonzero(~kept):,} of {kept.size:,} '
      'pixels, which are transparent before or after'
    )
  paths = [pair.before, *pair.after.values()]
  digests = {str(path): files.digest(path.read_bytes()) for path in paths}
  results = dict(zip(pair.after, after))
  return Colours(
    before.rgb[kept],
    {name: one.rgb[kept] for name, one in results.items()},
    kept,
    {name: _is_jpeg(pair.before) or _is_jpeg(p) for name, p in pair.after.items()},
    digests,
  )


def to_picture(colours: Colours, name: str) -> pair_floor.Picture:
  """Returns a pair as pictures; pixels that were left out are black.

  Args:
    colours: Of the pair, with the mask `kept` `[H, W]`.
    name: Of the pair.
  """

  def lay(pixels: np.ndarray) -> np.ndarray:
    if colours.kept.all():
      return pixels.reshape(*colours.kept.shape, 3)
    placed = np.zeros((*colours.kept.shape, 3), np.float32)
    placed[colours.kept] = pixels
    return placed

  return pair_floor.Picture(
    lay(colours.before), lay(colours.after[name]), colours.kept, colours.jpeg[name]
  )


def _is_jpeg(path: pathlib.Path) -> bool:
  return images.EXTENSIONS[path.suffix.lower()] == 'JPEG'


def _matched(
  before: pathlib.Path,
  after: pathlib.Path,
  name: str,
  say: Callable[[str], None],
  complete: bool,
) -> list[Pair]:
  stems = [
    {
      item.relative.with_suffix(''): item.path
      for item in images.find_images([f], say=say)
    }
    for f in (str(before), str(after))
  ]
  both = sorted(stems[0].keys() & stems[1].keys())
  lonely = sorted(str(stem) for stem in stems[0].keys() ^ stems[1].keys())
  if not both:
    raise errors.InputError(
      f'--pairs: found no picture of the same name in {before} and {after}'
    )
  _tell_lonely(lonely, complete, say)
  return [Pair(stems[0][stem], {name: stems[1][stem]}) for stem in both]


def _styled(
  folder: pathlib.Path, say: Callable[[str], None], complete: bool
) -> list[Pair]:
  found = {
    item.relative.with_suffix(''): item.path
    for item in images.find_images([str(folder)], say=say)
  }
  grouped: dict[pathlib.Path, dict[str, pathlib.Path]] = {}
  for stem, path in sorted(found.items()):
    ends = [i for i, letter in enumerate(stem.name) if letter == '_']
    bases = [stem.with_name(stem.name[:end]) for end in ends if end]
    base = next((base for base in bases if base in found), None)
    if base is not None:
      grouped.setdefault(base, {})[stem.name[len(base.name) + 1 :]] = path
  lonely = sorted(
    str(stem)
    for stem, path in found.items()
    if stem not in grouped and all(path not in g.values() for g in grouped.values())
  )
  if not grouped:
    raise errors.InputError(
      f'--pairs={folder}: found neither before/ and after/ nor STEM.png with '
      'STEM_STYLE.png'
    )
  _tell_lonely(lonely, complete, say)
  return [Pair(found[stem], after) for stem, after in sorted(grouped.items())]


def _tell_lonely(
  lonely: Sequence[str], complete: bool, say: Callable[[str], None]
) -> None:
  """Says which pictures lack a partner, or refuses them."""
  if lonely and complete:
    raise errors.InputError(
      f'--pairs: {", ".join(lonely)}: before or after is missing, expected both'
    )
  if lonely:
    say(f'--pairs: left out {", ".join(lonely)}: before or after is missing')
