"""Scores of inverse looks.

The inverse is applied after two forward maps: the model's own look, as the
lattice that is exported; and the original look, which is the case of a user who
has a graded picture. Where a look is not injective (folded or flat), no inverse
exists, so that is measured as well.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import metrics
from lutjax.looks import inverse_lattice, scoring
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.report import canvas, plots
from lutjax.types import Array

# Colours that a statement rests on.
_COLOURS = 4096
# Nodes per axis, at least, at which looks with curves are looked at.
_NODES = 33
# Pixels across and down of the photo that is drawn.
_SHOWN = (560, 373)
# Determinants of cells, as fractions of the identity's, below which they count
# as folded or flat.
_FOLDED, _FLAT = -1e-6, 1e-9


class Limits(NamedTuple):
  """Shares of the cells of a look that have no inverse.

  Attributes:
    folded: The orientation is reversed: two colours have the same output.
    flat: Neighbouring colours have the same output, by clipping or because the
      look removes saturation.
  """

  folded: float
  flat: float


def limits(table: np.ndarray) -> Limits:
  """Measures a look `[N, N, N, 3]` by forward differences in its cells."""
  corner = np.asarray(table, np.float64)[:-1, :-1, :-1]
  steps = [np.diff(table, axis=axis) for axis in range(3)]
  cut = slice(None, -1)
  steps = [steps[0][:, cut, cut], steps[1][cut, :, cut], steps[2][cut, cut, :]]
  size = len(corner)
  sides = np.stack(steps, axis=-1).astype(np.float64) * size
  volume = np.linalg.det(sides)
  folded = volume < _FOLDED
  return Limits(float(folded.mean()), float((~folded & (volume <= _FLAT)).mean()))


def _limits_of(lut: lattice.Lut) -> Limits:
  """Measures a LUT; curves count."""
  if lut.shaper is not None:
    lut = tabulate.bake(lut, max(_NODES, len(lut.table)))
  return limits(np.asarray(lut.table))


@jax.jit
def round_trip_errors(
  first: lattice.Lut, back: lattice.Lut, rgb: Array
) -> tuple[Array, metrics.ColourErrors]:
  """Maps colours through a LUT and its inverse, tetrahedrally.

  Args:
    first: A look.
    back: Its inverse.
    rgb: `[..., 3]` in the domain of `first`.

  Returns:
    The colours that came back, and how far they are from `rgb`.
  """
  found = interpolate.sample(back, interpolate.sample(first, rgb))
  return found, metrics.colour_errors(found, rgb)


def statement(forward: lattice.Lut, back: lattice.Lut) -> str:
  """Describes the round trip through a decoded look and its decoded inverse.

  Args:
    forward: The look, as decoded.
    back: Its inverse, as decoded.

  Returns:
    One line.
  """
  low, high = np.asarray(lattice.input_domain(forward))
  rgb = metrics.uniform_colours(jax.random.key(0), _COLOURS)
  _, errors = round_trip_errors(forward, back, low + rgb * (high - low))
  found = metrics.lut_statistics(errors.cie76)
  lost = _limits_of(forward)
  return (
    f'look, then inverse, over uniform colours: CIE76 mean {found.mean:.2f}, '
    f'p90 {found.p90:.2f}, max {found.max:.2f}; the look is flat in '
    f'{100 * (lost.flat + lost.folded):.1f} % of its cells, where nothing comes back'
  )


def file_statement(forward: lattice.Lut, back: inverse_lattice.Baked) -> str:
  """Describes the round trip through a LUT and its baked inverse.

  Args:
    forward: The LUT.
    back: Its inverse.

  Returns:
    One line.
  """
  low, high = np.asarray(lattice.input_domain(forward))
  ramp = jnp.repeat(jnp.linspace(0.0, 1.0, _COLOURS)[:, None], 3, axis=1)
  rgb = metrics.uniform_colours(jax.random.key(0), _COLOURS)
  parts = []
  for name, unit in (('greys', ramp), ('uniform colours', rgb)):
    _, gaps = round_trip_errors(forward, back.lut, low + unit * (high - low))
    found = metrics.lut_statistics(gaps.cie76)
    parts.append(f'{name} CIE76 mean {found.mean:.3g}, max {found.max:.3g}')
  lost = _limits_of(forward)
  return (
    f'look, then inverse: {"; ".join(parts)}; {100 * back.outside:.1f} % of the '
    'nodes of the inverse are outside the gamut of the look and lead to the nearest; '
    f'the look is flat in {100 * (lost.flat + lost.folded):.1f} % of its cells'
  )


def score(
  original: lattice.Lut, forward: lattice.Lut, back: lattice.Lut, rgb: np.ndarray
) -> dict[str, float]:
  """Returns the statistics of both round trips, and the cells without inverse.

  Args:
    original: The look as it was before it was fitted.
    forward: The model's look.
    back: The model's inverse.
    rgb: `[P, 3]`, pixels.

  Returns:
    `undone_` from the original, `returned_` from the model's own look, as
    `scoring.to_record` names them; `folded` and `flat` of the original.
  """
  gaps = {}
  for prefix, first in (('undone_', original), ('returned_', forward)):
    found, errors = round_trip_errors(first, back, jnp.asarray(rgb))
    gaps[prefix] = scoring.Gap(metrics.psnr(found, jnp.asarray(rgb)), errors)
  return scoring.to_record(gaps) | _limits_of(original)._asdict()


def picture(
  name: str,
  original: lattice.Lut,
  back: lattice.Lut,
  photo: np.ndarray,
  stats: Mapping[str, float],
) -> np.ndarray:
  """Draws a photo, its graded version, the inverse of that, and the error map.

  Args:
    name: Of the look.
    original: The look.
    back: Its inverse.
    photo: `[H, W, 3]` float32 in [0, 1].
    stats: From `score`.

  Returns:
    `[h, w, 3]` uint8.
  """
  shown = canvas.fit_to(photo, *_SHOWN).astype(np.float32) / 255.0
  graded = np.asarray(interpolate.sample(original, jnp.asarray(shown)))
  found, errors = round_trip_errors(original, back, jnp.asarray(shown))
  labels = [
    'photo',
    f'under {name}',
    f'after the inverse: CIE76 mean {stats["undone_cie76_mean"]:.2f}, '
    f'max {stats["undone_cie76_max"]:.1f}',
    f'CIEDE2000 to {canvas.ERROR_LIMIT:g}; folded {100 * stats["folded"]:.1f} %, '
    f'flat {100 * stats["flat"]:.1f} %',
  ]
  heat = canvas.error_colours(np.asarray(errors.ciede2000))
  pictures = [shown, graded, np.asarray(found), heat]
  return plots.strip(pictures, labels, columns=2, width=1200)
