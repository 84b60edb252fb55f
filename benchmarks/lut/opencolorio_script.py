"""Grades pictures as a short script over OpenColorIO does; see `apply`.

python opencolorio_script.py THREADS LUT OUT PICTURE...
"""

import concurrent.futures
import pathlib
import sys

import numpy as np
import PIL.Image
import PyOpenColorIO as ocio
import tifffile

# As ours.
_QUALITY, _SUBSAMPLING = 95, 0


def main() -> None:
  threads, lut, out, *files = sys.argv[1:]
  transform = ocio.FileTransform(lut, interpolation=ocio.INTERP_TETRAHEDRAL)
  processor = ocio.Config.CreateRaw().getProcessor(transform)

  def one(name: str) -> None:
    path = pathlib.Path(name)
    target = pathlib.Path(out) / path.name
    if path.suffix == '.jpg':
      pixels, depth = np.array(PIL.Image.open(path)), ocio.BIT_DEPTH_UINT8
    else:
      pixels, depth = tifffile.imread(path), ocio.BIT_DEPTH_UINT16
    cpu = processor.getOptimizedCPUProcessor(depth, depth, ocio.OPTIMIZATION_LOSSLESS)
    height, width, channels = pixels.shape
    strides = pixels.itemsize, pixels.strides[1], pixels.strides[0]
    cpu.apply(ocio.PackedImageDesc(pixels, width, height, channels, depth, *strides))
    if path.suffix == '.jpg':
      options = {'quality': _QUALITY, 'subsampling': _SUBSAMPLING}
      PIL.Image.fromarray(pixels).save(target, **options)
    else:
      tifffile.imwrite(target, pixels, photometric='rgb')

  with concurrent.futures.ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(one, files))


if __name__ == '__main__':
  main()
