"""Exporting looks to files: `.cube`, LUT pictures, `.npz`, what OpenColorIO writes.

A file keeps what its format can hold. Where it cannot hold the curves, the size,
the domain or the values of a look, the look is evaluated at the nodes of the file,
and a message tells what was lost and the error of the file between its nodes.
"""

import functools
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.commands import lattice_size, look_files, selection
from lutjax.data import archives, images, ocio_files, ocio_writing
from lutjax.looks import decoding
from lutjax.lut import chain as chain_lib
from lutjax.lut import cube, hald, interpolate, lattice, tabulate, tiles
from lutjax.types import Array

EXTENSIONS = {
  'cube': '.cube',
  'hald': '.png',
  'npz': '.npz',
  **{form: f'.{form}' for form in ocio_writing.FORMATS},
}
# Nodes per axis of a strip.
_STRIP_SIZE = 32
# Errors below this share of the largest value are those of float32.
_ROUNDING = 1e-6

Say = Callable[[str], None]

_read = jax.jit(interpolate.apply)
_read_steps = jax.jit(chain_lib.apply)


class Options(NamedTuple):
  """How files are written.

  Attributes:
    size: Nodes per axis of `.cube` and `.npz`; None is the own size of a LUT file,
      and 33 for a model.
    level: Of Hald images and tiles, which have level^2 nodes per axis.
    layout: Of pictures, one of `tiles.LAYOUTS`; strips have `size` nodes per axis.
    bits: Of Hald images, 8 or 16.
    domain: Inputs that lattices made of a chain of steps keep.
    shaper: How their nodes are placed, see `chain.bake`; None for `none`, or with
      `max_error` for whichever takes fewest nodes.
    clip: Whether Hald images may cut values outside [0, 1].
    overwrite: Whether files that are there may be replaced.
    max_error: Instead of a size: the largest CIEDE2000 that `.cube` and `.npz` may be
      off, with the fewest nodes that hold it (`lattice_size`).
  """

  size: int | None = None
  level: int = 8
  bits: int = 16
  layout: str = 'hald'
  domain: tuple[float, float] = (0.0, 1.0)
  shaper: str | None = None
  clip: bool = False
  overwrite: bool = False
  max_error: float | None = None


DEFAULTS = Options()


def write_all(
  looks: Mapping[str, look_files.Look],
  out: pathlib.Path,
  formats: Sequence[str],
  options: Options = DEFAULTS,
  *,
  problems: list[str] | None = None,
  say: Say = print,
) -> Iterator[pathlib.Path]:
  """Writes looks in each format, one after the other, and yields the paths.

  Args:
    looks: By name; each is decoded when its turn comes.
    out: A folder; or the file itself when one look is written in one format
      and `out` bears its extension.
    formats: Of `EXTENSIONS`.
    options: See `Options`.
    problems: Gets a line for each of several looks that cannot be written, and the
      rest goes on; by default the first of them is an error.
    say: Told what a file does not hold.

  Raises:
    InputError: before anything is written, when an option does not fit or a file is
      there already; see `write`.
  """
  _check(formats, options)
  as_file = out.suffix.lower() in EXTENSIONS.values() and not out.is_dir()
  if as_file and (len(looks), len(formats)) != (1, 1):
    raise errors.InputError(
      f'--out={out}: {len(looks) * len(formats)} files to write, expected a folder'
    )
  if as_file and EXTENSIONS[formats[0]] != out.suffix.lower():
    raise errors.InputError(
      f'--out={out}: expected the extension {EXTENSIONS[formats[0]]} for '
      f'--format={formats[0]}'
    )
  if not as_file:
    selection.check_file_names(out, looks, 'look')
  targets = {
    (name, form): out if as_file else out / f'{name}{EXTENSIONS[form]}'
    for name in looks
    for form in formats
  }
  there = [path for path in targets.values() if path.exists()]
  if there and not options.overwrite:
    more = f', and {len(there) - 1} more' if len(there) > 1 else ''
    raise errors.InputError(f'{there[0]}: exists already{more}; --overwrite replaces')
  for (name, form), path in targets.items():
    try:
      write(looks[name], path, form, options, title=name, say=say)
    except errors.InputError as error:
      if problems is None or len(targets) == 1:
        raise
      problems.append(str(error))
    else:
      yield path


