"""Knots that can be fitted: positions of nodes as free parameters.

The axis of N nodes is given by N - 1 free numbers, one per cell. Their softmax
shares out what the least widths leave of [0, 1], and running sums of the widths
are the knots: whatever the numbers, the first knot is 0, the last is 1, and all
between rise. Equal numbers are even spacing.

Everything is a plain function of arrays. An optimizer that moves these numbers, the
table and the curves of a `lattice.Lut` together needs no constraint:

    def lut_of(params):
      axes = tuple(knots.from_logits(axis) for axis in params['logits'])
      return lattice.from_table(params['table'], knots=axes)
"""

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array

# Narrowest cell by default: a step that an 8-bit colour still resolves.
LEAST = 1 / 1024


def from_logits(logits: Array, *, least: float = LEAST) -> Array:
  """Returns the knots that free numbers stand for.

  Args:
    logits: `[..., N - 1]` float, one per cell, of any size and sign; N >= 2.
    least: Width of the narrowest cell that is possible; N - 1 of them must leave
      room in [0, 1].

  Returns:
    `[..., N]` rising from 0 to 1, exactly at both ends.

  Raises:
    ValueError: if there is no cell, or cells of that width do not fit.
  """
  logits = jnp.asarray(logits)
  cells = logits.shape[-1] if logits.ndim else 0
  _check(cells, least)
  widths = least + (1.0 - cells * least) * jax.nn.softmax(logits, axis=-1)
  knots = jnp.cumsum(widths, axis=-1)
  # The sum of all is 1 but for rounding; its own quotient is 1 exactly.
  knots = knots / knots[..., -1:]
  return jnp.concatenate([jnp.zeros_like(knots[..., :1]), knots], axis=-1)


def to_logits(knots: Array | np.ndarray, *, least: float = LEAST) -> Array:
  """Returns free numbers that stand for given knots: where a fit may start.

  Args:
    knots: `[..., N]` rising from 0 to 1. Cells of `least` width or less become
      slightly wider than that.
    least: As for `from_logits`.

  Returns:
    `[..., N - 1]` with mean 0.

  Raises:
    ValueError: if there is no cell, or cells of that width do not fit.
  """
  knots = jnp.asarray(knots)
  cells = knots.shape[-1] - 1 if knots.ndim else 0
  _check(cells, least)
  spare = jnp.diff(knots, axis=-1) - least
  logits = jnp.log(jnp.maximum(spare, 1e-3 * least + 1e-6))
  return logits - jnp.mean(logits, axis=-1, keepdims=True)


def _check(cells: int, least: float) -> None:
  """Raises ValueError unless cells of that width fit into [0, 1]."""
  if cells < 1:
    raise ValueError('Expected an axis of 2 or more nodes, got fewer.')
  if not 0.0 <= least * cells < 1.0:
    raise ValueError(f'Expected {cells} cells to fit into [0, 1], got {least} each.')
