"""The run folder: config, finished models, and a lock for the process that writes.

`run.json` holds the config and the digests of the inputs, `metrics.jsonl`
one line per event, `models/NAME.lutjax` (or `model.lutjax`) the artefacts. A
model counts as done once its line stands in `metrics.jsonl`, which is written
after its artefact has its name. Of several processes (`hosts`), number I writes the
lines of what it does on its own into `metrics-I.jsonl`.
"""

import fcntl
import json
import math
import os
import pathlib
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.fit import checkpoint, hosts

RECORD = 'run.json'
METRICS = 'metrics.jsonl'
# Of the process that holds the lock; the lock ends with its process, however it ends.
OWNER = 'owner.json'
_OTHERS = 'metrics-*.jsonl'
_OWNED = (METRICS, 'model.lutjax', 'report.html', 'looks.html', 'manifest.json')
_OWNED_FOLDERS = ('checkpoints', 'models', 'report', 'images', 'progress')


# A line of a model as `commit` writes it, but for names that JSON escapes: the name and
# what tells the artefact apart. It takes a tenth of the time of parsing; what is
# damaged behind that is found when the record is read.
_MODEL_LINE = re.compile(
  rb'\{"event": "model", "name": "([^"\\]*)", "digest": "([0-9a-f]{64})", '
  rb'"file": \[(\d+, -?\d+)\][,}]'
)


class Records(Mapping[str, dict[str, Any]]):
  """Records by name, held as JSON: a quarter of what thousands take as dicts."""

  def __init__(self) -> None:
    self._lines: dict[str, bytes] = {}

  def __getitem__(self, name: str) -> dict[str, Any]:
    return _event(self._lines[name], f'{METRICS}: line of {name}')

  def __contains__(self, name: object) -> bool:
    return name in self._lines

  def __iter__(self) -> Iterator[str]:
    return iter(self._lines)

  def __len__(self) -> int:
    return len(self._lines)

  def add(self, name: str, line: bytes) -> None:
    """Takes the line of a record under its name, in the place of an earlier one."""
    self._lines[name] = line

  def mention(self, name: str, fields: Mapping[str, Any]) -> bool:
    """Returns whether a record holds these fields, one after the other, as written.

    It is not parsed for that; False may mean that it was written otherwise.
    """
    return _encoded(fields)[1:-1] in self._lines[name]


class Ledger(Protocol):
  """What is told of fitted models: a run folder, or what is on its way to one.

  Attributes:
    stopping: Set once what is at hand shall be finished, and no more begun.
  """

  stopping: threading.Event

  def log(self, event: str, **fields: Any) -> object:
    """Takes an event; see `Run.log`."""

  def commit(self, name: str, artefact: bytes, record: Mapping[str, Any]) -> None:
    """Takes a finished model; see `Run.commit`."""


