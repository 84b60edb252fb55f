"""Reading exported files with OpenColorIO."""

import os
import pathlib

os.environ.setdefault('OCIO_LOGGING_LEVEL', 'none')

import numpy as np
import PyOpenColorIO as ocio


def apply(path: pathlib.Path, rgb: np.ndarray) -> np.ndarray:
  """Returns what a LUT file makes of colours `[P, 3]` float32, tetrahedrally.

  Raises:
    ocio.Exception: when it does not read the file.
  """
  transform = ocio.FileTransform(
    str(path.resolve()), interpolation=ocio.INTERP_TETRAHEDRAL
  )
  processor = ocio.Config.CreateRaw().getProcessor(transform)
  mapped = rgb.copy()
  processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(mapped)
  return mapped
