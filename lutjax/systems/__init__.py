"""The registry: every system and baseline, by name.

A system is a folder and a line of `_TABLE`. Its package is imported when the registry
is first asked for anything; one that cannot be imported is left out, and the others
go on.
"""

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from lutjax import artefacts, errors
from lutjax.codec import container
from lutjax.types import Entry, ImageFiles, Loaded, Model, System, Task

# Where each system registers its `ENTRY`.
_TABLE = {
  'nilut': 'lutjax.systems.nilut',
  'lutflow': 'lutjax.systems.lutflow',
  'gamut_mlp': 'lutjax.systems.gamut_mlp',
  'tinylut': 'lutjax.systems.tinylut',
  'img2lut': 'lutjax.systems.img2lut',
  'dct': 'lutjax.baselines.dct',
  'grid': 'lutjax.baselines.grid',
  'mulut': 'lutjax.baselines.mulut',
}
# Tasks of no system: whatever maps colours can be fitted to LUT files and pictures, and
# whatever restores pictures can be trained on folders of them.
_TASKS = (
  'lutjax.looks.task',
  'lutjax.looks.pairs',
  'lutjax.looks.settings_task',
  'lutjax.restoration.task',
)


@functools.cache
def entries() -> tuple[Entry, ...]:
  """Returns the entries of all systems that can be imported."""
  found = []
  for module in _TABLE.values():
    try:
      found.append(importlib.import_module(module).ENTRY)
    except ModuleNotFoundError as error:
      if error.name is None or not f'{module}.'.startswith(f'{error.name}.'):
        raise
  return tuple(found)


def model_of(config: Any) -> Model:
  """Returns the `Model` of a config.

  Raises:
    InputError: if it is the config of no system here.
  """
  models = [model for entry in entries() for model in entry.models]
  found = next((model for model in models if type(config) is model.config), None)
  if found is None:
    raise errors.InputError(
      f'found a model config {type(config).__qualname__}, expected one of '
      f'{", ".join(model.name for model in models)}'
    )
  return found


def task_of(config: Any) -> Task:
  """Returns the `Task` of a config.

  Raises:
    InputError: if it is the config of no task here.
  """
  shared = [importlib.import_module(module).TASK for module in _TASKS]
  tasks = [*shared, *(task for entry in entries() for task in entry.tasks)]
  found = next((task for task in tasks if type(config) is task.config), None)
  if found is None:
    raise errors.InputError(
      f'found a task config {type(config).__qualname__}, expected one of '
      f'{", ".join(task.name for task in tasks)}'
    )
  return found


def models() -> dict[str, Model]:
  """Returns the models of all systems, by the names that their artefacts carry."""
  return {model.name: model for entry in entries() for model in entry.models}


def make(config: Any) -> System:
  """Returns the system that a config describes, bound to it."""
  return model_of(config).make(config)


def load(content: bytes, source: str = 'artefact') -> Loaded:
  """Decodes an artefact of any system, or weights in a published format.

  An artefact that it contains, such as a look library, is decoded, too; one within
  that is not.

  Args:
    content: The file.
    source: Named in errors.

  Returns:
    The model.

  Raises:
    ArtefactError: when the content is damaged, foreign, or of a system or
      version that this build does not know.
  """
  return _load(content, source, _load)


def load_folder(path: str | os.PathLike) -> Loaded | None:
  """Reads a folder of tables in the published layout of any system.

  Args:
    path: The folder.

  Returns:
    The model, or None where no system knows the layout, and where it is no folder.

  Raises:
    InputError: when the folder cannot be read, or its tables are damaged, incomplete or
      at odds.
  """
  try:
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
  except OSError as error:
    raise errors.InputError(f'{path}: {error.strerror}') from error
  for entry in entries():
    if entry.published_folder is not None and entry.published_folder.claims(names):
      return artefacts.checked(entry.published_folder.load(str(path)), str(path))
  return None


def image_files() -> ImageFiles | None:
  """Returns the functions for image files that carry a payload, or None."""
  return next((e.image_files for e in entries() if e.image_files is not None), None)


def _load(
  content: bytes,
  source: str,
  open_artefact: Callable[[bytes, str], Loaded] | None = None,
) -> Loaded:
  if not content.startswith(container.MAGIC):
    for entry in entries():
      if entry.published is not None and entry.published.claims(content):
        with np.errstate(over='ignore', invalid='ignore'):
          loaded = entry.published.load(content, source)
        return artefacts.checked(loaded, source)
  artefact = container.unpack(content, source)
  known = models()
  if artefact.system not in known:
    raise errors.ArtefactError(
      f'{source}: found system {artefact.system!r}, expected one of '
      f'{", ".join(sorted(known))}'
    )
  return artefacts.load_as(known[artefact.system], content, source, open_artefact)
