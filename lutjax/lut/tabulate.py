"""Any colour map as a lattice."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate, lattice
from lutjax.types import Array


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


def bake(lut: lattice.Lut, size: int) -> lattice.Lut:
  """Returns a plain 3D lattice in place of curves, knots or another size.

  Args:
    lut: 3D, three outputs.
    size: Nodes per axis, over the domain that colours enter by.

  Returns:
    A LUT without shaper and knots; exact at its nodes, trilinear between.
  """
  domain = np.asarray(lut.domain if lut.shaper is None else lut.shaper.domain)
  low, high = jnp.asarray(domain)

  def function(unit: Array) -> Array:
    return interpolate.sample(lut, low + unit * (high - low), method='trilinear')

  return lattice.from_table(np.asarray(tabulate(function, size)), domain)
