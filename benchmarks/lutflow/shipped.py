"""Exported looks of a LutFlow on photos: OpenColorIO and lutjax give equal errors.

  python -m benchmarks.lutflow.shipped --model=RUN --luts=dev512.npz --images=PHOTOS

Every look is exported to `.cube` as `launch.export` does and read back by
OpenColorIO (tetrahedral, 32-bit float), which maps the photos; `launch.apply`'s
own function maps them at the size of the export. Prints, per look, CIE76 and
CIEDE2000 of both against the source of the look (its nodes read trilinearly), and
the largest difference of any pixel between the two. Fails where figures differ by
more than 0.001 or pixels by more than 1e-5.
"""

import pathlib
import tempfile

import jax
import numpy as np
from absl import app, flags

from benchmarks.lut import opencolorio
from lutjax import experiment, metrics
from lutjax.commands import apply as apply_command
from lutjax.commands import export, selection
from lutjax.data import images
from lutjax.looks import normalized
from lutjax.looks import task as looks
from lutjax.lut import interpolate

_MODEL = flags.DEFINE_string('model', None, 'Run folder or artefact.', required=True)
_LUTS = flags.DEFINE_list('luts', None, 'Sources of its looks.', required=True)
_IMAGES = flags.DEFINE_list('images', None, 'Photos.', required=True)
_LOOKS = flags.DEFINE_integer('looks', 8, 'Looks, evenly spread over the model.')
_PHOTOS = flags.DEFINE_integer('photos', 8, 'Photos, from the first.')


def main(argv: list[str]) -> None:
  """Prints a row per look; exits with 1 where the two differ."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  found = images.find_images(_IMAGES.value, say=print)[: _PHOTOS.value]
  photos = [images.to_float(images.read(path).pixels[..., :3]) for path, _ in found]
  rgb = np.concatenate([photo.reshape(-1, 3) for photo in photos]).astype(np.float32)
  sources = experiment.Sources(luts=_LUTS.value)
  gathered = looks.gather(looks.Config(), sources, print)
  errors_of = jax.jit(metrics.colour_errors)
  (item,) = selection.find_models(_MODEL.value)
  held = item.loaded.config.looks
  differing = []
  print(f'{len(photos)} photos, {len(rgb):,} pixels')
  print('| look | CIE76 OpenColorIO | ours | CIEDE2000 OpenColorIO | ours | pixels |')
  print('|---' * 6 + '|')
  for index in np.linspace(0, len(held) - 1, _LOOKS.value).astype(int):
    name = held[index].name
    named = selection.named_looks(model=_MODEL.value, look=name)
    with tempfile.TemporaryDirectory() as folder:
      (path,) = export.write_all(named, pathlib.Path(folder) / 'look.cube', ['cube'])
      theirs = opencolorio.apply(path, rgb)
    apply = apply_command.applier(
      named[name], interpolation='tetrahedral', strength=1.0
    )
    ours = apply(rgb[None])[0]
    source = normalized.lut_of(gathered.context[name])
    want = interpolate.sample(source, rgb, method='trilinear')
    means = [
      float(np.mean(getattr(errors_of(got, want), key)))
      for key in ('cie76', 'ciede2000')
      for got in (theirs, ours)
    ]
    apart = float(np.abs(theirs - ours).max())
    cells = ' | '.join(f'{mean:.4f}' for mean in means)
    print(f'| {name} | {cells} | {apart:.1e} |', flush=True)
    gap = max(abs(means[0] - means[1]), abs(means[2] - means[3]))
    if gap > 1e-3 or apart > 1e-5:
      differing.append(name)
  if differing:
    raise SystemExit(f'differ: {", ".join(differing)}')


if __name__ == '__main__':
  app.run(main)
