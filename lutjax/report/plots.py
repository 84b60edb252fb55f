"""Plots that any report may need.

Each function returns its picture as `[H, W, 3]` uint8 pixels; `write_png`
puts one into a file. Names may be any text.
"""

import itertools
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lutjax import files
from lutjax.report import canvas

if TYPE_CHECKING:
  from matplotlib import axes as mpl_axes

_MARKERS = 'osD^vP*X'


class Point(NamedTuple):
  """One artefact on a rate-distortion plot.

  Attributes:
    size_bytes: Its whole size.
    value: Its quality or error, in the unit of the plot.
    label: Written beside the point when not empty.
  """

  size_bytes: float
  value: float
  label: str = ''


def rate_distortion(
  series: Mapping[str, Sequence[Point]],
  *,
  metric: str,
  title: str = '',
  log_value: bool = False,
  loose: Collection[str] = (),
  across: str = 'Size of the artefact',
) -> np.ndarray:
  """Draws quality against size, one curve per series.

  Args:
    series: Points by the name of their curve; a single point becomes a mark.
      Points that are not finite, or not positive on a logarithmic axis, are
      left out.
    metric: Title of the vertical axis, with unit and colour set.
    title: Heading.
    log_value: Whether the vertical axis is logarithmic, too.
    loose: Series whose points no line joins, since they are no steps of one way.
    across: Title of the horizontal axis.

  Returns:
    Pixels of the plot.
  """
  from matplotlib import ticker

  sheet, axes = _sheet(1440, 900, title, right=330)
  axes.set_xscale('log')
  if log_value:
    axes.set_yscale('log')
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_minor_formatter('')
  drawn, kept_series = [], []
  for i, (name, points) in enumerate(series.items()):
    kept = sorted(point for point in points if _drawable(point, log_value))
    kept_series.append(kept)
    color = canvas.PALETTE[i % len(canvas.PALETTE)]
    (line,) = axes.plot(
      [p.size_bytes for p in kept],
      [p.value for p in kept],
      marker=_MARKERS[i % len(_MARKERS)],
      color=color,
      linewidth=1.4,
      markersize=5,
      linestyle='' if name in loose else '-' if i < len(canvas.PALETTE) else '--',
    )
    drawn.append((line, name))
  axes.xaxis.set_major_formatter(_bytes_text)
  axes.xaxis.set_minor_formatter('')
  axes.set_xlabel(canvas.drawable(across), fontsize=8, color=canvas.MUTED)
  axes.set_ylabel(canvas.drawable(metric), fontsize=8, color=canvas.MUTED)
  axes.margins(x=0.08, y=0.1)
  _legend(axes, drawn)
  _label_points(axes, kept_series)
  return sheet.pixels()


def curves(
  series: Mapping[str, Sequence[tuple[float, float]]],
  *,
  across: str,
  metric: str,
  title: str = '',
  loose: Collection[str] = (),
  width: int = 1440,
  height: int = 620,
) -> np.ndarray:
  """Draws values along an axis, such as steps, one curve per series.

  Args:
    series: `(place, value)` by the name of their curve; values that are not finite are
      left out.
    across: Title of the horizontal axis.
    metric: Title of the vertical axis, with unit.
    title: Heading.
    loose: Series whose points no line joins.
    width: Pixels across.
    height: Pixels down.

  Returns:
    Pixels of the plot.
  """
  sheet, axes = _sheet(width, height, title, right=330)
  drawn = []
  for i, (name, points) in enumerate(series.items()):
    kept = [point for point in points if np.isfinite(point).all()]
    (line,) = axes.plot(
      [place for place, _ in kept],
      [value for _, value in kept],
      marker=_MARKERS[i % len(_MARKERS)] if name in loose or len(kept) < 40 else '',
      color=canvas.PALETTE[i % len(canvas.PALETTE)],
      linewidth=1.4,
      markersize=4,
      linestyle='' if name in loose else '-',
    )
    drawn.append((line, name))
  axes.set_xlabel(canvas.drawable(across), fontsize=8, color=canvas.MUTED)
  axes.set_ylabel(canvas.drawable(metric), fontsize=8, color=canvas.MUTED)
  _legend(axes, drawn)
  return sheet.pixels()


