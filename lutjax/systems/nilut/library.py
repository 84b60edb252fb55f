"""The styles of a NILUT as a library: a code is how much each of them counts."""

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.looks import decoding, unit_cube
from lutjax.systems.nilut import model
from lutjax.types import Array, LookLibrary, Variables


def library(config: model.Config, variables: Variables) -> LookLibrary:
  """Returns the library, whose codes are logarithms of style weights.

  Args:
    config: Of a NILUT with several styles.
    variables: The network.

  Returns:
    Codes of S numbers; equal ones mix all styles evenly.

  Raises:
    InputError: when there is one look only, or one is not of plain colours in [0, 1].
  """
  count = len(config.looks)
  if config.styles == 'one' or count < 2:
    raise errors.InputError(
      f'found a nilut of {count} look, expected several styles, as configs/cnilut.py '
      'fits them'
    )
  decoding.check_colours_alone(model.MODEL, config)
  unit_cube.check_plain(config.looks)
  placed = jax.tree.map(jnp.asarray, variables)

  def decode(code: Array, rgb: Array) -> Array:
    return model.apply(config, placed, model.query(config, rgb, jax.nn.softmax(code)))

  return LookLibrary(
    decode, count, np.zeros(count, np.float32), np.ones(count, np.float32)
  )
