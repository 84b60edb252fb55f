"""A drawing surface measured in pixels, and the colours of all plots.

matplotlib is imported when the first canvas is made, since that takes about
half a second; no pyplot, hence no global figure and no window. Pixels are
`[H, W, 3]` uint8.
"""

import bisect
import functools
import io
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from lutjax.data import png

if TYPE_CHECKING:
  from matplotlib import axes as mpl_axes
  from matplotlib.backends import backend_agg

INK = '#1f2328'
MUTED = '#656d76'
RULE = '#d8dee4'
CHANNELS = ('#d1342f', '#2e8b47', '#2f62c9')
# Distinct for colour-blind readers, in the order they are handed out.
PALETTE = (
  '#2f62c9',
  '#d9730d',
  '#2e8b57',
  '#b0379b',
  '#8a6d1d',
  '#17939b',
  '#d1342f',
  '#6b7280',
)
# CIEDE2000 of every error map, so that any two pictures can be compared: the
# square root keeps an error of 0.1 visible beside one of 10.
ERROR_LIMIT = 10.0
ERROR_TICKS = (0, 0.1, 0.5, 1, 2, 5, 10)
UNKNOWN = (140, 149, 159)

_DPI = 144
_FONT = 'DejaVu Sans'
# Pixels of the sheet that a text is drawn on, about its middle.
_PAPER = (4096, 160)
# Of JPEG files, the best first.
_QUALITIES = (84, 76, 66, 55, 42)

_Arguments = ParamSpec('_Arguments')
_Result = TypeVar('_Result')
_DRAWING = threading.RLock()