def write(
  look: look_files.Look,
  path: pathlib.Path,
  form: str,
  options: Options = DEFAULTS,
  *,
  title: str = '',
  say: Say = print,
) -> None:
  """Writes a look in one format.

  Args:
    look: What is written.
    path: The file.
    form: Key of `EXTENSIONS`.
    options: See `Options`.
    title: Kept in `.cube`, unless the look's own file had one.
    say: Told what the file does not hold.

  Raises:
    InputError: when the file exists, values would be clipped unasked, or no size
      holds the error that is wanted.
  """
  _check([form], options)
  overwrite = options.overwrite
  if form in ocio_writing.STEPS and look.chain is not None and _as_steps(options):
    try:
      content = ocio_writing.encode(look.chain, form)
    except errors.LutError as error:
      say(f'{path}: {error}; baked')
    else:
      files.write_bytes(path, content, overwrite=overwrite)
      return
  if look.chain is not None and (form == 'hald' or options.max_error is not None):
    dense = options.shaper is None and form not in ('hald', *ocio_writing.FORMATS)
    look = _of_steps(look.chain, options, dense=dense)
  elif look.chain is not None:
    look = _of_chain(look.chain, path, options, say)
  if form == 'hald':
    image = _hald(look, path, options, say)
    images.write(path, image, overwrite=overwrite)
    return
  lut = look.own
  if options.max_error is not None:
    lut = _smallest(look, path, form, options.max_error, say)
  elif lut is None:
    lut = look.decode(options.size or decoding.EXPORT_SIZE)
  elif options.size is not None and options.size != len(lut.table):
    lut = _baked(look, lut, options.size, path, say)
  if form in ocio_writing.FORMATS:
    files.write_bytes(path, _by_ocio(lut, path, form, say), overwrite=overwrite)
    return
  if form == 'npz':
    files.write_bytes(path, archives.encode(lut), overwrite=overwrite)
    return
  try:
    content = cube.render(lut, title=look.title or title, comments=look.comments)
  except errors.LutError as error:
    if look.own is None:
      raise
    say(f'{path}: {error}')
    size = max(decoding.EXPORT_SIZE, *lut.table.shape[:-1])
    lut = _baked(look, lut, size, path, say)
    content = cube.render(lut, title=look.title or title, comments=look.comments)
  files.write_bytes(path, content, overwrite=overwrite)


def _check(formats: Sequence[str], options: Options) -> None:
  """Raises an `InputError` for invalid formats or options."""
  for form in formats:
    if form not in EXTENSIONS:
      raise errors.InputError(
        f'--format={form}: expected one of {", ".join(EXTENSIONS)}'
        f'{config_lib.nearest(form, list(EXTENSIONS))}'
      )
  if options.size is not None and not 2 <= options.size <= cube.MAX_SIZE:
    raise errors.InputError(f'--size={options.size}: expected 2 to {cube.MAX_SIZE}')
  low, high = options.domain
  if not -np.inf < low < high < np.inf:
    raise errors.InputError(f'--domain={low:g},{high:g}: expected two rising numbers')
  if options.shaper not in (None, *chain_lib.SHAPERS):
    raise errors.InputError(
      f'--shaper={options.shaper}: expected one of {", ".join(chain_lib.SHAPERS)}'
    )
  wanted = options.max_error
  if wanted is not None and not 0.0 < wanted < math.inf:
    raise errors.InputError(f'--max_error={wanted:g}: expected a number above 0')
  flat = [form for form in formats if form in ocio_writing.FORMATS]
  flat = [f for f in flat if f not in (*ocio_writing.WITH_CURVES, *ocio_writing.STEPS)]
  if flat and options.shaper not in (None, 'none'):
    raise errors.InputError(
      f'--shaper={options.shaper}: found --format={flat[0]}, which holds no curves'
    )
  if options.level not in hald.LEVELS:
    raise errors.InputError(f'--level={options.level}: expected 2 to {hald.LEVELS[-1]}')
  if options.bits not in (8, 16):
    raise errors.InputError(f'--bits={options.bits}: expected 8 or 16')


