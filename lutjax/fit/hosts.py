"""Several processes, on one host or many, that run one command together.

All of them read the same inputs and call the same device programs in the same order;
process 0 alone writes and speaks. `jax.distributed` connects them, watches whether
they live, and ends all when one dies: the same command, started again, goes on from
the last checkpoint.

Where process 0 may have taken longer than others, they wait for each other (`meet`)
before the next program that adds up over devices: such a program waits half a minute
for its peers when it is run for the first time.
"""

import ctypes
import hashlib
import json
import math
import os
import pathlib
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from lutjax import errors, progress
from lutjax.types import PyTree

FOLDER = 'processes'
_FOREVER = 7 * 24 * 3600
# Of errors of programs whose peers are gone.
_LOST = ('Gloo', 'NCCL', 'coordination', 'UNAVAILABLE', 'heartbeat')

_LOST_PEER = (
  'another process of this run has ended, and so does this one; the same commands go '
  'on from the last checkpoint; see {}'
)

_T = TypeVar('_T')
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)


class _Joined:
  """What this process knows of the others.

  Attributes:
    log: Where the runtime of this process writes; '' where it runs alone.
    fault: The line that is said when the runtime gives up.
    handler: Held, since C calls it.
    meetings: How often the processes have met.
  """

  log = ''
  fault = ''
  handler: Callable | None = None
  meetings = 0


def join(
  coordinator: str,
  count: int | None,
  index: int | None,
  *,
  out: str | os.PathLike,
  peer_seconds: int = 100,
  start_seconds: int = 300,
) -> None:
  """Connects this process to the others of its command, before any device is used.

  From now on the runtime's own words go to a file of each process, `processes/I.log`
  in the run folder, and so does what processes other than 0 print.

  Args:
    coordinator: `HOST:PORT` of process 0, or `auto` to ask SLURM, Open MPI, the TPU
      pod or Kubernetes.
    count: Of processes; None with `auto`.
    index: Of this process, from 0; None with `auto`.
    out: The run folder, which all processes see.
    peer_seconds: After which a process that is silent counts as dead.
    start_seconds: For which this process waits for the others to start.

  Raises:
    InputError: where `auto` finds nothing, or the port cannot be had.
  """
  automatic = coordinator == 'auto'
  if index == 0 and not automatic:
    _check_port(coordinator)
  folder = pathlib.Path(out).resolve() / FOLDER
  try:
    folder.mkdir(parents=True, exist_ok=True)
    # Who is asked by `auto` says which process this is.
    path = folder / f'{os.getpid() if index is None else index}.log'
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
  except OSError as error:
    raise errors.InputError(
      f'--out={out}: cannot be made a run folder: {error.strerror}'
    ) from error
  # SIGTERM ends a process here (`launch.stopping`), as in a run of one process.
  jax.config.update('jax_enable_preemption_service', False)
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  stdout = _turn_aside(log)
  _Joined.log = str(path)
  _Joined.fault = (
    f'--coordinator={coordinator}: the processes did not find each other within '
    f'{start_seconds} s; see {path}'
  )
  try:
    jax.distributed.initialize(
      None if automatic else coordinator,
      count,
      index,
      initialization_timeout=start_seconds,
      heartbeat_timeout_seconds=peer_seconds,
      # The others wait while process 0 writes the report.
      shutdown_timeout_seconds=_FOREVER,
      cluster_detection_method=None if automatic else 'deactivate',
    )
  except (ValueError, RuntimeError) as error:
    path.unlink()
    _Joined.log = ''
    reason = str(error).partition('\n')[0]
    wanted = (
      'expected a SLURM, Open MPI, TPU pod or Kubernetes job that says which process '
      'this is; see docs/hosts.md'
    )
    raise errors.InputError(
      f'--coordinator={coordinator}: {reason}{f"; {wanted}" if automatic else ""}'
    ) from error
  _Joined.fault = _LOST_PEER.format(path)
  _Joined.log = str(path.replace(folder / f'{jax.process_index()}.log'))
  _Joined.fault = _LOST_PEER.format(_Joined.log)
  if is_first():
    sys.stdout = stdout
  else:
    progress.silence()


def joined() -> bool:
  """Returns whether this process is one of several that were started together."""
  return bool(_Joined.log)


def count_all() -> int:
  """Returns the number of processes, 1 where this one runs alone."""
  return jax.process_count() if joined() else 1


def index() -> int:
  """Returns the number of this process, from 0."""
  return jax.process_index() if joined() else 0


def is_first() -> bool:
  """Returns whether this process writes and speaks."""
  return index() == 0


def share(items: Sequence[_T]) -> Sequence[_T]:
  """Returns the items that this process does on its own: every n-th."""
  return items[index() :: count_all()]


def leave() -> None:
  """Waits until all processes are done, and takes leave of them."""
  if joined():
    jax.distributed.shutdown()
    _Joined.log = ''


def end(code: int) -> NoReturn:
  """Ends this process at once, without waiting for others, which end then, too."""
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)


def fault_of(error: Exception) -> str:
  """Returns the line that says what ended this process.

  Args:
    error: That a peer's end may have caused; any other is a defect, and its traceback
      is printed.
  """
  lost = any(word in str(error) for word in _LOST)
  if lost and isinstance(error, jax.errors.JaxRuntimeError):
    return _Joined.fault
  traceback.print_exception(error)
  return f'{type(error).__name__} in process {index()}; see {_Joined.log}'


