"""Pictures that Img2LUT is trained and measured on, on the host.

Pictures, or pairs of before and after, are known by the SHA-256 of their files, which
also decides their part: test below `test_share`, then validation, then training. What
is trained on lies on grids of one side, so that it is one array on the device.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np

from lutjax import errors, files, progress
from lutjax.data import grid, images, luts, pair_matching, pairs, pictures
from lutjax.lut import lattice, tabulate

Part = Literal['test', 'validation', 'training']
Say = Callable[[str], None]

# Nodes per axis of looks that are applied to photos.
_LOOK_SIZE = 33
# Grids are not made smaller than this, to fit the memory that is given.
_LEAST_SIDE = 32
# Pixels of a picture that are measured, at most; larger pictures are put on a grid.
_MOST_PIXELS = 1 << 20


class Source(NamedTuple):
  """A picture, or a pair.

  Attributes:
    picture: The picture, or that before.
    after: The file of the picture after, of a pair.
    digests: SHA-256 of each file by its path.
  """

  picture: pictures.Picture
  after: pathlib.Path | None
  digests: dict[str, str]


class Pixels(NamedTuple):
  """What is in the files of a source.

  Attributes:
    before: `[H, W, 3]` float32 in [0, 1]; of a photo, the photo.
    after: `[H, W, 3]` float32 in [0, 1], of a pair.
  """

  before: np.ndarray
  after: np.ndarray | None


def find_photos(patterns: Sequence[str], say: Say) -> tuple[list[Source], list[str]]:
  """Lists photos in the order of their digests.

  Args:
    patterns: Of `--images`.
    say: Told what is skipped.

  Returns:
    The photos, and a line for each file that cannot be read.

  Raises:
    InputError: if a pattern means no file.
  """
  found, problems = pictures.find(patterns, say)
  sources = [Source(one, None, {str(one.path): one.digest}) for one in found]
  return sources, problems


def find_pairs(patterns: Sequence[str], say: Say) -> list[Source]:
  """Lists pairs in the order of the digests of what is before.

  Args:
    patterns: Of `--pairs`: FOLDER with `before/` and `after/`, or BEFORE,AFTER.
    say: Told what is skipped.

  Raises:
    InputError: if a picture lacks its partner, which is named; if pictures have
      several versions after.
  """
  sources = []
  for pair in pairs.find(patterns, say=say, complete=True):
    if len(pair.after) != 1:
      raise errors.InputError(
        f'{pair.before}: found {len(pair.after)} versions of it ('
        f'{", ".join(sorted(pair.after))}), expected one: FOLDER/before and '
        'FOLDER/after, or BEFORE,AFTER'
      )
    (after,) = pair.after.values()
    paths = (pair.before, after)
    digests = {
      str(path): files.digest(files.read_bytes(path, error=errors.ImageError))
      for path in paths
    }
    digest = digests[str(pair.before)]
    name = pair.before.with_suffix('').name
    sources.append(Source(pictures.Picture(name, pair.before, digest), after, digests))
  sources.sort(key=lambda source: (source.picture.digest, str(source.picture.path)))
  return _with_names(sources)


def part_of(source: Source, *, test_share: float, validation_share: float) -> Part:
  """Returns what a picture is for, by its content alone.

  Args:
    source: The picture.
    test_share: Of all pictures.
    validation_share: Of all pictures.
  """
  rank = source.picture.rank
  if rank < test_share:
    return 'test'
  return 'validation' if rank < test_share + validation_share else 'training'


def read(source: Source, say: Say) -> Pixels:
  """Reads a picture or a pair; files that have changed are refused.

  Args:
    source: From `find_photos` or `find_pairs`.
    say: Told what is converted or left out.

  Raises:
    InputError: if a file cannot be read, has changed, or does not fit the other.
  """
  for path, digest in source.digests.items():
    content = files.read_bytes(path, error=errors.ImageError)
    if files.digest(content) != digest:
      raise errors.ImageError(f'{path}: has changed since it was found')
  if source.after is None:
    image = images.read(source.picture.path, convert=True, say=say)
    rgb = images.to_float(image.pixels[..., :3])
    return Pixels(np.clip(rgb, 0.0, 1.0), None)
  before = pair_matching.read(source.picture.path, say)
  after = pair_matching.to_space_of(pair_matching.read(source.after, say), before, say)
  before, after = pair_matching.to_one_size([before, after], say)
  if not (before.opaque & after.opaque).all():
    say(f'--pairs: {source.picture.path}: transparent pixels count as they are')
  return Pixels(before.rgb, after.rgb)


def measured(pixels: Pixels) -> Pixels:
  """Returns what is measured of a picture: all pixels, or a grid of a large one.

  Args:
    pixels: From `read`.
  """
  height, width = pixels.before.shape[:2]
  if height * width <= _MOST_PIXELS:
    return pixels
  scale = (_MOST_PIXELS / (height * width)) ** 0.5
  rows, columns = (
    grid.places(length, max(1, int(length * scale))) for length in (height, width)
  )

  def thinned(of: np.ndarray | None) -> np.ndarray | None:
    return None if of is None else of[rows[:, None], columns]

  before = pixels.before[rows[:, None], columns]
  return Pixels(before, thinned(pixels.after))


def to_grids(
  sources: Sequence[Source], side: int, limit_bytes: int, say: Say
) -> tuple[dict[str, np.ndarray], list[Source], list[str]]:
  """Reads pictures onto grids of one side.

  Args:
    sources: Pictures, or pairs.
    side: Of the grids; less where they would take more than the limit, which is said.
    limit_bytes: Of all grids together.
    say: Told what is converted, and the size.

  Returns:
    `before` `[M, K, K, 3]` and, of pairs, `after`: uint8 where that is all that the
    pictures have, or uint16; the sources that they are of; a line for each that cannot
    be read.
  """
  channels = 6 if sources and sources[0].after is not None else 3
  fits = int((limit_bytes / max(1, len(sources)) / channels) ** 0.5)
  kept = min(side, max(_LEAST_SIDE, fits))
  before, after, used, problems = [], [], [], []
  for source in progress.bar(sources, desc='reading', unit='picture', leave=False):
    try:
      pixels = read(source, say)
    except errors.InputError as error:
      problems.append(str(error))
      continue
    used.append(source)
    before.append(_codes(grid.sample(pixels.before, kept)))
    if pixels.after is not None:
      after.append(_codes(grid.sample(pixels.after, kept)))
  held = {'before': before, 'after': after}
  data = {name: _stacked(codes) for name, codes in held.items() if codes}
  taken = sum(codes.nbytes for codes in data.values())
  if taken > limit_bytes and kept > _LEAST_SIDE:
    # 16 bits, which is known only now.
    fewer = max(_LEAST_SIDE, int(kept * (limit_bytes / taken) ** 0.5))
    at = grid.places(kept, fewer)
    data = {name: codes[:, at[:, None], at] for name, codes in data.items()}
    kept = fewer
  if kept < side:
    say(
      f'kept on grids of {kept} x {kept} pixels instead of {side} x {side}, to fit; '
      '--set=pool_megabytes=N lets more in'
    )
  return data, used, problems


def read_looks(
  patterns: Sequence[str], test_share: float, say: Say
) -> tuple[dict[str, np.ndarray], dict[str, str], list[str]]:
  """Reads the looks that are applied to photos.

  Args:
    patterns: Of `--luts`.
    test_share: Of looks, by their digests, that are kept from training; none of one.
    say: Told what is left out, resampled or kept from training.

  Returns:
    `training` and `test`, `[L, N, N, N, 3]` float32 over [0, 1]; digests by name; a
    line for each file that cannot be read.

  Raises:
    LutError: when there is none, or one has another domain than [0, 1].
  """
  loaded = luts.load(patterns, say=say)
  tables: dict[str, list[np.ndarray]] = {'training': [], 'test': []}
  resampled = []
  for look in progress.bar(loaded.looks, desc='looks', unit='look', leave=False):
    domain = np.asarray(lattice.input_domain(look.lut))
    if not np.array_equal(domain, [[0.0] * 3, [1.0] * 3]):
      raise errors.LutError(
        f'{look.source}: found the domain {domain.tolist()}, expected [0, 1], as '
        'photos have it'
      )
    plain = look.lut.shaper is None and look.lut.knots is None
    if plain and look.lut.table.shape[:-1] == (_LOOK_SIZE,) * 3:
      table = np.asarray(look.lut.table)
    else:
      table = np.asarray(tabulate.bake(look.lut, _LOOK_SIZE).table)
      resampled.append(look.name)
    part = 'test' if pictures.rank(look.digest) < test_share else 'training'
    tables[part].append(table)
  if resampled:
    say(
      f'--luts: resampled to {_LOOK_SIZE} nodes per axis: {pictures.listed(resampled)}'
    )
  if not tables['training'] or not tables['test']:
    every = tables['training'] + tables['test']
    tables = {'training': every, 'test': every}
    say('--luts: the same looks in training and test')
  digests = {f'look {look.name}': look.digest for look in loaded.looks}
  held = {name: np.stack(made) for name, made in tables.items()}
  return held, digests, list(loaded.problems)


def key_of(source: Source, seed: int = 0) -> jax.Array:
  """Returns the key of what a task does to a picture wherever it is measured.

  Args:
    source: The picture.
    seed: Of the evaluation.
  """
  return jax.random.fold_in(jax.random.key(seed), source.picture.seed)


def _codes(pixels: np.ndarray) -> np.ndarray:
  return images.from_float(pixels, 16)


def _stacked(codes: Sequence[np.ndarray]) -> np.ndarray:
  """Stacks 16-bit codes; those of 8 bits are 257 times smaller."""
  made = np.stack(codes)
  narrow = made // 257
  return narrow.astype(np.uint8) if np.array_equal(narrow * 257, made) else made


def _with_names(sources: Sequence[Source]) -> list[Source]:
  """Returns sources with names that are unique."""
  names = [source.picture.name for source in sources]
  return [
    source
    if names.count(source.picture.name) == 1
    else source._replace(picture=source.picture._replace(name=str(source.picture.path)))
    for source in sources
  ]
