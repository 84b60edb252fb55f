"""Looks normalised to the unit cube, which is what networks are fitted to.

A look is taken over its own domain and range, both mapped to [0, 1]. Curves in
front of its lattice stay beside the network, in the label, or are baked into the
lattice; either way the look's own LUT is kept as the reference.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import metrics
from lutjax.codec import curves as curves_lib
from lutjax.codec import labels
from lutjax.data import luts
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.types import Array, PyTree

Curves = Literal['beside', 'baked']

# On which it is measured what baking costs.
_COLOURS = 4096


class NormalizedLook(NamedTuple):
  """A look on the unit cube.

  Attributes:
    label: Its name, domain, range and curve.
    digest: SHA-256 of the file content that it came from.
    table: `[N, N, N, 3]` float32, outputs mapped from the range to [0, 1]: what a
      network is fitted to, after the curve of the label.
    lut: The look as it was read, where it has curves; None where the table says
      it all.
    source: The file that it came from.
    remark: What was done with its curves, a line; empty where it has none.
  """

  label: labels.Label
  digest: str
  table: np.ndarray
  lut: lattice.Lut | None = None
  source: str = ''
  remark: str = ''


def normalize(
  looks: Sequence[luts.Look],
  bake_size: int,
  *,
  curves: Curves = 'beside',
  interpolation: str = 'trilinear',
) -> list[NormalizedLook]:
  """Maps looks to the unit cube.

  Args:
    looks: As read.
    bake_size: Nodes per axis of looks with curves, at least. A lattice behind
      curves gets them by dividing its cells, which changes nothing.
    curves: Whether curves are kept beside the network or baked.
    interpolation: What a look is between its nodes.

  Returns:
    The looks, in their order.
  """
  normalized_looks = []
  for look in looks:
    remark = ''
    own = look.lut if _has_curves(look.lut) else None
    if own is None:
      label = _label(look.name, look.lut.domain, look.lut.table)
      table = _in_unit(label, look.lut.table)
    else:
      label, table, remark = _without_curves(
        look.name, own, bake_size, curves, interpolation
      )
    normalized_looks.append(
      NormalizedLook(label, look.digest, table, own, look.source, remark)
    )
  return normalized_looks


def resampled(look: NormalizedLook, size: int, interpolation: str) -> np.ndarray:
  """Returns a look's table as a lattice `[size, size, size, 3]`.

  Args:
    look: Its `table` is used, without the curve.
    size: Nodes per axis.
    interpolation: Between the look's own nodes.
  """
  if len(look.table) == size:
    return look.table
  plain = lattice.from_table(look.table)
  return np.asarray(tabulate.resample(plain, size, method=interpolation))


def table_of(look: NormalizedLook, size: int, interpolation: str) -> np.ndarray:
  """Returns a look at the nodes of its domain, `[size, size, size, 3]`.

  Curves are in it; outputs are those of the look.

  Args:
    look: The look.
    size: Nodes per axis.
    interpolation: Between the look's own nodes.
  """
  if look.lut is not None:
    return nodes_of(look.lut, size, interpolation)
  low, high = look.label.range
  table = resampled(look, size, interpolation)
  return (low + (high - low) * table).astype(np.float32)


def nodes_of(lut: lattice.Lut, size: int, interpolation: str) -> np.ndarray:
  """Returns a LUT at the nodes of its domain, `[size, size, size, 3]`.

  Args:
    lut: Of any form, with or without curves.
    size: Nodes per axis.
    interpolation: Between the LUT's own nodes.
  """
  if not _has_curves(lut) and len(lut.table) == size:
    return np.asarray(lut.table)
  return np.asarray(tabulate.tabulate(lambda at: read(lut, at, interpolation), size))


def lut_of(look: NormalizedLook) -> lattice.Lut:
  """Returns a look as it was before, over its own domain and range."""
  if look.lut is not None:
    return look.lut
  low, high = look.label.range
  table = (low + (high - low) * look.table).astype(np.float32)
  return lattice.from_table(table, look.label.domain)


def truth_of(look: NormalizedLook) -> dict[str, Any]:
  """Returns what `truth` samples of a look: its own LUT where it has curves."""
  if look.lut is None:
    return {'table': look.table, 'size': np.int32(len(look.table))}
  return {'lut': look.lut, 'range': np.array(look.label.range, np.float32)}


def truth(data: PyTree, at: Array, interpolation: str) -> Array:
  """Samples a look.

  Args:
    data: From `truth_of`; of `table` `[M, M, M, 3]` the first `size` nodes per
      axis count.
    at: `[..., 3]`, places in the domain, which is the unit cube.
    interpolation: Between nodes.

  Returns:
    `[..., 3]` float32, outputs mapped from the range to [0, 1].
  """
  if 'lut' in data:
    low, high = data['range']
    return (read(data['lut'], at, interpolation) - low) / (high - low)
  table = data['table']
  scale = (data['size'] - 1).astype(jnp.float32) / (table.shape[0] - 1)
  return interpolate.METHODS[interpolation](table, at * scale)


def read(lut: lattice.Lut, at: Array, interpolation: str) -> Array:
  """Samples a LUT at positions in its domain, mapped to the unit cube.

  Args:
    lut: Of any form, with or without curves.
    at: `[..., 3]` in [0, 1].
    interpolation: Between nodes.
  """
  if not _has_curves(lut):
    return interpolate.METHODS[interpolation](jnp.asarray(lut.table), at)
  low, high = lattice.input_domain(lut)
  return interpolate.sample(lut, low + at * (high - low), method=interpolation)


def extents(looks: Sequence[labels.Label]) -> Iterator[str]:
  """Lists looks with a domain other than [0, 1], or with values outside it."""
  wide = {
    look.name: (min(look.domain[0]), max(look.domain[1]))
    for look in looks
    if look.domain != labels.UNIT_DOMAIN
  }
  beyond = {look.name: look.range for look in looks if look.range != labels.UNIT_RANGE}
  for told, found in (('domains other than', wide), ('values beyond', beyond)):
    named = [f'{name} ({low:g} to {high:g})' for name, (low, high) in found.items()]
    if named:
      more = f', ... ({len(named)} in all)' if len(named) > 4 else ''
      yield f'{told} [0, 1], kept: {", ".join(named[:4])}{more}'


def _has_curves(lut: lattice.Lut) -> bool:
  return lut.shaper is not None or lut.knots is not None or lut.table.ndim != 4


def _label(
  name: str, domain: Any, values: Any, curve: curves_lib.Curve | None = None
) -> labels.Label:
  """Returns a label whose range holds all values, and [0, 1]."""
  first, last = np.asarray(domain, np.float32).tolist()
  low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
  return labels.Label(name, (tuple(first), tuple(last)), (low, high), curve)


def _in_unit(label: labels.Label, values: Any) -> np.ndarray:
  """Maps the range of a look to [0, 1]."""
  values = np.asarray(values, np.float32)
  if label.range == labels.UNIT_RANGE:
    return values
  low, high = label.range
  return ((values - low) / (high - low)).astype(np.float32)


def _without_curves(
  name: str, lut: lattice.Lut, bake_size: int, curves: Curves, interpolation: str
) -> tuple[labels.Label, np.ndarray, str]:
  """Returns the label and table of a look with curves, and what was done with them."""
  shaper = lut.shaper
  if curves == 'baked' or shaper is None or lut.knots is not None:
    return _baked(name, lut, bake_size, interpolation)
  samples = np.asarray(shaper.table, np.float64)
  if not np.isfinite(samples).all():
    return _baked(name, lut, bake_size, interpolation)
  if lattice.is_curves(lut):
    # The network then sees outputs, over the range of the look.
    values, span = samples, _label(name, shaper.domain, samples).range
    table = lattice.identity(bake_size)
  else:
    values, span = lut.table, np.asarray(lut.domain, np.float64)
    cells = len(lut.table) - 1
    size = cells * max(1, -(-(bake_size - 1) // cells)) + 1
    plain = lattice.from_table(lut.table)
    table = tabulate.resample(plain, size, method=interpolation)
  samples_unit = (samples - span[0]) / (span[1] - span[0])
  curve = curves_lib.fit(samples_unit)
  label = _label(name, shaper.domain, values, curve)
  if not lattice.is_curves(lut):
    table = _in_unit(label, table)
  gap = np.abs(np.clip(curves_lib.table_of(curve), 0, 1) - np.clip(samples_unit, 0, 1))
  line = (
    f'{name}: curves of {len(samples)} samples kept beside the network, in '
    f'{curve.knots} knots, off by {gap.max():.1g} of the cube at most'
  )
  return label, np.asarray(table), line


def _baked(
  name: str, lut: lattice.Lut, bake_size: int, interpolation: str
) -> tuple[labels.Label, np.ndarray, str]:
  """Does `_without_curves` by baking the curves into the lattice."""
  size = max(bake_size, *lut.table.shape[:-1])
  baked = tabulate.bake(lut, size)
  at = metrics.uniform_colours(jax.random.key(0), _COLOURS)
  gap = read(lut, at, interpolation) - read(baked, at, interpolation)
  line = (
    f'{name}: curves baked to a {size}^3 lattice, off by up to '
    f'{float(jnp.abs(gap).max()):.2g} between its nodes'
  )
  values = lut.table
  if lut.shaper is not None and lattice.is_curves(lut):
    values = lut.shaper.table
  label = _label(name, baked.domain, values)
  return label, _in_unit(label, np.clip(baked.table, *label.range)), line