class Run:
  """A run folder that this process alone writes to, or this and those beside it.

  Attributes:
    folder: Absolute path.
    done: The record of each finished model, by name.
    fallback: Whether a checkpoint may be taken that is not the newest.
    stopping: Set once the run shall save and end; tasks ask between items.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    lock: int | None,
    artefact_name: Callable[[str], str],
    fallback: bool = False,
    stopping: threading.Event | None = None,
  ):
    self.folder = folder
    self.fallback = fallback
    self.stopping = threading.Event() if stopping is None else stopping
    self.done = Records()
    self._lock = lock
    self._artefact_name = artefact_name
    self._metrics = folder / (
      METRICS if hosts.is_first() else _OTHERS.replace('*', str(hosts.index()))
    )
    self.refresh()

  def refresh(self) -> None:
    """Takes in what was done before, or by other processes.

    As in git's index, a file of the size and time that were written down is taken to
    be the one that was written; of any other the digest decides.
    """
    there: dict[str, dict[str, os.DirEntry]] = {}
    for line, path, i in _lines(self.folder):
      found = _MODEL_LINE.match(line)
      if found is not None and line.endswith(b'}'):
        name, digest, written = found[1].decode(), found[2], found[3]
      else:
        event = _event(line, _place(path, i))
        if event['event'] != 'model':
          continue
        name, digest = event['name'], event['digest'].encode()
        written = str(event.get('file'))[1:-1].encode()
      if name in self.done:
        continue
      parent, _, base = self._artefact_name(name).rpartition('/')
      if parent not in there:
        there[parent] = _entries(self.folder / parent)
      entry = there[parent].get(base)
      if entry is not None and entry.is_file():
        state = entry.stat()
        same = written == b'%d, %d' % (state.st_size, state.st_mtime_ns)
        if same or files.digest(pathlib.Path(entry).read_bytes()).encode() == digest:
          self.done.add(name, line)

  def artefact_path(self, name: str) -> pathlib.Path:
    """Returns where the artefact of a model goes."""
    return self.folder / self._artefact_name(name)

  def log(self, event: str, **fields: Any) -> bytes:
    """Appends one line to `metrics.jsonl` and flushes it to the disk.

    Args:
      event: Kind of the line.
      **fields: Its other fields, as JSON can hold them.

    Returns:
      The line, without its end.

    Raises:
      InputError: if it cannot be written, for instance because the disk is full.
    """
    line = _encoded({'event': event, **fields})
    path = self._metrics
    try:
      with open(path, 'ab') as file:
        file.write(line + b'\n')
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
      raise files.unwritable(path, error) from error
    return line

  def commit(self, name: str, artefact: bytes, record: Mapping[str, Any]) -> None:
    """Writes the artefact of a model, then the line that makes it count.

    Args:
      name: Of the model.
      artefact: Its bytes.
      record: Further fields of its line.
    """
    path = self.artefact_path(name)
    files.write_bytes(path, artefact)
    state = path.stat()
    fields = {
      'name': name,
      'digest': files.digest(artefact),
      'file': [state.st_size, state.st_mtime_ns],
      **record,
    }
    self.done.add(name, self.log('model', **fields))

  def close(self) -> None:
    """Lets other processes write to the folder."""
    if self._lock is not None:
      _release(self.folder, self._lock)


def open_run(
  folder: str | os.PathLike,
  *,
  config: Any,
  inputs: Mapping[str, str],
  single: bool = False,
  resume: bool,
  overwrite: bool,
  fallback: bool = False,
  stopping: threading.Event | None = None,
  artefact_name: Callable[[str], str] | None = None,
  say: Callable[[str], None] = print,
) -> Run:
  """Opens a new run folder, or one that was begun with the same request.

  Of several processes the first opens it, and the others find the same.

  Args:
    folder: Made when missing.
    config: Dataclass of the whole experiment.
    inputs: Digest of each input, by name.
    single: Whether the run makes one artefact, `model.lutjax`.
    resume: Whether a run that is there may be continued.
    overwrite: Whether a run that is there is removed first. Only what a run
      writes is removed.
    fallback: Whether a checkpoint that cannot be read gives way to the one before.
    stopping: Set, from any thread, once the run shall save and end.
    artefact_name: Path inside the folder of the artefact of a name, for tasks
      whose artefacts are not `models/NAME.lutjax`.
    say: Told of a damaged last line.

  Returns:
    The run, locked.

  Raises:
    InputError: when another process writes there, when `folder` holds a run
      of another config or of other inputs (what differs is named), or cannot
      be written to.
  """
  folder = pathlib.Path(folder).resolve()
  if artefact_name is None:
    artefact_name = _single_name if single else _own_name
  record = {
    'config': json.loads(json.dumps(config_lib.to_dict(config))),
    'inputs': dict(inputs),
  }
  hosts.agree('flags and inputs', record)

  def opened() -> int:
    return _open(folder, record, resume=resume, overwrite=overwrite, say=say)

  lock = hosts.by_first(opened, f'--out={folder}')
  try:
    run = Run(folder, lock, artefact_name, fallback, stopping)
    hosts.agree(f'--out={folder}', [(folder / RECORD).exists(), *sorted(run.done)])
    return run
  except BaseException:
    if lock is not None:
      _release(folder, lock)
    raise


def _open(
  folder: pathlib.Path,
  record: dict[str, Any],
  *,
  resume: bool,
  overwrite: bool,
  say: Callable[[str], None],
) -> int:
  """Makes a folder this process's own; returns the lock."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
  except OSError as error:
    raise errors.InputError(
      f'--out={folder}: cannot be made a run folder: {error.strerror}'
    ) from error
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError as error:
    os.close(lock)
    raise errors.InputError(
      f'--out={folder}: another process is writing there: {_owner_of(folder)}'
    ) from error
  try:
    # Whoever held the lock has ended: what stands there is stale.
    files.write_text(
      folder / OWNER, json.dumps({'pid': os.getpid(), 'host': socket.gethostname()})
    )
    _admit(folder, record, resume=resume, overwrite=overwrite)
    for path in _metrics_of(folder):
      _drop_partial_line(path, say)
    _sweep(folder)
    return lock
  except BaseException:
    _release(folder, lock)
    raise


