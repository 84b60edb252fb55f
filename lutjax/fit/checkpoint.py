"""Checkpoints of whole fit states, through Orbax.

A state is a named tuple with a typed `key` and an int32 `step` among its fields,
such as `loop.State`. Keys are stored as their words. Each of several processes writes
what its devices hold, and all read the whole as host arrays, so that a fit resumes on
another number or kind of devices, and in another number of processes.
"""

import contextlib
import logging
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from lutjax.fit import hosts

# Orbax takes a quarter of a second to load: who saves nothing does not wait for it.
if TYPE_CHECKING:
  import orbax.checkpoint as ocp

_State = TypeVar('_State', bound=Any)


@contextlib.contextmanager
def manager(folder: pathlib.Path) -> Iterator['ocp.CheckpointManager']:
  """Opens the checkpoints of one block of models, newest two kept.

  Args:
    folder: Absolute or relative folder, made when missing.

  Yields:
    The manager; saving is finished when the block is left.
  """
  import orbax.checkpoint as ocp

  options = ocp.CheckpointManagerOptions(
    max_to_keep=2, enable_async_checkpointing=False
  )
  logging.getLogger('absl').setLevel(logging.WARNING)
  with ocp.CheckpointManager(folder.resolve(), options=options) as opened:
    yield opened


def save(opened: 'ocp.CheckpointManager', state: _State) -> None:
  """Saves stacked states under the step that they have reached.

  Args:
    opened: The manager of the run's checkpoints.
    state: Stacked states `[M, ...]`, on host or devices.
  """
  import orbax.checkpoint as ocp

  raw = _raw(state)
  step = int(np.max(hosts.whole(raw.step)))
  if step not in opened.all_steps():
    stored = raw if hosts.joined() else jax.device_get(raw)
    opened.save(step, args=ocp.args.StandardSave(stored))


def restore(
  opened: 'ocp.CheckpointManager', like: _State, say: Callable[[str], None]
) -> _State | None:
  """Returns the newest state that can be read, or None.

  Args:
    opened: From `manager`.
    like: A state, or its shapes, with keys typed.
    say: Told of each checkpoint that cannot be read.

  Returns:
    The state as host arrays with typed keys, or None when there is none. It has as
    many models as were saved.
  """
  steps = sorted(opened.all_steps(), reverse=True)
  hosts.agree(f'{opened.directory}: checkpoints', steps)
  for step in steps:
    host, reason = None, ''
    try:
      host = _read(opened.directory / str(step) / 'default', like)
    except (ValueError, OSError, KeyError) as error:
      reason = str(error).partition('\n')[0][:200]
    if hosts.all_say(host is not None) and host is not None:
      return host._replace(key=jax.random.wrap_key_data(host.key))
    reason = reason or 'another process cannot read it'
    say(f'{opened.directory}: checkpoint {step} cannot be read: {reason}')
  return None


def _read(folder: Any, like: _State) -> Any:
  """Reads a state as host arrays, in this process alone."""
  import orbax.checkpoint as ocp

  alone = ocp.options.MultiprocessingOptions(
    primary_host=jax.process_index(), active_processes={jax.process_index()}
  )
  handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
  rows = handler.metadata(folder).tree['step'].shape

  def target(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    return np.zeros((*rows, *leaf.shape[len(rows) :]), leaf.dtype)

  wanted = jax.tree.map(target, jax.eval_shape(_raw, like))
  return handler.restore(folder, args=ocp.args.StandardRestore(wanted))


def _raw(state: _State) -> _State:
  return state._replace(key=jax.random.key_data(state.key))
