"""Artefacts and LUT files as looks that can be decoded, written and applied."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, files, models
from lutjax.codec import labels
from lutjax.data import images, luts
from lutjax.lut import cube, hald, lattice, tabulate
from lutjax.tasks import reversing, unit_cube
from lutjax.types import Array

SUFFIX = '.lutjax'
EXTENSIONS = {'cube': '.cube', 'hald': '.png', 'npz': '.npz'}

# Nodes per axis where nobody said.
EXPORT_SIZE = 33
APPLY_SIZE = 65
# Of the iteration that runs looks backwards, at most.
_RESIDUAL = 1e-4


class Model(NamedTuple):
  """A model on disk.

  Attributes:
    path: Of its artefact.
    size_bytes: Of the file.
    loaded: What it holds.
  """

  path: pathlib.Path
  size_bytes: int
  loaded: models.Loaded


def find_models(path: str) -> list[Model]:
  """Opens the artefact, or all artefacts of a run folder.

  Args:
    path: A file, or a folder with `model.lutjax` or `models/`.

  Returns:
    The models, in the order of their names.

  Raises:
    InputError: when there is none, or one cannot be read.
  """
  where = pathlib.Path(path)
  if not where.exists():
    raise errors.InputError(f'--model={path}: no such file or folder')
  found = [where]
  if where.is_dir():
    single = where / f'model{SUFFIX}'
    found = [single] if single.is_file() else sorted(where.glob(f'models/*{SUFFIX}'))
  if not found:
    raise errors.InputError(
      f'--model={path}: found no model{SUFFIX} and no models/ in it, expected a run'
    )
  opened = []
  for file in found:
    content = files.read_bytes(file, error=errors.ArtefactError)
    opened.append(Model(file, len(content), models.load(content, str(file))))
  return opened


def decoder(config: Any, size: int) -> Callable[[Any, Array], Array]:
  """Returns `(variables, weights) -> lattice`, for the caller to jit.

  Args:
    config: Of a model.
    size: Nodes per axis.

  Returns:
    The function. `weights` `[L]` float32 mix the looks of the model; the
    lattice is `[size, size, size, 3]` float32 on the unit cube.
  """
  module = models.module_of(config)
  if hasattr(module, 'tabulate'):
    return lambda variables, weights: module.tabulate(config, variables, weights, size)

  def decode(variables: Any, weights: Array) -> Array:
    return tabulate.tabulate(
      lambda rgb: module.apply(config, variables, module.query(config, rgb, weights)),
      size,
    )

  return decode


def decode(loaded: models.Loaded, weights: np.ndarray, size: int) -> lattice.Lut:
  """Decodes a look, or a mix of looks, to a LUT over its own domain and range.

  Args:
    loaded: The model.
    weights: `[L]` float32, sum 1.
    size: Nodes per axis.

  Returns:
    The LUT; where the look's label has a curve, with that curve in front.

  Raises:
    InputError: when looks of different domains, curves or ranges are mixed.
  """
  return unit_cube.to_lut(*_decoded(loaded, weights, size))


def _decoded(
  loaded: models.Loaded, weights: np.ndarray, size: int
) -> tuple[labels.Label, np.ndarray]:
  """Returns the label of what is decoded, and its lattice on the unit cube."""
  used = [label for label, w in zip(loaded.config.looks, weights) if w]
  for label in used[1:]:
    if not used[0].mixes_with(label):
      raise errors.InputError(
        f'--blend: {used[0].name} and {label.name} have different domains, curves or '
        'ranges'
      )
  table = _jitted_decoder(unlabelled(loaded.config), size)(
    loaded.variables, jnp.array(weights)
  )
  return used[0], np.asarray(table)


def unlabelled(config: Any) -> Any:
  """Returns a model's config without its labels: one program for models alike."""
  return dataclasses.replace(config, looks=())


@functools.lru_cache(16)
def _jitted_decoder(config: Any, size: int) -> Callable[[Any, Array], Array]:
  """Compiles once for all looks of a model, and for models of one form."""
  return jax.jit(decoder(config, size))


