"""Exporting models that restore pictures: artefacts, published layouts, C."""

import contextlib
import pathlib
from collections.abc import Callable, Sequence

from lutjax import artefacts, errors, files
from lutjax import config as config_lib

# The format that every model has.
ARTEFACT = 'lutjax'
# What a name ends with that is meant as that of a file, not of a folder.
_ENDINGS = (artefacts.SUFFIX, '.npy', '.npz', '.c', '.h')

Say = Callable[[str], None]


def write_all(
  model: artefacts.Opened,
  name: str,
  out: pathlib.Path,
  formats: Sequence[str] | None = None,
  *,
  overwrite: bool = False,
  say: Say = print,
) -> list[pathlib.Path]:
  """Writes the tables of a model in each format: all files, or none.

  Args:
    model: From `selection.find_restorer`.
    name: Of the model, which files are named after.
    out: A folder; or the file itself where there is one, and `out` has its ending.
    formats: Of `formats_of`; by default all that can hold the model.
    overwrite: Whether files that are there may be replaced.
    say: Told which formats cannot hold it, where none was asked for by name.

  Returns:
    The files.

  Raises:
    InputError: on a format that the model does not have or that cannot hold it, and
      when a file is there already or cannot be written.
  """
  contents = _contents(model, name, formats, say)
  targets = {out / file: content for file, content in contents.items()}
  if out.suffix in _ENDINGS and not out.is_dir():
    endings = {pathlib.Path(file).suffix for file in contents}
    if len(contents) != 1 or endings != {out.suffix}:
      raise errors.InputError(
        f'--out={out}: found {", ".join(contents)} to write, expected a folder'
      )
    targets = dict(zip([out], contents.values()))
  there = [path for path in targets if path.exists()]
  if there and not overwrite:
    more = f', and {len(there) - 1} more' if len(there) > 1 else ''
    raise errors.InputError(f'{there[0]}: exists already{more}; --overwrite replaces')
  # None gets its name before all are written.
  with contextlib.ExitStack() as written:
    for path, content in targets.items():
      temporary = written.enter_context(files.replacing(path, overwrite=overwrite))
      temporary.write_bytes(content)
  return list(targets)


def formats_of(model: artefacts.Opened) -> list[str]:
  """Returns the formats that a model has.

  Raises:
    ValueError: when the model does not restore pictures.
  """
  restorer = model.loaded.model.restorer
  if restorer is None:
    raise ValueError(f'Expected a model that restores pictures, got {model.path}.')
  return [*restorer.formats, ARTEFACT]


def _contents(
  model: artefacts.Opened, name: str, formats: Sequence[str] | None, say: Say
) -> dict[str, bytes]:
  """Returns the content of each file by its name."""
  known = formats_of(model)
  for form in formats or ():
    if form not in known:
      raise errors.InputError(
        f'--format={form}: found no such format of {model.loaded.model.name}, expected '
        f'one of {", ".join(known)}{config_lib.nearest(form, known)}'
      )
  contents: dict[str, bytes] = {}
  for form in formats or known:
    try:
      contents |= _render(model, name, form)
    except errors.InputError as error:
      if formats:
        raise
      say(f'left out {form}: {error}')
  return contents


def _render(model: artefacts.Opened, name: str, form: str) -> dict[str, bytes]:
  kind, config, variables = model.loaded
  restorer = kind.restorer
  if form == ARTEFACT or restorer is None:
    return {f'{name}{artefacts.SUFFIX}': kind.make(config).export(variables)}
  return dict(restorer.formats[form](config, variables, name))
