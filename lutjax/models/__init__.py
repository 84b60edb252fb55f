"""The systems, by the name that their artefacts carry.

A system's module offers `Config`, `make(config) -> System`,
`config_of(artefact, source) -> Config` and, where it can, `linearize`.
"""

import importlib
from typing import Any, NamedTuple

import jax
import numpy as np

from lutjax import errors
from lutjax.codec import container
from lutjax.models import nilut_published
from lutjax.types import System, Variables

SYSTEMS = ('dct', 'grid', 'lutflow', 'nilut')


class Loaded(NamedTuple):
  """A model out of an artefact.

  Attributes:
    system: Its name in `SYSTEMS`.
    config: The dataclass that its module's functions take first.
    variables: The decoded network, host arrays.
  """

  system: str
  config: Any
  variables: Variables


def module_of(config: Any) -> Any:
  """Returns the module that a model's config belongs to."""
  return importlib.import_module(type(config).__module__)


def make(config: Any) -> System:
  """Returns the system that a config describes."""
  return module_of(config).make(config)


def load(content: bytes, source: str = 'artefact') -> Loaded:
  """Decodes an artefact of any system, or the published weights of one.

  Args:
    content: The file; an `.npz` archive is taken for published NILUT weights.
    source: Named in errors.

  Returns:
    The model.

  Raises:
    ArtefactError: when the content is damaged, foreign, or of a system or
      version that this build does not know.
  """
  # Numbers that are not finite are refused once they are all there.
  with np.errstate(over='ignore', invalid='ignore'):
    loaded = _loaded(content, source)
  for leaf in jax.tree.leaves(loaded.variables):
    if not np.isfinite(leaf).all():
      raise errors.ArtefactError(
        f'{source}: found NaN or infinity among its numbers, expected finite ones'
      )
  return loaded


def _loaded(content: bytes, source: str) -> Loaded:
  if nilut_published.claims(content):
    return Loaded('nilut', *nilut_published.load(content, source))
  artefact = container.unpack(content, source)
  if artefact.system not in SYSTEMS:
    raise errors.ArtefactError(
      f'{source}: found system {artefact.system!r}, expected one of '
      f'{", ".join(SYSTEMS)}'
    )
  module = importlib.import_module(f'lutjax.models.{artefact.system}')
  config = module.config_of(artefact, source)
  return Loaded(artefact.system, config, module.restore(config, content, source))