def one_at_a_time(
  draw: Callable[_Arguments, _Result],
) -> Callable[_Arguments, _Result]:
  """Makes threads take turns in a function: matplotlib is not made for threads.

  Args:
    draw: What uses a `Canvas`; what is computed before and encoded after it goes on
      beside the drawing of others.
  """

  @functools.wraps(draw)
  def in_turn(*args: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
    with _DRAWING:
      return draw(*args, **named)

  return in_turn


class Canvas:
  """A white sheet whose parts are placed in pixels from its top left corner.

  Attributes:
    width: Pixels across.
    height: Pixels down.
  """

  def __init__(self, width: int, height: int):
    from matplotlib import figure
    from matplotlib.backends import backend_agg

    self.width = width
    self.height = height
    self._figure = figure.Figure((width / _DPI, height / _DPI), dpi=_DPI)
    self._figure.set_facecolor('white')
    self._agg = backend_agg.FigureCanvasAgg(self._figure)
    self._images: list[tuple[int, int, np.ndarray]] = []
    self._texts: list[tuple[int, int, np.ndarray]] = []
    self._axes: dict[tuple[float, ...], mpl_axes.Axes] = {}
    self._spare: dict[tuple[float, ...], mpl_axes.Axes] = {}

  def clear(self) -> None:
    """Takes away all that was drawn.

    Axes stay, without what they showed, for a box that is asked for again: to make
    them and their ticks takes half the time of a picture. Their labels and kinds of
    ticks stay, too, so that what draws again sets what it has set before.
    """
    self._images, self._texts = [], []
    self._spare |= self._axes
    self._axes = {}
    for made in self._spare.values():
      for drawn in [*made.lines, *made.patches, *made.collections, *made.texts]:
        drawn.remove()
      made.relim()
      made.set_autoscale_on(True)
      made.set_visible(False)

  def axes(
    self, left: float, top: float, width: float, height: float, *, named: bool = True
  ) -> 'mpl_axes.Axes':
    """Returns styled plot axes whose frame covers a box.

    Args:
      left: Of the box, in pixels of the canvas.
      top: Likewise, from the upper edge.
      width: Of the box in pixels.
      height: Of the box in pixels.
      named: Whether they may get titles: to find a place for those that are not there
        takes a sixth of the time of a picture.
    """
    box = (left, top, width, height)
    if box in self._spare:
      made = self._axes[box] = self._spare.pop(box)
      made.set_visible(True)
      return made
    made = self._figure.add_axes(
      (
        left / self.width,
        1 - (top + height) / self.height,
        width / self.width,
        height / self.height,
      )
    )
    made.spines[['top', 'right']].set_visible(False)
    made.spines[['bottom', 'left']].set_color(RULE)
    made.tick_params(
      which='both', colors=MUTED, labelsize=7, length=3, width=0.6, color=RULE
    )
    made.grid(color=RULE, linewidth=0.5)
    made.set_axisbelow(True)
    if not named:
      made.xaxis.set_label_coords(0.5, 0)
      made.yaxis.set_label_coords(0, 0.5)
    self._axes[box] = made
    return made

  def image(
    self,
    pixels: np.ndarray,
    left: int,
    top: int,
    width: int,
    height: int,
    *,
    smooth: bool = True,
  ) -> None:
    """Puts an image into the box, over whatever is drawn there.

    Args:
      pixels: `[H, W, 3]` uint8 colours, or `[H, W]` float CIEDE2000 errors.
      left: Column of the box.
      top: Row of the box.
      width: Pixels across.
      height: Pixels down.
      smooth: Whether pixels are blended where the image is resized.
    """
    from PIL import Image

    pixels = error_colours(pixels) if pixels.ndim == 2 else pixels
    if pixels.shape[:2] != (height, width):
      resample = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
      whole = Image.fromarray(np.ascontiguousarray(pixels))
      pixels = np.asarray(whole.resize((width, height), resample))
    self._images.append((left, top, pixels))

  def error_bar(self, left: int, top: int, width: int, height: int) -> None:
    """Draws the legend of the error maps: a horizontal bar, figures below.

    Args:
      left: Of the bar, in pixels of the canvas.
      top: Likewise, from the upper edge.
      width: Of the bar in pixels.
      height: Of the bar in pixels.
    """
    values = ERROR_LIMIT * np.linspace(0, 1, width) ** 2
    self.image(np.broadcast_to(values, (height, width)), left, top, width, height)
    for tick in ERROR_TICKS:
      share = np.sqrt(tick / ERROR_LIMIT)
      label = f'{tick:g}' if tick < ERROR_LIMIT else f'≥ {tick:g}'
      side = {0: 'left', ERROR_LIMIT: 'right'}.get(tick, 'center')
      place = left + share * width
      self.text(place, top + height + 6, label, size=7, color=MUTED, ha=side)

  def text(
    self,
    left: float,
    top: float,
    content: str,
    *,
    size: float = 8,
    color: str = INK,
    most: int = 90,
    **style: Any,
  ) -> None:
    """Writes dark text with its upper left corner at a place.

    Args:
      left: In pixels of the canvas.
      top: Likewise, from the upper edge.
      content: The text.
      size: Of the font in points.
      color: As matplotlib takes it.
      most: Characters, after which the text is cut.
      **style: Other properties of a matplotlib text.
    """
    style = {'ha': 'left', 'va': 'top', 'fontsize': size, 'color': color} | style
    right, below = math.floor(left), math.floor(top)
    written = drawable(content, most=most)
    ink = _written(written, left - right, top - below, tuple(sorted(style.items())))
    self._texts.append((right + ink.left, below + ink.top, ink.pixels))

  def pixels(self) -> np.ndarray:
    """Returns the sheet as `[height, width, 3]` uint8."""
    self._agg.draw()
    pixels = np.asarray(self._agg.buffer_rgba())[..., :3].copy()
    for left, top, text in self._texts:
      _darken(pixels, left, top, text)
    for left, top, image in self._images:
      pixels[top : top + image.shape[0], left : left + image.shape[1]] = image
    return pixels


def cleared(owner: str, width: int, height: int) -> Canvas:
  """Returns the empty canvas of a function that draws many pictures alike.

  Args:
    owner: Of the canvas, such as the name of a module: what draws differently has
      another. It draws one at a time (see `one_at_a_time`).
    width: Pixels across.
    height: Pixels down.
  """
  sheet = _kept(owner, width, height)
  sheet.clear()
  return sheet


class _Ink(NamedTuple):
  """Text as it is drawn, and where it lies from its place."""

  left: int
  top: int
  pixels: np.ndarray


# Headings are those of the picture before; to draw them takes a third of its time.
@functools.lru_cache(512)
@one_at_a_time
def _written(
  content: str, across: float, down: float, style: tuple[tuple[str, Any], ...]
) -> _Ink:
  """Draws text on white, at a place between pixels."""
  width, height = _PAPER
  agg = _paper()
  x, y = width // 2 + across, height // 2 + down
  text = agg.figure.text(x / width, 1 - y / height, content, dict(style), family=_FONT)
  agg.draw()
  (left, low), (right, high) = text.get_window_extent().get_points()
  text.remove()
  # The last pixels of a slanted letter may lie outside.
  top, bottom = max(int(height - high) - 3, 0), int(height - low) + 4
  left, right = max(int(left) - 3, 0), int(right) + 4
  drawn = np.asarray(agg.buffer_rgba())[top:bottom, left:right, :3].copy()
  return _Ink(left - width // 2, top - height // 2, drawn)


@functools.cache
def _paper() -> 'backend_agg.FigureCanvasAgg':
  """Returns what texts are drawn on, one at a time."""
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  width, height = _PAPER
  paper = figure.Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor='white')
  return backend_agg.FigureCanvasAgg(paper)


def _darken(pixels: np.ndarray, left: int, top: int, text: np.ndarray) -> None:
  """Puts dark text on white over what is there, as far as it lies within."""
  first_row, first_column = max(-top, 0), max(-left, 0)
  inside = text[first_row:, first_column:]
  below = pixels[top + first_row :, left + first_column :]
  height, width = (min(a, b) for a, b in zip(inside.shape, below.shape[:2]))
  box = below[:height, :width]
  np.minimum(box, inside[:height, :width], out=box)


@functools.cache
def _kept(owner: str, width: int, height: int) -> Canvas:
  del owner  # Of the cache.
  return Canvas(width, height)


def error_colours(error: np.ndarray) -> np.ndarray:
  """Returns the colours of CIEDE2000 errors, by the scale of all reports.

  Args:
    error: `[...]` float; what is not finite becomes grey.

  Returns:
    `[..., 3]` uint8.
  """
  finite = np.nan_to_num(error, nan=0.0, posinf=0.0, neginf=0.0)
  share = np.sqrt(np.clip(finite / ERROR_LIMIT, 0, 1))
  scale = _scale()
  colours = scale[np.minimum((share * len(scale)).astype(int), len(scale) - 1)]
  return np.where(np.isfinite(error)[..., None], colours, np.array(UNKNOWN, np.uint8))


@functools.cache
def _scale() -> np.ndarray:
  """Returns the colours of errors, `[256, 3]` uint8."""
  import matplotlib

  return matplotlib.colormaps['inferno'](np.arange(256), bytes=True)[:, :3]


def drawable(text: str, *, most: int = 90) -> str:
  """Returns `text` as a plot can show it.

  Characters that the font lacks become a box, dollar signs stay literal, and
  a long text loses its middle.

  Args:
    text: Anything.
    most: Characters to keep.
  """
  text = ' '.join(text.split())
  if len(text) > most:
    text = f'{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}'
  known = _glyphs()
  text = ''.join(c if ord(c) in known else '□' for c in text)
  return text.replace('$', r'\$')


@functools.cache
def _glyphs() -> frozenset[int]:
  from matplotlib import font_manager

  font = font_manager.get_font(font_manager.findfont(_FONT))
  return frozenset(font.get_charmap())


def to_uint8(rgb: np.ndarray) -> np.ndarray:
  """Returns colours for display: clipped to [0, 1], NaN black, in 8 bits.

  Args:
    rgb: `[..., C]` uint8, uint16 over its full scale, or float in [0, 1].
  """
  if rgb.dtype == np.uint8:
    return rgb
  if rgb.dtype == np.uint16:
    return ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)
  finite = np.nan_to_num(rgb, nan=0.0, posinf=1.0, neginf=0.0)
  return (np.clip(finite, 0, 1) * 255 + 0.5).astype(np.uint8)


