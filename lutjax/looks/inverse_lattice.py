"""Inverses of LUTs as LUTs: quick to read, exact at their nodes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.lut import inverse, lattice, lattice_search

# Entries of baked curves.
_CURVE = 4096

_invert = jax.jit(inverse.invert)


class Baked(NamedTuple):
  """An inverse as a LUT.

  Attributes:
    lut: From what a look gives to what it was given.
    outside: The share of evenly spread colours of its domain that the look does
      not give, for which the nearest is taken.
  """

  lut: lattice.Lut
  outside: float


def bake(lut: lattice.Lut, size: int) -> Baked:
  """Returns the inverse of a LUT as a lattice, exact at its nodes.

  Args:
    lut: Three channels to three.
    size: Nodes per axis, over [0, 1] and whatever values of `lut` lie beyond.

  Raises:
    ValueError: on a size below 2, or other channels.
  """
  prepared = lattice_search.prepare(lut)
  low, high = np.minimum(prepared.box[0], 0.0), np.maximum(prepared.box[1], 1.0)
  nodes = low + lattice.identity(size) * (high - low)
  found = _invert(prepared, nodes)
  table = lattice.from_table(np.asarray(found.rgb), np.stack([low, high]))
  return Baked(table, 1.0 - float(np.mean(found.exact)))


def bake_curves(lut: lattice.Lut) -> Baked:
  """Returns the inverse of curves as curves, over the values that they reach.

  Args:
    lut: Curves alone (`lattice.is_curves`).

  Raises:
    ValueError: on a LUT of other parts.
  """
  if lut.shaper is None or not lattice.is_curves(lut):
    raise ValueError('Expected curves alone, got a LUT with a lattice.')
  low, high = np.asarray(lut.domain)  # What the curves span, widened where they do not.
  nodes = low + np.linspace(0.0, 1.0, _CURVE)[:, None] * (high - low)
  table = np.asarray(inverse.curves(lut.shaper, jnp.asarray(nodes, jnp.float32)))
  shaper = lattice.Shaper(table, np.stack([low, high]))
  return Baked(lattice.from_shaper(shaper), 0.0)
