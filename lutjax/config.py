"""Frozen dataclasses as configs: read, varied by name, compared, recorded."""

import ast
import dataclasses
import difflib
import importlib
import os
import pathlib
import runpy
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lutjax import errors

# Where configs were before version 0.2, whose run folders still load.
_MOVED = {
  'lutjax.models.dct': 'lutjax.baselines.dct',
  'lutjax.models.gamut.codecs': 'lutjax.systems.gamut_mlp.codecs',
  'lutjax.models.gamut.seeded': 'lutjax.systems.gamut_mlp.seeded',
  'lutjax.models.gamut_mlp': 'lutjax.systems.gamut_mlp.model',
  'lutjax.models.grid': 'lutjax.baselines.grid',
  'lutjax.models.lutflow': 'lutjax.systems.lutflow.model',
  'lutjax.models.nilut': 'lutjax.systems.nilut.model',
  'lutjax.tasks.additions': 'lutjax.systems.lutflow.edit_task',
  'lutjax.tasks.experiment': 'lutjax.experiment',
  'lutjax.tasks.flows': 'lutjax.systems.lutflow.task',
  'lutjax.tasks.gamut': 'lutjax.systems.gamut_mlp.task',
  'lutjax.tasks.gamut_meta': 'lutjax.systems.gamut_mlp.meta',
  'lutjax.tasks.lattices': 'lutjax.baselines.task',
  'lutjax.tasks.looks': 'lutjax.looks.task',
  'lutjax.tasks.pairs': 'lutjax.looks.pairs',
  'lutjax.tasks.styles': 'lutjax.systems.nilut.task',
}


def load(path: str | os.PathLike, folders: Sequence[pathlib.Path] = ()) -> Any:
  """Runs a config file and returns what its `get_config()` gives.

  Args:
    path: The file, such as `configs/nilut.py`, or the name of one of `folders`,
      such as `nilut`.
    folders: Where `NAME.py` and `configs/NAME.py` are looked for when they are
      not there, so that an installed package finds its own configs.

  Returns:
    A frozen dataclass.

  Raises:
    InputError: when no such file exists, or it has no `get_config`.
  """
  given = pathlib.Path(path)
  # A path into another folder means that file, whatever else bears its name.
  own = str(given.parent) in ('.', 'configs')
  names = [given.name, f'{given.name}.py'] if own else []
  candidates = [given, *[folder / name for folder in folders for name in names]]
  found = next((c for c in candidates if c.is_file()), None)
  if found is None:
    names = sorted(p.stem for folder in folders for p in folder.glob('*.py'))
    names = [name for name in names if not name.startswith('_')]
    raise errors.InputError(
      f'--config={path}: no such file; there are {", ".join(names) or "none"}'
      f'{nearest(given.stem, names)}'
    )
  try:
    namespace = runpy.run_path(str(found))
  except (SyntaxError, ImportError, NameError, TypeError) as error:
    raise errors.InputError(f'{found}: cannot be run: {error}') from error
  if 'get_config' not in namespace:
    raise errors.InputError(f'{found}: found no get_config(), expected one')
  return namespace['get_config']()


def override(config: Any, assignments: Sequence[str], *, flag: str = '--set=') -> Any:
  """Returns the config with fields set by `key=value`.

  Args:
    config: A frozen dataclass, fields of which may be such again.
    assignments: `fit.steps=100`, or the end of it, `steps=100`, where one field
      alone ends so. Values are Python literals or bare words.
    flag: What stands before an assignment on the command line; for messages.

  Returns:
    A new config.

  Raises:
    InputError: on a name that is unknown (the nearest is named) or borne by
      several fields, or a value of another type.
  """
  values: dict[str, Any] = {}
  for assignment in assignments:
    name, equals, text = assignment.partition('=')
    if not equals:
      raise errors.InputError(f'{flag}{assignment}: found no "=", expected key=value')
    path = _find(config, name.strip(), flag)
    values[path] = _parse(text.strip(), _hint(config, path), flag + assignment)
  return _replaced(config, values, flag)


def check_ranges(config: Any, **ranges: str) -> None:
  """Raises a `ValueError` where a field is not within its range.

  Args:
    config: A dataclass; fields that are None are left out.
    **ranges: By field, as it is written: `[0, 1)`, `(0, inf)`.
  """
  for name, text in ranges.items():
    value = getattr(config, name)
    low, high = (float(end) for end in text[1:-1].split(','))
    if value is None or low < value < high:
      continue
    if (value == low and text[0] == '[') or (value == high and text[-1] == ']'):
      continue
    raise ValueError(f'Expected {name} in {text}, got {value}.')


def checked(config: Any) -> Any:
  """Returns a config that was made of untrusted content.

  Raises:
    ValueError: when a field holds a value of another type than it declares.
  """
  for name, hint in typing.get_type_hints(type(config)).items():
    value = getattr(config, name)
    if not _fits(value, hint):
      raise ValueError(f'found {name} {_brief(value)}, expected {_hint_name(hint)}')
  return config


def to_dict(config: Any) -> dict[str, Any]:
  """Returns nested plain dicts and lists that JSON can hold.

  Each dict names its class under `class`, for `from_dict`.
  """
  kind = type(config)
  return {'class': f'{kind.__module__}.{kind.__qualname__}'} | {
    field.name: _plain(getattr(config, field.name))
    for field in dataclasses.fields(config)
  }