def _smallest(
  look: look_files.Look, path: pathlib.Path, form: str, max_error: float, say: Say
) -> lattice.Lut:
  """Returns a look with the fewest nodes that hold an error, and reports that."""
  try:
    choice = lattice_size.smallest(
      look, max_error, keeps=functools.partial(_keeps, form)
    )
  except errors.InputError as error:
    raise errors.InputError(f'{path}: {error}') from error
  say(f'{path}: {choice.statement()}')
  return choice.lut


def _keeps(form: str, lut: lattice.Lut) -> bool:
  """Returns whether a format holds a LUT as it is."""
  if form == 'npz':
    return True
  if form in ocio_writing.FORMATS:
    return form in ocio_writing.WITH_CURVES or ocio_writing.is_plain(lut)
  try:
    cube.render(lut)
  except errors.LutError:
    return False
  return True


def _hald(
  look: look_files.Look, path: pathlib.Path, options: Options, say: Say
) -> images.Image:
  """Returns a look as a Hald image, which holds [0, 1] in and out."""
  strip = options.layout.startswith('strip')
  size = (options.size or _STRIP_SIZE) if strip else options.level**2
  lut = look.own if look.own is not None else look.decode(size)
  domain = np.asarray(lattice.input_domain(lut))
  if _same_nodes(lut, size):
    table = np.asarray(lut.table)
  elif look.network is not None:
    table = np.asarray(jax.jit(lambda: tabulate.tabulate(look.network, size))())
  else:
    table = np.asarray(tabulate.resample(lut, size, method='tetrahedral'))
    _tell(lut, lattice.from_table(table), path, say)
  if domain.min() < 0.0 or domain.max() > 1.0:
    say(
      f'{path}: the look takes inputs from {domain.min():g} to {domain.max():g}; a '
      'Hald image holds those from 0 to 1, the rest is lost'
    )
  outside = (table < 0.0) | (table > 1.0)
  if outside.any():
    found = (
      f'{path}: found values from {table.min():g} to {table.max():g} at '
      f'{100 * outside.any(axis=-1).mean():.3g} % of the nodes'
    )
    if not options.clip:
      raise errors.InputError(
        f'{found}, expected 0 to 1 for a Hald image; --clip cuts them'
      )
    say(f'{found}, cut to 0 to 1')
  picture = tiles.from_lattice(table.clip(0.0, 1.0), options.layout)
  return images.Image(images.from_float(picture, options.bits, source=str(path)))


def _as_steps(options: Options) -> bool:
  """Returns whether nothing asks for one lattice."""
  usual = (DEFAULTS.size, DEFAULTS.domain, DEFAULTS.shaper)
  return (options.size, options.domain, options.shaper) == usual


def _of_steps(
  chain: chain_lib.Chain, options: Options, *, dense: bool
) -> look_files.Look:
  """Returns a chain as a look that is baked to any size."""
  bake = functools.partial(chain_lib.bake, chain, domain=options.domain)
  return look_files.Look(
    functools.partial(bake, shaper=options.shaper or 'none'),
    network=functools.partial(chain_lib.apply, chain),
    dense=functools.partial(bake, shaper='log') if dense else None,
  )


