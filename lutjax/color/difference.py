"""Colour differences between Lab colours, in delta E units.

Both are 0 for equal colours, where their gradient is taken as 0 as well. NaN
stays NaN.
"""

import math

import jax.numpy as jnp

from lutjax.types import Array

# Chromas (and their products, squared) below this have no hue: far under what
# float32 resolves in Lab, far above where its reciprocals overflow.
_NEUTRAL = 1e-12


def delta_e_76(lab1: Array, lab2: Array) -> Array:
  """CIE 1976 colour difference: the distance in Lab.

  Args:
    lab1: `[..., 3]` float.
    lab2: `[..., 3]` float.

  Returns:
    `[...]`, never negative.
  """
  gap = jnp.asarray(lab2) - jnp.asarray(lab1)
  lightness, a, b = gap[..., 0], gap[..., 1], gap[..., 2]
  return _square_root(lightness * lightness + a * a + b * b)


def delta_e_2000(lab1: Array, lab2: Array) -> Array:
  """CIEDE2000 colour difference with unit weights (ISO/CIE 11664-6).

  The formula follows Sharma, Wu and Dalal, "The CIEDE2000 color-difference
  formula" (2005), equations 2 to 22, but never subtracts hue angles or chromas,
  which would cancel in float32. With vectors v = (a', b') of lengths C',

  * chroma: C2' - C1' = (v2 - v1) . (v2 + v1) / (C1' + C2')
  * hue: 2 sqrt(C1' C2') sin(dh / 2) = (v1 x (v2 - v1)) / sqrt((C1' C2' + v1 . v2) / 2),
    or from C1' C2' - v1 . v2 where the hues are more than a right angle apart.

  The measure itself jumps where hues are opposite, and its slope is unbounded
  (though finite here) next to a neutral when the other colour is not neutral.

  Args:
    lab1: `[..., 3]` float; the formula is symmetric.
    lab2: `[..., 3]` float.

  Returns:
    `[...]`, never negative.
  """
  lab1, lab2 = jnp.asarray(lab1), jnp.asarray(lab2)
  lightness1, a1, b1 = lab1[..., 0], lab1[..., 1], lab1[..., 2]
  lightness2, a2, b2 = lab2[..., 0], lab2[..., 1], lab2[..., 2]
  stretch = 1.5 - 0.5 * _chroma_share((_length(a1, b1) + _length(a2, b2)) / 2)
  a_gap, b_gap = stretch * (a2 - a1), b2 - b1
  a1, a2 = stretch * a1, stretch * a2
  chroma1, chroma2 = _length(a1, b1), _length(a2, b2)
  chroma = (chroma1 + chroma2) / 2
  dot = a1 * a2 + b1 * b2
  # Products are compared, not subtracted: a fused multiply-add would make noise of
  # opposite hues. For those the standard averages angles in [0, 360) as they are:
  # the turn from first to second is positive where the first is in the upper half.
  ahead, behind = a1 * b_gap, b1 * a_gap
  upper = (b1 > 0) | ((b1 == 0) & (a1 > 0))
  turn = jnp.where((ahead > behind) | ((ahead == behind) & upper), 1.0, -1.0)
  x, y = _mean_hue(
    (_divide(a1, chroma1), _divide(b1, chroma1)),
    (_divide(a2, chroma2), _divide(b2, chroma2)),
    dot,
    turn,
  )
  above = jnp.square((lightness1 + lightness2) / 2 - 50.0)
  lightness_term = (lightness2 - lightness1) / (
    1.0 + 0.015 * above / jnp.sqrt(20.0 + above)
  )
  chroma_gap = _divide(a_gap * (a1 + a2) + b_gap * (b1 + b2), chroma1 + chroma2)
  chroma_term = chroma_gap / (1.0 + 0.045 * chroma)
  hue_gap = _hue_gap(chroma1 * chroma2, dot, ahead - behind, turn)
  hue_term = hue_gap / (1.0 + 0.015 * chroma * _hue_weight(x, y))
  rotation = -2.0 * _chroma_share(chroma) * _blue_turn(x, y)
  return _square_root(
    jnp.square(lightness_term)
    + jnp.square(chroma_term)
    + jnp.square(hue_term)
    + rotation * chroma_term * hue_term
  )


def _hue_gap(product: Array, dot: Array, cross: Array, turn: Array) -> Array:
  """Returns dH' of equation 11, as good as 0 where a colour is neutral."""
  near = dot >= 0
  hueless = product < _NEUTRAL**2
  close = jnp.sqrt(jnp.where(near & ~hueless, (product + dot) / 2, 1.0))
  far = jnp.sqrt(jnp.where(near, 1.0, 2.0 * (product - dot)))
  return jnp.where(near, cross / close, turn * far)


def _mean_hue(
  hue1: tuple[Array, Array], hue2: tuple[Array, Array], dot: Array, turn: Array
) -> tuple[Array, Array]:
  """Returns the mean hue of equation 14 as cosine and sine.

  It halves the smaller angle between two unit vectors: their sum, or where they
  are more than a right angle apart, the normal of their difference. A neutral
  colour, whose vector is 0, takes the hue of the other; two neutrals have hue 0.
  """
  (x1, y1), (x2, y2) = hue1, hue2
  near = dot >= 0
  x = jnp.where(near, x1 + x2, turn * (y2 - y1))
  y = jnp.where(near, y1 + y2, turn * (x1 - x2))
  length = _length(x, y)
  none = length == 0
  length = jnp.where(none, 1.0, length)
  return jnp.where(none, 1.0, x / length), y / length


def _hue_weight(x: Array, y: Array) -> Array:
  """Returns T of equation 15 from the cosine and sine of the mean hue."""
  x2, y2 = x * x - y * y, 2.0 * x * y
  x3, y3 = x2 * x - y2 * y, y2 * x + x2 * y
  x4, y4 = x2 * x2 - y2 * y2, 2.0 * x2 * y2

  def shifted(cosine: Array, sine: Array, degrees: float) -> Array:
    angle = math.radians(degrees)
    return math.cos(angle) * cosine + math.sin(angle) * sine

  return (
    1.0
    - 0.17 * shifted(x, y, 30.0)
    + 0.24 * x2
    + 0.32 * shifted(x3, y3, -6.0)
    - 0.20 * shifted(x4, y4, 63.0)
  )


def _blue_turn(x: Array, y: Array) -> Array:
  """Returns sin(2 dtheta) of equations 16 and 19, which acts on blues alone."""
  degrees = jnp.arctan2(y, x) * (180.0 / math.pi)
  degrees = jnp.where(degrees < 0, degrees + 360.0, degrees)
  bump = jnp.exp(-jnp.square((degrees - 275.0) / 25.0))
  return jnp.sin(math.radians(60.0) * bump)


def _chroma_share(chroma: Array) -> Array:
  """Returns sqrt(C^7 / (C^7 + 25^7)) of equations 4 and 17."""
  ratio = chroma / 25.0
  cube = ratio * ratio * ratio
  seventh = cube * cube * ratio
  return _square_root(seventh / (seventh + 1.0))


def _length(x: Array, y: Array) -> Array:
  return _square_root(x * x + y * y)


def _divide(top: Array, bottom: Array) -> Array:
  """Divides, or gives 0 where the chroma below is none."""
  none = bottom < _NEUTRAL
  return jnp.where(none, 0.0, top / jnp.where(none, 1.0, bottom))


def _square_root(square: Array) -> Array:
  """Square root whose slope at 0 is taken as 0."""
  zero = square == 0
  return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, square)))
