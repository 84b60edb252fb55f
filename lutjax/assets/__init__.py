"""Models that come with the package and are run by their names.

A model is a file `NAME.lutjax` in this folder; `NAME.md` beside it says what it was
trained on, how, and what it reaches.
"""

import pathlib

from lutjax import artefacts

_FOLDER = pathlib.Path(__file__).resolve().parent


def names() -> list[str]:
  """Returns the names of the models that are here."""
  return sorted(file.stem for file in _FOLDER.glob(f'*{artefacts.SUFFIX}'))


def path(name: str) -> pathlib.Path | None:
  """Returns the artefact of a model, or None where none has that name.

  Args:
    name: As `names` gives it.
  """
  return _FOLDER / f'{name}{artefacts.SUFFIX}' if name in names() else None
