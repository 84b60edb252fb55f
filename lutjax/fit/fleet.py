"""Fitting many models in blocks: one compiled program, resumable, bounded.

A block is the set of models that one call of the device program fits. Blocks are
made of jobs in their order, all of one shape; the last is filled with repeats, so
that neither the number of compilations nor the memory depends on the number of
models.
"""

import contextlib
import hashlib
import math
import pathlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors
from lutjax.fit import checkpoint, hosts, loop, mesh
from lutjax.types import PyTree, System, Variables

if TYPE_CHECKING:
  import orbax.checkpoint as ocp

_T = TypeVar('_T')
_CPU_BLOCK = 16


class Job(NamedTuple):
  """One model to fit.

  Attributes:
    name: Unique within a run; names the output.
    data: What the sampler draws from; numpy leaves, alike in a run but for the
      lengths of their axes: `fit_block` pads them.
  """

  name: str
  data: PyTree


class Fitted(NamedTuple):
  """One fitted model.

  Attributes:
    job: What was fitted.
    variables: Host arrays.
    loss: Of the last step.
    seconds: Wall time of the block's device program over its models.
    finite: Whether the loss and every parameter are finite numbers.
  """

  job: Job
  variables: Variables
  loss: float
  seconds: float
  finite: bool


class Segment(NamedTuple):
  """How far a block is.

  Attributes:
    step: Steps done.
    steps: Those of the segment alone.
    losses: `[B]` means over the segment, of the jobs of the block.
    seconds: That its steps took, without compiling.
    figures: Of the probe, `[B]` by name; none where there is no probe.
    pictures: Of the probe, `[B, H, W, 3]` uint8, or None.
  """

  step: int
  steps: int
  losses: np.ndarray
  seconds: float
  figures: Mapping[str, np.ndarray]
  pictures: np.ndarray | None = None


class Programs:
  """The compiled programs of a run, made once, timed and counted.

  Attributes:
    compilations: Programs compiled so far.
    compile_seconds: Wall time spent compiling them.
    probe: What is measured between segments.
    split: Whether devices share the batch of one model, instead of models.
  """

  def __init__(
    self,
    system: System,
    method: loop.Method,
    sample: loop.Sampler,
    config: loop.Config,
    devices: jax.sharding.Mesh,
    group_size: int,
    survey: loop.Survey | None = None,
    probe: loop.Probe | None = None,
    split: bool = False,
  ):
    self.config = config
    self.mesh = devices
    self.group_size = group_size
    self.compilations = 0
    self.compile_seconds = 0.0
    self._system = system
    self._method = method
    self.split = split
    self._sample = mesh.over_batch(sample, devices) if split else sample
    self._survey = survey
    self.probe = probe
    self._compiled: dict[Any, Callable[..., PyTree]] = {}

  def init(self, keys: jax.Array) -> loop.State:
    """Returns the stacked states before the first step, of keys `[M]`."""

    def one(key: jax.Array) -> loop.State:
      return loop.init(self._system, self._method, key)

    return self._call('init', one, (keys,), donate=False)

  def advance(
    self, state: loop.State, data: PyTree, steps: int
  ) -> tuple[loop.State, jax.Array]:
    """Runs `steps` steps on stacked states; returns them and mean losses `[M]`.

    Args:
      state: Stacked states `[M, ...]`.
      data: Stacked data `[M, ...]` of the same models.
      steps: Steps to take.
    """

    def one(state: loop.State, data: PyTree) -> tuple[loop.State, jax.Array]:
      state, losses = loop.advance(
        self._method,
        self._sample,
        state,
        data,
        steps=steps,
        batch_size=self.config.batch_size,
        survey=self._survey,
      )
      return state, losses.mean()

    return self._call(('advance', steps), one, (state, data), donate=True)

  def measure(self, state: loop.State, data: PyTree) -> dict[str, np.ndarray]:
    """Returns the figures `[M]` of the probe, none where there is no probe.

    Args:
      state: Stacked states `[M, ...]`.
      data: Stacked data `[M, ...]` of the same models.
    """
    if self.probe is None:
      return {}
    args = (state.variables, data)
    return hosts.whole(self._call('probe', self.probe.measure, args, donate=False))

  def draw(self, state: loop.State, data: PyTree) -> np.ndarray | None:
    """Returns the pictures `[M, H, W, 3]` of the probe, None where it draws none.

    Args:
      state: Stacked states `[M, ...]`.
      data: Stacked data `[M, ...]` of the same models.
    """
    if self.probe is None or self.probe.draw is None:
      return None
    args = (state.variables, data)
    return hosts.whole(self._call('draw', self.probe.draw, args, donate=False))

  def place(self, stacked: PyTree) -> PyTree:
    """Puts stacked leaves `[M, ...]` where the programs want them."""
    return mesh.place(stacked, self.mesh, whole=self.split)

  def shrink(
    self, error: jax.errors.JaxRuntimeError, say: Callable[[str], None]
  ) -> None:
    """Halves the groups, where a device has too little memory for them.

    Args:
      error: What a program raised; raised again if it is about other things.
      say: Told of it.

    Raises:
      InputError: one line, where groups cannot be smaller, and where there are other
        processes: those may have had enough.
    """
    if hosts.joined():
      mesh.smaller_group(1, error, say)
    self.group_size = mesh.smaller_group(self.group_size, error, say)

  def _call(
    self, name: Any, one: Callable[..., PyTree], args: tuple, *, donate: bool
  ) -> PyTree:
    made = (name, self.group_size, jax.tree.leaves(args)[0].shape[0])
    if made not in self._compiled:
      began = time.perf_counter()
      donated = (0,) if donate else ()
      if self.split:
        whole = jax.NamedSharding(self.mesh, jax.P())
        jitted = jax.jit(_of_one(one), donate_argnums=donated, out_shardings=whole)
      else:
        many = mesh.over_models(one, self.mesh, self.group_size)
        jitted = jax.jit(many, donate_argnums=donated)
      self._compiled[made] = jitted.lower(*args).compile()
      self.compilations += 1
      self.compile_seconds += time.perf_counter() - began
      # Some find it in the cache, while others compile.
      hosts.meet()
    return self._compiled[made](*args)


