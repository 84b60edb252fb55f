"""Colours of photos, from image files or stored histograms."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from lutjax.data import histogram, images


def find(
  patterns: Sequence[str], say: Callable[[str], None]
) -> dict[str, pathlib.Path]:
  """Finds what natural colours are drawn from.

  Args:
    patterns: Image files, folders and globs, and stored histograms.
    say: Told what is skipped.

  Returns:
    The files, by the names that a run records.
  """
  stored = [name for name in patterns if name.endswith(histogram.SUFFIX)]
  photos = [name for name in patterns if name not in stored]
  found = images.find_images(photos, say=say) if photos else []
  named = {name: pathlib.Path(name) for name in stored}
  return named | {str(relative): path for path, relative in found}


def draw(paths: Sequence[pathlib.Path], count: int) -> np.ndarray:
  """Draws colours, as many of each photo or histogram, read one at a time.

  Args:
    paths: Images, and histograms by their `histogram.SUFFIX`.
    count: Colours of all together, at most.

  Returns:
    `[P, 3]` float32 in [0, 1].
  """
  each = max(1, count // len(paths))
  rng = np.random.default_rng(0)
  parts = []
  for path in paths:
    if path.suffix == histogram.SUFFIX:
      parts.append(histogram.draw(rng, histogram.read(path), each))
      continue
    pixels = images.read(path).pixels[..., :3].reshape(-1, 3)
    chosen = pixels[rng.integers(0, len(pixels), each)]
    parts.append(np.clip(images.to_float(chosen), 0.0, 1.0))
  return np.concatenate(parts).astype(np.float32)
