"""Scores artefacts against the looks that they were fitted to.

python -m launch.evaluate --model=RUN --luts=FOLDER --out=scores.json
python -m launch.evaluate --model=RUN --images=ORIGINALS
"""

from collections.abc import Sequence

from absl import flags

from lutjax.tasks import evaluating, experiment

from . import binary

_MODEL = flags.DEFINE_string(
  'model', None, 'Artefact, or run folder.', required=True, allow_override=True
)
_LUTS = flags.DEFINE_list(
  'luts', [], 'LUT files, folders, globs or .npz archives.', allow_override=True
)
_PAIRS = flags.DEFINE_list(
  'pairs', [], 'Pictures: FOLDER, or BEFORE,AFTER.', allow_override=True
)
_IMAGES = flags.DEFINE_list(
  'images', [], 'Original images: files, folders, globs.', allow_override=True
)
_OUT = flags.DEFINE_string(
  'out',
  None,
  'X.json (with X.md beside it), or a folder; by default the table is printed only.',
  allow_override=True,
)
_SET = flags.DEFINE_multi_string(
  'set', [], "Field of the task's config, as key=value.", allow_override=True
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace files that are there.', allow_override=True
)


def main() -> Sequence[str]:
  """Prints and writes the figures; returns what failed."""
  sources = experiment.Sources(
    luts=_LUTS.value, pairs=_PAIRS.value, images=_IMAGES.value
  )
  config = evaluating.task_config(_MODEL.value, _SET.value, sources)
  figures, problems = evaluating.evaluate(_MODEL.value, config, sources)
  print(evaluating.render(figures))
  if _OUT.value:
    print(evaluating.write(figures, _OUT.value, overwrite=_OVERWRITE.value))
  return problems


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