def meet() -> None:
  """Waits for all processes, however long, as long as they live."""
  if count_all() == 1:
    return
  # Orbax takes a quarter of a second to load.
  from orbax.checkpoint import multihost

  _Joined.meetings += 1
  multihost.sync_global_processes(
    f'lutjax {_Joined.meetings}', timeout=_FOREVER, processes=set(range(count_all()))
  )


def whole(tree: PyTree) -> PyTree:
  """Returns host arrays of a tree that is spread over devices of all processes.

  Args:
    tree: Arrays on one mesh, without typed keys.
  """
  if count_all() == 1:
    return jax.device_get(tree)
  leaves = jax.tree.leaves(tree)
  if not leaves:
    return tree
  meet()
  everywhere = jax.NamedSharding(leaves[0].sharding.mesh, jax.P())
  copies = jax.jit(_same, out_shardings=everywhere)(tree)
  return jax.tree.map(lambda leaf: np.asarray(leaf.addressable_data(0)), copies)


def collect(lines: Sequence[str]) -> list[str]:
  """Returns the lines of all processes, in their order.

  Args:
    lines: Of this process.
  """
  if count_all() == 1:
    return list(lines)
  content = np.frombuffer(json.dumps(list(lines)).encode(), np.uint8)
  meet()
  lengths = multihost_utils.process_allgather(np.int32(len(content)))
  padded = np.pad(content, (0, int(lengths.max()) - len(content)))
  rows = multihost_utils.process_allgather(padded)
  parts = [json.loads(row[:n].tobytes()) for row, n in zip(rows, lengths)]
  return [line for part in parts for line in part]


def agree(what: str, value: object) -> None:
  """Checks that all processes have the same value.

  Args:
    what: Names it.
    value: As JSON can hold it.

  Raises:
    InputError: in every process, where one has another value.
  """
  if count_all() == 1:
    return
  text = json.dumps(value, sort_keys=True)
  digests = collect([hashlib.sha256(text.encode()).hexdigest()])
  odd = [i for i, digest in enumerate(digests) if digest != digests[0]]
  if odd:
    raise errors.InputError(
      f'{what}: found others in process {odd[0]} than in process 0, expected the same '
      'in all: the same flags, and files that all processes see'
    )


def first_says(flag: bool) -> bool:
  """Returns what process 0 found, to all.

  Args:
    flag: What this process found.
  """
  return json.loads(collect([json.dumps(bool(flag))])[0])


def all_say(flag: bool) -> bool:
  """Returns whether all processes found something.

  Args:
    flag: What this process found.
  """
  return all(json.loads(line) for line in collect([json.dumps(bool(flag))]))


def by_first(function: Callable[[], _T], what: str) -> _T | None:
  """Calls a function in process 0 alone, while the others wait.

  Args:
    function: Called.
    what: Names what the others end for, if it fails.

  Returns:
    What it returned, None in other processes.

  Raises:
    InputError: in other processes, where it failed.
  """
  if count_all() == 1:
    return function()
  made = None
  if is_first():
    try:
      made = function()
    except BaseException:
      all_say(False)
      raise
  if not all_say(True):
    raise errors.InputError(f'{what}: process 0 cannot go on, and says why')
  return made


def devices(most: int | None = None) -> list[jax.Device]:
  """Returns devices, equally many of each process, process by process.

  Args:
    most: How many are asked for in all, rounded up to whole processes; all there are
      by default.
  """
  owned: dict[int, list[jax.Device]] = {}
  for device in jax.devices() if joined() else jax.local_devices():
    owned.setdefault(device.process_index, []).append(device)
  each = min(map(len, owned.values()))
  if most is not None:
    each = max(1, min(each, math.ceil(most / len(owned))))
  return [device for index in sorted(owned) for device in owned[index][:each]]


def _check_port(coordinator: str) -> None:
  """Refuses a port that is taken, which the runtime does not survive."""
  port = int(coordinator.rpartition(':')[2])
  try:
    with socket.create_server(('', port)):
      pass
  except (OSError, OverflowError) as error:
    reason = getattr(error, 'strerror', None) or error
    raise errors.InputError(
      f'--coordinator={coordinator}: port {port} cannot be had: {reason}'
    ) from error


def _same(tree: PyTree) -> PyTree:
  return tree


def _turn_aside(log: int) -> object:
  """Sends what C++ prints to a file; returns Python's own standard output.

  Python's errors go where they went.
  """
  sys.stdout.flush()
  sys.stderr.flush()
  stdout = os.fdopen(os.dup(1), 'w', buffering=1)
  sys.stderr = os.fdopen(os.dup(2), 'w', buffering=1)
  os.dup2(log, 1)
  os.dup2(log, 2)
  os.close(log)
  errors_to = sys.stderr.fileno()

  def on_abort(number: int) -> None:
    del number
    os.write(errors_to, f'lutjax: {_Joined.fault}\n'.encode())
    os._exit(1)

  # The runtime aborts a process whose peers are gone, in one of its own threads,
  # where Python's signal handlers are not called.
  _Joined.handler = _HANDLER(on_abort)
  libc = ctypes.CDLL(None)
  libc.signal.argtypes = (ctypes.c_int, _HANDLER)
  libc.signal.restype = ctypes.c_void_p
  libc.signal(signal.SIGABRT, _Joined.handler)
  return stdout
