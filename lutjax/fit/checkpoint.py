"""Checkpoints of whole fit states, through Orbax.

A state is a named tuple with a typed `key` and an int32 `step` among its fields,
such as `loop.State`. States are stored as host arrays, keys as their words, so
that a fit resumes on another number or kind of devices.
"""

import contextlib
import logging
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

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

  host = _to_host(state)
  step = int(np.max(host.step))
  if step not in opened.all_steps():
    opened.save(step, args=ocp.args.StandardSave(host))


def restore(
  opened: 'ocp.CheckpointManager', like: _State, say: Callable[[str], None]
) -> _State | None:
  """Returns the newest state that can be read, or None.

  Args:
    opened: From `manager`.
    like: A state, or its shapes, with keys typed.
    say: Told of each checkpoint that cannot be read.

  Returns:
    The state as host arrays with typed keys, or None when there is none.
  """
  import orbax.checkpoint as ocp

  target = jax.tree.map(
    lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(_raw, like)
  )
  for step in sorted(opened.all_steps(), reverse=True):
    try:
      host: Any = opened.restore(step, args=ocp.args.StandardRestore(target))
    except (ValueError, OSError, KeyError) as error:
      reason = str(error).partition('\n')[0][:200]
      say(f'{opened.directory}: checkpoint {step} cannot be read: {reason}')
      continue
    return host._replace(key=jax.random.wrap_key_data(host.key))
  return None


def _raw(state: _State) -> _State:
  return state._replace(key=jax.random.key_data(state.key))


def _to_host(state: _State) -> _State:
  return jax.device_get(_raw(state))
