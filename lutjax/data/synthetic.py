"""Synthetic looks and photographs, for demonstrations, tests and timing.

Looks map display-encoded RGB in the unit cube. They are smooth in places and
rough in others, as real ones are: they clip, fold, lose colour, or expect the
flat picture of a camera. Everything follows from a seed; no file is read.
"""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from lutjax.color import spaces
from lutjax.data import scene
from lutjax.lut import lattice

_LUMA = np.array([0.2126, 0.7152, 0.0722])
# Two axes across the grey diagonal: towards red, and from blue towards green.
_RED_AXIS = np.array([2.0, -1.0, -1.0]) / np.sqrt(6)
_GREEN_AXIS = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)

_Recipe = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def looks(
  seed: int, *, count: int | None = None, size: int = 33
) -> dict[str, np.ndarray]:
  """Makes looks of many kinds.

  Args:
    seed: Of their strengths; the kinds and their order are the same for all.
    count: Number of looks, all kinds once by default; beyond that the kinds
      come again, in other strengths and with a number behind their name.
    size: Of the lattices.

  Returns:
    `[size, size, size, 3]` float32 in [0, 1] by name.
  """
  rgb = lattice.identity(size).astype(np.float64)
  made = {}
  for index in range(len(RECIPES) if count is None else count):
    again, kind = divmod(index, len(RECIPES))
    name, recipe = list(RECIPES.items())[kind]
    table = recipe(np.random.default_rng([seed, index]), rgb)
    label = f'{name} {again + 1}' if again else name
    made[label] = np.clip(table, 0.0, 1.0).astype(np.float32)
  return made


def photo(
  seed: int, height: int, width: int, *, wide_gamut: bool = False
) -> np.ndarray:
  """Makes a photograph of a synthetic scene (`data.scene`).

  Args:
    seed: Of the scene.
    height: In pixels.
    width: In pixels.
    wide_gamut: Whether colours that sRGB cannot show, at least a tenth of the
      pixels, are kept.

  Returns:
    `[height, width, 3]` float32 in [0, 1]: sRGB, its colours drawn towards
    grey until they fit; or ProPhoto with the ROMM curve.
  """
  rng = np.random.default_rng([seed, 1])
  linear = scene.paint(rng, height, width, hour=seed)
  space = 'prophoto' if wide_gamut else 'srgb'
  matrix = spaces.conversion_matrix('rec2020', space).astype(np.float32)
  linear = linear @ matrix.T
  if not wide_gamut:
    linear = _fit_gamut(linear)
  encoded = _encode(linear, space)
  # Grain, as of a sensor at a middle sensitivity.
  grain = rng.standard_normal(encoded.shape, dtype=np.float32)
  spread = 0.002 + 0.006 * (1 - encoded.mean(axis=-1, keepdims=True))
  return np.clip(encoded + spread * grain, 0.0, 1.0)


def _encode(linear: np.ndarray, space: str) -> np.ndarray:
  # By a table, since jax would compile anew for every size of picture.
  level = np.linspace(0.0, 1.0, 2**16 + 1, dtype=np.float32)
  curve = np.asarray(spaces.encode(jnp.asarray(level), space))
  return np.interp(linear, level, curve).astype(np.float32)


def _fit_gamut(linear: np.ndarray) -> np.ndarray:
  """Mixes each colour with the grey of its luminance, just enough to fit."""
  grey = np.clip(linear @ _LUMA.astype(np.float32), 0.0, 1.0)[..., None]
  span = linear - grey
  room = np.where(span > 0, 1.0 - grey, -grey)
  share = np.where(np.abs(span) > 1e-6, room / np.where(span == 0, 1.0, span), 1.0)
  return grey + span * np.clip(share.min(axis=-1, keepdims=True), 0.0, 1.0)


