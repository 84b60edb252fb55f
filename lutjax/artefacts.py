"""Models on disk: where artefacts are, and how one of a known kind is decoded."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from lutjax import errors
from lutjax.codec import container
from lutjax.types import Loaded, Model

SUFFIX = '.lutjax'


class Opened(NamedTuple):
  """A model on disk.

  Attributes:
    path: Of its artefact, or of the folder that holds its tables.
    size_bytes: Of the file, or of the files of the tables.
    loaded: What it holds.
  """

  path: pathlib.Path
  size_bytes: int
  loaded: Loaded


def find(path: str) -> list[pathlib.Path]:
  """Returns the artefact, or all artefacts of a run folder, in order of their names.

  Args:
    path: A file, or a folder with `model.lutjax` or `models/`.

  Raises:
    InputError: when there is none.
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
  return found


def load_as(
  model: Model,
  content: bytes,
  source: str,
  open_artefact: Callable[[bytes, str], Loaded] | None = None,
) -> Loaded:
  """Decodes an artefact of one kind of model.

  Args:
    model: The kind.
    content: The artefact.
    source: Named in errors.
    open_artefact: `(content, source) -> Loaded`, which decodes an artefact that this
      one contains; without it none is opened.

  Raises:
    ArtefactError: when it is damaged, or of another kind.
  """
  artefact = container.unpack(content, source)
  if artefact.system != model.name:
    raise errors.ArtefactError(
      f'{source}: found system {artefact.system!r}, expected {model.name}'
    )
  # Numbers that are not finite are refused once they are all there.
  with np.errstate(over='ignore', invalid='ignore'):
    config = model.config_of(artefact, source)
    if model.complete is not None and open_artefact is not None:
      config = model.complete(config, open_artefact)
    loaded = Loaded(model, config, model.restore(config, content, source))
  return checked(loaded, source)


def checked(loaded: Loaded, source: str) -> Loaded:
  """Returns a model, or raises an `ArtefactError` where its numbers are not finite.

  Args:
    loaded: The model.
    source: Named in errors.
  """
  for leaf in jax.tree.leaves(loaded.variables):
    if not np.isfinite(leaf).all():
      raise errors.ArtefactError(
        f'{source}: found NaN or infinity among its numbers, expected finite ones'
      )
  return loaded