def bars(
  groups: Mapping[str, Mapping[str, float]],
  *,
  metric: str,
  title: str = '',
  digits: int = 2,
) -> np.ndarray:
  """Draws horizontal bars, the same ones in every group, with their figures.

  Args:
    groups: By the name of the group, by the name of the bar: its length, >= 0.
    metric: Title of the horizontal axis, with unit.
    title: Heading.
    digits: Decimals of the figures.

  Returns:
    Pixels of the plot.
  """
  names = list(dict.fromkeys(itertools.chain(*groups.values())))
  rows = sum(len(group) + 1 for group in groups.values())
  widest = max((len(name) for name in groups), default=0)
  left = min(60 + 12 * min(widest, 40), 480)
  sheet, axes = _sheet(1440, 190 + 34 * rows, title, right=300, left=left)
  axes.grid(visible=False, axis='y')
  row, middles, drawn = 0.0, [], {}
  for group in groups.values():
    middles.append(row + (len(group) - 1) / 2)
    for name, length in group.items():
      color = canvas.PALETTE[names.index(name) % len(canvas.PALETTE)]
      drawn[name] = axes.barh(row, length, height=0.82, color=color)
      axes.text(length, row, f' {length:.{digits}f}', va='center', fontsize=7)
      row += 1
    row += 1
  axes.set_yticks(middles, [canvas.drawable(name, most=40) for name in groups])
  axes.set_ylim(row - 1, -1)
  axes.margins(x=0.1)
  axes.set_xlabel(canvas.drawable(metric), fontsize=8, color=canvas.MUTED)
  if len(names) > 1:
    _legend(axes, [(drawn[name], name) for name in names])
  return sheet.pixels()


def histogram(
  values: np.ndarray,
  *,
  metric: str,
  count: str,
  title: str = '',
  width: int = 860,
  height: int = 520,
) -> np.ndarray:
  """Draws how values spread, with their mean, 90th percentile and largest.

  Args:
    values: `[K]` float >= 0; those that are not finite are left out.
    metric: Title of the horizontal axis, with unit and colour set.
    count: What is counted, such as `'looks'`.
    title: Heading.
    width: Pixels across.
    height: Pixels down.

  Returns:
    Pixels of the plot.
  """
  sheet, axes = _sheet(width, height, title)
  draw_histogram(axes, values, metric=metric, count=count)
  return sheet.pixels()


def draw_histogram(
  axes: 'mpl_axes.Axes', values: np.ndarray, *, metric: str, count: str
) -> None:
  """Draws a histogram (see `histogram`) into existing axes.

  Args:
    axes: Of matplotlib.
    values: Any shape; those that are not finite are left out.
    metric: Label of the horizontal axis.
    count: Label of the vertical axis.
  """
  values = np.asarray(values, np.float64).ravel()
  values = values[np.isfinite(values)]
  axes.set_xlabel(canvas.drawable(metric), fontsize=8, color=canvas.MUTED)
  axes.set_ylabel(canvas.drawable(count), fontsize=8, color=canvas.MUTED)
  axes.grid(visible=False, axis='x')
  if not values.size:
    axes.set_xlim(0, 1)
    axes.text(0.5, 0.5, 'no finite value', ha='center', transform=axes.transAxes)
    return
  mean, p90, most = values.mean(), np.quantile(values, 0.9), values.max()
  shown = max(most, 1e-3)
  bins = int(np.clip(np.sqrt(values.size), 12, 64))
  # One outline: bars of their own take five times as long to draw.
  counts, edges = np.histogram(values, bins=bins, range=(0, shown))
  axes.stairs(counts, edges, fill=True, color='#9db7e8')
  axes.set_xlim(0, shown * 1.02)
  top = axes.get_ylim()[1]
  axes.set_ylim(0, top * 1.32)
  marks = (('mean', mean, 1.27), ('p90', p90, 1.17), ('max', most, 1.07))
  for (name, value, level), color in zip(marks, canvas.PALETTE[1:4]):
    axes.vlines(value, 0, top * level, color=color, linewidth=1.2)
    right = value > 0.6 * shown
    axes.annotate(
      f'{name} {value:.3g}',
      (value, top * level),
      xytext=(-4 if right else 4, 0),
      textcoords='offset points',
      ha='right' if right else 'left',
      va='center',
      fontsize=7,
      color=color,
    )


