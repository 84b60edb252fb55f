"""Sets of pictures that models are scored on, such as Set5: a folder each.

A set is original pictures, which are degraded here; or pictures as a model gets them
beside their originals. Its pictures have their order by name, which gives the noise of
each its own seed.
"""

import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import errors
from lutjax.data import degradations, images, pictures, resize
from lutjax.restoration import quality

# Windows of SSIM are so large.
LEAST_SIDE = 11
# Names of folders within that of a set.
_GENERIC = re.compile(
  r'(hr|gt|gtmod\d+|lr\w*|x\d|originals?|images|pictures|.*_hr|.*_x\d)', re.IGNORECASE
)
_NOTHING = 'nothing is there'

Say = Callable[[str], None]


class Example(NamedTuple):
  """A picture to score models on.

  Attributes:
    name: Within its set.
    high: The original.
    low: What a model gets, if it is not to be made of the original.
    index: Place in the set, from 0.
  """

  name: str
  high: pathlib.Path
  low: pathlib.Path | None
  index: int


class ImageSet(NamedTuple):
  """Pictures whose mean is a figure.

  Attributes:
    name: Such as `set5`: that of the folder, or of the one above where it is `HR`.
    source: What the user wrote.
    examples: The pictures.
    not_run: Why there are none; empty where there are.
  """

  name: str
  source: str
  examples: tuple[Example, ...]
  not_run: str = ''


class Sample(NamedTuple):
  """A picture that is read, and degraded.

  Attributes:
    high: `[scale H, scale W, K]` uint8, the original; K is 1 or 3.
    low: `[H, W, K]` uint8, what a model gets.
    uncut: `[H, W, K]` float64, the same neither rounded nor cut, of made noise.
  """

  high: np.ndarray
  low: np.ndarray
  uncut: np.ndarray | None


def of_originals(
  patterns: Sequence[str], say: Say = print
) -> tuple[list[ImageSet], list[str]]:
  """Lists sets of originals.

  Args:
    patterns: A folder for each set; files and globs of one folder make one set.
    say: Told what is skipped.

  Returns:
    The sets, and a line for each pattern that means no picture; its set is not run.
  """
  grouped: dict[str, set[pathlib.Path]] = {}
  problems = []
  for pattern in patterns:
    try:
      found = [item.path for item in images.find_images([pattern], say=say)]
    except errors.InputError as error:
      problems.append(str(error))
      grouped.setdefault(pattern, set())
      continue
    whole = pathlib.Path(pattern).is_dir()
    folder = pattern if whole else os.path.commonpath([path.parent for path in found])
    grouped.setdefault(folder, set()).update(found)
  sets = []
  for name, (folder, paths) in zip(_names([*grouped], [*grouped]), grouped.items()):
    examples = tuple(
      Example(_relative(path, folder), path, None, i)
      for i, path in enumerate(sorted(paths))
    )
    sets.append(ImageSet(name, folder, examples, '' if examples else _NOTHING))
  return sets, problems


def of_pairs(
  patterns: Sequence[str], scale: int, say: Say = print
) -> tuple[list[ImageSet], list[str]]:
  """Lists sets of pictures as a model gets them, beside their originals.

  A picture goes with the original of the same path, extensions aside; `_x4` or `x4`
  may stand behind the name of the smaller one.

  Args:
    patterns: LR,HR folders, or files, one pair or several.
    scale: How many times larger originals are.
    say: Told what is skipped.

  Returns:
    The sets, and a line for each picture without a partner and each folder that is not
    there.

  Raises:
    InputError: when folders do not come in pairs.
  """
  if len(patterns) % 2 or not patterns:
    raise errors.InputError(
      f'--pairs={",".join(patterns)}: found {len(patterns)} folders, expected LR,HR, '
      'or LR,HR,LR,HR and so on'
    )
  pairs = list(zip(patterns[::2], patterns[1::2]))
  texts = [','.join(pair) for pair in pairs]
  sets, problems = [], []
  for name, source, (low, high) in zip(_names(patterns[1::2], texts), texts, pairs):
    try:
      examples, lonely = _matched(low, high, scale, say)
    except errors.InputError as error:
      problems.append(str(error))
      sets.append(ImageSet(name, source, (), _NOTHING))
      continue
    problems += lonely
    why = '' if examples else 'no picture has a partner'
    sets.append(ImageSet(name, source, examples, why))
  return sets, problems


