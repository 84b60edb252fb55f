"""Tabulating colour maps: sampling them at the nodes of a lattice.

And how far off the lattice then is: at its nodes, and between them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate, lattice
from lutjax.types import Array

# Random colours, greys, and colours along each axis among `probes`.
_RANDOM, _GREYS = 1 << 17, 1 << 12
# Nodes and cell centres, at most, of each table: 65 per axis in three dimensions.
_MOST_NODES = 65**3
# Colours per call of what is measured by `deviation`.
_CHUNK = 1 << 17
# Colours around which it looks for worse ones, and how often.
_CLIMBERS, _ROUNDS = 1 << 10, 6


class Deviation(NamedTuple):
  """How far a lattice is off, at most, in the unit of the measure.

  Attributes:
    nodes: At its nodes; None behind curves, through which not all can be reached.
    between: At the centres of its cells, at random colours and along the axes.
    worst: `[D]` float32, the colour where it is furthest off.
  """

  nodes: float | None
  between: float
  worst: np.ndarray

  @property
  def largest(self) -> float:
    """The larger of both; NaN where one is."""
    return float(np.max([self.between, self.nodes or 0.0]))


def tabulate(
  function: Callable[[Array], Array],
  size: int | Sequence[int],
  *,
  knots: Sequence[Any] | None = None,
) -> Array:
  """Evaluates a colour map on the nodes of the unit cube.

  One plane of red at a time: what a small network holds for a plane stays in
  a core's cache, which halves the time that the whole cube at once takes.

  Args:
    function: `[M, D]` colours to `[M, C]`.
    size: N, nodes per axis of a lattice of three dimensions; or N1 to ND.
    knots: Where nodes lie, `[Nd]` per axis; None for even spacing.

  Returns:
    `[N1, ..., ND, C]` in the dtype of the function.

  Raises:
    ValueError: on a size below 2, or knots of other sizes.
  """
  sizes = (size,) * 3 if isinstance(size, int) else tuple(size)
  nodes = jnp.asarray(lattice.nodes(sizes, knots=knots))
  planes = nodes.reshape(sizes[0], -1, len(sizes))
  return jax.lax.map(function, planes).reshape(*sizes, -1)


def from_function(
  function: Callable[[Array], Array],
  sizes: Sequence[int],
  *,
  domain: Any = None,
  knots: Sequence[Any] | None = None,
) -> lattice.Lut:
  """Returns the table of a colour map of 1 to 5 dimensions.

  Args:
    function: `[M, D]` colours in the units of the domain to `[M, C]`.
    sizes: N1 to ND, nodes per axis, each >= 2.
    domain: `[2, D]`, rows minimum and maximum; [0, 1] when None.
    knots: D vectors `[Nd]` rising from 0 to 1; None for even spacing.

  Raises:
    ValueError: on sizes, a domain or knots that do not fit together.
  """
  table = tabulate(_from_unit(function, domain), sizes, knots=knots)
  return lattice.from_table(table, domain, knots=knots)


def resample(
  lut: lattice.Lut,
  size: int | Sequence[int],
  *,
  domain: Any = None,
  method: str = 'trilinear',
) -> Array:
  """Evaluates a table on the nodes of a lattice of even spacing.

  Shaper, domain and knots are baked in: the lattice alone then does what the
  table does, exactly at its nodes and interpolated between them.

  Args:
    lut: A table of D input channels.
    size: N, nodes per axis, >= 2; or N1 to ND.
    domain: `[2, D]`, the colours of the first node and the last; what lies
      outside is lost. [0, 1] when None.
    method: How `lut` is read, a name in `interpolate.METHODS`.

  Returns:
    `[N1, ..., ND, C]` float32.

  Raises:
    ValueError: on a size below 2, an unknown method, or a number of sizes or a
      domain that does not fit the table.
  """

  def function(rgb: Array) -> Array:
    return interpolate.sample(lut, rgb, method=method)

  return tabulate(_from_unit(function, domain), _sizes(lut, size))


def bake(
  lut: lattice.Lut, size: int | Sequence[int], *, method: str = 'trilinear'
) -> lattice.Lut:
  """Returns a plain lattice in place of curves, knots or another size.

  Args:
    lut: Of D input channels.
    size: Nodes per axis, over the domain that colours enter by; or N1 to ND.
    method: How `lut` is read, a name in `interpolate.METHODS`.

  Returns:
    A LUT without shaper and knots; exact at its nodes, interpolated between.
  """
  domain = lattice.input_domain(lut)
  table = resample(lut, size, domain=domain, method=method)
  return lattice.from_table(np.asarray(table), domain)


def probes(lut: lattice.Lut | None, baked: lattice.Lut) -> np.ndarray:
  """Returns colours at which the error of a baked table may be large.

  Random colours, greys, single channels, and the nodes and the centres of the
  cells of both, of a table of more than 65^3 nodes at every second, third ... one.

  Args:
    lut: What was baked; None where it has no nodes.
    baked: Of as many dimensions, D.

  Returns:
    `[M, D]` float32 over the domain of `baked`.
  """
  rng = np.random.default_rng(0)
  dimensions = baked.table.ndim - 1
  ramp = np.linspace(0.0, 1.0, _GREYS)[:, None]
  parts = [rng.uniform(size=(_RANDOM, dimensions)), np.repeat(ramp, dimensions, axis=1)]
  parts += [ramp * axis for axis in np.eye(dimensions)]
  for one in (baked,) if lut is None else (lut, baked):
    axes = _thinned(one)
    centres = [(axis[:-1] + axis[1:]) / 2 for axis in axes]
    if one.knots is None:  # Of cells, even where nodes were left out.
      sizes = one.table.shape[:-1]
      centres = [axis[:-1] + 0.5 / (n - 1) for axis, n in zip(axes, sizes)]
    for places in (axes, centres):
      parts.append(np.stack(np.meshgrid(*places), axis=-1).reshape(-1, dimensions))
  return _to_domain(np.concatenate(parts), baked)


def deviation(
  measure: Callable[[Array], Array],
  baked: lattice.Lut,
  *,
  lut: lattice.Lut | None = None,
) -> Deviation:
  """Returns how far a table is off what it was made from.

  Args:
    measure: `[M, D]` colours to `[M]`, how far `baked` is off at each. It is given
      equally many at a time, so that a jitted one is compiled once.
    baked: Of D input channels.
    lut: What it was made from, where that has nodes of its own to look at.
  """
  between = _climbed(measure, baked, *_worst(measure, probes(lut, baked)))
  if baked.shaper is not None:
    return Deviation(None, float(between.errors[0]), between.colours[0])
  axes = np.meshgrid(*_thinned(baked), indexing='ij')
  at_nodes = _to_domain(np.stack(axes, -1).reshape(-1, len(axes)), baked)
  nodes = _worst(measure, at_nodes)
  error, node_error = float(between.errors[0]), float(nodes.errors[0])
  worst = between if error >= node_error else nodes
  return Deviation(node_error, error, worst.colours[0])


class _Worst(NamedTuple):
  """Colours with the largest errors, which come first; NaN counts as largest.

  Attributes:
    colours: `[K, D]` float32.
    errors: `[K]`.
  """

  colours: np.ndarray
  errors: np.ndarray


def _worst(measure: Callable[[Array], Array], colours: np.ndarray) -> _Worst:
  """Returns the colours that are furthest off."""
  padded = np.pad(colours, ((0, -len(colours) % _CHUNK), (0, 0)), mode='edge')
  parts = padded.reshape(-1, _CHUNK, colours.shape[1])
  errors = np.concatenate([measure(jnp.asarray(part)) for part in parts])
  key = np.where(np.isnan(errors), np.inf, errors)
  first = np.argpartition(-key, _CLIMBERS)[:_CLIMBERS]
  first = first[np.argsort(-key[first], kind='stable')]
  return _Worst(padded[first], errors[first])


def _climbed(
  measure: Callable[[Array], Array],
  baked: lattice.Lut,
  colours: np.ndarray,
  errors: np.ndarray,
) -> _Worst:
  """Looks for larger errors around the largest, closer and closer.

  The largest error of two tables lies where cells of one cut those of the other,
  which no list of colours has.
  """
  rng = np.random.default_rng(1)
  worst = _Worst(colours, errors)
  low, high = np.asarray(lattice.input_domain(baked), np.float32)
  reach = (high - low) / (np.array(baked.table.shape[:-1], np.float32) - 1)
  for _ in range(_ROUNDS):
    reach = reach / 2
    moves = rng.uniform(-1, 1, (_CHUNK // _CLIMBERS, *worst.colours.shape))
    moves[0] = 0.0  # What was found is kept.
    around = worst.colours + moves.astype(np.float32) * reach
    worst = _worst(measure, np.clip(around, low, high).reshape(_CHUNK, -1))
  return worst


def _thinned(lut: lattice.Lut) -> list[np.ndarray]:
  """Returns positions of nodes per axis in [0, 1], not too many in all."""
  sizes = lut.table.shape[:-1]
  most = round(_MOST_NODES ** (1 / len(sizes)))
  steps = [-(-size // most) for size in sizes]
  if lut.knots is None:
    return [np.arange(0, n, step) / (n - 1) for n, step in zip(sizes, steps)]
  return [np.asarray(axis)[::step] for axis, step in zip(lut.knots, steps)]


def _to_domain(unit: np.ndarray, lut: lattice.Lut) -> np.ndarray:
  """Maps positions in [0, 1] to colours that a table distinguishes."""
  low, high = np.asarray(lattice.input_domain(lut), np.float64)
  return (low + unit * (high - low)).astype(np.float32)


def _from_unit(
  function: Callable[[Array], Array], domain: Any
) -> Callable[[Array], Array]:
  """Returns a function of [0, 1] in place of one of a domain."""
  if domain is None:
    return function
  low, high = jnp.asarray(domain, jnp.float32)
  return lambda unit: function(low + unit * (high - low))


def _sizes(lut: lattice.Lut, size: int | Sequence[int]) -> tuple[int, ...]:
  """Returns nodes per axis."""
  if isinstance(size, int):
    return (size,) * (lut.table.ndim - 1)
  return tuple(size)