def block_size(jobs: int, devices: jax.sharding.Mesh, group_size: int) -> int:
  """Returns how many models one device program fits.

  Args:
    jobs: Models in the run.
    devices: The mesh.
    group_size: Models vmapped together on each device.

  Returns:
    A multiple of `devices.size * group_size`, large enough to keep a CPU at
    work for some seconds, of which the jobs fill the last block best.
  """
  unit = devices.size * group_size
  units = math.ceil(jobs / unit)
  most = max(1, _CPU_BLOCK // unit)
  return unit * math.ceil(units / math.ceil(units / most))


def filled_size(size: int, devices: jax.sharding.Mesh, group_size: int) -> int:
  """Returns the models of the device program that fits blocks of `size`.

  Args:
    size: Models of a block, which a run keeps on any number of devices.
    devices: The mesh.
    group_size: Models vmapped together on each device.
  """
  unit = devices.size * group_size
  return unit * math.ceil(size / unit)


def blocks(jobs: Sequence[_T], size: int) -> list[Sequence[_T]]:
  """Splits jobs, in their order, into blocks of at most `size`.

  Args:
    jobs: Of a run, or their names.
    size: Models of a block, at least 1.
  """
  return [jobs[i : i + size] for i in range(0, len(jobs), size)]


def padded(array: np.ndarray, shape: Sequence[int] | np.ndarray) -> np.ndarray:
  """Returns an array with its first axes padded by repeating the edge.

  Args:
    array: `[..., C]`, of any number of axes.
    shape: Lengths of the first axes, none below the array's own.
  """
  missing = [(0, want - have) for want, have in zip(shape, array.shape)]
  if not any(after for _, after in missing):
    return array
  return np.pad(array, missing + [(0, 0)] * (array.ndim - len(missing)), mode='edge')


def largest_shapes(jobs: Sequence[Job]) -> PyTree:
  """Returns the longest length of each axis of each leaf, over all jobs."""
  shapes = [jax.tree.map(lambda leaf: np.array(np.shape(leaf)), j.data) for j in jobs]
  return jax.tree.map(lambda *each: np.max(each, axis=0), *shapes)


def model_key(seed: int, name: str) -> jax.Array:
  """Returns the key of a model, which does not depend on the other models of a run.

  Args:
    seed: Of the run.
    name: Of the model.
  """
  return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def fit_block(
  programs: Programs,
  block: Sequence[Job],
  size: int,
  *,
  seed: int,
  shapes: PyTree,
  folder: pathlib.Path | None,
  on_segment: Callable[[Segment], None],
  fallback: bool = False,
  stopping: threading.Event | None = None,
  say: Callable[[str], None],
) -> Iterator[Fitted]:
  """Fits one block: an idempotent call with named outputs.

  The state is checkpointed under a name made from the block's own jobs, at
  the end and whenever `checkpoint_seconds` have passed. Called again, it goes
  on from there; a block that was finished costs one read.

  Args:
    programs: Compiled programs, shared by all blocks.
    block: The jobs.
    size: Models of the device program, at least `len(block)`.
    seed: Of the run.
    shapes: That data are padded to (`largest_shapes` of the run): of this block
      alone, since one large look among thousands would fill the memory.
    folder: Where checkpoints are kept; None keeps none.
    on_segment: Told after each segment.
    fallback: Whether a checkpoint that cannot be read gives way to the one before.
    stopping: Set, from any thread, once the fit shall save and end.
    say: Told what a user should know.

  Yields:
    The fitted models, in the order of the jobs.

  Raises:
    Stopped: once `stopping` was set and the segment at hand is saved.
    InputError: when a checkpoint cannot be read or written.
  """
  seconds = 0.0
  state = None

  def on_steps(segment: Segment) -> None:
    nonlocal seconds
    seconds += segment.seconds
    on_segment(segment)

  options = {'fallback': fallback, 'stopping': stopping, 'say': say}
  while state is None:
    try:
      state = _train(programs, block, size, seed, shapes, folder, on_steps, **options)
    except jax.errors.JaxRuntimeError as error:
      # What was donated is gone: it goes on from the last checkpoint.
      programs.shrink(error, say)
  variables, losses = hosts.whole((state.variables, state.loss))
  for i, job in enumerate(block):
    model = jax.tree.map(lambda leaf: leaf[i], variables)  # noqa: B023
    numbers = [losses[i], *jax.tree.leaves(model)]
    finite = all(np.isfinite(leaf).all() for leaf in numbers)
    yield Fitted(job, model, float(losses[i]), seconds / len(block), finite)


def _train(
  programs: Programs,
  block: Sequence[Job],
  size: int,
  seed: int,
  shapes: PyTree,
  folder: pathlib.Path | None,
  on_segment: Callable[[Segment], None],
  *,
  fallback: bool,
  stopping: threading.Event | None,
  say: Callable[[str], None],
) -> loop.State:
  """Goes on from the newest checkpoint to the last step; see `fit_block`."""
  filled = [*block, *[block[-1]] * (size - len(block))]
  place = programs.place
  # Process 0 has committed what came before.
  hosts.meet()
  if _asked(stopping):
    raise errors.Stopped('what was finished is kept')
  keys = place(jnp.stack([model_key(seed, job.name) for job in filled]))

  def stack(shape: np.ndarray, *leaves: np.ndarray) -> np.ndarray:
    made = [padded(np.asarray(leaf), shape) for leaf in leaves]
    # The pictures of one model are not copied.
    return np.stack(made) if len(made) > 1 else made[0][None]

  data = place(jax.tree.map(stack, shapes, *[job.data for job in filled]))
  config = programs.config
  with _checkpoints(folder, block) as saved:
    state, done = programs.init(keys), 0
    restored = None
    if saved is not None:
      restored = checkpoint.restore(saved, state, say, fallback=fallback)
    if restored is not None:
      # On other devices other repeats filled the block.
      rows = np.minimum(np.arange(size), len(block) - 1)
      state = place(jax.tree.map(lambda leaf: leaf[rows], restored))
      done = int(restored.step[0])
    last_save = time.monotonic()
    while done < config.steps:
      compiling = programs.compile_seconds
      began = time.perf_counter()
      steps = min(config.segment_steps, config.steps - done)
      state, mean_losses = programs.advance(state, data, steps)
      losses = hosts.whole(mean_losses)[: len(block)]
      took = time.perf_counter() - began - (programs.compile_seconds - compiling)
      done += steps
      measured = programs.measure(state, data)
      figures = {name: values[: len(block)] for name, values in measured.items()}
      pictures = programs.draw(state, data)
      on_segment(Segment(done, steps, losses, took, figures, pictures))
      if saved is None:
        continue
      late = time.monotonic() - last_save >= config.checkpoint_seconds
      asked = done < config.steps and _asked(stopping)
      if asked or done == config.steps or hosts.first_says(late):
        checkpoint.save(saved, state)
        last_save = time.monotonic()
      if asked:
        raise errors.Stopped(f'step {done} of {config.steps} is saved')
  return state


def _asked(stopping: threading.Event | None) -> bool:
  """Returns whether any process was asked to save and end."""
  return not hosts.all_say(stopping is None or not stopping.is_set())


def _of_one(one: Callable[..., PyTree]) -> Callable[..., PyTree]:
  """Lifts a function of one model to stacks of one."""

  def many(*stacked: PyTree) -> PyTree:
    made = one(*jax.tree.map(lambda leaf: leaf[0], stacked))
    return jax.tree.map(lambda leaf: leaf[None], made)

  return many


def _checkpoints(
  folder: pathlib.Path | None, block: Sequence[Job]
) -> contextlib.AbstractContextManager['ocp.CheckpointManager | None']:
  if folder is None:
    return contextlib.nullcontext()
  names = '\n'.join(job.name for job in block)
  name = f'block-{hashlib.sha256(names.encode()).hexdigest()[:12]}'
  return checkpoint.manager(folder / name)
