"""An Img2LUT of a few numbers that are drawn at random, so that its LUTs differ."""

import pathlib

import jax
import numpy as np

from lutjax import files
from lutjax.nn import resnet
from lutjax.systems.img2lut import artefact, heads, model
from lutjax.types import Variables

SIZE = 5
CONFIG = model.Config(
  side=16,
  network=resnet.Shape(stem=4, widths=(4,)),
  head=heads.Shape(size=SIZE, hidden=(8,), rank=3),
)


def draw() -> Variables:
  """Returns a model whose LUTs are far from the identity, and from each other."""
  variables = jax.device_get(model.init(CONFIG, jax.random.key(0)))
  last = variables.params['head']['layers'][-1]
  rng = np.random.default_rng(1)
  last['weight'] = rng.normal(0.0, 0.15, last['weight'].shape).astype(np.float32)
  return variables


def save(path: pathlib.Path) -> pathlib.Path:
  """Writes an artefact."""
  files.write_bytes(path, artefact.export(CONFIG, draw()))
  return path


def read_cube(path: pathlib.Path) -> np.ndarray:
  """Reads the rows of a `.cube` by NumPy alone: `[N, N, N, 3]` float64, `[r, g, b]`."""
  rows = [line.split() for line in path.read_text().splitlines()]
  numbers = [row for row in rows if len(row) == 3 and row[0][-1].isdigit()]
  table = np.array(numbers, np.float64).reshape(SIZE, SIZE, SIZE, 3)
  return table.transpose(2, 1, 0, 3)
