"""Scores artefacts against the looks that they were fitted to.

python -m launch.evaluate --model=RUN --luts=FOLDER --out=scores.json
python -m launch.evaluate --model=RUN --luts=FOLDER --images=PHOTOS
python -m launch.evaluate --model=RUN --luts=FOLDER --look=NAME --set colours=hald256
python -m launch.evaluate --model=BIJECTIVE --luts=FOLDER --inverse --images=PHOTO
python -m launch.evaluate --model=RUN --images=ORIGINALS
"""

from collections.abc import Sequence

from absl import flags

from lutjax.tasks import evaluating, experiment, scorecard

from . import binary

_MODEL = flags.DEFINE_string(
  'model', None, 'Artefact, or run folder.', required=True, allow_override=True
)
_LUTS = binary.define_paths('luts', 'LUT files, folders, globs or .npz archives.')
_PAIRS = binary.define_paths('pairs', 'Pictures: FOLDER, or BEFORE,AFTER.')
_IMAGES = binary.define_paths(
  'images',
  'Original images of a gamut run; beside --luts, photos to take colours from.',
)
_LOOK = flags.DEFINE_list(
  'look', [], 'Names or numbers of looks; all by default.', allow_override=True
)
_INVERSE = flags.DEFINE_bool(
  'inverse',
  False,
  'Score how well looks run backwards undo their sources, on --images.',
  allow_override=True,
)
_OUT = flags.DEFINE_string(
  'out',
  None,
  'X.json (with X.md beside it), or a folder; by default the table is printed only.',
  allow_override=True,
)
_SET = flags.DEFINE_multi_string(
  'set',
  [],
  'What is scored, as key=value: colours=hald256, random_colours=...',
  allow_override=True,
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace files that are there.', allow_override=True
)


def main() -> Sequence[str]:
  """Prints and writes the figures; returns what failed."""
  sources = experiment.Sources(
    luts=_LUTS.value, pairs=_PAIRS.value, images=_IMAGES.value
  )
  if _OUT.value:
    scorecard.check_out(_OUT.value, overwrite=_OVERWRITE.value)
  config = evaluating.config_for(_MODEL.value, _SET.value, sources)
  if _INVERSE.value:
    figures, problems = evaluating.undo(
      _MODEL.value,
      config,
      sources,
      only=_LOOK.value,
      pictures=scorecard.folder_of(_OUT.value) if _OUT.value else None,
    )
  else:
    figures, problems = evaluating.evaluate(
      _MODEL.value, config, sources, only=_LOOK.value
    )
  print(scorecard.render(figures))
  if _OUT.value:
    print(scorecard.write(figures, _OUT.value, overwrite=_OVERWRITE.value))
  return problems


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
