"""A fleet on a Ray cluster: actors fit groups of models, this process keeps them.

Ray (an extra) starts the actors, hands groups out, starts an actor again that has died
and gives it its group again. A group is an idempotent call that writes nothing: what it
made comes back, and this process, which alone has the run folder, commits it.
"""

import contextlib
import importlib.util
import logging
import math
import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax

import lutjax
from lutjax import errors, progress
from lutjax.fit import runs

# How often a group is given out again, whose actor has died.
_RETRIES = 2
# So that actors are done at about the same time, and little is lost with one.
_GROUPS_PER_ACTOR = 4
# For which the head of a cluster may be busy.
_SECONDS = 30.0
# What Ray calls a device, and JAX.
_PLATFORMS = {'GPU': 'cuda', 'TPU': 'tpu', 'CPU': 'cpu'}


class Engine(NamedTuple):
  """A Ray cluster that shall fit the models of a run.

  Attributes:
    actors: How many, each with a device; None for as many as there are devices.
  """

  actors: int | None = None


class Kept:
  """What a group made, on its way to the run folder: a `runs.Ledger`.

  Attributes:
    stopping: Never set: the driver, not the actors, is asked to stop.
  """

  def __init__(self) -> None:
    self.stopping = threading.Event()
    self._entries: list[tuple[str, dict[str, Any]]] = []

  def log(self, event: str, **fields: Any) -> None:
    """Keeps an event; see `runs.Run.log`."""
    self._entries.append(('log', {'event': event, **fields}))

  def commit(self, name: str, artefact: bytes, record: Mapping[str, Any]) -> None:
    """Keeps a finished model; see `runs.Run.commit`."""
    fields = {'name': name, 'artefact': artefact, 'record': dict(record)}
    self._entries.append(('commit', fields))

  def say(self, line: str) -> None:
    """Keeps what a user should know."""
    self._entries.append(('say', {'line': line}))

  def take(self) -> list[tuple[str, dict[str, Any]]]:
    """Returns what is kept, and forgets it."""
    taken, self._entries = self._entries, []
    return taken


# Fits a group; returns a line for each model that failed.
FitGroup = Callable[[Any], Sequence[str]]


class _Place(NamedTuple):
  """Where an actor is.

  Attributes:
    host: Its name.
    pid: Of the process.
    version: Of this package there.
  """

  host: str
  pid: int
  version: str


class _Made(NamedTuple):
  """What came of a group.

  Attributes:
    number: Of the group.
    entries: For the run folder, from `Kept.take`.
    problems: One line per model that failed.
    place: Where it was fitted.
  """

  number: int
  entries: list[tuple[str, dict[str, Any]]]
  problems: Sequence[str]
  place: _Place


class Actor:
  """What runs beside one device.

  Args:
    make: `(shared, Kept) -> FitGroup`, called once, so that programs are compiled once.
  """

  def __init__(self, make: Callable[[Any, Kept], FitGroup]):
    progress.silence()
    self._make = make
    self._kept = Kept()
    self._fit: FitGroup | None = None

  def where(self) -> _Place:
    """Returns where this actor is."""
    return _Place(socket.gethostname(), os.getpid(), lutjax.__version__)

  def fit(self, held: tuple[Any], number: int, group: Any) -> _Made:
    """Fits a group; the same call gives the same.

    Args:
      held: A reference to what all groups need, which the first call gets.
      number: Of the group.
      group: As `FitGroup` has it.
    """
    if self._fit is None:
      import ray

      self._fit = self._make(ray.get(held[0]), self._kept)
    # Of a group that ended in an error.
    self._kept.take()
    problems = self._fit(group)
    return _Made(number, self._kept.take(), problems, self.where())


