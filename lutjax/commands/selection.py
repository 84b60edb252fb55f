"""What `--model`, `--lut`, `--look` and `--blend` select."""

import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from lutjax import artefacts, assets, errors, files, systems
from lutjax import config as config_lib
from lutjax.codec import container, labels
from lutjax.commands import look_files
from lutjax.looks import decoding, round_trip, unit_cube
from lutjax.looks import settings as settings_lib
from lutjax.lut import lattice
from lutjax.types import Array, Loaded, Model

Kind = Literal['looks', 'restorer', 'grader']


# Files that hold tables in published layouts.
_TABLES = ('.npy', '.npz')
# What models do, for messages.
_DOES: Mapping[Kind, str] = {
  'looks': 'holds looks',
  'restorer': 'restores pictures',
  'grader': 'predicts the LUT of a picture',
}


def find_models(path: str) -> list[artefacts.Opened]:
  """Opens the models of looks that a path holds.

  Args:
    path: See `open_models`.

  Returns:
    The models, in the order of their names.

  Raises:
    InputError: when there is none, or one cannot be read, or is of another kind, or
      takes settings beside colours.
  """
  opened = _of_looks(path)
  for item in opened:
    decoding.check_colours_alone(item.loaded.model, item.loaded.config)
  return opened


def check_file_names(out: pathlib.Path, names: Iterable[str], kind: str) -> None:
  """Refuses names that no file in a folder can have.

  Args:
    out: The folder.
    names: Of what is written.
    kind: What they are called in the message.

  Raises:
    InputError: one line that names the first.
  """
  strange = next((name for name in names if pathlib.Path(name).name != name), None)
  if strange is not None:
    raise errors.InputError(
      f'--out={out}: found a {kind} named {strange!r}, which no file can be called; '
      'expected a file for it alone'
    )


def find_maps(path: str) -> list[artefacts.Opened]:
  """Opens the models of looks that a path holds, where all take settings.

  Args:
    path: See `open_models`.

  Returns:
    The models, in the order of their names; none where one takes no settings.

  Raises:
    InputError: when there is no model of looks, or one cannot be read.
  """
  opened = _of_looks(path)
  return opened if all(map(_takes_settings, opened)) else []


def find_restorer(path: str) -> artefacts.Opened:
  """Opens the model that restores pictures which a path holds.

  Args:
    path: See `open_models`.

  Raises:
    InputError: when there is none, or several, or it cannot be read, or is of another
      kind.
  """
  return _find_one(path, 'restorer')


def find_grader(path: str) -> artefacts.Opened:
  """Opens the model that predicts the LUT of a picture which a path holds.

  Args:
    path: See `open_models`.

  Raises:
    InputError: when there is none, or several, or it cannot be read, or is of another
      kind.
  """
  return _find_one(path, 'grader')


def kind_of(path: str) -> Kind:
  """Returns the kind of models that a path holds.

  An artefact is not decoded for that. What cannot be opened counts as looks: whoever
  opens it learns why.

  Args:
    path: See `open_models`.
  """
  try:
    where = _where(path)
    loaded = _in_published_layout(where)
    if loaded is not None:
      return _kind(loaded.model)
    first, *_ = artefacts.find(str(where))
    content = files.read_bytes(first)
    if not content.startswith(container.MAGIC):
      return 'looks'
    name = container.unpack(content, str(first)).system
  except errors.InputError:
    return 'looks'
  model = systems.models().get(name)
  return 'looks' if model is None else _kind(model)


def name_of(item: artefacts.Opened) -> str:
  """Returns the name of a model: that of its file, run folder or folder of tables.

  Args:
    item: The model.
  """
  path = item.path.resolve()
  if path.name == f'model{artefacts.SUFFIX}':
    return path.parent.name
  return path.name if path.is_dir() else path.stem


def open_models(path: str) -> list[artefacts.Opened]:
  """Opens whatever models a path holds.

  Args:
    path: An artefact, a run folder, a folder of tables in a published layout, or the
      name of a model that comes with the package (`assets`). What exists comes before
      a name, and a folder's own `model.lutjax` before tables.

  Returns:
    The models, in the order of their names.

  Raises:
    InputError: when there is none, or one cannot be read.
  """
  where = _where(path)
  loaded = _in_published_layout(where)
  if loaded is not None:
    tables = [file for file in where.iterdir() if file.suffix in _TABLES]
    size_bytes = sum(file.stat().st_size for file in tables)
    return [artefacts.Opened(where, size_bytes, loaded)]
  opened = []
  for file in artefacts.find(str(where)):
    content = files.read_bytes(file, error=errors.ArtefactError)
    loaded = systems.load(content, str(file))
    opened.append(artefacts.Opened(file, len(content), loaded))
  return opened


