"""One look by itself, as one picture.

Photo before and after, what becomes of greys, single channels and hues, the nodes as
points in the cube of their outputs, and slices. Values that leave [0, 1] are clipped
where they are colours, not where they are curves.
"""

from typing import Any

import numpy as np

from lutjax.report import canvas, comparison

_HEADER, _MARGIN, _GAP, _LABEL = 100, 28, 32, 30
_PANEL, _HEIGHT = comparison.PHOTO
_ROW = _LABEL + _HEIGHT + 50
_SLICES = 6
_SLICE_GAP = 16
# Nodes per axis that the cube shows, at most.
_NODES = 13
# Degrees that the cube is turned about the greys, and tilted to the viewer.
_VIEW = (25.0, 25.0)
# Radii of the ring: of inputs outside, of outputs within.
_RING = (1.0, 0.86, 0.82)


def hue_disc(side: int) -> np.ndarray:
  """Returns hues by their angle, more saturated outwards, in full brightness.

  Args:
    side: Pixels across.

  Returns:
    `[side, side, 3]` float32 in [0, 1]: HSV colours of value 1. Beyond the radius 1
      they are as saturated as there.
  """
  across, down = _disc(side)
  hue = np.arctan2(down, across) / (2 * np.pi) % 1.0
  saturation = np.clip(np.hypot(across, down), 0.0, 1.0)
  offsets = np.array([0.0, 4.0, 2.0])  # Red rises about hue 0, and so on.
  ramp = np.abs((6.0 * hue[..., None] + offsets) % 6.0 - 3.0) - 1.0
  pure = np.clip(ramp, 0.0, 1.0)
  return (1.0 + saturation[..., None] * (pure - 1.0)).astype(np.float32)


@canvas.one_at_a_time
def draw(
  name: str,
  table: np.ndarray,
  greys: np.ndarray,
  photo: np.ndarray,
  graded: np.ndarray,
  ring: np.ndarray,
  *,
  domain: tuple[float, float] = (0.0, 1.0),
  note: str = '',
) -> np.ndarray:
  """Draws a look.

  Args:
    name: Of the look.
    table: `[N, N, N, 3]` float, its values at the nodes.
    greys: `[K, 3]` float, what becomes of greys, evenly spaced from the darkest to the
      lightest.
    photo: `[H, W, 3]` of the shape `comparison.PHOTO`, uint8 or float.
    graded: The photo under the look.
    ring: `hue_disc` under the look.
    domain: The darkest grey and the lightest.
    note: A line on what was found.

  Returns:
    `[height, width, 3]` uint8.
  """
  across = 3 * _PANEL + 2 * _GAP
  side = (across - (_SLICES - 1) * _SLICE_GAP) // _SLICES
  height = _HEADER + 2 * _ROW + _LABEL + 22 + side + _MARGIN
  sheet = canvas.cleared(__name__, 2 * _MARGIN + across, height)
  sheet.text(_MARGIN, 22, name, size=11, weight='bold')
  sheet.text(_MARGIN, 58, note, size=8, color=canvas.MUTED, most=200)
  lefts = [_MARGIN + i * (_PANEL + _GAP) for i in range(3)]
  rows = [_HEADER + i * _ROW for i in range(3)]
  for left, label, image in zip(lefts, ('Before', 'After'), (photo, graded)):
    top = _label(sheet, left, rows[0], label)
    sheet.image(canvas.to_uint8(image), left, top, _PANEL, _HEIGHT)
  _draw_greys(sheet, lefts[2], rows[0], greys, domain)
  _draw_channels(sheet, lefts[0], rows[1], table)
  _draw_cube(sheet, lefts[1], rows[1], table)
  _draw_ring(sheet, lefts[2], rows[1], ring)
  _draw_slices(sheet, lefts[0], rows[2], table, side)
  return sheet.pixels()


def _label(sheet: canvas.Canvas, left: int, top: int, text: str) -> int:
  """Writes the heading of a panel; returns where the panel begins."""
  sheet.text(left, top, text, size=8)
  return top + _LABEL


def _draw_greys(
  sheet: canvas.Canvas,
  left: int,
  top: int,
  greys: np.ndarray,
  domain: tuple[float, float],
) -> None:
  top = _label(sheet, left, top, 'The neutral axis: what becomes of greys')
  inset, high = 56, 24
  box = (left + inset, top, _PANEL - inset, _HEIGHT - 2 * high - 34)
  axes = sheet.axes(*box, named=False)
  places = np.linspace(domain[0], domain[1], len(greys))
  axes.plot(domain, (0, 1), color=canvas.MUTED, linewidth=0.8, linestyle=':')
  _draw_curves(axes, places, greys)
  axes.set_xlim(*domain)
  before = np.repeat(np.linspace(0, 1, len(greys))[:, None], 3, axis=1)
  for i, (name, ramp) in enumerate((('before', before), ('after', greys))):
    place = top + _HEIGHT - (2 - i) * high
    sheet.text(left, place + 2, name, size=7, color=canvas.MUTED)
    sheet.image(canvas.to_uint8(ramp)[None], left + inset, place, _PANEL - inset, high)


def _draw_channels(
  sheet: canvas.Canvas, left: int, top: int, table: np.ndarray
) -> None:
  heading = 'One channel alone: the others at their least (solid), at their most (thin)'
  top = _label(sheet, left, top, heading)
  inset, gap = 46, 16
  width = (_PANEL - inset - 2 * gap) // 3
  places = np.linspace(0, 1, len(table))
  for i, name in enumerate(('red', 'green', 'blue')):
    box = (left + inset + i * (width + gap), top, width, _HEIGHT - 24)
    axes = sheet.axes(*box, named=False)
    lines = np.moveaxis(table, i, 0)
    _draw_curves(axes, places, lines[:, -1, -1], linewidth=0.8, alpha=0.6)
    _draw_curves(axes, places, lines[:, 0, 0])
    axes.set_ylim(*_span(table))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ['0', name, '1'])
    if i:
      axes.tick_params(labelleft=False)