class Cluster:
  """A cluster that this process is connected to.

  Attributes:
    device: What each actor has one of: `GPU`, `TPU` or `CPU`.
    actors: How many there will be at most.
  """

  def __init__(self, device: str, actors: int):
    self.device = device
    self.actors = actors

  @property
  def platform(self) -> str:
    """What JAX calls the devices."""
    return _PLATFORMS[self.device]

  def group_most(self, models: int) -> int:
    """Returns how many models a group should have at most.

    Args:
      models: To fit in all.
    """
    return max(1, math.ceil(models / (self.actors * _GROUPS_PER_ACTOR)))

  def fit(
    self,
    make: Callable[[Any, Kept], FitGroup],
    shared: Any,
    groups: Sequence[Any],
    names: Callable[[Any], Sequence[str]],
    run: runs.Run,
    *,
    unit: str,
    say: Callable[[str], None],
  ) -> list[str]:
    """Fits groups on actors, and commits what they made in the order it comes.

    Args:
      make: See `Actor`; a function of a module, which actors import, or
        `functools.partial` of one.
      shared: What all groups need; sent once to each host.
      groups: Of models.
      names: Of the models of a group.
      run: The run folder.
      unit: What a model is called.
      say: Told what a user should know.

    Returns:
      A line for each model that failed, or one for all where the cluster is gone.

    Raises:
      InputError: where actors cannot be started, or a file cannot be written.
    """
    import ray
    from ray.util import actor_pool

    actors = self._start(make, min(self.actors, len(groups)))
    places = set(_places(actors))
    hosts = len({place.host for place in places})
    say(f'Ray: {len(actors)} actors on {hosts} host(s), a {self.device} each')
    held = (ray.put(shared),)
    pool = actor_pool.ActorPool(actors)
    for numbered in enumerate(groups):
      pool.submit(lambda actor, numbered: actor.fit.remote(held, *numbered), numbered)
    problems: list[str] = []
    missing = dict(enumerate(groups))
    reason = ''
    head = ray.get_runtime_context().gcs_address
    with progress.bar(total=sum(len(names(g)) for g in groups), unit=unit) as bar:
      while pool.has_next():
        try:
          made: _Made = pool.get_next_unordered()
        except ray.exceptions.RayTaskError as error:
          # As if the group had been fitted here.
          raise error.cause from error
        except ray.exceptions.RayError as error:
          reason = type(error).__name__
          if not _answers(head):
            break
          continue
        _replay(made.entries, run, say)
        problems += made.problems
        places.add(made.place)
        bar.update(len(names(missing.pop(made.number))))
        if run.stopping.is_set():
          raise errors.Stopped('what was finished is kept')
    if again := len(places) - len(actors):
      say(f'Ray: {again} actor(s) died and were started again; their groups, too')
    lost = [name for group in missing.values() for name in names(group)]
    if lost and not _answers(head):
      return [
        *problems,
        f'the head of the Ray cluster, {head}, is gone, before {len(lost)} {unit}s '
        'were done; with a head, the same command goes on',
      ]
    for name in lost:
      line = f'{name}: its group ended its actor {_RETRIES + 1} times ({reason})'
      run.log('failed', name=name, problem=line)
      problems.append(line)
    return problems

  def _start(self, make: Callable[[Any, Kept], FitGroup], count: int) -> list[Any]:
    import ray

    variables = {'JAX_NUM_CPU_DEVICES': '1', 'JAX_PLATFORMS': self.platform}
    if cache := jax.config.values['jax_compilation_cache_dir']:
      variables |= {
        'JAX_COMPILATION_CACHE_DIR': cache,
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
      }
    needs = {
      'CPU': {'num_cpus': 1},
      'GPU': {'num_cpus': 0, 'num_gpus': 1},
      'TPU': {'num_cpus': 0, 'resources': {'TPU': 1}},
    }
    remote = ray.remote(Actor).options(
      max_restarts=-1,
      max_task_retries=_RETRIES,
      runtime_env={'env_vars': variables},
      **needs[self.device],
    )
    return [remote.remote(make) for _ in range(count)]


@contextlib.contextmanager
def connected(engine: Engine) -> Iterator[Cluster]:
  """Connects to the cluster of `RAY_ADDRESS` or of this host, or starts one here.

  Args:
    engine: What is asked of it.

  Yields:
    The cluster; actors end when the block is left.

  Raises:
    InputError: where it cannot be reached, or has too few devices.
  """
  import ray

  with warnings.catch_warnings():
    # Ray starts programs: they do not go on in a copy of this one, and its threads.
    warnings.filterwarnings('ignore', 'os.fork', RuntimeWarning)
    try:
      ray.init(
        include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
      )
    except (ConnectionError, RuntimeError, ValueError) as error:
      raise errors.InputError(f'--engine=ray: {_line(error)}') from error
  try:
    found = ray.cluster_resources()
    device = next(name for name in _PLATFORMS if found.get(name) or name == 'CPU')
    count = int(found.get(device, 0))
    actors = engine.actors or count
    if not 0 < actors <= count:
      raise errors.InputError(
        f'--actors: found {actors}, expected at most the {count} {device}s of the Ray '
        'cluster'
      )
    yield Cluster(device, actors)
  finally:
    ray.shutdown()


def check_installed() -> None:
  """Checks that there is Ray.

  Raises:
    InputError: one line that says where it comes from.
  """
  if importlib.util.find_spec('ray') is None:
    raise errors.InputError(
      "--engine=ray: found no Ray; pip install 'ray>=2.50' (extra [ray]) brings it"
    )


def _answers(address: str) -> bool:
  """Returns whether somebody listens at `HOST:PORT`."""
  host, _, port = address.rpartition(':')
  try:
    with socket.create_connection((host.strip('[]'), int(port)), timeout=_SECONDS):
      return True
  except OSError:
    return False


def _places(actors: Sequence[Any]) -> list[_Place]:
  """Waits for actors to start; returns where they are."""
  import ray

  try:
    found: list[_Place] = ray.get([actor.where.remote() for actor in actors])
  except ray.exceptions.RayError as error:
    raise errors.InputError(
      f'--engine=ray: an actor cannot be started: {_line(error)}'
    ) from error
  for place in found:
    if place.version != lutjax.__version__:
      raise errors.InputError(
        f'--engine=ray: found lutjax {place.version} on {place.host}, expected '
        f'{lutjax.__version__}, as here'
      )
  return found


def _replay(
  entries: Sequence[tuple[str, dict[str, Any]]],
  run: runs.Run,
  say: Callable[[str], None],
) -> None:
  for kind, fields in entries:
    if kind == 'say':
      say(fields['line'])
    elif kind == 'log':
      run.log(**fields)
    else:
      run.commit(**fields)


def _line(error: Exception) -> str:
  """Returns the last line of an error: where there is a traceback, what it is of."""
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return lines[-1] if lines else type(error).__name__