def _of_chain(
  chain: chain_lib.Chain, path: pathlib.Path, options: Options, say: Say
) -> look_files.Look:
  """Returns a chain as a baked LUT, and reports the error between its nodes."""
  size = options.size or decoding.EXPORT_SIZE
  shaper = options.shaper or 'none'
  lut = chain_lib.bake(chain, size, domain=options.domain, shaper=shaper)

  def off(rgb: Array) -> Array:
    return np.abs(_read_steps(chain, rgb) - _read(lut, rgb)).max(axis=-1)

  found = tabulate.deviation(off, lut)
  low, high = options.domain
  worst = ', '.join(f'{value:.4g}' for value in found.worst)
  say(
    f'{path}: {chain_lib.describe(chain)}, baked to {size}^3 nodes for inputs from '
    f'{low:g} to {high:g}: {found.largest:.2g} off between them at most, at {worst}'
  )
  return look_files.of_lut(lut)


def _by_ocio(lut: lattice.Lut, path: pathlib.Path, form: str, say: Say) -> bytes:
  """Returns a LUT in one of OpenColorIO's formats, and reports what was lost."""
  want = lut
  if form == 'spi1d' and not lattice.is_curves(lut):
    raise errors.InputError(f'{path}: found a lattice, expected curves alone for spi1d')
  if form not in (*ocio_writing.WITH_CURVES, 'spi1d') and not ocio_writing.is_plain(
    lut
  ):
    size = max(decoding.EXPORT_SIZE, *lut.table.shape[:-1])
    table = np.asarray(tabulate.resample(lut, size, method='tetrahedral'))
    domain = np.asarray(lattice.input_domain(lut))
    lut = lattice.from_table(table)
    _tell(want, lut, path, say)
    if domain.min() < 0.0 or domain.max() > 1.0:
      say(
        f'{path}: the look takes inputs from {domain.min():g} to {domain.max():g}; '
        f'{form} holds those from 0 to 1, the rest is lost'
      )
  if form in ocio_writing.STEPS:
    content = ocio_writing.encode(ocio_writing.steps(lut), form)
  else:
    content = ocio_writing.bake(lut, form)
  # What the file holds now, which may be integers.
  back = ocio_files.decode(content, str(path.with_suffix(f'.{form}')))
  rgb = tabulate.probes(lut, lut)
  was, now = np.asarray(_read(lut, rgb)), np.asarray(_read_steps(back, rgb))
  error = float(np.abs(was - now).max())
  if error > _ROUNDING * max(float(np.abs(was).max()), 1.0):
    say(f'{path}: {form} holds it to {error:.2g} at most')
  return content


def _same_nodes(lut: lattice.Lut, size: int) -> bool:
  """Returns whether a LUT is a lattice of that size on the unit cube."""
  plain = lut.shaper is None and lut.knots is None
  unit = np.array_equal(np.asarray(lut.domain), [[0.0] * 3, [1.0] * 3])
  return plain and unit and lut.table.shape[:-1] == (size,) * 3


def _baked(
  look: look_files.Look, lut: lattice.Lut, size: int, path: pathlib.Path, say: Say
) -> lattice.Lut:
  """Returns the look of a LUT file at other nodes, and reports the error."""
  baked = look.decode(size)
  _tell(lut, baked, path, say)
  return baked


def _tell(lut: lattice.Lut, baked: lattice.Lut, path: pathlib.Path, say: Say) -> None:
  """Reports the error of a LUT at other nodes against the original."""
  rgb = tabulate.probes(lut, baked)
  was, now = (np.asarray(_read(one, rgb)) for one in (lut, baked))
  error = float(np.max(np.abs(was - now)))
  largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(lut.table))
  if error <= _ROUNDING * max(largest, 1.0) and lut.shaper is None:
    return
  had = ' x '.join(map(str, sorted(set(lut.table.shape[:-1]))))
  nodes = f'{had}^3 nodes'
  if lut.shaper is not None:
    curves = f'curves of {len(lut.shaper.table)} entries'
    nodes = curves if lattice.is_curves(lut) else f'{curves} and {nodes}'
  say(
    f'{path}: {nodes} evaluated at {len(baked.table)}^3 nodes: {error:.2g} off between '
    'them at most'
  )
