"""Exported `.cube` files beside their originals, both read by OpenColorIO.

  python -m launch.fit --luts=LOOKS --out=RUN
  python -m launch.export --model=RUN --out=CUBES
  python -m benchmarks.lut.exported_cubes --originals=LOOKS --exported=CUBES

Prints, per file, PSNR and CIE76 / CIEDE2000 of the exported file against the
original on uniform colours of the original's domain (tetrahedral), and ours of
the exported file against OpenColorIO's reading of it.
"""

import pathlib

import jax
import numpy as np
import PyOpenColorIO as ocio
from absl import app, flags

from benchmarks.lut import opencolorio
from lutjax import metrics
from lutjax.lut import cube, interpolate

_ORIGINALS = flags.DEFINE_string('originals', None, 'Folder.', required=True)
_EXPORTED = flags.DEFINE_string('exported', None, 'Folder.', required=True)
_COLOURS = flags.DEFINE_integer('colours', 100_000, 'Uniform colours per look.')


def main(argv):
  """Prints a line per look and the means."""
  del argv
  errors_of = jax.jit(metrics.colour_errors)
  rows = []
  print(f'{"look":40s} {"PSNR dB":>8s} {"CIE76":>7s} {"CIEDE2000":>9s} {"reading":>9s}')
  for path in sorted(pathlib.Path(_EXPORTED.value).rglob('*.cube')):
    original = pathlib.Path(_ORIGINALS.value) / path.name
    if not original.exists():
      print(f'{path.name:40s} no original of that name')
      continue
    lut = cube.read(path).lut
    rng = np.random.default_rng(0)
    rgb = rng.uniform(*lut.domain, (_COLOURS.value, 3)).astype(np.float32)
    got = opencolorio.apply(path, rgb)
    try:
      want = opencolorio.apply(original, rgb)
    except ocio.Exception:
      print(f'{path.stem:40s} OpenColorIO does not read the original')
      continue
    reading = float(np.abs(np.asarray(interpolate.sample(lut, rgb)) - got).max())
    errors = errors_of(got, want)
    row = (
      float(metrics.psnr(got, want)),
      float(errors.cie76.mean()),
      float(errors.ciede2000.mean()),
      reading,
    )
    rows.append(row)
    print(f'{path.stem:40s} {row[0]:8.2f} {row[1]:7.3f} {row[2]:9.3f} {row[3]:9.1e}')
  means = np.mean(rows, axis=0)
  print(f'{"mean":40s} {means[0]:8.2f} {means[1]:7.3f} {means[2]:9.3f} {means[3]:9.1e}')


if __name__ == '__main__':
  app.run(main)
