"""Maps between the colours of a look and the unit cube of its network.

A colour passes the label's domain and curve, then the network, then the label's
range (`codec.labels.Label`).
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.codec import curves, labels
from lutjax.lut import interpolate, lattice, positions
from lutjax.types import Array


def check_plain(looks: Sequence[labels.Label]) -> None:
  """Raises an `InputError` that names a look of other than colours in [0, 1].

  Args:
    looks: Of a model.
  """
  for look in looks:
    if not look.is_default:
      raise errors.InputError(
        f'{look.name}: found a domain, range or curve of its own, expected [0, 1], as '
        'pictures have it'
      )


def curve_of(label: labels.Label) -> np.ndarray | None:
  """Returns the curve of a label at its samples, `[S, 3]` float32, if there is one."""
  return None if label.curve is None else curves.table_of(label.curve)


def even_curve(label: labels.Label, samples: int) -> np.ndarray:
  """Returns a label's curve at evenly spaced samples; the identity if it has none.

  Args:
    label: Of a look.
    samples: Per channel, at least 2.
  """
  at = np.linspace(0.0, 1.0, samples)
  if label.curve is None:
    return np.tile(at[:, None], (1, 3)).astype(np.float32)
  curve = curves.table_of(label.curve)
  rows = np.linspace(0.0, 1.0, len(curve))
  columns = [np.interp(at, rows, column) for column in curve.T]
  return np.clip(np.stack(columns, axis=-1), 0.0, 1.0).astype(np.float32)


def apply_curve(curve: Array | np.ndarray | None, at: Array) -> Array:
  """Applies the curve of a label to positions in the domain.

  Args:
    curve: From `curve_of`.
    at: `[..., 3]` float32 in [0, 1].

  Returns:
    `[..., 3]`, in the unit cube where there is a curve.
  """
  if curve is None:
    return at
  channels = [
    interpolate.trilinear(jnp.asarray(curve)[:, i : i + 1], at[..., i : i + 1])
    for i in range(3)
  ]
  return positions.clamp(jnp.concatenate(channels, axis=-1), 0.0, 1.0)


def to_unit(label: labels.Label, rgb: Array) -> Array:
  """Maps colours of a look to inputs of its network.

  Args:
    label: Of the look.
    rgb: `[..., 3]` float32; what is beyond the domain is clamped to it.

  Returns:
    `[..., 3]` float32 in the unit cube.
  """
  limits = jnp.asarray(label.domain, jnp.float32)
  at = [positions.normalize(rgb[..., i], limits[:, i]) for i in range(3)]
  return apply_curve(curve_of(label), jnp.stack(at, axis=-1))


def from_unit(label: labels.Label, outputs: Any) -> Any:
  """Maps outputs of the network to the range of the look.

  Args:
    label: Its `range` is used.
    outputs: `[..., 3]`, in [0, 1] where the look is in range.
  """
  low, high = label.range
  return low + (high - low) * outputs


def to_lut(label: labels.Label, table: np.ndarray) -> lattice.Lut:
  """Returns the LUT of a network's outputs at the nodes of its unit cube.

  Args:
    label: Of the look.
    table: `[N, N, N, 3]` float32, in [0, 1].

  Returns:
    A lattice over the domain; where the label has a curve, the lattice behind
    it, or curves alone where the network changes nothing.
  """
  curve = curve_of(label)
  unchanged = np.array_equal(table, lattice.identity(len(table)))
  if unchanged and curve is not None and curve.min() >= 0.0 and curve.max() <= 1.0:
    domain = np.array(label.domain, np.float32)
    return lattice.from_shaper(lattice.Shaper(from_unit(label, curve), domain))
  return to_lut_with_curve(label, from_unit(label, table))


def to_lut_with_curve(label: labels.Label, outputs: Array | np.ndarray) -> lattice.Lut:
  """Returns the LUT of outputs `[N, N, N, 3]` behind a label's domain and curve.

  Args:
    label: Its domain and curve are used.
    outputs: `[N, N, N, 3]`, already in the range of the look.
  """
  curve = curve_of(label)
  if curve is None:
    return lattice.from_table(outputs, label.domain)
  shaper = lattice.Shaper(curve, np.array(label.domain, np.float32))
  return lattice.from_table(outputs, shaper=shaper)


def invert_curve(label: labels.Label, seen: np.ndarray) -> np.ndarray:
  """Inverts the curve of a label.

  Args:
    label: Of the look.
    seen: `[..., 3]` in the unit cube.

  Returns:
    `[..., 3]` float32, places in the domain that the curve leads there.

  Raises:
    InputError: when a curve neither rises nor falls throughout.
  """
  curve = curve_of(label)
  if curve is None:
    return seen
  curve = np.clip(curve, 0.0, 1.0)
  at = np.linspace(0.0, 1.0, len(curve))
  found = []
  for i, column in enumerate(curve.T):
    steps = np.diff(column)
    if not (np.all(steps >= 0) or np.all(steps <= 0)):
      raise errors.InputError(
        f'--inverse: the curve of {label.name} rises and falls, expected one that '
        'can be inverted'
      )
    way = 1 if column[-1] >= column[0] else -1
    found.append(np.interp(seen[..., i], column[::way], at[::way]))
  return np.stack(found, axis=-1).astype(np.float32)
