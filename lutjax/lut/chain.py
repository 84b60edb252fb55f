"""A look as a chain of steps, each exact: matrices, ranges, powers, logs, tables.

What LUT files of colour engines hold beyond one lattice, as one value: a tuple of
steps, each a pytree of float32 leaves, applied from first to last. Parameters are
`[3]`, one per channel, unless said otherwise. Nothing is baked; where a chain is
one lattice with curves and a domain, `as_lut` gives it as that.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from lutjax.lut import interpolate, lattice, tabulate
from lutjax.types import Array

# Colour engines take the logarithm of this where there is nothing, or less.
_LEAST = float(np.finfo(np.float32).tiny)
_LOWEST = float(np.finfo(np.float32).min)
# Rows of the log curve of `bake`, and how much finer it is at its start than evenly.
_LOG_ROWS, _LOG_CURVATURE = 1 << 14, 1 << 10
# Largest value of curves that an identity lattice keeps exact.
_WIDEST = 2.0
# Ways to place the nodes of a baked lattice.
SHAPERS = ('none', 'log')


class Matrix(NamedTuple):
  """`matrix @ rgb + offset`.

  Attributes:
    matrix: `[3, 3]`.
    offset: `[3]`.
  """

  matrix: Any
  offset: Any


class Range(NamedTuple):
  """`scale * rgb + offset`, clamped from `low` to `high`, which may be infinite."""

  scale: Any
  offset: Any
  low: Any
  high: Any


class Power(NamedTuple):
  """A power above `start`, a straight line through 0 below.

  Above, `outer_scale * (inner_scale * x + inner_offset) ** power + outer_offset`;
  below, `slope * x`. Where `mirrored` is 1, not 0, negative values are treated as
  positive ones are, with the other sign.
  """

  power: Any
  inner_scale: Any
  inner_offset: Any
  outer_scale: Any
  outer_offset: Any
  start: Any
  slope: Any
  mirrored: Any


class Log(NamedTuple):
  """A natural logarithm from `start` on, a straight line below.

  From there, `outer_scale * ln(inner_scale * x + inner_offset) + outer_offset`; below,
  `slope * x + intercept`. Without a line, `start` is minus infinity.
  """

  inner_scale: Any
  inner_offset: Any
  outer_scale: Any
  outer_offset: Any
  start: Any
  slope: Any
  intercept: Any


class Antilog(NamedTuple):
  """The inverse of `Log`, whose parameters it has; `start` is one of its inputs."""

  inner_scale: Any
  inner_offset: Any
  outer_scale: Any
  outer_offset: Any
  start: Any
  slope: Any
  intercept: Any


class Curves(NamedTuple):
  """Curves read linearly between knots at any distance, clamped at both ends.

  Attributes:
    knots: `[S, 3]`, never falling; at one that is there twice the curve jumps.
    values: `[S, 3]`.
  """

  knots: Any
  values: Any


# A shaper alone is curves with even knots; a LUT may have one of its own.
Step: TypeAlias = (
  Matrix | Range | Power | Log | Antilog | Curves | lattice.Shaper | lattice.Lut
)
Chain: TypeAlias = tuple[Step, ...]


def apply(chain: Chain, rgb: Array, *, method: str = 'tetrahedral') -> Array:
  """Maps colours through the steps of a chain.

  Args:
    chain: The steps, first to last.
    rgb: `[..., 3]` float.
    method: How lattices are read, a name in `interpolate.METHODS`.

  Returns:
    `[..., 3]` float32.

  Raises:
    ValueError: on an unknown method, or colours of another shape.
  """
  if rgb.shape[-1:] != (3,):
    raise ValueError(f'Expected colours [..., 3], got {rgb.shape}.')
  rgb = jnp.asarray(rgb, jnp.float32)
  for step in chain:
    if isinstance(step, lattice.Lut):
      rgb = interpolate.sample(step, rgb, method=method)
    else:
      rgb = _APPLIED[type(step)](step, rgb)
  return rgb


def as_lut(chain: Chain) -> lattice.Lut | None:
  """Returns the one LUT that does what a chain does, or None.

  Scales and ranges in front become domains; curves become a shaper.

  Args:
    chain: With numpy leaves.
  """
  steps = list(chain)
  domain, shaper = None, None
  while steps:
    step = steps.pop(0)
    if isinstance(step, Matrix | Range):
      if domain is not None or not steps or not _is_domain(step, steps[0]):
        return None
      domain = step
    elif isinstance(step, lattice.Shaper) and shaper is None:
      shaper = step._replace(domain=_before(domain, step.domain))
      domain = None
    elif isinstance(step, lattice.Lut) and not steps:
      if step.shaper is not None:
        if shaper is not None:
          return None
        inner = step.shaper
        shaper, domain = inner._replace(domain=_before(domain, inner.domain)), None
      return step._replace(shaper=shaper, domain=_before(domain, step.domain))
    else:
      return None
  if shaper is None or domain is not None:
    return None
  # The identity lattice behind curves rounds to its span, and so would small values
  # beside large ones.
  wide = np.abs(shaper.table).max() > _WIDEST
  return None if wide else lattice.from_shaper(shaper)


def of_lut(lut: lattice.Lut) -> Chain:
  """Returns a LUT as one step: curves alone without the lattice behind them.

  Args:
    lut: With numpy leaves.
  """
  if lut.shaper is not None and lattice.is_curves(lut):
    return (lut.shaper,)
  return (lut,)


def has_lattice(chain: Chain) -> bool:
  """Returns whether a step is read between the nodes of a lattice."""
  return any(isinstance(step, lattice.Lut) for step in chain)


def describe(chain: Chain) -> str:
  """Returns the steps in words, from first to last."""
  words = []
  for step in chain:
    if isinstance(step, lattice.Lut):
      words.append('lattice of ' + ' x '.join(map(str, step.table.shape[:-1])))
    elif isinstance(step, lattice.Shaper | Curves):
      words.append(f'curves of {len(step[0])}')
    else:
      words.append(type(step).__name__.lower())
  return ', '.join(words) or 'no steps'


def bake(
  chain: Chain,
  size: int,
  *,
  domain: tuple[float, float] = (0.0, 1.0),
  shaper: str = 'none',
) -> lattice.Lut:
  """Returns a lattice in place of a chain: exact at its nodes only.

  Args:
    chain: The steps.
    size: Nodes per axis.
    domain: The inputs that are kept, of all channels.
    shaper: How nodes are placed: `none` evenly, `log` densely towards the start of
      the domain, by a curve in front.

  Raises:
    ValueError: on another shaper, or a domain that is not rising.
  """
  low, high = domain
  if shaper not in SHAPERS or not low < high:
    raise ValueError(f'Expected one of {SHAPERS} and a domain, got {shaper}, {domain}.')
  limits = np.array([[low] * 3, [high] * 3], np.float32)
  inputs = jnp.linspace(low, high, size, dtype=jnp.float32)
  front = None
  if shaper == 'log':
    rows = np.linspace(0.0, 1.0, _LOG_ROWS)
    curve = np.log1p(_LOG_CURVATURE * rows) / np.log1p(_LOG_CURVATURE)
    table = np.repeat(curve[:, None], 3, axis=1).astype(np.float32)
    front = lattice.Shaper(table, limits)
    # Through the curve as it is read, so that nodes are exact.
    back = np.interp(np.arange(size) / (size - 1), table[:, 0].astype(float), rows)
    inputs = jnp.asarray(low + back * (high - low), jnp.float32)

  def function(unit: Array) -> Array:
    nodes = jnp.rint(unit * (size - 1)).astype(jnp.int32)
    return apply(chain, inputs[nodes])

  table = np.asarray(tabulate.tabulate(function, size))
  return lattice.from_table(table, None if front is not None else limits, front)


def _is_domain(step: Matrix | Range, following: Step) -> bool:
  """Whether a step only places the domain of the one that follows."""
  if not isinstance(following, lattice.Shaper | lattice.Lut):
    return False
  if isinstance(step, Matrix):
    scale = np.diag(step.matrix)
    return bool((scale > 0).all() and np.array_equal(step.matrix, np.diag(scale)))
  domain = following.domain
  if isinstance(following, lattice.Lut):
    domain = lattice.input_domain(following)
  within = (step.low <= domain[0]).all() and (step.high >= domain[1]).all()
  return bool(within and (np.asarray(step.scale) > 0).all())


def _before(step: Matrix | Range | None, domain: Any) -> Any:
  """Returns the domain that a scale and an offset in front turn into `domain`."""
  if step is None:
    return domain
  scale = np.diag(step.matrix) if isinstance(step, Matrix) else step.scale
  offset = np.asarray(step.offset, np.float64)
  return ((domain - offset) / np.asarray(scale, np.float64)).astype(np.float32)


def _matrix(step: Matrix, rgb: Array) -> Array:
  # Sums of three products: an accelerator may round a matrix product.
  columns = [rgb[..., i : i + 1] * step.matrix[:, i] for i in range(3)]
  return columns[0] + columns[1] + columns[2] + step.offset


def _range(step: Range, rgb: Array) -> Array:
  return jnp.clip(step.scale * rgb + step.offset, step.low, step.high)


def _power(step: Power, rgb: Array) -> Array:
  mirrored = jnp.asarray(step.mirrored) > 0
  x = jnp.where(mirrored, jnp.abs(rgb), rgb)
  above = x > step.start
  # The argument of a branch that is not taken has a derivative, too.
  base = jnp.where(above, step.inner_scale * x + step.inner_offset, 1.0)
  curve = step.outer_scale * base**step.power + step.outer_offset
  # Minus infinity times a slope of zero would be no number.
  result = jnp.where(above, curve, step.slope * jnp.maximum(x, _LOWEST))
  return jnp.where(mirrored, jnp.sign(rgb) * result, result)


def _log(step: Log, rgb: Array) -> Array:
  above = rgb >= step.start
  inner = jnp.where(above, step.inner_scale * rgb + step.inner_offset, 1.0)
  curve = step.outer_scale * jnp.log(jnp.maximum(inner, _LEAST)) + step.outer_offset
  return jnp.where(above, curve, step.slope * rgb + step.intercept)


def _antilog(step: Antilog, rgb: Array) -> Array:
  above = rgb >= step.start
  exponent = jnp.where(above, (rgb - step.outer_offset) / step.outer_scale, 0.0)
  curve = (jnp.exp(exponent) - step.inner_offset) / step.inner_scale
  # A slope of zero has no inverse, and then no input is below the start.
  slope = jnp.where(step.slope == 0.0, 1.0, step.slope)
  return jnp.where(above, curve, (rgb - step.intercept) / slope)


def _curves(step: Curves, rgb: Array) -> Array:
  return jnp.stack(
    [_between(step.knots[:, i], step.values[:, i], rgb[..., i]) for i in range(3)],
    axis=-1,
  )


def _between(knots: Any, values: Any, x: Array) -> Array:
  """Reads one curve."""
  knots, values = jnp.asarray(knots), jnp.asarray(values)
  last = knots.shape[0] - 2
  place = jnp.clip(jnp.searchsorted(knots, x, side='right') - 1, 0, last)
  start, width = knots[place], knots[place + 1] - knots[place]
  share = jnp.clip((x - start) / jnp.where(width > 0, width, 1.0), 0.0, 1.0)
  return values[place] + share * (values[place + 1] - values[place])


def _shaper(step: lattice.Shaper, rgb: Array) -> Array:
  return interpolate.shape(step, rgb)


_APPLIED: Mapping[type, Callable[[Any, Array], Array]] = {
  Matrix: _matrix,
  Range: _range,
  Power: _power,
  Log: _log,
  Antilog: _antilog,
  Curves: _curves,
  lattice.Shaper: _shaper,
}
