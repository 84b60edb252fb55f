"""A look beside its model, as one picture.

Lattices are `[N, N, N, 3]` over the unit cube, indexed `[r, g, b]`, with
display-coded outputs. All errors are CIEDE2000.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax.color import difference, spaces
from lutjax.lut import interpolate
from lutjax.report import canvas, page, plots
from lutjax.types import Array

# Pixels of the photo as it is shown.
PHOTO = (560, 373)

_HEADER, _MARGIN, _GAP, _LABEL = 100, 28, 32, 30
_PANEL, _HEIGHT = PHOTO
_SLICES = 5


class Measured(NamedTuple):
  """What is shown of a look.

  Attributes:
    truth: The photo under the look, `[H, W, 3]` float.
    model: The photo under the model, `[H, W, 3]` float.
    photo_error: CIEDE2000 between them, `[H, W]`.
    node_error: CIEDE2000 between the lattices, `[N, N, N]`.
  """

  truth: Any
  model: Any
  photo_error: Any
  node_error: Any


@canvas.one_at_a_time
def draw(
  name: str,
  truth: np.ndarray,
  model: np.ndarray,
  photo: np.ndarray,
  shown: Measured,
  *,
  note: str = '',
) -> page.Picture:
  """Draws a look beside its model.

  Args:
    name: Of the look.
    truth: `[N, N, N, 3]` float.
    model: The same of the model.
    photo: `[H, W, 3]` uint8, of the shape `PHOTO`.
    shown: What `measure` makes of them.
    note: A line of scores.

  Returns:
    Photo before, after the look and after the model; the error on the photo;
    curves along the grey axis and the edges of the cube; slices; histogram.
  """
  shown = Measured(*(np.asarray(leaf) for leaf in shown))
  sheet = canvas.cleared(__name__, 2 * _MARGIN + 3 * _PANEL + 2 * _GAP, 1556)
  sheet.text(_MARGIN, 22, name, size=11, weight='bold')
  sheet.text(_MARGIN, 58, note, size=8, color=canvas.MUTED, most=200)
  lefts = [_MARGIN + i * (_PANEL + _GAP) for i in range(3)]
  rows = (_HEADER, 532, 1012)
  _draw_photos(sheet, lefts, rows[0], photo, shown)
  _draw_error(sheet, lefts[0], rows[1], shown.photo_error)
  _draw_greys(sheet, lefts[1], rows[1], truth, model)
  _draw_edges(sheet, lefts[2], rows[1], truth, model)
  _draw_slices(sheet, lefts[0], rows[2], model, shown.node_error)
  _draw_errors(sheet, lefts[2], rows[2], shown.node_error)
  thumbnail = canvas.fit_to(shown.model, 108, 72)
  return page.Picture(sheet.pixels(), thumbnail, header=_HEADER, margin=_MARGIN - 12)


def measure(
  truth: Array, model: Array, photo: Array, graded: Array | None = None
) -> Measured:
  """Maps a photo through two lattices and compares; to be run under `jit`.

  Args:
    truth: `[N, N, N, 3]` float32.
    model: `[N, N, N, 3]` float32.
    photo: `[H, W, 3]` float32 in [0, 1].
    graded: The photo under the look and under the model, `[H, W, 6]` float32, where
      there is more to them than lattices.

  Raises:
    ValueError: if the lattices differ in shape or are none.
  """
  size = truth.shape[0]
  if truth.shape != (size, size, size, 3) or size < 2 or model.shape != truth.shape:
    raise ValueError(
      f'Expected two lattices [N, N, N, 3], got {truth.shape} and {model.shape}.'
    )
  # One interpolation and one difference for all, since compiling, not
  # computing, is what takes long.
  both = jnp.concatenate([truth, model], axis=-1)
  after = interpolate.tetrahedral(both, photo) if graded is None else graded
  colours = jnp.concatenate([after.reshape(-1, 2, 3), both.reshape(-1, 2, 3)])
  lab = spaces.srgb_to_lab(colours)
  error = difference.delta_e_2000(lab[:, 0], lab[:, 1])
  pixels = after[..., 0].size
  return Measured(
    after[..., :3],
    after[..., 3:],
    error[:pixels].reshape(after.shape[:-1]),
    error[pixels:].reshape(truth.shape[:-1]),
  )


def _label(sheet: canvas.Canvas, left: int, top: int, text: str) -> int:
  """Writes the heading of a panel; returns where the panel begins."""
  sheet.text(left, top, text, size=8)
  return top + _LABEL


def _draw_photos(
  sheet: canvas.Canvas,
  lefts: Sequence[int],
  top: int,
  photo: np.ndarray,
  shown: Measured,
) -> None:
  labels = ('Before', 'After the look', 'After the model')
  images = (photo, shown.truth, shown.model)
  for left, label, image in zip(lefts, labels, images):
    below = _label(sheet, left, top, label)
    sheet.image(canvas.to_uint8(image), left, below, _PANEL, _HEIGHT)


def _draw_error(sheet: canvas.Canvas, left: int, top: int, error: np.ndarray) -> None:
  label = f'Error on the photo, CIEDE2000: mean {_mean(error):.2f}'
  top = _label(sheet, left, top, label)
  sheet.image(error, left, top, _PANEL, _HEIGHT)
  sheet.error_bar(left, top + _HEIGHT + 8, _PANEL, 12)


def _draw_greys(
  sheet: canvas.Canvas, left: int, top: int, truth: np.ndarray, model: np.ndarray
) -> None:
  top = _label(sheet, left, top, 'Greys: the look wide and pale, the model thin')
  steps = np.arange(len(truth))
  greys = [lattice[steps, steps, steps] for lattice in (truth, model)]
  inset, high = 56, 24
  box = (left + inset, top, _PANEL - inset, _HEIGHT - 3 * high - 34)
  axes = sheet.axes(*box, named=False)
  _draw_curves(axes, greys)
  fine = np.linspace(0, 1, 256)
  ramps = [np.repeat(fine[:, None], 3, axis=1)]
  for grey in greys:
    columns = [np.interp(fine, steps / steps[-1], c) for c in grey.T]
    ramps.append(np.stack(columns, axis=-1))
  for i, (name, ramp) in enumerate(zip(('input', 'look', 'model'), ramps)):
    place = top + _HEIGHT - (3 - i) * high
    sheet.text(left, place + 2, name, size=7, color=canvas.MUTED)
    sheet.image(canvas.to_uint8(ramp)[None], left + inset, place, _PANEL - inset, high)


def _draw_edges(
  sheet: canvas.Canvas, left: int, top: int, truth: np.ndarray, model: np.ndarray
) -> None:
  top = _label(sheet, left, top, 'One channel alone, the other two at zero')
  inset, gap = 46, 16
  width = (_PANEL - inset - 2 * gap) // 3
  for i, name in enumerate(('red', 'green', 'blue')):
    edges = [np.moveaxis(lattice, i, 0)[:, 0, 0] for lattice in (truth, model)]
    box = (left + inset + i * (width + gap), top, width, _HEIGHT - 24)
    axes = sheet.axes(*box, named=False)
    _draw_curves(axes, edges)
    axes.set_xticks([0, 0.5, 1], ['0', name, '1'])
    if i:
      axes.tick_params(labelleft=False)


def _draw_curves(axes: Any, curves: Sequence[np.ndarray]) -> None:
  """Draws the channels `[N, 3]` of the look, and of the model over them."""
  steps = np.linspace(0, 1, len(curves[0]))
  for channel, color in enumerate(canvas.CHANNELS):
    axes.plot(steps, curves[0][:, channel], color=color, linewidth=4, alpha=0.3)
  for channel, color in enumerate(canvas.CHANNELS):
    axes.plot(steps, curves[1][:, channel], color=color, linewidth=1)
  values = np.concatenate([np.ravel(curve) for curve in curves])
  values = values[np.isfinite(values)]
  low, high = values.min(initial=0), values.max(initial=1)
  axes.set_xlim(0, 1)
  axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))


def _draw_slices(
  sheet: canvas.Canvas, left: int, top: int, model: np.ndarray, error: np.ndarray
) -> None:
  """Draws planes of constant blue: the model's colours, their errors below."""
  heading = 'Planes of constant blue (red right, green up): model, and CIEDE2000 below'
  top = _label(sheet, left, top, heading)
  last = len(model) - 1
  planes = sorted({round(last * i / (_SLICES - 1)) for i in range(_SLICES)})
  side = (2 * _PANEL + _GAP - (_SLICES - 1) * 16) // _SLICES
  for i, plane in enumerate(planes):
    place = left + i * (side + 16)
    label = f'blue {plane / last:.2f}'
    sheet.text(place, top - 2, label, size=7, color=canvas.MUTED)
    colours = canvas.to_uint8(model[:, :, plane]).swapaxes(0, 1)[::-1]
    errors = error[:, :, plane].T[::-1]
    sheet.image(colours, place, top + 22, side, side, smooth=False)
    sheet.image(errors, place, top + 30 + side, side, side, smooth=False)


def _draw_errors(sheet: canvas.Canvas, left: int, top: int, error: np.ndarray) -> None:
  size = len(error)
  top = _label(sheet, left, top, f'Errors at the {size}³ nodes')
  axes = sheet.axes(left + 76, top, _PANEL - 96, 412)
  plots.draw_histogram(axes, error, metric='CIEDE2000', count='nodes')


def _mean(error: np.ndarray) -> float:
  finite = error[np.isfinite(error)]
  return float(finite.mean()) if finite.size else float('nan')
