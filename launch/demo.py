"""A demonstration from end to end, on synthetic looks and a synthetic photo.

  python -m launch.demo --out=out/demo

Writes looks as `.cube` files and a photo as 16-bit PNG, reads them back as a
user's files would be, fits a network to each, exports them, grades the photo,
and prints what each step made.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from . import binary

_OUT = flags.DEFINE_string('out', 'out/demo', 'Folder.', allow_override=True)
_SIZE = flags.DEFINE_integer(
  'size', 33, 'Nodes per axis of the synthetic looks.', allow_override=True
)
_SET = flags.DEFINE_multi_string(
  'set', [], 'Config field, as key=value.', allow_override=True
)


def main() -> Sequence[str]:
  """Runs the demo; returns what failed."""
  # Here, not above: `--help` and refusals of flags need none of it.
  from lutjax import config, experiment, files
  from lutjax.commands import apply, evaluate, export, fit, scorecard, selection
  from lutjax.data import images, synthetic
  from lutjax.lut import cube, lattice

  out = pathlib.Path(_OUT.value)
  inputs, run = out / 'inputs', out / 'run'
  looks = synthetic.looks(0, size=_SIZE.value)
  print(f'1. Writing {len(looks)} looks and a photo to {inputs}')
  for name, table in looks.items():
    content = cube.render(lattice.from_table(table), title=name)
    files.write_bytes(inputs / 'looks' / f'{name}.cube', content)
  photo = images.Image(images.from_float(synthetic.photo(0, 480, 720), 16))
  images.write(inputs / 'photos' / 'photo.png', photo)

  print(f'2. Fitting a network to each look, into {run}')
  settings = config.load('configs/nilut.py', [binary.CONFIGS])
  settings = config.override(settings, ['pictures=all', *_SET.value])
  sources = experiment.Sources(luts=[str(inputs / 'looks')])
  problems = list(fit.fit(settings, sources, run, overwrite=True))

  print(f'3. Exporting each network as a .cube file, to {out / "cubes"}')
  named = selection.named_looks(model=str(run), look='all')
  options = export.Options(overwrite=True)
  written = list(export.write_all(named, out / 'cubes', ['cube'], options))

  print(f'4. Grading the photo with each exported file, to {out / "graded"}')
  for path in written:
    (look,) = selection.named_looks(lut=str(path)).values()
    problems += apply.apply_to_images(
      look,
      [str(inputs / 'photos' / 'photo.png')],
      out / 'graded' / f'{path.stem}.png',
      overwrite=True,
    )

  print('5. Scoring the artefacts against their sources\n')
  scored = evaluate.config_for(str(run), [], sources)
  figures, missing = evaluate.evaluate(str(run), scored, sources)
  text = evaluate.render(scored, figures)
  scorecard.write(figures, text, out / 'scores.json', overwrite=True)
  print(text)
  print(f'Pictures: {run / "report.html"} and {out / "graded"}')
  return [*problems, *missing]


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