def from_dict(record: Any, source: str) -> Any:
  """Returns the config that `to_dict` recorded.

  Args:
    record: Content of a file, of classes inside lutjax.
    source: Named in the error.

  Raises:
    InputError: when a class or field is not known to this build.
  """
  if isinstance(record, list):
    return tuple(from_dict(item, source) for item in record)
  if not isinstance(record, Mapping):
    return record
  module, _, name = str(record.get('class', '')).rpartition('.')
  try:
    if module.split('.')[0] != 'lutjax':
      raise ValueError('not a class of lutjax')
    kind = getattr(importlib.import_module(module), name)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
      raise ValueError('not a config')
    values = {key: from_dict(value, source) for key, value in record.items()}
    del values['class']
    return kind(**values)
  except (ValueError, TypeError, ImportError, AttributeError) as error:
    raise errors.InputError(
      f'{source}: found {module}.{name}, which this build cannot make: {error}'
    ) from error


def renamed(record: Any) -> Any:
  """Returns a record with the classes of earlier versions by their present names."""
  if isinstance(record, list):
    return [renamed(item) for item in record]
  if not isinstance(record, Mapping):
    return record
  values = {key: renamed(value) for key, value in record.items()}
  module, _, name = str(values.get('class', '')).rpartition('.')
  if module in _MOVED:
    values['class'] = f'{_MOVED[module]}.{name}'
  return values


def differences(
  before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ''
) -> Iterator[str]:
  """Yields `path: before, now after` for each leaf that differs.

  Args:
    before: Nested fields.
    after: Nested fields, of the same or another form.
    prefix: Put before each path.
  """
  for name in sorted({*before, *after}):
    old, new = before.get(name), after.get(name)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
      yield from differences(old, new, f'{prefix}{name}.')
    elif old != new:
      yield f'{prefix}{name}: {_brief(old)}, now {_brief(new)}'


def nearest(name: str, names: Sequence[str]) -> str:
  """Returns `; did you mean X?` for the closest of `names`, or nothing.

  Args:
    name: As the user wrote it.
    names: The valid ones.
  """
  close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
  return f'; did you mean {close[0]}?' if close else ''


def paths(config: Any, prefix: str = '') -> Iterator[str]:
  """Yields the dotted path of every leaf field.

  Args:
    config: A dataclass, of which dataclasses may be fields.
    prefix: Put before each path.
  """
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    path = f'{prefix}{field.name}'
    if dataclasses.is_dataclass(value):
      yield from paths(value, f'{path}.')
    else:
      yield path


def _find(config: Any, name: str, flag: str) -> str:
  known = list(paths(config))
  if name in known:
    return name
  ending = [path for path in known if path.endswith(f'.{name}')]
  if len(ending) == 1:
    return ending[0]
  if ending:
    raise errors.InputError(
      f'{flag}{name}: found several fields, expected one of {", ".join(ending)}'
    )
  leaves = [path.split('.')[-1] for path in known]
  raise errors.InputError(
    f'{flag}{name}: no such field{nearest(name, [*known, *leaves])}'
  )


def _hint(config: Any, path: str) -> Any:
  head, dot, rest = path.partition('.')
  if dot:
    return _hint(getattr(config, head), rest)
  return typing.get_type_hints(type(config))[head]


def _replaced(config: Any, values: Mapping[str, Any], flag: str) -> Any:
  """Sets fields by path, all of a dataclass at once: some only fit together."""
  changes: dict[str, Any] = {}
  inner: dict[str, dict[str, Any]] = {}
  for path, value in values.items():
    head, dot, rest = path.partition('.')
    if dot:
      inner.setdefault(head, {})[rest] = value
    else:
      changes[head] = value
  for head, deeper in inner.items():
    changes[head] = _replaced(getattr(config, head), deeper, flag)
  try:
    return dataclasses.replace(config, **changes)
  except errors.InputError:
    raise
  except ValueError as error:
    given = ', '.join(f'{flag}{path}={value}' for path, value in values.items())
    raise errors.InputError(f'{given}: {error}') from error


def _parse(text: str, hint: Any, assignment: str) -> Any:
  try:
    value = ast.literal_eval(text)
  except (ValueError, SyntaxError):
    value = {'true': True, 'false': False, 'none': None}.get(text.lower(), text)
  if typing.get_origin(hint) is tuple and not isinstance(value, tuple):
    value = tuple(value) if isinstance(value, list) else (value,)
  if type(value) is int and not _fits(value, hint) and _fits(float(value), hint):
    value = float(value)
  if not _fits(value, hint) and _fits(text, hint):
    value = text
  if not _fits(value, hint):
    raise errors.InputError(
      f'{assignment}: found {text!r}, expected {_hint_name(hint)}'
    )
  return value


def _fits(value: Any, hint: Any) -> bool:
  origin, arguments = typing.get_origin(hint), typing.get_args(hint)
  if origin in (types.UnionType, typing.Union):
    return any(_fits(value, argument) for argument in arguments)
  if origin is typing.Literal:
    return value in arguments
  if origin is tuple:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
      return all(_fits(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(_fits, value, arguments))
  if hint is type(None):
    return value is None
  if hint is bool or type(value) is bool:
    return type(value) is bool and hint is bool
  return isinstance(value, hint)


def _hint_name(hint: Any) -> str:
  if typing.get_origin(hint) is typing.Literal:
    return 'one of ' + ', '.join(str(value) for value in typing.get_args(hint))
  return getattr(hint, '__name__', str(hint)) if isinstance(hint, type) else str(hint)


def _plain(value: Any) -> Any:
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    return to_dict(value)
  if isinstance(value, (tuple, list)):
    return [_plain(item) for item in value]
  return value


def _brief(value: Any) -> str:
  text = 'nothing' if value is None else ' '.join(str(value).split())
  return text if len(text) <= 40 else text[:37] + '...'
