"""Pictures on an even grid of their own pixels.

Points and not means: a map of colours that is right for the picture is right for its
grid, and what is clipped stays clipped. The price is that fine detail is not averaged,
which matters little to a network that looks for colours.
"""

import numpy as np


def sample(pixels: np.ndarray, side: int) -> np.ndarray:
  """Returns a square of pixels at the centres of an even grid.

  Args:
    pixels: `[H, W, C]`, of any shape and dtype; smaller pictures repeat pixels.
    side: S, pixels per axis.

  Returns:
    `[S, S, C]`, a copy.
  """
  rows, columns = (places(length, side) for length in pixels.shape[:2])
  return pixels[rows[:, None], columns]


def places(length: int, count: int) -> np.ndarray:
  """Returns the indices of `count` evenly spaced pixels of a row.

  Args:
    length: Pixels of the row.
    count: At least 1.
  """
  return (2 * np.arange(count) + 1) * length // (2 * count)