@functools.lru_cache(16)
def _jitted_inverse(config: Any, size: int) -> Callable[[Any, int], Any]:
  module = models.module_of(config)
  return jax.jit(
    lambda variables, index: module.inverse_lattice(config, variables, index, size)
  )


def mix(
  looks: Sequence[labels.Label], *, look: str = '', blend: Sequence[str] = ()
) -> Mapping[str, np.ndarray]:
  """Reads which looks are wanted.

  Args:
    looks: Of a model.
    look: Name or number of one; `all`; empty for the only one.
    blend: `NAME:WEIGHT` each; weights are scaled to sum 1.

  Returns:
    Weights `[L]` by the name of what they make.

  Raises:
    InputError: on names that do not exist, on weights that are no numbers,
      negative or all zero, and when one of several must be named.
  """
  if not looks:
    raise errors.InputError('--model: found no look in it, expected one')
  unit = np.eye(len(looks), dtype=np.float32)
  if blend and look not in ('', 'all'):
    raise errors.InputError(f'--look={look}: found --blend beside it, expected one')
  if blend:
    weights = sum(
      _share(item) * unit[labels.find(looks, _named(item), '--blend')] for item in blend
    )
    if not np.sum(weights) > 0:
      raise errors.InputError(f'--blend={",".join(blend)}: the weights are all zero')
    return {'+'.join(_named(item) for item in blend): weights / np.sum(weights)}
  if look == 'all' or (not look and len(looks) == 1):
    return {label.name: unit[i] for i, label in enumerate(looks)}
  if not look:
    raise errors.InputError(
      f'--look: the model holds {len(looks)} looks, expected one of their names or all'
    )
  index = labels.find(looks, look)
  return {looks[index].name: unit[index]}


def named_luts(
  *,
  model: str | None = None,
  lut: str | None = None,
  look: str = '',
  blend: Sequence[str] = (),
  inverse: bool = False,
  size: int | None = None,
  say: Callable[[str], None] = print,
) -> Mapping[str, lattice.Lut]:
  """Returns the LUTs that flags point at, by the names they will be given.

  Looks of a model are decoded one by one, whenever they are asked for.

  Args:
    model: Artefact or run folder.
    lut: File, or `identity`.
    look: Name or number of one look of the model, `all`, or empty where there
      is one.
    blend: `NAME:WEIGHT` each, instead of `look`.
    inverse: Whether looks are run backwards, where the model can.
    size: Nodes per axis; by default the own size of a file, else 33.
    say: Told how far each inverse that is made leads back.

  Raises:
    InputError: on whatever is missing or damaged; when a look is asked for that
      cannot be run backwards.
  """
  if lut is not None and (blend or look not in ('', 'all')):
    raise errors.InputError('--look and --blend: found --lut, expected --model')
  if size is not None and not 2 <= size <= cube.MAX_SIZE:
    raise errors.InputError(f'--size={size}: expected 2 to {cube.MAX_SIZE}')
  if lut is not None:
    if inverse:
      raise errors.InputError('--inverse: found --lut, expected a bijective --model')
    return {pathlib.Path(lut).stem: _read_lut(lut, size)}
  opened = find_models(model or '')
  looks = [label for item in opened for label in item.loaded.config.looks]
  wanted = mix(looks, look=look, blend=blend)
  size = size or EXPORT_SIZE
  if not inverse:
    return _Looks(
      {
        name: functools.partial(_mixed, opened, weights, size)
        for name, weights in wanted.items()
      }
    )
  if blend:
    raise errors.InputError('--inverse: found --blend, expected one look or all')
  for item, share in _shares(opened, np.sum(list(wanted.values()), axis=0)):
    if np.any(share):
      check_invertible(item)
  return _Looks(
    {
      f'{name}-inverse': functools.partial(_undone, name, opened, weights, size, say)
      for name, weights in wanted.items()
    }
  )


class _Looks(Mapping[str, lattice.Lut]):
  """LUTs by name, each made when it is asked for."""

  def __init__(self, makers: Mapping[str, Callable[[], lattice.Lut]]):
    self._makers = makers

  def __getitem__(self, name: str) -> lattice.Lut:
    return self._makers[name]()

  def __iter__(self) -> Iterator[str]:
    return iter(self._makers)

  def __len__(self) -> int:
    return len(self._makers)


