"""Matrices between colour spaces: derivation and application.

Derivations are numpy in float64; `apply` computes in the dtype of the colours.
"""

import functools
import types
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array

D65_XY = np.array([0.3127, 0.3290])
D50_XY = np.array([0.3457, 0.3585])

# XYZ to sharpened cone responses: CIECAM02 (CAT02), and Lam 1985 (Bradford).
CONES: Mapping[str, np.ndarray] = types.MappingProxyType(
  {
    'cat02': np.array(
      [
        [0.7328, 0.4296, -0.1624],
        [-0.7036, 1.6975, 0.0061],
        [0.0030, 0.0136, 0.9834],
      ]
    ),
    'bradford': np.array(
      [
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
      ]
    ),
  }
)


def apply(matrix: np.ndarray, colours: Array | np.ndarray) -> Array:
  """Applies a matrix to every colour, in full precision.

  The sums are spelled out: no matrix unit rounds them to a shorter float, and on
  CPU they fuse with their neighbours, which a matrix product does not.

  Args:
    matrix: `[C, 3]` float, a numpy constant.
    colours: `[..., 3]` float.

  Returns:
    `[..., C]`, dtype of `colours`.

  Raises:
    ValueError: on colours that are not float or have another last axis.
  """
  colours = jnp.asarray(colours)
  if colours.shape[-1:] != (3,) or not jnp.issubdtype(colours.dtype, jnp.floating):
    raise ValueError(
      f'Expected float colours [..., 3], got {colours.dtype} {list(colours.shape)}.'
    )
  return _mix(np.asarray(matrix).astype(colours.dtype), colours)


def primary_matrix(primaries: np.ndarray, white: np.ndarray) -> np.ndarray:
  """Derives linear RGB to XYZ from chromaticities (SMPTE RP 177).

  Each column is the XYZ of a primary, scaled so that the three sum to white.

  Args:
    primaries: `[3, 2]`, xy of red, green and blue.
    white: `[2]`, xy of (1, 1, 1).

  Returns:
    `[3, 3]` float64.
  """
  columns = xy_to_xyz(np.asarray(primaries)).T
  return columns * np.linalg.solve(columns, xy_to_xyz(np.asarray(white)))


def adaptation_matrix(
  source: np.ndarray, target: np.ndarray, *, method: str = 'cat02'
) -> np.ndarray:
  """Derives the XYZ matrix that takes one white to another (von Kries).

  Args:
    source: `[3]`, the XYZ of white before.
    target: `[3]`, the XYZ of white after.
    method: The cone space where the whites are divided, a name in `CONES`.

  Returns:
    `[3, 3]` float64.

  Raises:
    ValueError: on another method.
  """
  if method not in CONES:
    raise ValueError(f'Expected a method of {sorted(CONES)}, got {method!r}.')
  cones = CONES[method]
  gains = (cones @ target) / (cones @ source)
  return np.linalg.solve(cones, gains[:, None] * cones)


def xy_to_xyz(xy: np.ndarray) -> np.ndarray:
  """Returns the XYZ with Y = 1 of chromaticities `[..., 2]`, y not 0, in numpy."""
  x, y = xy[..., 0], xy[..., 1]
  return np.stack([x / y, np.ones_like(y), (1.0 - x - y) / y], axis=-1)


def xyz_to_xy(xyz: Array) -> Array:
  """Returns chromaticities of XYZ; black, which has none, gives `D65_XY`.

  Args:
    xyz: `[..., 3]` float.

  Returns:
    `[..., 2]`.
  """
  xyz = jnp.asarray(xyz)
  total = jnp.sum(xyz, axis=-1, keepdims=True)
  black = jnp.abs(total) < 1e-12
  xy = xyz[..., :2] / jnp.where(black, 1.0, total)
  return jnp.where(black, D65_XY.astype(xyz.dtype), xy)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mix(matrix: np.ndarray, colours: Array) -> Array:
  """Adds scaled columns, going forward alone.

  From `_mix_rows` XLA's CPU backend makes loops that decode a channel again for
  each sum it enters: srgb_to_lab in a scan took ten times as long.
  """
  x, y, z = matrix.T
  return colours[..., 0:1] * x + colours[..., 1:2] * y + colours[..., 2:3] * z


@_mix.defjvp
def _mix_jvp(
  matrix: np.ndarray, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
  return _mix_rows(matrix, primals[0]), _mix_rows(matrix, tangents[0])


def _mix_rows(matrix: np.ndarray, colours: Array) -> Array:
  """Adds up row by row: under a gradient in two thirds of the time of `_mix`."""
  r, g, b = colours[..., 0], colours[..., 1], colours[..., 2]
  return jnp.stack([x * r + y * g + z * b for x, y, z in matrix], axis=-1)
