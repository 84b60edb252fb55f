"""The CIE xy diagram: the colours of a picture against gamuts."""

import numpy as np

from lutjax.color import matrices, spaces
from lutjax.report import canvas

_GAMUTS = {'srgb': 'sRGB', 'display_p3': 'Display P3', 'prophoto': 'ProPhoto'}
_SPAN = (-0.02, 0.80, -0.02, 0.90)


def draw(
  sheet: canvas.Canvas,
  left: int,
  top: int,
  side: int,
  prophoto: np.ndarray,
  title: str,
) -> None:
  """Draws the chromaticities of colours, each in its own colour, into a sheet.

  Args:
    sheet: Where to.
    left: Column of the diagram.
    top: Row of the diagram.
    side: Of the diagram, pixels.
    prophoto: `[n, 3]` linear.
    title: Above it.
  """
  sheet.text(left, top - 26, title, size=8)
  axes = sheet.axes(left + 30, top, side - 30, side - 30)
  axes.axis(_SPAN)
  axes.set_aspect('equal')
  for (name, label), style in zip(_GAMUTS.items(), ('-', '--', ':')):
    corners = spaces.SPACES[name].primaries
    around = np.concatenate([corners, corners[:1]])
    axes.plot(*around.T, style, color=canvas.INK, linewidth=0.8)
    offset = {'xytext': (3, 3), 'textcoords': 'offset points'}
    axes.annotate(label, corners[1], fontsize=6, color=canvas.MUTED, **offset)
  xy = chromaticities(prophoto)
  p3 = np.asarray(spaces.convert(prophoto, 'prophoto', 'display_p3'))
  shown = np.asarray(spaces.encode(np.clip(p3, 0.0, 1.0), 'display_p3'))
  axes.scatter(*xy.T, s=1.5, c=np.clip(shown, 0.0, 1.0), linewidths=0)


def chromaticities(prophoto: np.ndarray) -> np.ndarray:
  """Returns xy under D65 `[n, 2]` of linear ProPhoto colours that are not black."""
  linear = np.asarray(spaces.convert(prophoto, 'prophoto', 'rec2020'), np.float64)
  rec2020 = spaces.SPACES['rec2020']
  matrix = matrices.primary_matrix(rec2020.primaries, rec2020.white)
  xyz = linear @ matrix.T
  total = xyz.sum(axis=1, keepdims=True)
  light = np.where(total > 1e-3, total, np.nan)
  return xyz[:, :2] / light
