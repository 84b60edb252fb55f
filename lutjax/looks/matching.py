"""Matching the looks of a model with the files that they are scored against.

A run records the SHA-256 of what each look was fitted to. A file of that content
is the look's own, whatever it is called; another one is scored only when it is
named on purpose: one file, and one look.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from lutjax import artefacts
from lutjax.fit import runs
from lutjax.looks import normalized


class Match(NamedTuple):
  """A look of a model and the file that it is scored against.

  Attributes:
    model: The model.
    index: Of the look in it.
    source: The file's look.
    how: `content`, of the file that the look was fitted to; `name`, where no run
      says which that was; `other`, a file named on purpose.
  """

  model: artefacts.Opened
  index: int
  source: normalized.NormalizedLook
  how: Literal['content', 'name', 'other']

  @property
  def name(self) -> str:
    """The name of the look in the model."""
    return self.model.loaded.config.looks[self.index].name


def run_of(model: str | pathlib.Path) -> pathlib.Path | None:
  """Returns the run folder that a model is in, if it is in one.

  Args:
    model: A run folder, or an artefact in one or anywhere.
  """
  path = pathlib.Path(model)
  folders = (path, path.parent, path.parent.parent)
  return next((one for one in folders if (one / runs.RECORD).is_file()), None)


def find(
  opened: Sequence[artefacts.Opened],
  sources: Mapping[str, normalized.NormalizedLook],
  only: Sequence[str] = (),
) -> tuple[list[Match], list[str]]:
  """Finds the file of each look.

  Args:
    opened: The models.
    sources: Looks as read, by name.
    only: Names of the looks to match; all by default.

  Returns:
    The matches, and a line for each model with looks that have none.

  Raises:
    InputError: when the record of a run is damaged.
  """
  matches, problems, without = [], [], []
  by_content = {look.digest: look for look in sources.values()}
  purpose = len(only) == len(sources) == 1
  for item in opened:
    folder = run_of(item.path)
    inputs = runs.read_record(folder).get('inputs', {}) if folder else {}
    missing = []
    for i, label in enumerate(item.loaded.config.looks):
      if only and label.name not in only:
        continue
      named, expected = sources.get(label.name), inputs.get(label.name)
      if named is not None and expected in (None, named.digest):
        match = Match(item, i, named, 'name' if expected is None else 'content')
      elif expected in by_content:
        match = Match(item, i, by_content[expected], 'content')
      elif purpose:
        match = Match(item, i, next(iter(sources.values())), 'other')
      elif named is not None:
        problems.append(
          f'{item.path}: {label.name}: {named.source} is not the file that it was '
          f'fitted to; --look={label.name} beside that file alone scores it all the '
          'same'
        )
        continue
      else:
        missing.append(label.name)
        continue
      if match.source.label.domain != label.domain:
        problems.append(f'{item.path}: {label.name}: found a source of another domain')
      else:
        matches.append(match)
    if missing:
      without.append((item, missing))
  lone = len(sources) == 1 and not matches
  problems += [_without(item, missing, lone) for item, missing in without]
  return matches, problems


def remarks(
  matches: Sequence[Match], sources: Mapping[str, normalized.NormalizedLook]
) -> list[str]:
  """Reports what is not matched by content, and which files are not used.

  Args:
    matches: From `find`.
    sources: All looks that were read, by name.
  """
  lines = []
  named = [match.name for match in matches if match.how == 'name']
  if named:
    lines.append(f'{_listed(named)}: matched by name, no run.json says by content')
  for match in matches:
    if match.how == 'other':
      lines.append(
        f'{match.name}: scored against {match.source.source}, not the file it was '
        'fitted to'
      )
  used = {match.source.label.name for match in matches}
  left = [look.source for name, look in sources.items() if name not in used]
  if left:
    lines.append(f'{_listed(left)}: left out, no look here was fitted to that')
  return lines


def record(matches: Sequence[Match]) -> dict[str, dict[str, str]]:
  """Returns the record of the sources, by the names of the looks."""
  return {
    match.name: {
      'file': match.source.source,
      'sha256': match.source.digest,
      'matched': match.how,
    }
    for match in matches
  }


def _without(item: artefacts.Opened, missing: Sequence[str], lone: bool) -> str:
  line = f'{item.path}: no source for {_listed(missing)}'
  if lone and len(missing) == 1:
    line += f'; --look={missing[0]} scores it against that file all the same'
  return line


def _listed(names: Sequence[str]) -> str:
  more = f' and {len(names) - 8} more' if len(names) > 8 else ''
  return ', '.join(names[:8]) + more