def write_all(
  named: Mapping[str, lattice.Lut],
  out: pathlib.Path,
  formats: Sequence[str],
  *,
  level: int,
  bits: int,
  overwrite: bool,
  problems: list[str] | None = None,
) -> Iterator[pathlib.Path]:
  """Writes LUTs in each format, one after the other, and yields the paths.

  Args:
    named: LUTs by name.
    out: A folder; or the file itself when one LUT is written in one format
      and `out` bears its extension.
    formats: Of `FORMATS`.
    level: See `write`.
    bits: See `write`.
    overwrite: See `write`.
    problems: Gets a line for each of several LUTs that cannot be made, and the
      rest goes on; by default the first of them is an error.

  Raises:
    InputError: before anything is written, when a flag does not fit or a file is
      there already; see `write`.
  """
  for form in formats:
    if form not in EXTENSIONS:
      raise errors.InputError(
        f'--format={form}: expected one of {", ".join(EXTENSIONS)}'
        f'{config_lib.nearest(form, list(EXTENSIONS))}'
      )
  as_file = out.suffix.lower() in EXTENSIONS.values() and not out.is_dir()
  if as_file and (len(named), len(formats)) != (1, 1):
    raise errors.InputError(
      f'--out={out}: {len(named) * len(formats)} files to write, expected a folder'
    )
  if as_file and EXTENSIONS[formats[0]] != out.suffix.lower():
    raise errors.InputError(
      f'--out={out}: expected the extension {EXTENSIONS[formats[0]]} for '
      f'--format={formats[0]}'
    )
  strange = next((name for name in named if pathlib.Path(name).name != name), None)
  if strange is not None and not as_file:
    raise errors.InputError(
      f'--out={out}: found a look named {strange!r}, which no file can be called; '
      'expected a file for it alone'
    )
  targets = {
    (name, form): out if as_file else out / f'{name}{EXTENSIONS[form]}'
    for name in named
    for form in formats
  }
  there = [path for path in targets.values() if path.exists()]
  if there and not overwrite:
    more = f', and {len(there) - 1} more' if len(there) > 1 else ''
    raise errors.InputError(f'{there[0]}: exists already{more}; --overwrite replaces')
  for name in named:
    try:
      lut = named[name]
    except errors.InputError as error:
      if problems is None or len(named) == 1:
        raise
      problems.append(str(error))
      continue
    for form in formats:
      path = targets[name, form]
      write(lut, path, form, title=name, level=level, bits=bits, overwrite=overwrite)
      yield path


def write(
  lut: lattice.Lut,
  path: pathlib.Path,
  form: str,
  *,
  title: str = '',
  level: int = 8,
  bits: int = 16,
  overwrite: bool = False,
) -> None:
  """Writes a LUT in one format.

  Args:
    lut: 3D.
    path: The file.
    form: Key of `EXTENSIONS`.
    title: Kept in `.cube`.
    level: Of the Hald image.
    bits: Of the Hald image, 8 or 16.
    overwrite: Whether a file that is there may be replaced.

  Raises:
    InputError: when it exists, or a Hald image cannot hold the LUT.
  """
  if form == 'cube':
    files.write_bytes(path, cube.render(lut, title=title), overwrite=overwrite)
  elif form == 'hald':
    if level not in hald.LEVELS:
      raise errors.InputError(f'--level={level}: expected 2 to {hald.LEVELS[-1]}')
    if bits not in (8, 16):
      raise errors.InputError(f'--bits={bits}: expected 8 or 16')
    table = np.asarray(tabulate.resample(lut, level * level))
    image = images.Image(images.from_float(np.asarray(hald.from_lattice(table)), bits))
    images.write(path, image, overwrite=overwrite)
  else:
    if lut.shaper is not None or lut.knots is not None:
      lut = tabulate.bake(lut, max(EXPORT_SIZE, *lut.table.shape[:-1]))
    arrays = {'lut': np.asarray(lut.table), 'domain': np.asarray(lut.domain)}
    with files.replacing(path, overwrite=overwrite) as temporary:
      np.savez_compressed(temporary, **arrays)


