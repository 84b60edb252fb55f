"""The smallest lattice that keeps a look within a wanted error.

The error is the largest CIEDE2000 found between the outputs of the look and of the
lattice, both seen as sRGB and read tetrahedrally, over the whole domain
(`tabulate.deviation`). It need not fall with every size, since the nodes of one are
not those of the next: the sizes are tried from the smallest on.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from lutjax import errors
from lutjax.color import difference, spaces
from lutjax.commands import look_files
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.types import Array

SIZES = (9, 17, 25, 33, 49, 65)
# Of the lattice that stands for a look without colours of its own: an inverse.
_FINE = 129

_read = jax.jit(interpolate.apply)


class Choice(NamedTuple):
  """What was chosen.

  Attributes:
    lut: The look.
    found: How it is off, in CIEDE2000; None where it is the LUT of the file.
    behind: Whether the worst colour is one behind the curves of the file.
  """

  lut: lattice.Lut
  found: tabulate.Deviation | None
  behind: bool = False

  def statement(self) -> str:
    """Returns what to tell of it."""
    size = len(self.lut.table)
    if self.found is None:
      return f'{size}^3 nodes, those of the file: not off'
    dense = ' behind a log curve' * (self.lut.shaper is not None and not self.behind)
    return f'{size}^3 nodes{dense}: {_describe(self.found, self.behind)}'


def smallest(
  look: look_files.Look,
  max_error: float,
  *,
  keeps: Callable[[lattice.Lut], bool] = lambda lut: True,
) -> Choice:
  """Returns the smallest lattice of a look that holds an error.

  Curves in front of a lattice stay there, and only the lattice is made smaller. A look
  that can be `dense` is tried with and without its curve at every size. The nodes of a
  file are tried too, where their number comes.

  Args:
    look: A look of three channels.
    max_error: The largest CIEDE2000 that is allowed.
    keeps: Whether the file to be written can hold a LUT with its curves and domain;
      what it cannot hold is baked into the lattice.

  Raises:
    InputError: when no size holds it; says how close the finest comes.
  """
  own = look.own
  lut, decode = own, look.decode
  sizes, kept, curves = {*SIZES}, None, None
  if own is not None and keeps(own):
    kept, curves, lut = len(own.table), own.shaper, own._replace(shaper=None)
    sizes.add(kept)
    decode = functools.partial(tabulate.bake, lut, method='tetrahedral')
  truth, closest = _truth(look, lut), (math.inf, '')
  ways = [decode] if look.dense is None else [decode, look.dense]
  for size, bake in itertools.product(sorted(sizes), ways):
    if own is not None and size == kept:
      return Choice(own, None)
    baked = bake(size)
    found = tabulate.deviation(
      lambda rgb, baked=baked: _difference(truth(rgb), _read(baked, rgb)),
      baked,
      lut=lut,
    )
    if curves is not None:
      baked = baked._replace(shaper=curves)
    if found.largest <= max_error:
      return Choice(baked, found, curves is not None)
    words = f'{_describe(found, curves is not None)} at {size}^3 nodes'
    closest = min(closest, (found.largest, words))
  raise errors.InputError(
    f'--max_error={max_error:g}: found {closest[1]}, the closest that was tried; '
    'expected a larger error, or --size'
  )


def _describe(found: tabulate.Deviation, behind: bool) -> str:
  """Returns an error and its colour in words."""
  colour = ', '.join(f'{value:.4g}' for value in found.worst)
  curves = ' behind the curves' if behind else ''
  nodes = '' if found.nodes is None else f', {found.nodes:.2g} at nodes'
  return f'{found.largest:.3g} CIEDE2000 off at most, at {colour}{curves}{nodes}'


def _truth(look: look_files.Look, lut: lattice.Lut | None) -> Callable[[Array], Array]:
  """Returns what gives the colours that a lattice should."""
  if lut is None and look.network is not None:
    return jax.jit(look.network)
  return functools.partial(_read, look.decode(_FINE) if lut is None else lut)


@jax.jit
def _difference(rgb1: Array, rgb2: Array) -> Array:
  """Returns the CIEDE2000 between sRGB colours."""
  lab1, lab2 = spaces.srgb_to_lab(rgb1), spaces.srgb_to_lab(rgb2)
  return difference.delta_e_2000(lab1, lab2)
