"""Making one lattice of a table, whatever it is made of."""

import jax.numpy as jnp

from lutjax.lut import interpolate, lattice
from lutjax.types import Array


def resample(lut: lattice.Lut, size: int, *, method: str = 'trilinear') -> Array:
  """Evaluates a table on the nodes of a cubic lattice over [0, 1].

  Shaper, domain and knots are baked in: the lattice alone then does what the
  table does, exactly at its nodes and interpolated between them. Colours
  outside [0, 1] are lost, so a table for another domain is better reached
  with `interpolate.sample`.

  Args:
    lut: A table of three input channels.
    size: N, nodes per axis, >= 2.
    method: How `lut` is read, a name in `interpolate.METHODS`.

  Returns:
    `[N, N, N, C]` float32.

  Raises:
    ValueError: on a size below 2, an unknown method, or a table that does
      not take three channels.
  """
  nodes = jnp.asarray(lattice.identity(size))
  return interpolate.sample(lut, nodes, method=method)
