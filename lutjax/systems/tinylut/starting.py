"""Training that goes on from the tables of an artefact (fine-tuning of entries)."""

import jax
import numpy as np

from lutjax import errors
from lutjax.systems.tinylut import structure
from lutjax.types import Loaded, Variables

# What must agree for the entries of one model to be those of another.
_SAME = (
  'channels',
  'kernel',
  'pointwise',
  'pairs',
  'msb_bits',
  'low',
  'shift_radius',
  'headroom',
  'outputs',
)


def variables(config: structure.Config, loaded: Loaded, source: str) -> Variables:
  """Returns the entries of an artefact as parameters.

  Args:
    config: Of the model to train; `learned` is `entries`.
    loaded: The artefact; it may undo something else at the same scale.
    source: Named in errors.

  Returns:
    The entries, float32.

  Raises:
    InputError: if the artefact is of another model or structure, or networks are to be
      trained, which tables do not give back.
  """
  if config.learned != 'entries':
    raise errors.InputError(
      f'{source}: holds tables, which do not give networks back, expected '
      '--set=learned=entries'
    )
  held = loaded.config
  if not isinstance(held, structure.Config):
    raise errors.InputError(
      f'{source}: found a model of {loaded.model.name}, expected tables of a TinyLUT'
    )
  differing = [
    f'{name} {getattr(held, name)}, expected {getattr(config, name)}'
    for name in _SAME
    if getattr(held, name) != getattr(config, name)
  ]
  if differing:
    raise errors.InputError(f'{source}: found {"; ".join(differing)}')
  return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), loaded.variables)
