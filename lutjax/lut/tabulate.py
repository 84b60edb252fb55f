"""Any colour map as a lattice."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate, lattice
from lutjax.types import Array

_UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def tabulate(function: Callable[[Array], Array], size: int) -> Array:
  """Evaluates a colour map on the nodes of the unit cube.

  One plane of red at a time: what a small network holds for a plane stays in
  a core's cache, which halves the time that the whole cube at once takes.

  Args:
    function: `[M, 3]` colours to `[M, C]`.
    size: N, nodes per axis.

  Returns:
    `[N, N, N, C]` in the dtype of the function.
  """
  nodes = jnp.asarray(lattice.identity(size)).reshape(size, size * size, 3)
  return jax.lax.map(function, nodes).reshape(size, size, size, -1)


def resample(
  lut: lattice.Lut,
  size: int,
  *,
  domain: Array | np.ndarray | tuple = _UNIT,
  method: str = 'trilinear',
) -> Array:
  """Evaluates a table on the nodes of a cubic lattice.

  Shaper, domain and knots are baked in: the lattice alone then does what the
  table does, exactly at its nodes and interpolated between them.

  Args:
    lut: A table of three input channels.
    size: N, nodes per axis, >= 2.
    domain: `[2, 3]`, the colours of the first node and the last; what lies
      outside is lost.
    method: How `lut` is read, a name in `interpolate.METHODS`.

  Returns:
    `[N, N, N, C]` float32.

  Raises:
    ValueError: on a size below 2, an unknown method, or a table that does
      not take three channels.
  """
  low, high = jnp.asarray(domain)

  def function(unit: Array) -> Array:
    return interpolate.sample(lut, low + unit * (high - low), method=method)

  return tabulate(function, size)


def bake(lut: lattice.Lut, size: int) -> lattice.Lut:
  """Returns a plain 3D lattice in place of curves, knots or another size.

  Args:
    lut: 3D, three outputs.
    size: Nodes per axis, over the domain that colours enter by.

  Returns:
    A LUT without shaper and knots; exact at its nodes, trilinear between.
  """
  domain = np.asarray(lut.domain if lut.shaper is None else lut.shaper.domain)
  return lattice.from_table(np.asarray(resample(lut, size, domain=domain)), domain)