def _draw_cube(sheet: canvas.Canvas, left: int, top: int, table: np.ndarray) -> None:
  """Draws nodes where their outputs lie, seen along a line near the greys."""
  size = len(table)
  keep = np.unique(np.rint(np.linspace(0, size - 1, min(size, _NODES))).astype(int))
  count = len(keep)
  top = _label(sheet, left, top, f'The cube of outputs: {count}³ of {size}³ nodes')
  axes = sheet.axes(left, top, _PANEL, _HEIGHT)
  axes.set_axis_off()
  axes.set_aspect('equal')
  shown = table[np.ix_(keep, keep, keep)]
  for axis in range(3):
    lines = np.moveaxis(shown, axis, 2).reshape(-1, count, 3)
    flat = _projected(lines)[0]
    broken = np.concatenate([flat, np.full((len(flat), 1, 2), np.nan)], axis=1)
    axes.plot(*broken.reshape(-1, 2).T, color=canvas.RULE, linewidth=0.4, zorder=1)
  corners = np.array(list(np.ndindex(2, 2, 2)), float)
  for start in corners:
    for end in corners[np.abs(corners - start).sum(-1) == 1]:
      axes.plot(
        *_projected(np.stack([start, end]))[0].T,
        color=canvas.MUTED,
        linewidth=0.5,
        zorder=2,
      )
  points = shown.reshape(-1, 3)
  places, depth = _projected(points)
  order = np.argsort(-depth)  # The nearest is drawn last.
  colours = canvas.to_uint8(points)[order] / 255.0
  axes.scatter(*places[order].T, c=colours, s=7, linewidths=0, zorder=3)


def _projected(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns places on the sheet `[..., 2]`, and how far behind it each is `[...]`.

  Greys go up, black below; the cube is turned about them, and seen from above.
  """
  greys = np.ones(3) / np.sqrt(3)
  first = np.array([2.0, -1.0, -1.0]) / np.sqrt(6)
  second = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
  turn, tilt = np.radians(_VIEW)
  across = np.cos(turn) * first + np.sin(turn) * second
  behind = np.cos(turn) * second - np.sin(turn) * first
  up = np.cos(tilt) * greys + np.sin(tilt) * behind
  away = np.cos(tilt) * behind - np.sin(tilt) * greys
  return rgb @ np.stack([across, up], axis=-1), rgb @ away


def _draw_ring(sheet: canvas.Canvas, left: int, top: int, ring: np.ndarray) -> None:
  heading = 'Hues: before on the ring; after on the disc, more saturated outwards'
  top = _label(sheet, left, top, heading)
  side = len(ring)
  radius = np.hypot(*_disc(side))
  outer, edge, inner = _RING
  disc = canvas.to_uint8(ring)
  # The disc is drawn smaller, to leave room for the ring.
  places = np.clip((np.arange(side) - side / 2) / inner + side / 2, 0, side - 1)
  rows = places.astype(int)
  shown = np.full_like(disc, 255)
  shown[radius <= inner] = disc[np.ix_(rows, rows)][radius <= inner]
  around = (radius <= outer) & (radius >= edge)
  angle = np.arctan2(*_disc(side)[::-1])
  far = side / 2 + (side / 2 - 1) * np.stack([np.sin(angle), np.cos(angle)])
  pure = canvas.to_uint8(hue_disc(side))
  shown[around] = pure[far[0].astype(int), far[1].astype(int)][around]
  sheet.image(shown, left + (_PANEL - _HEIGHT) // 2, top, _HEIGHT, _HEIGHT)


def _disc(side: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns how far pixels are from the middle, 1 at the sides: across, down."""
  places = (np.arange(side) + 0.5) / side * 2 - 1
  across, down = np.meshgrid(places, places)
  return across, down


def _draw_slices(
  sheet: canvas.Canvas, left: int, top: int, table: np.ndarray, side: int
) -> None:
  top = _label(sheet, left, top, 'Planes of constant blue (red right, green up)')
  last = len(table) - 1
  planes = sorted({round(last * i / (_SLICES - 1)) for i in range(_SLICES)})
  for i, plane in enumerate(planes):
    place = left + i * (side + _SLICE_GAP)
    label = f'blue {plane / last:.2f}'
    sheet.text(place, top - 2, label, size=7, color=canvas.MUTED)
    colours = canvas.to_uint8(table[:, :, plane]).swapaxes(0, 1)[::-1]
    sheet.image(colours, place, top + 22, side, side, smooth=False)


def _draw_curves(
  axes: Any, places: np.ndarray, curves: np.ndarray, **style: Any
) -> None:
  """Draws the channels `[N, 3]` over their inputs."""
  for channel, color in enumerate(canvas.CHANNELS):
    axes.plot(places, curves[:, channel], color=color, **({'linewidth': 1.4} | style))
  axes.set_ylim(*_span(curves))


def _span(values: np.ndarray) -> tuple[float, float]:
  """Returns the limits of an axis that shows values, and [0, 1]."""
  low, high = min(float(values.min()), 0.0), max(float(values.max()), 1.0)
  return low - 0.03 * (high - low), high + 0.03 * (high - low)
