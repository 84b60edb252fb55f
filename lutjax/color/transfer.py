"""Transfer functions between stored values and linear light.

`encoded` values are what files hold, `linear` values are proportional to light;
both are 1 at the white of the space. Every curve here is a straight toe that
meets a power. Values above 1 follow the power on. Negative values mirror the
positive ones, f(-x) = -f(x), as extended sRGB and CSS Color 4 have it, so that
each curve is invertible on all reals. Slopes are finite everywhere, NaN stays
NaN, and 0 and 1 are kept exactly.

Powers are written exp(p log x), which XLA vectorises on CPU (four times as fast
as `jnp.power` forward and backward) and which loses nothing above the toe.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from lutjax.types import Array


class Curve(NamedTuple):
  """A transfer function from linear to encoded.

  `slope * linear` up to `cut`, from there on
  `scale * linear ** (1 / gamma) - (scale - 1)`.

  Attributes:
    gamma: Exponent that decodes the power part.
    scale: Height of the power part before its offset, which is `scale - 1`.
    slope: Slope of the toe.
    cut: Linear value where the toe ends.
  """

  gamma: float
  scale: float
  slope: float
  cut: float


# IEC 61966-2-1. The standard's encoded cut 0.04045 is slope * cut to 1e-7.
SRGB = Curve(gamma=2.4, scale=1.055, slope=12.92, cut=0.0031308)
# ISO 22028-2 (ROMM RGB, ProPhoto); toe and power meet exactly at 2^-9.
ROMM = Curve(gamma=1.8, scale=1.0, slope=16.0, cut=2.0**-9)
# ITU-R BT.709 with its printed digits: a step of 2.5e-4 at the cut belongs to it.
REC709 = Curve(gamma=1 / 0.45, scale=1.099, slope=4.5, cut=0.018)
# ITU-R BT.2020 with the digits that make toe and power meet.
REC2020 = Curve(
  gamma=1 / 0.45, scale=1.09929682680944, slope=4.5, cut=0.018053968510807
)
# Adobe RGB (1998) is a pure power; its slope at black is bounded by a toe that
# stays under half a step of 16 bits.
_ADOBE_GAMMA = 563 / 256
_ADOBE_CUT = 5e-12
ADOBE_RGB = Curve(
  gamma=_ADOBE_GAMMA,
  scale=1.0,
  slope=_ADOBE_CUT ** (1 / _ADOBE_GAMMA - 1),
  cut=_ADOBE_CUT,
)


def encode(linear: Array | np.ndarray, curve: Curve) -> Array:
  """Takes linear light to encoded values.

  Args:
    linear: `[...]` float.
    curve: The transfer function.

  Returns:
    `[...]` float of the same dtype.
  """
  linear = jnp.asarray(linear)
  size = jnp.abs(linear)
  toe = size <= curve.cut
  power = _power(jnp.where(toe, 1.0, size), 1 / curve.gamma)
  return jnp.where(
    toe,
    curve.slope * linear,
    jnp.sign(linear) * (curve.scale * (power - 1.0) + 1.0),
  )


def decode(encoded: Array | np.ndarray, curve: Curve) -> Array:
  """Takes encoded values to linear light, the inverse of `encode`.

  Args:
    encoded: `[...]` float.
    curve: The transfer function.

  Returns:
    `[...]` float of the same dtype.
  """
  encoded = jnp.asarray(encoded)
  size = jnp.abs(encoded)
  toe = size <= curve.slope * curve.cut
  base = (jnp.where(toe, 1.0, size) + (curve.scale - 1.0)) / curve.scale
  return jnp.where(
    toe, encoded / curve.slope, jnp.sign(encoded) * _power(base, curve.gamma)
  )


def srgb_to_linear(srgb: Array) -> Array:
  """Decodes sRGB (IEC 61966-2-1), also the curve of Display P3; see `decode`."""
  return decode(srgb, SRGB)


def linear_to_srgb(linear: Array) -> Array:
  """Encodes sRGB (IEC 61966-2-1), also the curve of Display P3; see `encode`."""
  return encode(linear, SRGB)


def romm_to_linear(romm: Array) -> Array:
  """Decodes ROMM RGB (ISO 22028-2), the curve of ProPhoto; see `decode`."""
  return decode(romm, ROMM)


def linear_to_romm(linear: Array) -> Array:
  """Encodes ROMM RGB (ISO 22028-2), the curve of ProPhoto; see `encode`."""
  return encode(linear, ROMM)


def rec709_to_linear(rec709: Array) -> Array:
  """Inverts the camera curve of ITU-R BT.709; see `decode`."""
  return decode(rec709, REC709)


def linear_to_rec709(linear: Array) -> Array:
  """Applies the camera curve of ITU-R BT.709; see `encode`."""
  return encode(linear, REC709)


def _power(base: Array, exponent: float) -> Array:
  return jnp.exp(exponent * jnp.log(base))
