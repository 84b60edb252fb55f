"""Scores artefacts against the looks that they were fitted to.

python -m launch.evaluate --model=RUN --luts=FOLDER --out=scores.json
python -m launch.evaluate --model=RUN --luts=FOLDER --images=PHOTOS
python -m launch.evaluate --model=RUN --luts=FOLDER --look=NAME --set colours=hald256
python -m launch.evaluate --model=BIJECTIVE --luts=FOLDER --inverse --images=PHOTO
python -m launch.evaluate --model=RUN --images=ORIGINALS

Or models that restore pictures, on folders of pictures, each a set:

python -m launch.evaluate --model=RESTORER --images=SET5/HR,SET14/HR --out=FOLDER
python -m launch.evaluate --model=RESTORER --pairs=LR,HR --set=rivals=TABLES
python -m launch.evaluate --model=RESTORER --images=SET12 --set=strengths=15,25,50

Or a model that predicts a LUT of each picture, on those that are for the test:

python -m launch.evaluate --model=IMG2LUT_RUN --images=PHOTOS --out=scores.json

Or a LUT file by itself, for what is wrong with it:

python -m launch.evaluate --lut=look.cube --out=FOLDER
python -m launch.evaluate --lut=look.cube --strict --set=folding=0 --out=checks.json
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from lutjax import errors

from . import binary

if TYPE_CHECKING:
  from lutjax import experiment
  from lutjax.commands import evaluate

_MODEL = flags.DEFINE_string(
  'model',
  None,
  'Artefact, run folder, or a model that restores pictures: its artefact, a folder of '
  'published tables, or the name of one that comes with lutjax.',
  allow_override=True,
)
_LUT = flags.DEFINE_string(
  'lut', None, 'LUT file that is checked by itself, or "identity".', allow_override=True
)
_LUTS = binary.define_paths('luts', 'LUT files, folders, globs or .npz archives.')
_PAIRS = binary.define_paths(
  'pairs', 'Pictures: FOLDER, or BEFORE,AFTER; of a model that restores LR,HR.'
)
_IMAGES = binary.define_paths(
  'images',
  'Original images of a gamut run, or of a model that restores; with --luts, photos '
  'whose colours are scored; with --lut and a folder as --out, the one that is shown.',
)
_LOOK = flags.DEFINE_list(
  'look', [], 'Names or numbers of looks; all by default.', allow_override=True
)
_INVERSE = flags.DEFINE_bool(
  'inverse',
  False,
  'Score the inverses of looks against their sources, on --images.',
  allow_override=True,
)
_OUT = flags.DEFINE_string(
  'out',
  None,
  'X.json (with X.md beside it), or a folder; by default the table is only printed.',
  allow_override=True,
)
_SET = flags.DEFINE_multi_string(
  'set',
  [],
  'What is scored, as key=value: colours=hald256, random_colours=...; of a model that '
  'restores strengths=15,25,50, rivals=PATHS, seed, repeats, kind; of one that '
  'predicts LUTs task=..., test_share, seed; of --lut limits, such as folding=0.',
  allow_override=True,
)
_STRICT = flags.DEFINE_bool(
  'strict',
  False,
  'With --lut: exit with 1 where a check warns.',
  allow_override=True,
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Replace existing files.', allow_override=True
)


def main() -> Sequence[str]:
  """Prints and writes the figures; returns what failed."""
  binary.refuse_urls()
  model, lut = _MODEL.value, _LUT.value
  if not _OUT.value:
    binary.refuse_beside('a table that is printed only', ['overwrite'])
  if lut is not None and model is None:
    return _check_lut(lut)
  if model is None or lut is not None:
    raise errors.InputError('expected one of --model and --lut')
  binary.refuse_beside(f'--model={model}, but with --lut', ['strict'])
  # Here, not above: `--help` and refusals of flags need none of it.
  from lutjax import experiment
  from lutjax.commands import evaluate, scorecard, selection

  sources = experiment.Sources(
    luts=_LUTS.value, pairs=_PAIRS.value, images=_IMAGES.value
  )
  kind = selection.kind_of(model)
  if kind == 'restorer':
    return _score_restorer(model, sources)
  if _OUT.value:
    scorecard.check_out(_OUT.value, overwrite=_OVERWRITE.value)
  if kind == 'grader':
    return _score_grader(model, sources)
  config = evaluate.config_for(model, _SET.value, sources)
  _refuse_idle_flags(config)
  if _INVERSE.value:
    figures, problems = evaluate.score_inverse(
      model,
      config,
      sources,
      only=_LOOK.value,
      pictures=scorecard.folder_of(_OUT.value) if _OUT.value else None,
    )
  else:
    figures, problems = evaluate.evaluate(model, config, sources, only=_LOOK.value)
  text = evaluate.render(config, figures)
  print(text)
  if _OUT.value:
    print(scorecard.write(figures, text, _OUT.value, overwrite=_OVERWRITE.value))
  return problems


def _check_lut(lut: str) -> Sequence[str]:
  """Prints and writes what is wrong with a LUT file; returns that with --strict."""
  from lutjax import config as config_lib
  from lutjax.commands import check_lut
  from lutjax.looks import checks

  binary.refuse_beside('--lut, a file by itself', ['luts', 'pairs', 'look', 'inverse'])
  if not _OUT.value or not check_lut.has_page(_OUT.value):
    binary.refuse_beside('--lut without a folder as --out', ['images'])
  limits = config_lib.override(checks.Limits(), _SET.value)
  if _OUT.value:
    check_lut.check_out(_OUT.value, overwrite=_OVERWRITE.value)
  checked = check_lut.check(lut, limits)
  print(check_lut.render(checked))
  if _OUT.value:
    print(
      check_lut.write(
        checked, _OUT.value, photos=_IMAGES.value, overwrite=_OVERWRITE.value
      )
    )
  return checks.warnings(checked.found) if _STRICT.value else []


def _score_restorer(model: str, sources: 'experiment.Sources') -> Sequence[str]:
  """Prints and writes the figures of a model that restores pictures."""
  from lutjax import config as config_lib
  from lutjax.commands import evaluate_restorer
  from lutjax.restoration import evaluation, score_table

  mode = f'--model={model}, which restores pictures'
  binary.refuse_beside(mode, ['luts', 'look', 'inverse'])
  config = config_lib.override(evaluation.Config(), _SET.value)
  if _OUT.value:
    evaluate_restorer.check_out(_OUT.value, overwrite=_OVERWRITE.value)
  found = evaluate_restorer.evaluate(model, config, sources)
  text = score_table.render(found.figures)
  print(text)
  if _OUT.value:
    overwrite = _OVERWRITE.value
    print(evaluate_restorer.write(found, text, _OUT.value, overwrite=overwrite))
  return found.problems


def _score_grader(model: str, sources: 'experiment.Sources') -> Sequence[str]:
  """Prints and writes the figures of a model that predicts LUTs."""
  from lutjax.commands import evaluate_grader, scorecard

  mode = f'--model={model}, which predicts LUTs'
  binary.refuse_beside(mode, ['look', 'inverse'])
  figures, text, problems = evaluate_grader.evaluate(model, _SET.value, sources)
  print(text)
  if _OUT.value:
    print(scorecard.write(figures, text, _OUT.value, overwrite=_OVERWRITE.value))
  return problems


def _refuse_idle_flags(config: 'evaluate.Config') -> None:
  """Refuses flags that scoring the task of `config` does not read."""
  from lutjax import systems
  from lutjax.commands import evaluate

  sources = systems.task_of(config.task).scored
  mode = '--pairs' if _PAIRS.value else f'--model={_MODEL.value}'
  mode += f', scored on --{sources[0]}' if not _PAIRS.value else ''
  binary.refuse_beside(mode, binary.unread(sources))
  if sources[0] != 'luts':
    binary.refuse_beside(mode, ['look', 'inverse'])
  every = config.colours != 'sampled'
  if every and not _INVERSE.value:
    binary.refuse_beside(f'--set=colours={config.colours}', ['images'])
  idle = (
    ('colours', _INVERSE.value, '--inverse'),
    ('read', _INVERSE.value or not every, 'colours other than hald256'),
    ('size', not _INVERSE.value, 'scores without --inverse'),
  )
  usual = evaluate.Config()
  for name, unread, beside in idle:
    if unread and getattr(config, name) != getattr(usual, name):
      raise errors.InputError(f'--set={name}: nothing to do with {beside}')


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
