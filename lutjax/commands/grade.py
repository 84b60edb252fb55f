"""Grading images with a model that looks at each of them and predicts its LUT.

Each image has a LUT of its own, or frames of one scene share the mean of theirs.
"""

import collections
import functools
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors, files
from lutjax.color import difference, spaces
from lutjax.commands import apply, image_batch, look_parts
from lutjax.data import grid, images
from lutjax.lut import cube, lattice
from lutjax.types import Array

Say = Callable[[str], None]

_SUFFIX = '.cube'
_SHARED = f'shared{_SUFFIX}'


class Options(NamedTuple):
  """How images are graded.

  Attributes:
    interpolation: Name in `interpolate.METHODS`.
    strength: 0 keeps the image, 1 grades it, in between mixes.
    bits: 8 or 16; None keeps the depth of each image.
    lut_out: A folder that gets the LUT of each image as `.cube`; or a file of that
      kind when there is one LUT. None writes none.
    overwrite: Whether files that are there may be replaced.
    only: Of `look_parts.PARTS`, the part of the look that is taken; None is all of it.
  """

  interpolation: str = 'tetrahedral'
  strength: float = 1.0
  bits: int | None = None
  lut_out: str | os.PathLike | None = None
  overwrite: bool = False
  only: str | None = None


class Gap(NamedTuple):
  """How far two LUTs are from each other, on average over their nodes.

  Attributes:
    frame: The image that one of them belongs to.
    codes: Mean absolute difference, of 255.
    cie76: Mean CIE76.
  """

  frame: pathlib.Path
  codes: float
  cie76: float


DEFAULTS = Options()


def grade_images(
  model: artefacts.Opened,
  patterns: Sequence[str],
  out: str | os.PathLike,
  options: Options = DEFAULTS,
  *,
  say: Say = print,
) -> Sequence[str]:
  """Grades images, each by its own LUT, and writes them under their own names.

  What is kept of an image, and what is said of it, is as in `apply.apply_to_images`.

  Args:
    model: From `selection.find_grader`.
    patterns: Files, folders, globs.
    out: A folder, or a file when there is one image; see `image_batch.find`.
    options: See `Options`.
    say: Told of what is skipped, converted or dropped.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when there is no image, or a flag does not fit.
    ValueError: when the model predicts no LUTs.
  """
  _check(options)
  items = _with_luts(image_batch.find(patterns, out, say=say), options.lut_out)
  predict = predictor(model)

  def grade(source: pathlib.Path, image: images.Image) -> image_batch.Changed:
    apply.tell_transfer(source, image, say)
    table = predict(image, functools.partial(_tell_about, source, say))
    beside = b''
    if options.lut_out is not None:
      beside = _rendered(table, options.strength, source.stem)
    return image_batch.Changed(_graded(source, image, table, options, say), beside)

  return image_batch.rewrite(items, grade, overwrite=options.overwrite, say=say)


def grade_frames(
  model: artefacts.Opened,
  patterns: Sequence[str],
  out: str | os.PathLike,
  options: Options = DEFAULTS,
  *,
  say: Say = print,
) -> Sequence[str]:
  """Grades frames by the mean of their LUTs, and says what that is good for.

  Said is how much LUTs of their own would change from frame to frame, in the order of
  the frames' names, and how far they are from the one that all share.

  Args:
    model: From `selection.find_grader`.
    patterns: Files, folders, globs.
    out: A folder; see `image_batch.find`.
    options: See `Options`; the LUT is `shared.cube` in the folder for it.
    say: Told the figures, and what is skipped, converted or dropped.

  Returns:
    One line per frame that failed; one that cannot be read has no part in the LUT.

  Raises:
    InputError: before anything is written, when there are less than two frames, when a
      file is there already, or a flag does not fit.
    ValueError: when the model predicts no LUTs.
  """
  _check(options)
  items = sorted(image_batch.find(patterns, out, say=say), key=_place)
  if len(items) < 2:
    raise errors.InputError(
      '--shared_lut: found 1 image, which shares its LUT with none, expected several'
    )
  for item in items:
    image_batch.check(item, overwrite=options.overwrite)
  path = None if options.lut_out is None else _lut_file(options.lut_out, _SHARED)
  if path is not None and path.exists() and not options.overwrite:
    raise errors.InputError(f'{path}: exists already; --overwrite replaces it')
  predict = predictor(model)
  table, items, problems = _mean(items, predict, options.strength, say)
  if path is not None:
    content = _rendered(table, options.strength, path.stem)
    files.write_bytes(path, content, overwrite=options.overwrite)
  gaps: list[Gap] = []

  def grade(source: pathlib.Path, image: images.Image) -> image_batch.Changed:
    apply.tell_transfer(source, image, say)
    own = predict(image, functools.partial(_tell_about, source, say))
    gaps.append(_gap(source, own, table, options.strength))
    return image_batch.Changed(_graded(source, image, table, options, say))

  failed = image_batch.rewrite(items, grade, overwrite=options.overwrite, say=say)
  if gaps:
    say(f"a frame's own LUT is off the shared one by {_summary(gaps)}")
  return [*problems, *failed]