def _film_print(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Soft toe and shoulder, cool shadows, warm lights, dense dark colours."""
  steep = rng.uniform(5.0, 6.5) * np.array([1.0, 0.97, 0.90])
  rgb = _sigmoid(rgb, steep, np.array([0.46, 0.48, 0.50]))
  return _saturate(rgb, 1.12 - 0.35 * _luma(rgb))


def _faded(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """An old print: lifted blacks, dull whites, green in the shadows."""
  lift = rng.uniform(0.09, 0.14) * np.array([0.95, 1.10, 1.00])
  return lift + (0.93 - lift) * _saturate(_sigmoid(rgb, 3.0, 0.5), 0.72)


def _cross_process(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Slide film in the chemistry of negatives: curves that go apart and clip."""
  red = 1.08 * _sigmoid(rgb[..., 0], rng.uniform(8, 10), 0.48)
  green = 1.04 * _sigmoid(rgb[..., 1], rng.uniform(6.5, 8), 0.44)
  blue = 0.16 + 0.62 * rgb[..., 2] ** 0.9
  return _saturate(np.stack([red, green, blue], axis=-1), 1.1)


def _split_tone(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """One tint for the shadows, its opposite for the lights."""
  angle = rng.uniform(0.0, 2 * np.pi)
  tint = 0.11 * (np.cos(angle) * _RED_AXIS + np.sin(angle) * _GREEN_AXIS)
  light = _luma(rgb)
  return _sigmoid(rgb, 4.0, 0.5) + tint * (2 * light - 1) * np.sin(np.pi * light)


def _teal_orange(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Every hue drawn to the nearer one of two."""
  chroma, hue = _polar(rgb)
  pole = rng.uniform(0.35, 0.5)
  pull = rng.uniform(0.6, 0.8)
  moved = hue - pull * 0.5 * np.sin(2 * (hue - pole))
  rgb = _from_polar(_luma(rgb), chroma * (1.05 + 0.25 * np.cos(moved - pole)), moved)
  return _sigmoid(rgb, 4.6, 0.48)


def _bleach_bypass(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Silver left in the film: its grey picture laid over the coloured one."""
  light = np.broadcast_to(_luma(rgb), rgb.shape)
  dark, bright = 2 * light * rgb, 1 - 2 * (1 - light) * (1 - rgb)
  overlaid = np.where(light < 0.5, dark, bright)
  return rgb + rng.uniform(0.75, 0.95) * (_saturate(overlaid, 0.55) - rgb)


def _black_and_white(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Panchromatic film behind a coloured filter."""
  weights = rng.dirichlet([4.0, 4.0, 1.5])
  return np.repeat(_sigmoid(rgb @ weights, 5.5, 0.47)[..., None], 3, axis=-1)


def _log_to_display(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """A camera's logarithmic picture made ready for a screen."""
  stops = rng.uniform(9.0, 11.0)
  linear = 0.18 * 2.0 ** ((rgb - 0.41) * stops)
  shown = linear / (linear + 0.28) * 1.03
  mixed = shown @ np.array(
    [[1.4, -0.14, 0.0], [-0.32, 1.26, -0.16], [-0.08, -0.12, 1.16]]
  )
  return (0.5 * (mixed + np.hypot(mixed, 0.02))) ** (1 / 2.0)  # A toe, not a clip.


def _day_for_night(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Underexposed, blue, and grey where it is darkest."""
  dark = rng.uniform(0.42, 0.52) * rgb ** np.array([1.55, 1.35, 1.10])
  dark = _saturate(dark, 0.35 + 0.6 * _luma(rgb))
  return dark * np.array([0.72, 0.92, 1.35]) + np.array([0.0, 0.008, 0.022])


def _golden_hour(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Low sun: warm gains, and a glow that burns out."""
  warmth = rng.uniform(0.10, 0.16)
  gained = rgb * (1 + warmth * np.array([1.2, 0.2, -1.4]))
  return 1 - (1 - np.clip(gained, 0, 1.15)) * (1 - 0.22 * rgb * _luma(rgb))


def _winter(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Cold gains, pale skin, and blues that stay."""
  cold = rng.uniform(0.06, 0.11)
  gained = rgb * (1 + cold * np.array([-1.3, 0.0, 1.1]))
  _, hue = _polar(rgb)
  return _saturate(_sigmoid(gained, 3.4, 0.46), 0.72 - 0.28 * np.cos(hue)[..., None])


def _high_contrast(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Blacks and whites that clip, on every side of the cube."""
  gain = rng.uniform(1.7, 2.1)
  return _saturate(0.47 + gain * (rgb - 0.47), 1.15)


def _autumn(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Greens turned to orange, all else left as it is."""
  chroma, hue = _polar(rgb)
  gap = np.angle(np.exp(1j * (hue - 1.75)))
  window = np.exp(-((gap / 0.75) ** 2))
  turned = hue - rng.uniform(1.0, 1.3) * window
  return _from_polar(_luma(rgb), chroma * (1 + 0.15 * window), turned)


def _solarised(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Paper that saw light while it was developed: tones fold back."""
  peak = rng.uniform(0.58, 0.68)
  folded = np.sin(np.minimum(rgb / peak, 2.0) * np.pi / 2) ** 2
  return rgb + 0.8 * (0.95 * folded - rgb)


def _infrared(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """False colour: leaves glow red, skies go dark."""
  red, green, blue = np.moveaxis(rgb, -1, 0)
  glow = np.clip(1.9 * green - 0.55 * blue - 0.15 * red, 0, None)
  mixed = np.stack(
    [glow, 0.75 * red + 0.1 * green, 0.85 * green * red + 0.1 * blue], -1
  )
  return _sigmoid(np.clip(mixed, 0, 1.2), rng.uniform(3.5, 4.5), 0.45)


def _vivid_slide(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
  """Slide film for landscapes: deep, and past the edge of the cube."""
  chroma, hue = _polar(rgb)
  rich = chroma * rng.uniform(1.4, 1.6) * (1 + 0.12 * np.cos(3 * hue))
  return _sigmoid(_from_polar(_luma(rgb), rich, hue + 0.05), 5.0, 0.5)


RECIPES: Mapping[str, _Recipe] = {
  'Film Print': _film_print,
  'Faded': _faded,
  'Cross Process': _cross_process,
  'Split Tone': _split_tone,
  'Teal and Orange': _teal_orange,
  'Bleach Bypass': _bleach_bypass,
  'Black and White': _black_and_white,
  'Log to Display': _log_to_display,
  'Day for Night': _day_for_night,
  'Golden Hour': _golden_hour,
  'Winter': _winter,
  'High Contrast': _high_contrast,
  'Autumn': _autumn,
  'Solarised': _solarised,
  'Infrared': _infrared,
  'Vivid Slide': _vivid_slide,
}


def _luma(rgb: np.ndarray) -> np.ndarray:
  return (rgb @ _LUMA)[..., None]


def _saturate(rgb: np.ndarray, amount: np.ndarray | float) -> np.ndarray:
  return _luma(rgb) + (rgb - _luma(rgb)) * amount


def _sigmoid(
  x: np.ndarray, steep: np.ndarray | float, middle: np.ndarray | float
) -> np.ndarray:
  """A logistic curve through (0, 0) and (1, 1)."""

  def logistic(value: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-steep * (value - middle)))

  low, high = logistic(0.0), logistic(1.0)
  return (logistic(x) - low) / (high - low)


def _polar(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Chroma and hue angle about the grey diagonal: 0 red, 2.1 green, -2.1 blue."""
  first, second = rgb @ _RED_AXIS, rgb @ _GREEN_AXIS
  return np.hypot(first, second), np.arctan2(second, first)


def _from_polar(light: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
  across = (chroma * np.cos(hue))[..., None] * _RED_AXIS
  across = across + (chroma * np.sin(hue))[..., None] * _GREEN_AXIS
  return light + across - _luma(across)
