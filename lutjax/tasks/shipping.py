"""Artefacts and LUT files as looks that can be decoded."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, files, models
from lutjax.codec import labels
from lutjax.data import luts
from lutjax.lut import lattice, tabulate
from lutjax.tasks import reversing, unit_cube
from lutjax.types import Array

SUFFIX = '.lutjax'

# Nodes per axis of a model that is exported, where nobody said.
EXPORT_SIZE = 33
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


def ask(loaded: models.Loaded, weights: np.ndarray, rgb: Array) -> Array:
  """Returns what a model gives for colours, for the caller to jit.

  Args:
    loaded: The model.
    weights: `[L]` float32, sum 1, of looks of one domain, curve and range.
    rgb: `[..., 3]` float32 in the domain of the looks; clamped to it.

  Returns:
    `[..., 3]` float32 in their range.
  """
  config = unlabelled(loaded.config)
  module = models.module_of(config)
  label = loaded.config.looks[int(np.argmax(weights))]
  unit = unit_cube.to_unit(label, rgb)
  query = module.query(config, unit, jnp.asarray(weights, jnp.float32))
  return unit_cube.from_unit(label, module.apply(config, loaded.variables, query))


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


class Look(NamedTuple):
  """A look that can be written or applied.

  Attributes:
    decode: `size -> Lut`, as a plain lattice of that many nodes per axis.
    own: The LUT as its file has it; None for what a model holds.
    network: `rgb [..., 3] -> [..., 3]` float32, what a model gives for each colour,
      for the caller to jit; None for a file, and for looks run backwards.
    title: Of the file.
    comments: Of the file.
  """

  decode: Callable[[int], lattice.Lut]
  own: lattice.Lut | None = None
  network: Callable[[Array], Array] | None = None
  title: str = ''
  comments: tuple[str, ...] = ()


def named_looks(
  *,
  model: str | None = None,
  lut: str | None = None,
  look: str = '',
  blend: Sequence[str] = (),
  inverse: bool = False,
  say: Callable[[str], None] = print,
) -> Mapping[str, Look]:
  """Returns the looks that flags point at, by the names they will be given.

  Args:
    model: Artefact or run folder.
    lut: File, or `identity`.
    look: Name or number of one look of the model, `all`, or empty where there
      is one.
    blend: `NAME:WEIGHT` each, instead of `look`.
    inverse: Whether looks are run backwards, where the model can.
    say: Told how far each inverse that is made leads back.

  Raises:
    InputError: on whatever is missing or damaged; when a look is asked for that
      cannot be run backwards.
  """
  if lut is not None and (blend or look not in ('', 'all')):
    raise errors.InputError('--look and --blend: found --lut, expected --model')
  if lut is not None:
    if inverse:
      raise errors.InputError('--inverse: found --lut, expected a bijective --model')
    return {pathlib.Path(lut).stem: _of_file(lut)}
  opened = find_models(model or '')
  looks = [label for item in opened for label in item.loaded.config.looks]
  wanted = mix(looks, look=look, blend=blend)
  if not inverse:
    return {
      name: Look(
        functools.partial(_mixed, opened, weights),
        network=functools.partial(_per_pixel, opened, weights),
      )
      for name, weights in wanted.items()
    }
  if blend:
    raise errors.InputError('--inverse: found --blend, expected one look or all')
  for item, share in _shares(opened, np.sum(list(wanted.values()), axis=0)):
    if np.any(share):
      check_invertible(item)
  return {
    f'{name}-inverse': Look(functools.partial(_undone, name, opened, weights, say))
    for name, weights in wanted.items()
  }


def of_lut(lut: lattice.Lut) -> Look:
  """Returns the look of a LUT; other nodes are evaluated tetrahedrally."""
  return Look(
    lambda size: tabulate.bake(lut, size, method='tetrahedral'),
    own=lut,
  )


def _of_file(lut: str) -> Look:
  """Opens a LUT file."""
  if lut == 'identity':
    return Look(lambda size: lattice.from_table(lattice.identity(size)))
  looks, problems = luts.load([lut])
  if problems:
    raise errors.LutError(problems[0])
  if len(looks) != 1:
    raise errors.InputError(f'--lut={lut}: found {len(looks)} LUTs, expected one')
  (found,) = looks
  return of_lut(found.lut)._replace(title=found.title, comments=found.comments)


def _shares(
  opened: Sequence[Model], weights: np.ndarray
) -> Iterator[tuple[Model, np.ndarray]]:
  """Yields the part of the weights that each model has."""
  start = 0
  for item in opened:
    count = len(item.loaded.config.looks)
    yield item, weights[start : start + count]
    start += count


def _per_pixel(opened: Sequence[Model], weights: np.ndarray, rgb: Array) -> Array:
  """Asks the networks themselves, as `_mixed` asks their lattices."""
  total: Any = 0.0
  for item, share in _shares(opened, weights):
    if np.any(share):
      total += float(np.sum(share)) * ask(item.loaded, share / np.sum(share), rgb)
  return total


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
  say: Callable[[str], None],
  size: int,
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