def strip(
  images: Sequence[np.ndarray],
  labels: Sequence[str],
  *,
  columns: int | None = None,
  width: int = 1800,
) -> np.ndarray:
  """Puts pictures side by side, each under its label.

  Args:
    images: Each `[H, W, C]`, as `canvas.to_uint8` takes it; all are cut to
      the shape of the first.
    labels: One per image.
    columns: Pictures in a row; all of them when None.
    width: Pixels across.

  Returns:
    Pixels of the sheet.

  Raises:
    ValueError: if there is no image, or not one label for each.
  """
  if not images or len(images) != len(labels):
    raise ValueError(
      f'Expected one label per image, got {len(images)} images and '
      f'{len(labels)} labels.'
    )
  columns = min(columns or len(images), len(images))
  gap, head = 20, 30
  across = (width - gap * (columns + 1)) // columns
  down = max(1, round(across * images[0].shape[0] / images[0].shape[1]))
  rows = -(-len(images) // columns)
  sheet = canvas.Canvas(width, gap + rows * (head + down + gap))
  for i, (image, label) in enumerate(zip(images, labels)):
    left = gap + (i % columns) * (across + gap)
    top = gap + (i // columns) * (head + down + gap)
    sheet.text(left, top, canvas.drawable(label, most=max(8, across // 12)))
    sheet.image(canvas.fit_to(image, across, down), left, top + head, across, down)
  return sheet.pixels()


def write_png(
  path: str | os.PathLike, pixels: np.ndarray, *, overwrite: bool = True
) -> None:
  """Writes `[H, W, 3]` uint8 pixels to a PNG file, whole or not at all.

  Args:
    path: Of the file.
    pixels: `[H, W, 3]` uint8.
    overwrite: Whether an existing file may be replaced.
  """
  files.write_bytes(path, canvas.to_png(pixels), overwrite=overwrite)


def _sheet(
  width: int, height: int, title: str, *, left: int = 110, right: int = 30
) -> tuple[canvas.Canvas, 'mpl_axes.Axes']:
  sheet = canvas.Canvas(width, height)
  sheet.text(left, 26, title, size=10, weight='bold')
  top = 84 if title else 30
  return sheet, sheet.axes(left, top, width - left - right, height - top - 80)


def _legend(axes: 'mpl_axes.Axes', drawn: Sequence[tuple[Any, str]]) -> None:
  # A leading space, since labels that start with an underscore are hidden.
  axes.legend(
    [handle for handle, _ in drawn],
    [f' {canvas.drawable(name, most=30)}' for _, name in drawn],
    loc='upper left',
    bbox_to_anchor=(1.01, 1.02),
    frameon=False,
    fontsize=8,
    labelcolor=canvas.INK,
  )


def _label_points(axes: 'mpl_axes.Axes', series: Sequence[Sequence[Point]]) -> None:
  """Writes the labels of points, each where it hides least."""
  axes.get_xlim(), axes.get_ylim()  # settles the limits, hence the transform
  taken, label_spots = [], []
  for i, kept in enumerate(series):
    if not kept:
      continue
    spots = axes.transData.transform([point[:2] for point in kept])
    along = np.linspace(0, len(kept) - 1, 40 * len(kept))
    columns = [np.interp(along, np.arange(len(kept)), column) for column in spots.T]
    taken += [(x - 3, y - 3, x + 3, y + 3) for x, y in zip(*columns)]
    taken += [(x - 9, y - 9, x + 9, y + 9) for x, y in spots]
    color = canvas.PALETTE[i % len(canvas.PALETTE)]
    label_spots += [(*spot, point.label, color) for spot, point in zip(spots, kept)]
  for x, y, label, color in label_spots:
    text = canvas.drawable(label, most=28)
    wide, high = 8.2 * len(text), 16
    boxes = [
      (x + dx, y + dy, x + dx + wide, y + dy + high)
      for dx in (10, -wide - 10, -wide / 2)
      for dy in (10, -high - 10, -high / 2)
      if (dx, dy) != (-wide / 2, -high / 2)
    ]
    box = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken))
    taken.append(box)
    left, bottom = axes.transData.inverted().transform(box[:2])
    axes.text(left, bottom, text, fontsize=6.5, color=color, va='bottom')


def _drawable(point: Point, log_value: bool) -> bool:
  positive = point.size_bytes > 0 and (point.value > 0 or not log_value)
  return positive and bool(np.isfinite(point[:2]).all())


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
  """Returns the area shared by two boxes `(left, bottom, right, top)`."""
  wide = min(a[2], b[2]) - max(a[0], b[0])
  high = min(a[3], b[3]) - max(a[1], b[1])
  return max(wide, 0.0) * max(high, 0.0)


def _bytes_text(size_bytes: float, _: float) -> str:
  for unit, name in ((1e6, 'MB'), (1e3, 'kB')):
    if size_bytes >= unit:
      return f'{size_bytes / unit:g} {name}'
  return f'{size_bytes:g} B'
