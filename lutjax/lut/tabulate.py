"""Tabulating colour maps: sampling them at the nodes of a lattice."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate, lattice
from lutjax.types import Array

_UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# Random colours, greys, and colours along each axis among `probes`.
_RANDOM, _GREYS = 1 << 17, 1 << 12
# Nodes and cell centres per axis, at most, of each table.
_MOST_NODES = 65


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


def bake(lut: lattice.Lut, size: int, *, method: str = 'trilinear') -> lattice.Lut:
  """Returns a plain 3D lattice in place of curves, knots or another size.

  Args:
    lut: 3D, three outputs.
    size: Nodes per axis, over the domain that colours enter by.
    method: How `lut` is read, a name in `interpolate.METHODS`.

  Returns:
    A LUT without shaper and knots; exact at its nodes, interpolated between.
  """
  domain = lattice.input_domain(lut)
  table = resample(lut, size, domain=domain, method=method)
  return lattice.from_table(np.asarray(table), domain)


def probes(lut: lattice.Lut, baked: lattice.Lut) -> np.ndarray:
  """Returns colours at which the error of a baked table may be large.

  Random colours, greys, single channels, and the nodes and the centres of the
  cells of both, of a table of more than 65 nodes at every second, third ... one.

  Args:
    lut: 3D.
    baked: The same.

  Returns:
    `[M, 3]` float32 over the domain of `baked`.
  """
  rng = np.random.default_rng(0)
  ramp = np.linspace(0.0, 1.0, _GREYS)[:, None]
  parts = [rng.uniform(size=(_RANDOM, 3)), np.repeat(ramp, 3, axis=1)]
  parts += [ramp * axis for axis in np.eye(3)]
  for one in (lut, baked):
    size = max(one.table.shape[:-1])
    step = -(-size // _MOST_NODES)
    axis = np.arange(0, size, step) / (size - 1)
    for places in (axis, axis[:-1] + 0.5 / (size - 1)):
      parts.append(np.stack(np.meshgrid(*[places] * 3), axis=-1).reshape(-1, 3))
  low, high = np.asarray(lattice.input_domain(baked), np.float64)
  return (low + np.concatenate(parts) * (high - low)).astype(np.float32)
