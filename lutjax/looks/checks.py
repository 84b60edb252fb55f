"""Checks of a look: each a figure, a limit, and whether it passes.

Outputs are taken as what an sRGB display shows: Lab is that of sRGB, of values
clipped to [0, 1]. Codes are those of 8 bits: 1 / 255.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax.color import difference, spaces
from lutjax.lut import checks, interpolate, inverse, lattice, lattice_search
from lutjax.types import Array

# Greys that neutral checks read: those of 8 bits.
GREYS = 256

_CODES = 255
# Uniform colours per axis that go through a look and back, and how near they must
# come, in codes.
_COLOURS = 20
_NEAR = 1.0
_CHANNELS = ('red', 'green', 'blue')


@dataclasses.dataclass(frozen=True)
class Limits:
  """The largest figures that pass.

  Attributes:
    folding: Share of tetrahedra whose determinant is not positive, in percent: those of
      clipped and other flat parts, too.
    reversed: Share of tetrahedra of a negative determinant, in percent.
    fall: Of a channel along its own axis, in codes; half a code is not seen.
    clipped: Share of nodes, and of colours, in percent.
    lost: Share of colours that the inverse does not lead back to, in percent.
    chroma: Of greys, CIE76.
    chroma_2000: Of greys, CIEDE2000.
    grey_fall: Of the lightness of greys, in L*.
    bend: Largest change of slope from one cell to the next, where the identity has
      slope 1; 1 is a curve that clips.
    bend_p99: Likewise, the 99th percentile.
    grey_step: Between neighbouring greys, CIEDE2000; 1 is about what the eye can see.
    outside: How far values leave [0, 1], in codes.
  """

  folding: float = 1.0
  reversed: float = 0.1
  fall: float = 0.5
  clipped: float = 1.0
  lost: float = 1.0
  chroma: float = 2.0
  chroma_2000: float = 2.0
  grey_fall: float = 0.1
  bend: float = 1.5
  bend_p99: float = 0.5
  grey_step: float = 1.0
  outside: float = 0.5

  def __post_init__(self):
    ranges = {field.name: '[0, inf)' for field in dataclasses.fields(self)}
    config_lib.check_ranges(self, **ranges)


class Check(NamedTuple):
  """One figure of a look.

  Attributes:
    name: Words joined by underscores, the same for all looks.
    figure: What was measured.
    unit: Of figure and limit.
    limit: The largest figure that passes.
    verdict: Whether it does.
    sentence: What the figure says.
  """

  name: str
  figure: float
  unit: str
  limit: float
  verdict: Literal['pass', 'warn']
  sentence: str


class Neutrals(NamedTuple):
  """What becomes of greys, from black to white.

  Attributes:
    chroma: The largest CIE76 from the grey of the same lightness.
    chroma_2000: The largest CIEDE2000 from it.
    fall: How far the lightness falls at most below that of a darker grey, in L*.
    step: The largest CIEDE2000 between neighbours.
  """

  chroma: float
  chroma_2000: float
  fall: float
  step: float


def neutrals(greys: np.ndarray) -> Neutrals:
  """Measures mapped greys.

  Args:
    greys: `[K, 3]`, in the order of the inputs.
  """
  lab, chroma, chroma_2000, steps = map(np.asarray, _differences(jnp.asarray(greys)))
  return Neutrals(
    float(chroma.max()),
    float(chroma_2000.max()),
    checks.largest_fall(lab[:, 0]),
    float(steps.max()),
  )


def lost_colours(table: np.ndarray) -> float:
  """Returns the share of colours that the exact inverse does not lead back to.

  Other colours have the same output, as where a look clips or folds.

  Args:
    table: `[N, N, N, 3]` float32.
  """
  prepared = lattice_search.prepare(lattice.from_table(table))
  centres = (np.arange(_COLOURS, dtype=np.float32) + 0.5) / _COLOURS
  rgb = np.stack(np.meshgrid(*[centres] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
  back = np.asarray(_there_and_back(prepared, rgb))
  return float(np.mean(np.abs(back - rgb).max(axis=-1) > _NEAR / _CODES))


def check(table: np.ndarray, greys: np.ndarray, limits: Limits) -> list[Check]:
  """Checks a look.

  Args:
    table: `[N, N, N, 3]`, its values at the nodes.
    greys: `[GREYS, 3]` float32, what it makes of greys, evenly spaced from the darkest
      to the lightest that it takes.
    limits: What is too much.
  """
  folding = checks.folding(table)
  falls = checks.falls(table)
  clipped = checks.clipping(table)
  bends = checks.bends(table)
  neutral = neutrals(greys)
  lost = 100 * lost_colours(table)
  low, high = float(np.min(table)), float(np.max(table))
  slope = _CODES / (len(table) - 1)
  found = [
    _check(
      'folding',
      100 * (folding.reversed + folding.flat),
      '%',
      limits.folding,
      f'{100 * (folding.reversed + folding.flat):.2f} % of the tetrahedra are flat or '
      'turned over: their determinant is not positive',
    ),
    _check(
      'reversed',
      100 * folding.reversed,
      '%',
      limits.reversed,
      f'{100 * folding.reversed:.2f} % of the tetrahedra are turned over: colours come '
      'out in mirrored order, as where a look folds',
    ),
  ]
  for name, fall in zip(_CHANNELS, falls):
    found.append(
      _check(
        f'monotonic_{name}',
        _CODES * fall,
        'codes',
        limits.fall,
        f'{name} falls by up to {_CODES * fall:.2f} codes while its input rises'
        if fall > 0
        else f'{name} never falls while its input rises',
      )
    )
  found += [
    _check(
      'clipped_nodes',
      100 * clipped.nodes,
      '%',
      limits.clipped,
      f'{100 * clipped.nodes:.2f} % of the nodes have a channel at 0 or 1, or outside, '
      'whose input is between',
    ),
    _check(
      'clipped_colours',
      100 * clipped.colours,
      '%',
      limits.clipped,
      f'{100 * clipped.colours:.2f} % of uniform colours have a channel at 0 or 1, or '
      'outside',
    ),
    _check(
      'round_trip',
      lost,
      '%',
      limits.lost,
      f'{lost:.2f} % of uniform colours do not come back through the inverse to '
      f'{_NEAR:g} code',
    ),
    _check(
      'neutral_cie76',
      neutral.chroma,
      'CIE76',
      limits.chroma,
      f'greys become coloured by up to CIE76 {neutral.chroma:.2f}',
    ),
    _check(
      'neutral_ciede2000',
      neutral.chroma_2000,
      'CIEDE2000',
      limits.chroma_2000,
      f'greys become coloured by up to CIEDE2000 {neutral.chroma_2000:.2f}',
    ),
    _check(
      'greys_rise',
      neutral.fall,
      'L*',
      limits.grey_fall,
      f'a lighter grey comes out darker by up to {neutral.fall:.2f} L*'
      if neutral.fall > limits.grey_fall
      else 'lighter greys come out no darker',
    ),
    _check(
      'bend_largest',
      _CODES * bends.largest,
      'codes',
      slope * limits.bend,
      f'steps to the next node differ by up to {_CODES * bends.largest:.2f} codes, '
      f'a change of slope of {_CODES * bends.largest / slope:.2f}',
    ),
    _check(
      'bend_p99',
      _CODES * bends.p99,
      'codes',
      slope * limits.bend_p99,
      f'99 % of neighbouring steps differ by less than {_CODES * bends.p99:.2f} codes, '
      f'a change of slope of {_CODES * bends.p99 / slope:.2f}',
    ),
    _check(
      'grey_step',
      neutral.step,
      'CIEDE2000',
      limits.grey_step,
      f'neighbours of {GREYS} greys are up to {neutral.step:.2f} apart, which '
      f'{"shows as bands" if neutral.step > limits.grey_step else "shows no bands"}',
    ),
    _check(
      'below_zero',
      _CODES * max(0.0, -low),
      'codes',
      limits.outside,
      f'the least value is {low:.6g}',
    ),
    _check(
      'above_one',
      _CODES * max(0.0, high - 1.0),
      'codes',
      limits.outside,
      f'the most is {high:.6g}',
    ),
  ]
  return found


def warnings(found: Sequence[Check]) -> list[str]:
  """Returns a line for each check that warns."""
  return [
    f'{one.name}: {one.sentence} (limit {one.limit:.4g} {one.unit})'
    for one in found
    if one.verdict == 'warn'
  ]


def render(found: Sequence[Check]) -> str:
  """Returns checks as a Markdown table."""
  lines = ['| check | figure | limit | unit | verdict | that is |', '|---' * 6 + '|']
  for one in found:
    cells = (one.name, f'{one.figure:.3f}', f'{one.limit:.3f}', one.unit, one.verdict)
    lines.append(f'| {" | ".join((*cells, one.sentence))} |')
  return '\n'.join(lines) + '\n'


def _check(name: str, figure: float, unit: str, limit: float, sentence: str) -> Check:
  figure = float(figure)
  # What is no number passes nothing.
  passes = math.isfinite(figure) and figure <= limit
  return Check(name, figure, unit, limit, 'pass' if passes else 'warn', sentence)


@jax.jit
def _there_and_back(prepared: lattice_search.Prepared, rgb: Array) -> Array:
  return inverse.invert(prepared, interpolate.sample(prepared.lut, rgb)).rgb


@jax.jit
def _differences(greys: Array) -> tuple[Array, Array, Array, Array]:
  """Returns Lab, both differences from neutral, and CIEDE2000 between neighbours."""
  lab = spaces.srgb_to_lab(jnp.clip(greys, 0.0, 1.0))
  # One formula for both, since compiling is what takes long.
  first = jnp.concatenate([lab, lab[:-1]])
  neutral = lab * jnp.array([1.0, 0.0, 0.0])
  apart = difference.delta_e_2000(first, jnp.concatenate([neutral, lab[1:]]))
  chroma = difference.delta_e_76(lab, neutral)
  return lab, chroma, apart[: len(lab)], apart[len(lab) :]
