"""Checkpoints of whole fit states, through Orbax.

A state is a named tuple with a typed `key` and an int32 `step` among its fields,
such as `loop.State`. Keys are stored as their words. Each of several processes writes
what its devices hold, and all read the whole as host arrays, so that a fit resumes on
another number or kind of devices, and in another number of processes.
"""

import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from lutjax import errors, files
from lutjax.fit import hosts
from lutjax.types import PyTree

# Orbax takes a quarter of a second to load: who saves nothing does not wait for it.
if TYPE_CHECKING:
  import orbax.checkpoint as ocp

_State = TypeVar('_State', bound=Any)


# Ends the name of a folder that Orbax has not finished.
UNFINISHED = '.orbax-checkpoint-tmp'
_DIGEST = 'digest'
# How long what is half written is looked for, how often, and how often in vain.
_SECONDS, _PAUSE, _CALM = 5.0, 0.05, 4


@contextlib.contextmanager
def manager(folder: pathlib.Path) -> Iterator['ocp.CheckpointManager']:
  """Opens the checkpoints of one block of models, newest two kept.

  Args:
    folder: Absolute or relative folder, made when missing.

  Yields:
    The manager; saving is finished when the block is left.

  Raises:
    InputError: if the folder cannot be made, or what it says of itself is damaged.
  """
  import orbax.checkpoint as ocp

  options = ocp.CheckpointManagerOptions(
    max_to_keep=2, enable_async_checkpointing=False
  )
  logging.getLogger('absl').setLevel(logging.WARNING)
  try:
    with _quiet():
      opened = ocp.CheckpointManager(folder.resolve(), options=options)
  except OSError as error:
    raise files.unwritable(folder, error) from error
  except ValueError as error:
    reason = str(error).partition('\n')[0][:200]
    raise errors.InputError(
      f'{folder}: checkpoints cannot be read: {reason}; without this folder their '
      'models are fitted anew'
    ) from error
  try:
    with opened:
      yield opened
  finally:
    # What is half written would take the room that is needed to go on.
    if hosts.is_first():
      _remove_unfinished(folder)


def _remove_unfinished(folder: pathlib.Path) -> None:
  """Removes what a failed save has left.

  Threads of the storage library may go on for a moment, and make the folders of what
  they write: gone is what stays away.
  """
  pattern = f'*{UNFINISHED}'
  end = time.monotonic() + _SECONDS
  calm = 0 if any(folder.glob(pattern)) else _CALM
  while calm < _CALM and time.monotonic() < end:
    left = list(folder.glob(pattern))
    for path in left:
      shutil.rmtree(path, ignore_errors=True)
    calm = 0 if left else calm + 1
    time.sleep(_PAUSE)


def save(opened: 'ocp.CheckpointManager', state: _State) -> None:
  """Saves stacked states under the step that they have reached.

  Args:
    opened: The manager of the run's checkpoints.
    state: Stacked states `[M, ...]`, on host or devices.

  Raises:
    InputError: one line, if it cannot be written; earlier ones stay.
  """
  import orbax.checkpoint as ocp

  raw = _raw(state)
  step = int(np.max(hosts.whole(raw.step)))
  if step in opened.all_steps():
    return
  whole = hosts.whole(raw)
  try:
    with _quiet():
      opened.save(
        step,
        args=ocp.args.StandardSave(raw if hosts.joined() else whole),
        custom_metadata={_DIGEST: _digest(whole)},
      )
  except (ValueError, OSError) as error:
    if code := re.search(r"os_error_code='(\d+)'", str(error)):
      failure = OSError(int(code[1]), os.strerror(int(code[1])))
    elif isinstance(error, OSError):
      failure = error
    else:
      raise
    where = f'{opened.directory}: checkpoint {step}'
    raise files.unwritable(where, failure) from error


def restore(
  opened: 'ocp.CheckpointManager',
  like: _State,
  say: Callable[[str], None],
  *,
  fallback: bool = False,
) -> _State | None:
  """Returns the newest state, or None.

  Args:
    opened: From `manager`.
    like: A state, or its shapes, with keys typed.
    say: Told of each checkpoint that is passed over.
    fallback: Whether one that cannot be read, or is not what was saved, is removed
      and the one before it taken.

  Returns:
    The state as host arrays with typed keys, or None when there is none. It has as
    many models as were saved.

  Raises:
    InputError: without `fallback`, if the newest cannot be read.
  """
  steps = sorted(opened.all_steps(), reverse=True)
  hosts.agree(f'{opened.directory}: checkpoints', steps)
  for step in steps:
    host, reason = None, ''
    try:
      with _quiet():
        host = _read(opened.directory / str(step), like)
    except (ValueError, OSError, KeyError) as error:
      reason = str(error).partition('\n')[0][:200]
    if hosts.all_say(host is not None) and host is not None:
      return host._replace(key=jax.random.wrap_key_data(host.key))
    reason = reason or 'another process cannot read it'
    line = f'{opened.directory}: checkpoint {step} cannot be read: {reason}'
    if not fallback:
      raise errors.InputError(f'{line}; --fallback removes it and takes the one before')
    say(line)
    opened.delete(step)
  if steps:
    say(f'{opened.directory}: no other checkpoint is left; these models start anew')
  return None


def _read(folder: Any, like: _State) -> Any:
  """Reads a state as host arrays, in this process alone, and checks its digest."""
  import orbax.checkpoint as ocp

  alone = ocp.options.MultiprocessingOptions(
    primary_host=jax.process_index(), active_processes={jax.process_index()}
  )
  handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
  rows = handler.metadata(folder / 'default').tree['step'].shape

  def target(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    return np.zeros((*rows, *leaf.shape[len(rows) :]), leaf.dtype)

  wanted = jax.tree.map(target, jax.eval_shape(_raw, like))
  args = ocp.args.StandardRestore(wanted)
  host = handler.restore(folder / 'default', args=args)
  metadata = json.loads((folder / '_CHECKPOINT_METADATA').read_text())
  # Earlier versions wrote none.
  digest = metadata['custom_metadata'].get(_DIGEST)
  if digest is not None and digest != _digest(host):
    raise ValueError('its numbers are not those that were saved')
  return host


def _digest(tree: PyTree) -> str:
  """Returns a digest of host arrays: what is stored is compressed, but not checked."""
  parts = [np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
  return files.digest(b''.join(parts))


class _Unraisable:
  """What Python did with errors that nobody waits for, before `_quiet`."""

  hook: Callable[[Any], Any] = sys.__unraisablehook__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps Orbax and its threads from printing what is raised anyway."""
  logger = logging.getLogger('absl')
  level = logger.level
  logger.setLevel(logging.CRITICAL)
  if sys.unraisablehook is not _except_late:
    # It stays: the threads may go on after the failure is raised.
    _Unraisable.hook = sys.unraisablehook
    sys.unraisablehook = _except_late
  try:
    yield
  except Exception:
    logging.getLogger('asyncio').setLevel(logging.CRITICAL)
    raise
  finally:
    logger.setLevel(level)


def _except_late(unraisable: Any) -> None:
  """Passes on all but what threads say that find the loop closed they answer to."""
  if str(unraisable.exc_value) != 'Event loop is closed':
    _Unraisable.hook(unraisable)


def _raw(state: _State) -> _State:
  return state._replace(key=jax.random.key_data(state.key))