def predictor(
  model: artefacts.Opened,
) -> Callable[[images.Image, Say], np.ndarray]:
  """Returns the function that predicts the LUT of an image.

  Args:
    model: From `selection.find_grader`.

  Returns:
    `(image, say) -> [N, N, N, 3]` float32 in [0, 1], through one compiled program for
    images of all sizes; colours outside of [0, 1] are cut for that, and `say` is told.

  Raises:
    ValueError: when the model predicts no LUTs.
  """
  loaded = model.loaded
  grader = loaded.model.grader
  if grader is None:
    raise ValueError(f'Expected a model that predicts LUTs, got {model.path}.')
  side = grader.side(loaded.config)
  variables = jax.device_put(loaded.variables)
  compiled = jax.jit(grader.lattice, static_argnums=0)

  def predict(image: images.Image, say: Say) -> np.ndarray:
    seen = images.to_float(grid.sample(image.pixels[..., :3], side))
    if seen.min() < 0.0 or seen.max() > 1.0:
      say(
        f'found colours from {seen.min():.3g} to {seen.max():.3g}; the model sees them '
        'cut to 0 to 1'
      )
    return np.asarray(compiled(loaded.config, variables, seen.clip(0.0, 1.0)))

  return predict


def _check(options: Options) -> None:
  """Refuses options that do not fit together."""
  apply.check_options(strength=options.strength, bits=options.bits)
  if options.lut_out is not None and options.only is not None:
    raise errors.InputError(
      f'--lut_out: found --only={options.only}, which no lattice does between its '
      'nodes, expected the whole look'
    )
  nearest = options.interpolation == 'nearest' and options.strength != 1.0
  if options.lut_out is not None and nearest:
    raise errors.InputError(
      f'--lut_out: found --interpolation=nearest and --strength={options.strength:g}, '
      'which no lattice does, expected a strength of 1 or another interpolation'
    )


def _tell_about(source: pathlib.Path, say: Say, line: str) -> None:
  say(f'{source}: {line}')


def _graded(
  source: pathlib.Path,
  image: images.Image,
  table: np.ndarray,
  options: Options,
  say: Say,
) -> images.Image:
  """Returns an image under a LUT."""
  function = apply.applier(
    lattice.from_table(table),
    interpolation=options.interpolation,
    strength=options.strength,
  )
  rgb = images.to_float(image.pixels[..., :3])
  graded = look_parts.applier(function, options.only)(rgb)
  if options.only is not None:
    apply.tell_outside(source, image, rgb, graded, options.bits, options.only, say)
  return apply.with_colours(image, graded, options.bits)


def _mixed(table: np.ndarray, strength: float) -> np.ndarray:
  """Returns the lattice that does what another one does at a strength.

  Interpolation is linear in the nodes, and of the identity it gives the colour itself.
  """
  if strength == 1.0:
    return table
  identity = lattice.identity(len(table))
  return (identity + strength * (table - identity)).astype(np.float32)


def _rendered(table: np.ndarray, strength: float, title: str) -> bytes:
  """Returns the content of a `.cube`."""
  return cube.render(lattice.from_table(_mixed(table, strength)), title=title)


