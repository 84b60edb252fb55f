"""Looks in float64, for tests of pages: written once more, to share no mistake."""

import numpy as np


def tetrahedral(table: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Walks from the node below a colour along its largest fraction first.

  Args:
    table: `[N, N, N, 3]`.
    rgb: `[n, 3]` in [0, 1].

  Returns:
    `[n, 3]` float64.
  """
  place = np.asarray(rgb, np.float64) * (len(table) - 1)
  node = np.minimum(place.astype(int), len(table) - 2)
  rest = place - node
  order = np.argsort(-rest, axis=1)
  total = table[tuple(node.T)].astype(np.float64)
  for step in range(3):
    axis = order[:, step : step + 1]
    before = table[tuple(node.T)]
    node = node + (np.arange(3) == axis)
    share = np.take_along_axis(rest, axis, axis=1)
    total += share * (table[tuple(node.T)] - before)
  return total


def trilinear(table: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Interpolates along one axis after the other; arguments as of `tetrahedral`."""
  place = np.asarray(rgb, np.float64) * (len(table) - 1)
  node = np.minimum(place.astype(int), len(table) - 2)
  red, green, blue = (place - node).T[..., None]
  r, g, b = node.T

  def along_blue(up: int, right: int) -> np.ndarray:
    low, high = table[r + up, g + right, b], table[r + up, g + right, b + 1]
    return low + blue * (high - low)

  def along_green(up: int) -> np.ndarray:
    low, high = along_blue(up, 0), along_blue(up, 1)
    return low + green * (high - low)

  return along_green(0) + red * (along_green(1) - along_green(0))


def graded(
  table: np.ndarray, pixels: np.ndarray, *, strength: float = 1.0, method=tetrahedral
) -> np.ndarray:
  """Returns pixels `[..., 3]` uint8 through a look, in codes that are not rounded."""
  rgb = pixels.reshape(-1, 3) / 255
  shown = rgb + strength * (method(table, rgb) - rgb)
  return 255 * shown.clip(0.0, 1.0).reshape(pixels.shape)