def _release(folder: pathlib.Path, lock: int) -> None:
  (folder / OWNER).unlink(missing_ok=True)
  os.close(lock)


def _owner_of(folder: pathlib.Path) -> str:
  """Returns who holds the lock of a folder, as far as is known."""
  try:
    owner = json.loads((folder / OWNER).read_bytes())
    return f'process {owner["pid"]} on {owner["host"]}'
  except (OSError, ValueError, TypeError, KeyError):
    return 'it has not said yet which'


def read_record(folder: str | os.PathLike) -> dict[str, Any]:
  """Reads `run.json` of a run folder.

  Raises:
    InputError: when it is missing or damaged.
  """
  path = pathlib.Path(folder) / RECORD
  try:
    record = json.loads(files.read_bytes(path))
  except ValueError as error:
    if isinstance(error, errors.InputError):
      raise
    raise errors.InputError(f'{path}: is not JSON: {error}') from error
  if not isinstance(record, dict) or not isinstance(record.get('config'), dict):
    raise errors.InputError(f'{path}: found no config, expected the record of a run')
  return record | {'config': config_lib.renamed(record['config'])}


def read_events(folder: str | os.PathLike, kind: str = '') -> list[dict[str, Any]]:
  """Returns the whole lines of `metrics.jsonl`, and those of other processes.

  Args:
    folder: Of a run.
    kind: Of the events that are asked for; all by default.

  Raises:
    InputError: when a line is damaged.
  """
  start = b'{"event": "%s"' % kind.encode() if kind else b''
  return [
    _event(line, _place(path, i))
    for line, path, i in _lines(pathlib.Path(folder))
    if line.startswith(start)
  ]


def read_segments(folder: str | os.PathLike) -> list[dict[str, Any]]:
  """Returns what was logged of each segment of a fit, in the order of the steps.

  Of a segment that was fitted again after a resume, the last time counts.

  Args:
    folder: Of a run with one model.

  Raises:
    InputError: when a line is damaged.
  """
  by_step = {e['step']: e for e in read_events(folder, 'segment')}
  return [by_step[step] for step in sorted(by_step)]


def points(
  segments: Sequence[Mapping[str, Any]], key: str
) -> list[tuple[float, float]]:
  """Returns a figure along the steps, NaN where it was not finite or is missing.

  Args:
    segments: From `read_segments`.
    key: Of the figure.
  """
  values = [(segment['step'], segment.get(key)) for segment in segments]
  return [(step, math.nan if value is None else value) for step, value in values]


