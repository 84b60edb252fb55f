"""The looks of a LutFlow as a library: a code is one that the flow takes."""

import jax.numpy as jnp
import numpy as np

from lutjax.looks import decoding, unit_cube
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model
from lutjax.types import Array, LookLibrary, Variables

# Numbers in which codes hardly differ may be moved by so much.
_LEAST_SPREAD = 1e-3


def library(config: model.Config, variables: Variables) -> LookLibrary:
  """Returns the library, whose codes lie around those of the looks.

  What the flow gets wrong about a look is corrected for that look alone: a code
  between looks has no correction, and here none has.

  Args:
    config: The model's.
    variables: The model.

  Returns:
    Codes of T numbers, from the mean of the looks' own; spread as these are.

  Raises:
    InputError: when a look is not of plain colours in [0, 1].
  """
  decoding.check_colours_alone(model.MODEL, config)
  unit_cube.check_plain(config.looks)
  flow, codes = model.codes_of(config, variables)
  held = np.asarray(codes)

  def decode(code: Array, rgb: Array) -> Array:
    return jnp.clip(residual_flow.apply(config.flow, flow, rgb, code), 0.0, 1.0)

  spread = np.maximum(held.std(axis=0), _LEAST_SPREAD)
  return LookLibrary(decode, held.shape[1], held.mean(axis=0), spread)
