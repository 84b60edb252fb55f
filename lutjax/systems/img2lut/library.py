"""Opening the look library of a model."""

import dataclasses
import pathlib
from collections.abc import Callable

from lutjax import artefacts, errors, files
from lutjax.systems.img2lut import model
from lutjax.types import Loaded


def complete(
  config: model.Config, open_artefact: Callable[[bytes, str], Loaded]
) -> model.Config:
  """Returns a config whose library, if it has one, is opened.

  Args:
    config: With the path of a library, or with the library's artefact.
    open_artefact: `(content, source) -> Loaded`.

  Raises:
    ArtefactError: when the artefact cannot be read, or is no library of looks.
  """
  if config.head.kind != 'library' or config.functions is not None:
    return config
  held = config.held
  if held is None:
    path = pathlib.Path(config.library)
    if path.is_dir():
      path /= f'model{artefacts.SUFFIX}'
    held = model.Held(str(path), files.read_bytes(path, error=errors.ArtefactError))
  loaded = open_artefact(held.content, held.name)
  if loaded.model.library is None:
    raise errors.ArtefactError(
      f'{held.name}: found {loaded.model.name}, expected a library of looks: lutflow, '
      'or nilut with several looks'
    )
  try:
    functions = loaded.model.library(loaded.config, loaded.variables)
  except errors.InputError as error:
    raise errors.ArtefactError(f'{held.name}: {error}') from error
  return dataclasses.replace(
    config, held=dataclasses.replace(held, functions=functions)
  )
