"""Small parts of pictures side by side, enlarged until single pixels show."""

from collections.abc import Mapping

import numpy as np

from lutjax.report import canvas, page

# Pixels of a part across and down, and of its panel.
SIDE = 96
_PANEL = 400
_HEADER, _MARGIN, _GAP, _LABEL = 92, 28, 24, 34


@canvas.one_at_a_time
def draw(
  name: str, panels: Mapping[str, np.ndarray], *, note: str = ''
) -> page.Picture:
  """Draws the same part of several pictures.

  Args:
    name: Of the picture.
    panels: `[H, W, 1 or 3]` uint8 by their labels, all of the same height and width.
    note: A line below the name.

  Returns:
    The sheet: the part of `SIDE` pixels where the last panel, the original, has most
    detail, in all panels.
  """
  *_, original = panels.values()
  top, left = busiest(original, SIDE)
  parts = [pixels[top : top + SIDE, left : left + SIDE] for pixels in panels.values()]
  factor = max(1, _PANEL // max(parts[0].shape[:2]))
  height, width = (side * factor for side in parts[0].shape[:2])
  across = 2 * _MARGIN + len(parts) * (max(width, _PANEL) + _GAP) - _GAP
  sheet = canvas.Canvas(across, _HEADER + _LABEL + height + _MARGIN)
  sheet.text(_MARGIN, 20, name, size=11, weight='bold')
  sheet.text(_MARGIN, 54, note, size=8, color=canvas.MUTED, most=120)
  for i, (label, part) in enumerate(zip(panels, parts)):
    place = _MARGIN + i * (max(width, _PANEL) + _GAP)
    sheet.text(place, _HEADER, label, size=8, most=40)
    pixels = np.repeat(part, 3 // part.shape[2], axis=2)
    sheet.image(pixels, place, _HEADER + _LABEL, width, height, smooth=False)
  thumbnail = canvas.fit_to(parts[-2] if len(parts) > 1 else parts[0], 108, 72)
  return page.Picture(sheet.pixels(), thumbnail, header=_HEADER, margin=_MARGIN - 12)


def busiest(pixels: np.ndarray, side: int) -> tuple[int, int]:
  """Returns the corner of the square with the most detail.

  Args:
    pixels: `[H, W, C]` uint8.
    side: Of the square; a shorter side of the picture is taken whole.

  Returns:
    Row and column of its upper left corner.
  """
  grey = pixels.mean(axis=2, dtype=np.float64)
  detail = np.abs(np.diff(grey, axis=0, prepend=grey[:1]))
  detail += np.abs(np.diff(grey, axis=1, prepend=grey[:, :1]))
  sums = np.pad(detail.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
  down, right = (min(side, length) for length in grey.shape)
  boxes = sums[down:, right:] - sums[:-down, right:]
  boxes += sums[:-down, :-right] - sums[down:, :-right]
  row, column = np.unravel_index(np.argmax(boxes), boxes.shape)
  return int(row), int(column)
