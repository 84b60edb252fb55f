"""Pictures of all sizes through one compiled program, block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Pixels per device program.
_BLOCK = 1 << 19


def mapped(program: Callable[..., Any], *pictures: np.ndarray) -> np.ndarray:
  """Maps the pixels of pictures of one shape.

  Args:
    program: `[P, 3]` float32, of each picture, to `[P, 3]`.
    *pictures: `[..., 3]` each.

  Returns:
    `[..., 3]` float32.
  """
  flat = [np.ascontiguousarray(p, np.float32).reshape(-1, 3) for p in pictures]
  out = np.empty_like(flat[0])
  for start in range(0, len(out), _BLOCK):
    parts = [pixels[start : start + _BLOCK] for pixels in flat]
    count = len(parts[0])
    padded = [np.pad(part, [(0, _BLOCK - count), (0, 0)]) for part in parts]
    out[start : start + count] = np.asarray(program(*padded))[:count]
  return out.reshape(pictures[0].shape)