def _lut_file(lut_out: str | os.PathLike, relative: str | os.PathLike) -> pathlib.Path:
  """Returns where a LUT is written: into a folder, or to the `.cube` that is named."""
  where = pathlib.Path(lut_out)
  if where.is_dir():
    return where / relative
  if where.suffix.lower() == _SUFFIX:
    return where
  if where.exists():
    raise errors.InputError(f'--lut_out={lut_out}: found a file, expected a folder')
  return where / relative


def _with_luts(
  items: Sequence[image_batch.Item], lut_out: str | os.PathLike | None
) -> Sequence[image_batch.Item]:
  """Returns images with the files of their LUTs, no two of which are the same."""
  if lut_out is None:
    return items
  owners: dict[pathlib.Path, list[str]] = collections.defaultdict(list)
  placed = []
  for item in items:
    path = _lut_file(lut_out, item.relative.with_suffix(_SUFFIX))
    owners[path].append(str(item.source))
    placed.append(item._replace(beside=path))
  for path, names in owners.items():
    if len(names) > 1:
      raise errors.InputError(
        f'--lut_out={lut_out}: {path} would be the LUT of {len(names)} images, '
        f'{names[0]} and {names[1]}{", ..." if names[2:] else ""}, expected a file for '
        'each'
      )
  return placed


def _place(item: image_batch.Item) -> list[tuple[str, int]]:
  """Returns what orders frames: names, in which numbers count as numbers."""
  parts = re.split(r'(\d+)', item.relative.as_posix())
  return list(zip(parts[::2], [*map(int, parts[1::2]), -1], strict=True))


def _mean(
  items: Sequence[image_batch.Item],
  predict: Callable[[images.Image, Say], np.ndarray],
  strength: float,
  say: Say,
) -> tuple[np.ndarray, list[image_batch.Item], list[str]]:
  """Returns the mean LUT of frames, those that can be read, and lines for others."""
  total = np.zeros(())
  previous: np.ndarray | None = None
  used, problems, changes = [], [], []
  predicted = image_batch.examine(
    items, lambda image: predict(image, lambda line: None), desc='predicting'
  )
  for item, found in zip(items, predicted, strict=True):
    if isinstance(found, errors.InputError):
      problems.append(str(found))
      continue
    used.append(item)
    total = total + found
    if previous is not None:
      changes.append(_gap(item.source, found, previous, strength))
    previous = found
  if len(used) < 2:
    raise errors.InputError(
      f'--shared_lut: {len(used)} of {len(items)} images can be read, expected more; '
      f'{problems[0]}'
    )
  first, last = (item.relative.as_posix() for item in (used[0], used[-1]))
  say(f'shared LUT: the mean over {len(used)} frames, {first} to {last}')
  say(
    f'from frame to frame LUTs of their own would change by {_summary(changes)}; the '
    'shared one does not'
  )
  return (total / len(used)).astype(np.float32), used, problems


def _gap(
  frame: pathlib.Path, table1: np.ndarray, table2: np.ndarray, strength: float
) -> Gap:
  """Compares what two LUTs give at their nodes, as it is shown."""
  shown = (_mixed(table, strength).clip(0.0, 1.0) for table in (table1, table2))
  codes, cie76 = _distances(*shown)
  return Gap(frame, float(codes), float(cie76))


@jax.jit
def _distances(table1: Array, table2: Array) -> tuple[Array, Array]:
  labs = [spaces.srgb_to_lab(table) for table in (table1, table2)]
  gap = 255.0 * jnp.mean(jnp.abs(table1 - table2))
  return gap, jnp.mean(difference.delta_e_76(*labs))


def _summary(gaps: Sequence[Gap]) -> str:
  """Reports means over frames, and the frame where each is largest."""
  codes = max(gaps, key=lambda gap: gap.codes)
  cie76 = max(gaps, key=lambda gap: gap.cie76)
  mean_codes = np.mean([gap.codes for gap in gaps])
  mean_cie76 = np.mean([gap.cie76 for gap in gaps])
  return (
    f'{mean_codes:.3g} of 255 on average ({codes.codes:.3g} at most, at '
    f'{codes.frame.name}), CIE76 {mean_cie76:.3g} ({cie76.cie76:.3g} at most, at '
    f'{cie76.frame.name})'
  )