def _read_lut(lut: str, size: int | None) -> lattice.Lut:
  if lut == 'identity':
    return lattice.from_table(lattice.identity(size or EXPORT_SIZE))
  looks, problems = luts.load([lut])
  if problems:
    raise errors.LutError(problems[0])
  if len(looks) != 1:
    raise errors.InputError(f'--lut={lut}: found {len(looks)} LUTs, expected one')
  found = looks[0].lut
  return found if size is None else tabulate.bake(found, size)


def _shares(
  opened: Sequence[Model], weights: np.ndarray
) -> Iterator[tuple[Model, np.ndarray]]:
  """Yields the part of the weights that each model has."""
  start = 0
  for item in opened:
    count = len(item.loaded.config.looks)
    yield item, weights[start : start + count]
    start += count


def _mixed(opened: Sequence[Model], weights: np.ndarray, size: int) -> lattice.Lut:
  """Decodes what each model has a share in, and adds it up."""
  used = [found for found in _shares(opened, weights) if np.any(found[1])]
  if len(used) == 1:
    return decode(used[0][0].loaded, used[0][1], size)
  parts = []
  for item, share in used:
    total = float(np.sum(share))
    parts.append((total, *_decoded(item.loaded, share / total, size)))
  first = parts[0][1]
  for _, label, _ in parts[1:]:
    if (label.domain, label.curve) != (first.domain, first.curve):
      raise errors.InputError('--blend: the looks have different domains or curves')
  outputs = [total * unit_cube.from_unit(label, table) for total, label, table in parts]
  return unit_cube.behind(first, np.sum(outputs, axis=0))


def _undone(
  name: str,
  opened: Sequence[Model],
  weights: np.ndarray,
  size: int,
  say: Callable[[str], None],
) -> lattice.Lut:
  """Returns the inverse of a look, and says how good it is."""
  item, share = next(found for found in _shares(opened, weights) if np.any(found[1]))
  back = invert(item.loaded, int(np.argmax(share)), size)
  forward = decode(item.loaded, share, size)
  say(f'{name}: {reversing.statement(forward, back)}')
  return back


def check_invertible(item: Model) -> None:
  """Raises an `InputError` where the looks of a model have no inverse."""
  config = item.loaded.config
  module = models.module_of(config)
  if not (hasattr(module, 'invertible') and module.invertible(config)):
    raise errors.InputError(
      f'--inverse: {item.path} is not bijective, expected a lutflow fitted with '
      '--config=configs/lutflow_bijective.py'
    )


def invert(loaded: models.Loaded, index: int, size: int) -> lattice.Lut:
  """Returns the LUT from the range of a look back to its domain.

  Args:
    loaded: A model that is `invertible`.
    index: Of the look.
    size: Nodes per axis.

  Raises:
    InputError: when the iteration does not come to an end, or the look has a
      curve that neither rises nor falls throughout.
  """
  label = loaded.config.looks[index]
  solved = _jitted_inverse(unlabelled(loaded.config), size)(loaded.variables, index)
  residual = float(np.max(solved.residual))
  if residual > _RESIDUAL:
    raise errors.InputError(
      f'--inverse: {label.name} squeezes colours too closely to be told apart: a '
      f'residual of {residual:.2g} is left, expected {_RESIDUAL:g} at most'
    )
  table = unit_cube.before(label, np.asarray(solved.rgb))
  low, high = (np.array(row, np.float32) for row in label.domain)
  edges = tuple((value,) * 3 for value in label.range)
  return lattice.from_table(low + (high - low) * table, edges)


def _named(item: str) -> str:
  return item.rpartition(':')[0] or item


def _share(item: str) -> float:
  name, colon, number = item.rpartition(':')
  try:
    share = float(number) if colon and name else float('nan')
  except ValueError:
    share = float('nan')
  if not 0 <= share < float('inf'):
    raise errors.InputError(
      f'--blend: found {item!r}, expected NAME:WEIGHT with a weight of 0 or more'
    )
  return share
