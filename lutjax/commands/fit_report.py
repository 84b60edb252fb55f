"""The report of a run, drawn anew only where something has changed."""

import json
import pathlib
from collections.abc import Callable

import lutjax
from lutjax import experiment as experiment_lib
from lutjax import files
from lutjax.fit import runs
from lutjax.report import album
from lutjax.types import Task

_EVENT = 'report'


def write(
  task: Task,
  finished: experiment_lib.Finished,
  run: runs.Run,
  say: Callable[[str], None],
) -> None:
  """Writes the report of a run, unless that of the same models is there.

  Args:
    task: With a report.
    finished: The run.
    run: Its folder, whose events say what an earlier report was made of.
    say: Told where the report is.
  """
  if task.report is None:
    raise ValueError(f'Expected a task with a report, got {task.name}.')
  made_of = {
    'version': lutjax.__version__,
    'models': [[record['name'], record['digest']] for record in finished.records],
    'problems': list(finished.problems),
  }
  digest = files.digest(json.dumps(made_of).encode())
  before = runs.read_events(run.folder, _EVENT)
  if before and before[-1].get('made_of') == digest:
    written = before[-1].get('files', [])
    if written and all((run.folder / name).is_file() for name in written):
      page = run.folder / before[-1]['page']
      say(f'report: {page}, as it was: it is of the same models')
      return
  page = task.report(finished)
  run.log(_EVENT, page=page.name, files=_written(run.folder), made_of=digest)
  say(f'report: {page}')


def _written(folder: pathlib.Path) -> list[str]:
  """Returns the pages of a run and the pictures beside them, from its folder."""
  found = [*folder.glob('*.html'), *folder.glob(f'{album.Album.FOLDER}/*')]
  return sorted(path.relative_to(folder).as_posix() for path in found)
