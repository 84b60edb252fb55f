"""A synthetic photograph: fruit and clay on a terrace above a lake at dusk.

Painted from back to front in linear Rec.2020 (light, not codes), then exposed
and rolled off as a camera does. Places are in picture heights, `x` to the right
and `y` downwards from the top left corner, so that any size shows the same
scene. Everything follows from one random generator.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_WATERLINE = 0.515
_SHORE = 0.70
# Light from the left, above, in front; x, y, and towards the viewer.
_LIGHT = np.array([-0.52, -0.62, 0.59], np.float32)
_LIGHT_COLOUR = np.array([3.0, 2.45, 1.85], np.float32)
_BOARDS = 11
# Ripe fruit, beyond what sRGB can show, in linear Rec.2020.
_FRUIT = (
  (0.58, 0.02, 0.02),
  (0.70, 0.20, 0.005),
  (0.72, 0.50, 0.01),
  (0.24, 0.48, 0.015),
  (0.01, 0.30, 0.10),
  (0.01, 0.26, 0.42),
  (0.03, 0.05, 0.46),
  (0.24, 0.02, 0.38),
  (0.56, 0.02, 0.22),
)
# Clay in the colours of skin, from light to deep, and two neutrals.
_CLAY = (
  (0.62, 0.45, 0.34),
  (0.48, 0.31, 0.21),
  (0.33, 0.195, 0.12),
  (0.20, 0.115, 0.07),
  (0.085, 0.052, 0.036),
  (0.72, 0.71, 0.69),
  (0.035, 0.035, 0.037),
)


class _Mood(NamedTuple):
  """The light of an hour: `[3]` float32 linear Rec.2020 each."""

  zenith: np.ndarray
  middle: np.ndarray
  horizon: np.ndarray
  sun: np.ndarray
  hills: np.ndarray


_MOODS = (
  (
    (0.03, 0.15, 0.50),
    (0.12, 0.36, 0.72),
    (0.95, 0.74, 0.46),
    (8.0, 6.0, 3.2),
    (0.016, 0.065, 0.030),
  ),
  (
    (0.03, 0.07, 0.30),
    (0.30, 0.20, 0.42),
    (1.25, 0.42, 0.08),
    (8.0, 3.6, 0.9),
    (0.020, 0.030, 0.055),
  ),
  (
    (0.01, 0.10, 0.24),
    (0.05, 0.32, 0.42),
    (1.00, 0.62, 0.16),
    (7.5, 4.4, 1.2),
    (0.008, 0.045, 0.048),
  ),
  (
    (0.05, 0.05, 0.22),
    (0.26, 0.15, 0.36),
    (1.10, 0.46, 0.34),
    (7.5, 3.4, 1.6),
    (0.022, 0.024, 0.060),
  ),
)


def paint(
  rng: np.random.Generator, height: int, width: int, *, hour: int
) -> np.ndarray:
  """Paints a scene.

  Args:
    rng: Decides the hills, what lies on the terrace and where.
    height: In pixels.
    width: In pixels.
    hour: Counts through the lights of a day, over and over.

  Returns:
    `[height, width, 3]` float32 linear Rec.2020 in [0, 1], rolled off towards
    1; a tenth to a quarter of it lies outside sRGB.
  """
  x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None, :]
  y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
  x, y = np.broadcast_arrays(x, y)
  mood = _Mood(*np.asarray(_MOODS[hour % len(_MOODS)], np.float32))
  canvas = _sky(rng, mood, x, y)
  _add_hills(rng, mood, canvas, x, y)
  _add_lake(rng, mood, canvas, x, y)
  shore = int((_SHORE - 0.01) * height)
  _add_terrace(rng, canvas[shore:], x[shore:], y[shore:], 1.5 / height)
  _add_balls(rng, mood, canvas, x, y)
  _add_lanterns(rng, canvas, x, y)
  radius = np.hypot(x / x.max() - 0.5, y - 0.5)
  canvas *= (1.0 - 0.45 * radius**2)[..., None]
  return _expose(canvas)


def _sky(
  rng: np.random.Generator, mood: _Mood, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
  drop = np.clip(y / 0.5, 0, 1)[..., None]
  canvas = _mix(mood.zenith, mood.middle, _smooth(drop * 1.6))
  canvas = _mix(canvas, mood.horizon, _smooth(drop * 1.5 - 0.5) ** 1.5)
  sun = (float(x.max()) * rng.uniform(0.25, 0.75), rng.uniform(0.34, 0.42))
  distance = np.hypot(x - sun[0], y - sun[1])[..., None]
  canvas += mood.sun * (0.16 * np.exp(-distance * 7) + 0.05 * np.exp(-distance * 2))
  canvas += mood.sun * _edge(0.022 - distance, 1.5 / x.shape[0])
  cloud = _fractal(rng, x * 1.6, y * 7, 5)
  cover = _smooth((cloud - 0.47) * 4.5)[..., None] * _smooth((0.62 - y[..., None]) * 3)
  lit = _mix(mood.middle * 1.3, mood.horizon * 1.25 + 0.04 * mood.sun, _smooth(drop))
  return _mix(canvas, lit, 0.75 * cover)


def _add_hills(
  rng: np.random.Generator,
  mood: _Mood,
  canvas: np.ndarray,
  x: np.ndarray,
  y: np.ndarray,
) -> None:
  haze = 0.62 * mood.horizon + 0.38 * mood.middle
  for depth in np.linspace(0.0, 1.0, 4):
    base, rise = 0.40 + 0.12 * depth, 0.20 - 0.10 * depth
    ridge = _fractal(rng, x[:1] * (1.6 + 2.0 * depth), y[:1] * 0, 6)
    top = base + 0.03 - rise * ridge
    colour = _mix(haze, mood.hills, 0.45 + 0.53 * depth)
    texture = 0.75 + 0.5 * _fractal(rng, x * 24, y * 30, 3)[..., None]
    mist = np.clip((y - top) / 0.16, 0, 1)[..., None] * (0.5 - 0.42 * depth)
    body = _mix(colour * texture, haze, mist)
    canvas[...] = _mix(canvas, body, _edge(y - top, 1.5 / x.shape[0])[..., None])


def _add_lake(
  rng: np.random.Generator,
  mood: _Mood,
  canvas: np.ndarray,
  x: np.ndarray,
  y: np.ndarray,
) -> None:
  height, width = x.shape
  start = int((_WATERLINE - 0.01) * height)
  x, y = x[start:], y[start:]
  depth = np.clip((y - _WATERLINE) / (_SHORE - _WATERLINE), 0, 1)
  ripple = _fractal(rng, x * 12, 9 / (depth + 0.12), 4) - 0.5
  rows = (2 * _WATERLINE - y + ripple * (0.015 + 0.10 * depth)) * height
  mirrored = canvas[np.clip(rows, 0, height - 1).astype(int), np.arange(width)]
  body = 0.72 * mirrored + 0.10 * mood.middle + 0.05 * ripple[..., None]
  glint = _smooth((ripple - 0.17) * 9)[..., None] * depth[..., None] ** 0.5
  body = np.maximum(body + glint * (0.35 * mood.horizon), 0.0)
  cover = _edge(y - _WATERLINE, 1.5 / height)[..., None]
  canvas[start:] = _mix(canvas[start:], body, cover)


def _add_terrace(
  rng: np.random.Generator,
  canvas: np.ndarray,
  x: np.ndarray,
  y: np.ndarray,
  softness: float,
) -> None:
  near = np.clip((y - _SHORE) / (1 - _SHORE), 1e-3, 1)
  across = (x - 0.5 * x.max()) / (0.55 + 0.75 * near) * 6.5 + _BOARDS / 2
  board = np.clip(across, 0, _BOARDS - 1e-3).astype(int)
  tones = rng.uniform(0.75, 1.2, _BOARDS).astype(np.float32)[board]
  along = 1.6 / (near + 0.35)
  grain = _fractal(rng, across * 9 + board * 17, along * 2.2 + board * 5, 4)
  grain += 0.5 * _fractal(rng, across * 40, along * 3 + board * 3, 2)
  wood = np.array([0.30, 0.165, 0.085], np.float32)
  body = wood * (tones * (0.45 + 0.75 * grain))[..., None]
  gap = np.minimum(across - np.floor(across), np.ceil(across) - across)
  body *= (0.25 + 0.75 * _smooth(gap * 22))[..., None]
  body *= (0.75 + 0.9 * near * (1.15 - x / x.max()))[..., None]
  canvas[...] = _mix(canvas, body, _edge(y - _SHORE, softness)[..., None])


def _add_balls(
  rng: np.random.Generator,
  mood: _Mood,
  canvas: np.ndarray,
  x: np.ndarray,
  y: np.ndarray,
) -> None:
  for place, radius, colour, gloss in _balls(rng, float(x.max())):
    _shade_ground(canvas, x, y, place, radius)
    u, v = (x - place[0]) / radius, (y - place[1]) / radius
    rows = np.flatnonzero(np.abs(v[:, 0]) < 1.1)
    columns = np.flatnonzero(np.abs(u[0]) < 1.1)
    if not rows.size or not columns.size:
      continue
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    u, v = u[window], v[window]
    cover = _edge(1.0 - np.hypot(u, v), 1.5 / (radius * x.shape[0]))
    w = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    facing = np.clip(u * _LIGHT[0] + v * _LIGHT[1] + w * _LIGHT[2], 0, 1)[..., None]
    up = (0.5 - 0.5 * v)[..., None]
    around = _mix(
      np.array([0.16, 0.10, 0.06], np.float32),
      0.35 * mood.zenith + 0.35 * mood.middle,
      up,
    )
    spots = 1 + 0.16 * (_fractal(rng, u * 3 + 9, v * 3 + 9, 4)[..., None] - 0.5)
    body = colour * spots * (0.62 * _LIGHT_COLOUR * facing + around)
    half = (_LIGHT + np.array([0, 0, 1], np.float32)) / np.sqrt(2 + 2 * _LIGHT[2])
    shine = np.clip(u * half[0] + v * half[1] + w * half[2], 0, 1)[..., None]
    rim = gloss * (0.03 + 0.5 * (1 - w[..., None]) ** 4)
    body = (
      body
      + gloss * 2.6 * shine**120
      + rim
      * _mix(
        np.zeros(3, np.float32), mood.middle + 0.3 * mood.horizon, _smooth(up * 2 - 0.6)
      )
    )
    canvas[window] = _mix(canvas[window], body, cover[..., None])


def _balls(
  rng: np.random.Generator, aspect: float
) -> Iterator[tuple[tuple[float, float], float, np.ndarray, float]]:
  """Gives place, radius, colour and gloss, those further back first."""
  colours = [(colour, 1.0) for colour in _FRUIT] + [(colour, 0.12) for colour in _CLAY]
  order = rng.permutation(len(colours))
  back, front = np.array_split(order, [len(order) // 2 + 1])
  for row, (foot, size) in zip((back, front), ((0.80, 0.052), (0.945, 0.070))):
    steps = (np.arange(len(row)) + 0.5) / len(row)
    for step, index in zip(steps, row):
      radius = size * rng.uniform(0.80, 1.12)
      place = (
        aspect * (0.03 + 0.94 * step + rng.uniform(-0.012, 0.012)),
        foot + rng.uniform(-0.012, 0.012) - radius,
      )
      colour, gloss = colours[index]
      yield place, radius, np.asarray(colour, np.float32), gloss


def _shade_ground(
  canvas: np.ndarray,
  x: np.ndarray,
  y: np.ndarray,
  place: tuple[float, float],
  radius: float,
) -> None:
  along = (x - place[0] - 0.75 * radius) / (1.75 * radius)
  down = (y - place[1] - 0.95 * radius) / (0.42 * radius)
  contact = np.hypot((x - place[0]) / radius, down * 1.6)
  shadow = 0.62 * np.exp(-((along**2 + down**2) ** 2))
  shadow = np.maximum(shadow, 0.85 * np.exp(-(contact**2) * 1.5))
  canvas *= (1 - shadow * (y > _SHORE))[..., None]


def _add_lanterns(
  rng: np.random.Generator, canvas: np.ndarray, x: np.ndarray, y: np.ndarray
) -> None:
  aspect, pixel = float(x.max()), 1.0 / x.shape[0]
  sag = rng.uniform(0.06, 0.10)
  top = rng.uniform(0.03, 0.06)
  cord = top + sag * (1 - (2 * x / aspect - 1) ** 2)
  line = _edge(0.0014 - np.abs(y - cord), 1.5 * pixel)[..., None]
  canvas *= 1 - 0.8 * line
  colours = np.array(
    [(5, 2.4, 0.7), (4.6, 0.55, 0.25), (5, 2.9, 1.2), (0.5, 2.6, 3.4), (4.2, 0.5, 2.4)],
    np.float32,
  )
  count = 7
  for i, index in enumerate(rng.integers(len(colours), size=count)):
    at = aspect * (i + 0.5 + rng.uniform(-0.15, 0.15)) / count
    hang = top + sag * (1 - (2 * at / aspect - 1) ** 2) + 0.034
    size = rng.uniform(0.019, 0.026)
    distance = np.hypot(x - at, (y - hang) / 1.15)
    ribs = 0.85 + 0.15 * np.cos((y - hang) / size * 12)
    core = (0.45 + 0.75 * np.exp(-((distance / size) ** 2) * 1.5)) * ribs
    glow = 0.12 * np.exp(-distance / 0.035) + 0.012 * np.exp(-distance / 0.12)
    canvas += colours[index] * glow[..., None]
    cover = _edge(size - distance, 1.5 * pixel)[..., None]
    canvas[...] = _mix(canvas, colours[index] * core[..., None], cover)


def _expose(linear: np.ndarray) -> np.ndarray:
  """Rolls light off as film does, per channel, then deepens colour a little."""
  light = np.maximum(linear, 0) * np.float32(0.52)
  shown = light * (2.4 * light + 0.06) / (light * (2.3 * light + 0.70) + 0.13)
  grey = shown @ _LUMINANCE
  return np.clip(_mix(grey[..., None], shown, np.float32(1.30)), 0, 1)


def _fractal(
  rng: np.random.Generator, x: np.ndarray, y: np.ndarray, octaves: int
) -> np.ndarray:
  """Value noise in octaves, each half as strong as the last; about [0, 1]."""
  total, strength = np.zeros_like(x), 0.5
  for octave in range(octaves):
    table = rng.random((64, 64), dtype=np.float32)
    px, py = x * 2**octave, y * 2**octave
    column, row = np.floor(px), np.floor(py)
    fx, fy = _smooth(px - column), _smooth(py - row)
    column, row = column.astype(int) & 63, row.astype(int) & 63
    right, below = (column + 1) & 63, (row + 1) & 63
    upper = _mix(table[row, column], table[row, right], fx)
    lower = _mix(table[below, column], table[below, right], fx)
    total += np.float32(strength) * _mix(upper, lower, fy)
    strength /= 2
  return total / np.float32(1 - 0.5**octaves)


def _smooth(x: np.ndarray) -> np.ndarray:
  x = np.clip(x, 0, 1)
  return x * x * (3 - 2 * x)


def _edge(inside: np.ndarray, softness: float) -> np.ndarray:
  return np.clip(inside / np.float32(softness) + np.float32(0.5), 0, 1)


def _mix(a: np.ndarray, b: np.ndarray, share: np.ndarray | np.float32 | float) -> Any:
  return a + (b - a) * share