def fit_to(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
  """Returns the middle of an image, cut to shape and resized.

  Args:
    rgb: `[H, W, C]` with C >= 1 (one channel is repeated, a fourth dropped);
      dtype as `to_uint8` takes it.
    width: Pixels across of the result.
    height: Pixels down of the result.

  Returns:
    `[height, width, 3]` uint8.

  Raises:
    ValueError: on any other shape.
  """
  from PIL import Image

  if rgb.ndim != 3 or 0 in rgb.shape:
    raise ValueError(f'Expected an image [H, W, C], got {rgb.shape}.')
  rgb = rgb[..., :3] if rgb.shape[-1] >= 3 else np.repeat(rgb[..., :1], 3, axis=-1)
  full = Image.fromarray(np.ascontiguousarray(to_uint8(rgb)))
  scale = min(full.width / width, full.height / height)
  across, down = max(1, round(width * scale)), max(1, round(height * scale))
  left, top = (full.width - across) // 2, (full.height - down) // 2
  middle = full.crop((left, top, left + across, top + down))
  small = middle.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
  return np.asarray(small)


def to_png(pixels: np.ndarray) -> bytes:
  """Returns `[H, W, 3]` uint8 pixels as a PNG file."""
  return png.encode(pixels)


def to_jpeg(pixels: np.ndarray, *, limit_bytes: int) -> bytes | None:
  """Returns pixels as the best JPEG file within a size, or None.

  Args:
    pixels: `[H, W, 3]` uint8.
    limit_bytes: Largest size of the file.
  """
  made: dict[int, bytes] = {}

  def fits(quality: int) -> bool:
    made[quality] = _jpeg(pixels, quality)
    return len(made[quality]) <= limit_bytes

  # Most fit at once, and each costs as much as the next.
  first = 0
  if not fits(_QUALITIES[0]):
    first = bisect.bisect_left(_QUALITIES, True, 1, key=fits)
  return made[_QUALITIES[first]] if first < len(_QUALITIES) else None


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
  from PIL import Image

  stream = io.BytesIO()
  Image.fromarray(pixels).save(
    stream,
    'JPEG',
    quality=quality,
    subsampling='4:4:4' if quality > 60 else '4:2:0',
    optimize=True,
  )
  return stream.getvalue()