def named_looks(
  *,
  model: str | None = None,
  lut: str | Sequence[str] | None = None,
  look: str = '',
  blend: Sequence[str] = (),
  settings: Sequence[str] = (),
  inverse: bool = False,
  spaces: look_files.Spaces | None = None,
  layout: str | None = None,
  say: Callable[[str], None] = print,
) -> Mapping[str, look_files.Look]:
  """Returns the looks that flags select, by their output names.

  Args:
    model: Artefact or run folder of looks.
    lut: File, or `identity`; of several files each is given what the one before makes,
      and they are one look.
    look: Name or number of one look of the model, `all`, or empty where there
      is one.
    blend: `NAME:WEIGHT` each, instead of `look`.
    settings: `NAME:VALUE` each, of models that take settings beside colours.
    inverse: Whether looks are run backwards: a file, or where the model can.
    spaces: Where `lut` is an OCIO config.
    layout: Of a picture, see `luts.load`.
    say: Told how far each inverse that is made leads back.

  Raises:
    InputError: on whatever is missing or damaged; when a look is asked for that
      cannot be run backwards.
  """
  if lut is not None and (blend or look not in ('', 'all')):
    raise errors.InputError('--look and --blend: found --lut, expected --model')
  if lut is not None:
    paths = [lut] if isinstance(lut, str) else lut
    name, found = look_files.open_files(paths, layout, spaces)
    if inverse:
      return {f'{name}-inverse': look_files.inverse_of(name, found, say)}
    return {name: found}
  opened = _of_looks(model or '')
  looks = [label for item in opened for label in item.loaded.config.looks]
  mixes = mix(looks, look=look, blend=blend)
  opened = _at_settings(opened, settings, np.sum(list(mixes.values()), axis=0))
  if not inverse:
    return {
      name: look_files.Look(
        functools.partial(_mixed, opened, weights),
        network=functools.partial(_per_pixel, opened, weights),
        comments=(f'settings {", ".join(settings)}',) if settings else (),
      )
      for name, weights in mixes.items()
    }
  if blend:
    raise errors.InputError('--inverse: found --blend, expected one look or all')
  for item, share in _shares(opened, np.sum(list(mixes.values()), axis=0)):
    if np.any(share):
      decoding.check_invertible(item)
  return {
    f'{name}-inverse': look_files.Look(
      functools.partial(_inverse_of, name, opened, weights, say)
    )
    for name, weights in mixes.items()
  }


