"""One part of a look: its luminance on a picture's colours, or the other way round."""

import pathlib
from collections.abc import Callable

import jax
import numpy as np

from lutjax.color import luminance
from lutjax.commands import pixel_blocks

Mapped = Callable[[np.ndarray], np.ndarray]

PARTS = ('luminance', 'colour')
# Values this far outside of [0, 1] are the same codes of 16 bits.
_HALF_A_CODE = 0.5 / 65535

_with_luminance_of = jax.jit(luminance.with_luminance_of)


def applier(function: Mapped, only: str | None) -> Mapped:
  """Returns the function of a look of which one part is taken.

  Pixels are sRGB. With `luminance` they keep their own chromaticity and get the
  luminance that the look gives them; with `colour` they keep their luminance and get
  the look's chromaticity: `luminance.with_luminance_of`. A look of less strength is the
  look here, so that luminance is kept at every strength.

  Args:
    function: The look, `[H, W, 3]` float32 to the same.
    only: Of `PARTS`; None is the whole look.

  Returns:
    `[H, W, 3]` float32 to the same, unclipped.
  """
  if only is None:
    return function

  def parted(rgb: np.ndarray) -> np.ndarray:
    graded = function(rgb)
    pair = (rgb, graded) if only == 'luminance' else (graded, rgb)
    return pixel_blocks.mapped(_with_luminance_of, *pair)

  return parted


def outside(rgb: np.ndarray, graded: np.ndarray) -> int:
  """Returns how many pixels left [0, 1], where they were before.

  Args:
    rgb: `[H, W, 3]` float.
    graded: `[H, W, 3]` float, the same pixels afterwards.
  """
  left = (graded < -_HALF_A_CODE) | (graded > 1.0 + _HALF_A_CODE)
  was = (rgb < 0.0) | (rgb > 1.0)
  return int(np.count_nonzero(left.any(axis=-1) & ~was.any(axis=-1)))


def tell_outside(
  source: str | pathlib.Path,
  count: int,
  pixels: int,
  only: str,
  say: Callable[[str], None],
  *,
  kept: bool = False,
) -> None:
  """Says how many pixels left [0, 1], or nothing where none did.

  Args:
    source: The file.
    count: How many left, see `outside`.
    pixels: Of how many.
    only: Of `PARTS`.
    say: Told.
    kept: Whether what is written holds such values.
  """
  if count:
    fate = 'kept' if kept else 'clipped'
    say(
      f'{source}: {count:,} of {pixels:,} pixels ({100 * count / pixels:.3g} %) leave '
      f'0 to 1 by --only={only}; {fate}'
    )