def load(
  example: Example, degradation: degradations.Degradation, seed: int, say: Say = print
) -> Sample:
  """Reads a picture, and degrades it unless it is a pair.

  Originals are cut at the bottom and right to a multiple of the factor. Of JPEG the
  luma alone is coded and scored, rounded to 8 bits, as the field does. Noise of the
  picture i of a set comes from `np.random.default_rng(seed + i)`.

  Args:
    example: What to read.
    degradation: What a model undoes.
    seed: Of the noise of the first picture of a set.
    say: Told of conversions.

  Returns:
    The picture.

  Raises:
    ImageError: when it cannot be read, has more than 8 bits, is too small, or is not as
      large as its partner says.
  """
  scale = degradation.scale
  original = _read(example.high, say)
  if degradation.kind == 'jpeg' and example.low is None and original.shape[2] == 3:
    original = np.rint(quality.luma(original)).astype(np.uint8)[..., None]
  high = resize.modcrop(original, scale)
  if min(high.shape[:2]) < LEAST_SIDE:
    raise errors.ImageError(
      f'{example.high}: found {_size(original)} pixels, too small to be scored, '
      f'expected sides of {LEAST_SIDE} or more'
    )
  if example.low is None:
    return _made(high, degradation, seed + example.index)
  low = _read(example.low, say)
  want = tuple(scale * side for side in low.shape[:2])
  if high.shape[:2] != want:
    raise errors.ImageError(
      f'{example.low}: found {_size(low)} pixels beside {_size(original)} of '
      f'{example.high}, expected {_size(high[::scale, ::scale])} at x{scale}'
    )
  channels = max(low.shape[2], high.shape[2])
  low, high = (
    np.repeat(p, channels // p.shape[2], axis=2) if p.shape[2] < channels else p
    for p in (low, high)
  )
  return Sample(high, low, None)


def _made(high: np.ndarray, degradation: degradations.Degradation, seed: int) -> Sample:
  low = degradations.degrade(degradation, high, seed)
  uncut = None
  if degradation.kind == 'noise':
    uncut = degradations.noisy(high, degradation.strength, seed)
  return Sample(high, low, uncut)


def _read(path: pathlib.Path, say: Say) -> np.ndarray:
  found = pictures.read(path, say)
  if found.alpha:
    say(f'{path}: alpha left out')
  return np.ascontiguousarray(found.pixels)


def _size(pixels: np.ndarray) -> str:
  return f'{pixels.shape[1]} x {pixels.shape[0]}'


def _matched(
  low: str, high: str, scale: int, say: Say
) -> tuple[tuple[Example, ...], list[str]]:
  """Returns the pairs of two folders or files, and lines about what has no partner."""
  if pathlib.Path(low).is_file() and pathlib.Path(high).is_file():
    path = pathlib.Path(high)
    return (Example(path.name, path, pathlib.Path(low), 0),), []
  smaller, originals = (
    {
      item.relative.with_suffix(''): item.path
      for item in images.find_images([folder], say=say)
    }
    for folder in (low, high)
  )
  ending = re.compile(f'(?<=.)_?x{scale}$')
  partners = {}
  for stem, path in smaller.items():
    known = stem in originals
    partners[stem if known else stem.with_name(ending.sub('', stem.name))] = path
  both = sorted(partners.keys() & originals.keys())
  examples = tuple(
    Example(_relative(originals[stem], high), originals[stem], partners[stem], i)
    for i, stem in enumerate(both)
  )
  lonely = [
    f'{held[stem]}: found no partner in {other}, left out'
    for held, others, other in (
      (partners, originals, high),
      (originals, partners, low),
    )
    for stem in sorted(held.keys() - others.keys())
  ]
  return examples, lonely


def _relative(path: pathlib.Path, folder: str) -> str:
  where = pathlib.Path(folder)
  return (path.relative_to(where) if path.is_relative_to(where) else path).as_posix()


def _names(folders: Sequence[str], sources: Sequence[str]) -> list[str]:
  """Returns names of sets after their folders; sources where two would be alike."""
  found = [_name(pathlib.Path(folder)) for folder in folders]
  return [
    source if found.count(name) > 1 else name for name, source in zip(found, sources)
  ]


def _name(folder: pathlib.Path) -> str:
  parts = folder.resolve().parts[1:]
  own = [part for part in parts if not _GENERIC.fullmatch(part)]
  return own[-1] if own else str(folder)