def mix(
  looks: Sequence[labels.Label], *, look: str = '', blend: Sequence[str] = ()
) -> Mapping[str, np.ndarray]:
  """Reads which looks are selected.

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


def _of_looks(path: str) -> list[artefacts.Opened]:
  opened = open_models(path)
  for item in opened:
    _check_kind(item, 'looks')
  return opened


def _takes_settings(item: artefacts.Opened) -> bool:
  return settings_lib.count_of(item.loaded.model, item.loaded.config) > 0


def _at_settings(
  opened: Sequence[artefacts.Opened], settings: Sequence[str], weights: np.ndarray
) -> list[artefacts.Opened]:
  """Fixes the settings of models whose looks have a share in what is asked for."""
  values: dict[str, float] = {}
  for item in settings:
    name, value = _named(item), _value(item)
    if name in values:
      raise errors.InputError(f'--settings: found {name} twice, expected one value')
    values[name] = value
  bound, used = [], []
  for item, share in _shares(opened, weights):
    if _takes_settings(item) and np.any(share):
      wanted = (share > 0).tolist()
      loaded = item.loaded
      used += [look for look, asked in zip(loaded.config.looks, wanted) if asked]
      item = item._replace(loaded=settings_lib.bind(loaded, values, wanted))
    bound.append(item)
  known = [setting.name for look in used for setting in look.settings]
  unknown = next((name for name in values if name not in known), None)
  if unknown is not None and not known:
    raise errors.InputError(
      f'--settings: found {opened[0].path}, of colours alone, expected a model that '
      'takes settings'
    )
  if unknown is not None:
    raise errors.InputError(
      f'--settings={unknown}: no such setting, expected {settings_lib.describe(used)}'
      f'{config_lib.nearest(unknown, known)}'
    )
  return bound


def _find_one(path: str, kind: Kind) -> artefacts.Opened:
  opened = open_models(path)
  if len(opened) != 1:
    raise errors.InputError(
      f'--model={path}: found {len(opened)} models, expected one that {_DOES[kind]}'
    )
  (item,) = opened
  _check_kind(item, kind)
  return item


def _check_kind(item: artefacts.Opened, kind: Kind) -> None:
  """Raises an `InputError` where a model is of another kind."""
  model = item.loaded.model
  found = _kind(model)
  if found != kind:
    raise errors.InputError(
      f'{item.path}: found {model.name}, which {_DOES[found]}, expected a model that '
      f'{_DOES[kind]}'
    )


def _kind(model: Model) -> Kind:
  if model.restorer is not None:
    return 'restorer'
  return 'looks' if model.grader is None else 'grader'


def _where(path: str) -> pathlib.Path:
  """Returns the file or folder that a path or the name of a shipped model means."""
  where, names = pathlib.Path(path), assets.names()
  if where.exists() or where.name != path or not names:
    return where
  found = assets.path(path)
  if found is not None:
    return found
  raise errors.InputError(
    f'--model={path}: no such file or folder, and no model of that name comes with '
    f'lutjax, only {", ".join(names)}{config_lib.nearest(path, names)}'
  )


def _in_published_layout(where: pathlib.Path) -> Loaded | None:
  """Reads a folder of tables, unless it has an artefact of its own."""
  if (where / f'model{artefacts.SUFFIX}').is_file():
    return None
  return systems.load_folder(where)


def _shares(
  opened: Sequence[artefacts.Opened], weights: np.ndarray
) -> Iterator[tuple[artefacts.Opened, np.ndarray]]:
  """Yields the part of the weights that each model has."""
  start = 0
  for item in opened:
    count = len(item.loaded.config.looks)
    yield item, weights[start : start + count]
    start += count


def _per_pixel(
  opened: Sequence[artefacts.Opened], weights: np.ndarray, rgb: Array
) -> Array:
  """Evaluates the networks themselves, as `_mixed` does their lattices."""
  total: Any = 0.0
  for item, share in _shares(opened, weights):
    if np.any(share):
      total += float(np.sum(share)) * decoding.evaluate(
        item.loaded, share / np.sum(share), rgb
      )
  return total


def _mixed(
  opened: Sequence[artefacts.Opened], weights: np.ndarray, size: int
) -> lattice.Lut:
  """Decodes what each model has a share in, and adds it up."""
  used = [found for found in _shares(opened, weights) if np.any(found[1])]
  if len(used) == 1:
    return decoding.decode(used[0][0].loaded, used[0][1], size)
  parts = []
  for item, share in used:
    total = float(np.sum(share))
    parts.append((total, *decoding.decoded(item.loaded, share / total, size)))
  first = parts[0][1]
  for _, label, _ in parts[1:]:
    if (label.domain, label.curve) != (first.domain, first.curve):
      raise errors.InputError('--blend: the looks have different domains or curves')
  outputs = [total * unit_cube.from_unit(label, table) for total, label, table in parts]
  return unit_cube.to_lut_with_curve(first, np.sum(outputs, axis=0))


def _inverse_of(
  name: str,
  opened: Sequence[artefacts.Opened],
  weights: np.ndarray,
  say: Callable[[str], None],
  size: int,
) -> lattice.Lut:
  """Returns the inverse of a look, and reports its error."""
  item, share = next(found for found in _shares(opened, weights) if np.any(found[1]))
  back = decoding.invert(item.loaded, int(np.argmax(share)), size)
  forward = decoding.decode(item.loaded, share, size)
  say(f'{name}: {round_trip.statement(forward, back)}')
  return back


def _named(item: str) -> str:
  return item.rpartition(':')[0] or item


def _number(item: str) -> float:
  """Returns the number of `NAME:NUMBER`, NaN of anything else."""
  name, colon, number = item.rpartition(':')
  try:
    return float(number) if colon and name else float('nan')
  except ValueError:
    return float('nan')


def _value(item: str) -> float:
  value = _number(item)
  if not 0.0 <= value <= 1.0:
    raise errors.InputError(
      f'--settings: found {item!r}, expected NAME:VALUE with a value from 0 to 1'
    )
  return value


def _share(item: str) -> float:
  share = _number(item)
  if not 0 <= share < float('inf'):
    raise errors.InputError(
      f'--blend: found {item!r}, expected NAME:WEIGHT with a weight of 0 or more'
    )
  return share
