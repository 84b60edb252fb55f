"""Style weights for training a network that holds several styles.

A step shows `each` style at every colour, for networks with a head per style; or
`mixed`, a style or a blend for each colour, for networks that take weights as inputs.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array, Key


def blend_points(styles: int, count: int) -> np.ndarray:
  """Returns style weights to train at.

  Args:
    styles: S.
    count: How many blends. The first is the equal mix of all styles, as
      published; then the equal mixes of two styles, of three, and so on up to
      all but one; then mixes with one style at two thirds.

  Returns:
    `[S + count, S]` float32, the styles alone first; rows of sum 1.

  Raises:
    ValueError: if there are not so many.
  """
  points = [np.full(styles, 1.0 / styles)]
  for size in range(2, styles):
    for chosen in itertools.combinations(range(styles), size):
      points.append(np.isin(np.arange(styles), chosen) / size)
  points += [
    (2.0 * one + points[0]) / 3.0 if styles > 1 else one for one in np.eye(styles)
  ]
  if count > len(points):
    raise ValueError(
      f'Expected at most {len(points)} blend points for {styles} styles, got {count}.'
    )
  return np.concatenate([np.eye(styles), points[:count]]).astype(np.float32)


def draw(key: Key, count: int, styles: int, blends: int) -> Array:
  """Draws style weights to train at.

  Args:
    key: Of the draw.
    count: How many.
    styles: S.
    blends: Blend points beside the styles alone; 0 draws any blend.

  Returns:
    `[count, S]` float32, rows of sum 1.
  """
  if not blends:
    return jax.random.dirichlet(key, jnp.ones(styles), (count,))
  points = jnp.asarray(blend_points(styles, blends))
  return points[jax.random.randint(key, (count,), 0, len(points))]