def _encoded(record: Mapping[str, Any], indent: int | None = None) -> bytes:
  """Returns JSON, plain but where names of files are not UTF-8."""
  try:
    return json.dumps(record, indent=indent, ensure_ascii=False).encode()
  except UnicodeEncodeError:
    return json.dumps(record, indent=indent).encode()


def _metrics_of(folder: pathlib.Path) -> list[pathlib.Path]:
  own = folder / METRICS
  return [own] * own.is_file() + sorted(folder.glob(_OTHERS))


def _lines(folder: pathlib.Path) -> Iterator[tuple[bytes, pathlib.Path, int]]:
  """Yields the whole lines of all processes, and where each stands."""
  for path in _metrics_of(folder):
    with open(path, 'rb') as file:
      for i, line in enumerate(file):
        if len(line) > 1 and line.endswith(b'\n'):
          yield line[:-1], path, i


def _place(path: pathlib.Path, index: int) -> str:
  return f'{path}: line {index + 1}'


def _entries(folder: pathlib.Path) -> dict[str, os.DirEntry]:
  """Returns what a folder holds, by name."""
  try:
    with os.scandir(folder) as entries:
      return {entry.name: entry for entry in entries}
  except FileNotFoundError:
    return {}


def _event(line: bytes, source: str) -> dict[str, Any]:
  try:
    event = json.loads(line)
    if event['event'] != 'model' or {'name', 'digest'} <= event.keys():
      return event
  except (ValueError, TypeError, KeyError):
    pass
  raise errors.InputError(
    f'{source}: found {line[:40]!r}, expected an event; --overwrite starts anew'
  )


def _admit(
  folder: pathlib.Path, record: dict[str, Any], *, resume: bool, overwrite: bool
) -> None:
  path = folder / RECORD
  if path.exists() and overwrite:
    for owned in (*(folder / name for name in _OWNED), *folder.glob(_OTHERS)):
      owned.unlink(missing_ok=True)
    for name in _OWNED_FOLDERS:
      if (folder / name).is_dir():
        shutil.rmtree(folder / name)
    # Last: a removal that is cut short must still be a run of the old request.
    path.unlink()
  elif path.exists():
    if not resume:
      raise errors.InputError(
        f'{folder}: holds a run; --resume continues it, --overwrite starts anew'
      )
    before = read_record(folder)
    found = list(config_lib.differences(before, record))
    if found:
      more = f' (and {len(found) - 3} more)' if len(found) > 3 else ''
      raise errors.InputError(
        f'{folder}: holds a run that differs: {"; ".join(found[:3])}{more}; '
        '--overwrite starts anew'
      )
    return
  files.write_bytes(path, _encoded(record, indent=1) + b'\n')


def _single_name(name: str) -> str:
  del name
  return 'model.lutjax'


def _own_name(name: str) -> str:
  return f'models/{name}.lutjax'


def _sweep(folder: pathlib.Path) -> None:
  """Removes what a killed process left half written."""
  for path in (folder / 'checkpoints').rglob(f'*{checkpoint.UNFINISHED}'):
    shutil.rmtree(path, ignore_errors=True)
  for owned in (folder, *(folder / name for name in _OWNED_FOLDERS)):
    search = (
      owned.glob if owned == folder or owned.name == 'checkpoints' else owned.rglob
    )
    for path in list(search(f'*{files.TEMPORARY_SUFFIX}')):
      shutil.rmtree(path, ignore_errors=True)


def _drop_partial_line(path: pathlib.Path, say: Callable[[str], None]) -> None:
  with open(path, 'rb') as file:
    file.seek(max(0, path.stat().st_size - 1))
    if file.read() in (b'', b'\n'):
      return
  content = path.read_bytes()
  whole = content[: content.rfind(b'\n') + 1]
  if whole != content:
    say(f'{path}: the last line was cut short and is dropped')
    # In place: on a disk that was full there may be no room for a copy.
    os.truncate(path, len(whole))
