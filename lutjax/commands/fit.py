"""Running an experiment: files in, artefacts, metrics and a report out."""

import dataclasses
import functools
import math
import os
import pathlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, progress, systems
from lutjax import experiment as experiment_lib
from lutjax.commands import describe, fit_report
from lutjax.fit import cluster, fleet, hosts, loop, mesh, methods, runs
from lutjax.looks import settings
from lutjax.report import plots
from lutjax.types import Loaded, Variables

Say = Callable[[str], None]


def fit(
  experiment: experiment_lib.Experiment,
  sources: experiment_lib.Sources,
  out: str | os.PathLike,
  *,
  resume: bool = True,
  overwrite: bool = False,
  fallback: bool = False,
  group_size: int = 0,
  engine: cluster.Engine | None = None,
  stopping: threading.Event | None = None,
  say: Say = print,
) -> Sequence[str]:
  """Runs an experiment in a run folder, or resumes it.

  A task whose jobs are too many to gather first has a `run` of its own, with
  these arguments, which then does it all.

  Args:
    experiment: What to do.
    sources: With what.
    out: The run folder.
    resume: Whether a run that is there may be continued.
    overwrite: Whether a run that is there is removed first.
    fallback: Whether a checkpoint that cannot be read gives way to the one before.
    group_size: Models vmapped together on a device; 0 picks by backend.
    engine: A Ray cluster that fits the models; this process does by default.
    stopping: Set, from any thread, once the run shall save and end.
    say: Told what a user should know.

  Returns:
    One line per input or model that failed; empty when all went well.

  Raises:
    InputError: when nothing can be done at all.
    Stopped: once `stopping` was set and what was at hand is saved.
  """
  began = time.perf_counter()
  task = systems.task_of(experiment.task)
  if task.run is not None:
    return task.run(
      experiment,
      sources,
      out,
      resume=resume,
      overwrite=overwrite,
      fallback=fallback,
      group_size=group_size,
      engine=engine,
      stopping=stopping,
      say=say,
    )
  if task.gather is None or task.report is None:
    raise ValueError(f'Expected a task with jobs, got {task.name}.')
  if task.complete is not None:
    model = systems.model_of(experiment.model)
    completed = task.complete(experiment.task, model, experiment.model)
    experiment = dataclasses.replace(experiment, task=completed)
  form = systems.model_of(experiment.model)
  gathered = task.gather(experiment.task, sources, say)._replace(system=form.name)
  fitting = settings.with_count(form, experiment.model, gathered.settings)
  experiment = dataclasses.replace(experiment, model=fitting)
  if engine is not None and len(gathered.jobs) == 1:
    raise errors.InputError(
      f'--engine=ray: found one model to fit, {gathered.jobs[0].name}, expected '
      'several, which actors fit on their own'
    )
  run = runs.open_run(
    out,
    config=experiment,
    inputs=gathered.inputs,
    single=gathered.single,
    resume=resume,
    overwrite=overwrite,
    fallback=fallback,
    stopping=stopping,
    say=say,
  )
  try:
    problems = [*gathered.problems]
    problems += _fit_pending(experiment, gathered, run, group_size, engine, say)
    if not hosts.is_first():
      return []
    records = [run.done[job.name] for job in gathered.jobs if job.name in run.done]
    finished = experiment_lib.Finished(
      experiment, run.folder, records, gathered, problems, systems.load
    )
    say(f'{len(records)} models in {run.folder}')
    fit_report.write(task, finished, run, say)
    run.log('end', seconds=time.perf_counter() - began, failed=problems)
  finally:
    run.close()
  return problems


def programs_for(
  experiment: experiment_lib.Experiment,
  jobs: int,
  group_size: int,
  start: Variables | None = None,
) -> fleet.Programs:
  """Returns the device programs of an experiment, not yet compiled.

  Args:
    experiment: The experiment.
    jobs: Models to fit; no more devices are used than there are models.
    group_size: Models vmapped together on a device; 0 picks by backend.
    start: What models start from, instead of random draws.
  """
  task = systems.task_of(experiment.task)
  devices = mesh.make_mesh(hosts.devices())
  group_size = group_size or mesh.default_group_size(devices)
  group_size = min(group_size, jobs)
  count = max(1, min(devices.size, jobs // group_size))
  far = hosts.joined() or devices.devices.flat[0].platform != 'cpu'
  split = jobs == 1 and (task.split == 'all' or (task.split != 'none' and far))
  if split:
    batch, processes = experiment.fit.batch_size, hosts.count_all()
    if batch % processes:
      raise errors.InputError(
        f'batch_size: found {batch}, expected a multiple of the {processes} processes'
      )
    count = math.gcd(devices.size, batch)
  devices = mesh.make_mesh(hosts.devices(count))
  model = systems.model_of(experiment.model)
  system = model.make(experiment.model)
  if start is not None:
    system = system._replace(init=lambda key: jax.tree.map(jnp.asarray, start))
  linearize = None
  if model.linearize is not None:
    linearize = functools.partial(model.linearize, experiment.model)
  method = methods.make(experiment.fit, system, linearize)
  if task.sampler is None:
    raise ValueError(f'Expected a task that samples, got {task.name}.')
  sample = task.sampler(experiment.task)
  survey = None
  if task.survey is not None:
    survey = task.survey(experiment.task, experiment.model)
  probe = None
  if task.probe is not None:
    probe = task.probe(experiment.task, system)
  return fleet.Programs(
    system,
    method,
    sample,
    experiment.fit,
    devices,
    group_size,
    survey,
    probe,
    split=split and devices.size > 1,
  )


def _completed(config: Any) -> Any:
  """Returns a model's config with what it needs of other artefacts."""
  complete = systems.model_of(config).complete
  return config if complete is None else complete(config, systems.load)


def _start_of(
  experiment: experiment_lib.Experiment, gathered: experiment_lib.Gathered
) -> Variables | None:
  """Returns what training goes on from, or None where it begins anew."""
  if gathered.start is None:
    return None
  path, content = gathered.start
  model = systems.model_of(experiment.model)
  if model.start is None:
    raise errors.InputError(
      f'{path}: found an artefact to start from, expected none for {model.name}'
    )
  return model.start(experiment.model, systems.load(content, path), path)


def _fit_pending(
  experiment: experiment_lib.Experiment,
  gathered: experiment_lib.Gathered,
  run: runs.Run,
  group_size: int,
  engine: cluster.Engine | None,
  say: Say,
) -> Sequence[str]:
  """Fits what the run folder lacks; returns a line for each model that failed."""
  jobs = gathered.jobs
  pending = [job for job in jobs if job.name not in run.done]
  if len(pending) < len(jobs):
    say(f'{run.folder}: {len(jobs) - len(pending)} of {len(jobs)} models are done')
  if not pending:
    return []
  task = systems.task_of(experiment.task)
  if task.solve is not None:
    content, seconds, figures = task.solve(experiment.task, gathered, say)
    record = {'size_bytes': len(content), 'seconds': seconds, **figures}
    run.commit(jobs[0].name, content, record)
    return []
  experiment = dataclasses.replace(experiment, model=_completed(experiment.model))
  model = systems.model_of(experiment.model)
  if model.grader is not None:
    say('\n'.join(describe.parameter_table(model, experiment.model)))
  if gathered.single:
    form = experiment_lib.labelled(experiment.model, gathered, jobs[0].name)
    experiment = dataclasses.replace(experiment, model=form)
  if engine is not None:
    with cluster.connected(engine) as found:
      return _fit_on_cluster(found, experiment, gathered, run, group_size, say)
  start = _start_of(experiment, gathered)
  programs = programs_for(experiment, len(jobs), group_size, start)
  size = 1
  if not programs.split:
    size = _block_size(run, len(jobs), programs)
  shapes = fleet.largest_shapes(jobs)
  if task.scorer is None:
    raise ValueError(f'Expected a task that scores, got {task.name}.')
  score = task.scorer(experiment.task, gathered)
  failed = []
  steps = experiment.fit.steps
  told = _Told(run.folder / 'progress')
  filled = size
  if not programs.split:
    filled = fleet.filled_size(size, programs.mesh, programs.group_size)
  with progress.bar(total=len(pending) * steps, unit='step', unit_scale=True) as bar:
    for block in fleet.blocks(jobs, size):
      if all(job.name in run.done for job in block):
        continue
      bar.set_description(block[0].name[:24])
      on_segment = _progress(bar, run, block, steps, programs.probe, told)
      results = fleet.fit_block(
        programs,
        block,
        filled,
        seed=experiment.seed,
        shapes=shapes,
        folder=run.folder / 'checkpoints',
        fallback=run.fallback,
        stopping=run.stopping,
        on_segment=on_segment,
        say=say,
      )
      for result in results:
        if result.job.name not in run.done and hosts.is_first():
          failed += _commit(experiment, gathered, run, result, score, say)
  if not hosts.is_first():
    return []
  shared = (
    'sharing each batch' if programs.split else f'{programs.group_size} at a time'
  )
  of = f' of {hosts.count_all()} processes' if hosts.joined() else ''
  say(
    f'{len(pending) - len(failed)} models fitted on {programs.mesh.size} '
    f'device(s){of}, {shared}; {programs.compilations} programs of the fit compiled in '
    f'{programs.compile_seconds:.1f} s'
  )
  if programs.probe is not None:
    rest = max(0.0, told.wall - told.seconds - programs.compile_seconds)
    share = rest / max(told.wall, 1e-9)
    say(
      f'steps took {told.seconds:.1f} s; {rest:.1f} s ({share:.1%}) more went to '
      'measuring, pictures and checkpoints; no step waited for data, which is on the '
      'device'
    )
  run.log('compiled', programs=programs.compilations, seconds=programs.compile_seconds)
  return failed


def _fit_on_cluster(
  found: cluster.Cluster,
  experiment: experiment_lib.Experiment,
  gathered: experiment_lib.Gathered,
  run: runs.Run,
  group_size: int,
  say: Say,
) -> Sequence[str]:
  """Fits what the run folder lacks on actors; returns a line for each that failed."""
  began = time.perf_counter()
  jobs = [job for job in gathered.jobs if job.name not in run.done]
  group_size = group_size or mesh.group_size_on(found.platform)
  one = mesh.make_mesh(jax.local_devices()[:1])
  size = fleet.block_size(found.group_most(len(jobs)), one, group_size)
  names = [job.name for job in jobs]
  failed = found.fit(
    functools.partial(_block_fitter, experiment, size, group_size),
    gathered,
    fleet.blocks(names, size),
    list,
    run,
    unit='model',
    say=say,
  )
  done = len(names) - len(failed)
  seconds = time.perf_counter() - began
  say(
    f'{done} models fitted in {seconds:.1f} s: {done / seconds:.2f} models/s; '
    f'{group_size} at a time on each of {found.actors} actors'
  )
  return failed


def _block_fitter(
  experiment: experiment_lib.Experiment,
  size: int,
  group_size: int,
  gathered: experiment_lib.Gathered,
  kept: cluster.Kept,
) -> Callable[[Sequence[str]], Sequence[str]]:
  """Returns what an actor does with the names of a block."""
  task = systems.task_of(experiment.task)
  if task.scorer is None:
    raise ValueError(f'Expected a task that scores, got {task.name}.')
  score = task.scorer(experiment.task, gathered)
  start = _start_of(experiment, gathered)
  programs = programs_for(experiment, len(gathered.jobs), group_size, start)
  shapes = fleet.largest_shapes(gathered.jobs)
  by_name = {job.name: job for job in gathered.jobs}

  def fit_block(names: Sequence[str]) -> Sequence[str]:
    results = fleet.fit_block(
      programs,
      [by_name[name] for name in names],
      size,
      seed=experiment.seed,
      shapes=shapes,
      folder=None,
      on_segment=lambda segment: None,
      say=kept.say,
    )
    failed = []
    for result in results:
      failed += _commit(experiment, gathered, kept, result, score, kept.say)
    return failed

  return fit_block


def _block_size(run: runs.Run, jobs: int, programs: fleet.Programs) -> int:
  """Returns how many models are fitted together, as when the run began.

  Their checkpoints then serve on any number of devices.
  """
  begun = [e['size'] for e in runs.read_events(run.folder, 'blocks')]
  if begun:
    return begun[0]
  size = fleet.block_size(jobs, programs.mesh, programs.group_size)
  if hosts.is_first():
    run.log('blocks', size=size)
  return size


class _Told:
  """What segments told so far.

  Attributes:
    seconds: That all their steps took.
    wall: Until the last one was told of, compiling and measuring included.
  """

  def __init__(self, folder: pathlib.Path):
    self.seconds = self.wall = 0.0
    self._folder = folder
    self._began = time.perf_counter()

  def add(self, segment: fleet.Segment) -> None:
    """Takes a segment in, and writes what its model draws."""
    self.seconds += segment.seconds
    if segment.pictures is not None:
      self._folder.mkdir(exist_ok=True)
      # One model at a time draws.
      path = self._folder / f'step-{segment.step:06d}.png'
      plots.write_png(path, segment.pictures[0])
    self.wall = time.perf_counter() - self._began


def _progress(
  bar: progress.Bar,
  run: runs.Run,
  block: Sequence[fleet.Job],
  steps: int,
  probe: loop.Probe | None,
  told: _Told,
) -> Callable[[fleet.Segment], None]:
  """Returns the function that reports progress after each segment of a block."""
  shown = 0

  def on_segment(segment: fleet.Segment) -> None:
    nonlocal shown
    if not hosts.is_first():
      return
    pending = sum(job.name not in run.done for job in block)
    bar.update((segment.step - shown) * pending)
    shown = segment.step
    loss = _median(segment.losses)
    figures = {name: _median(values) for name, values in segment.figures.items()}
    told.add(segment)
    what = 'loss' if len(block) == 1 else 'median loss'
    text = f'step {shown}/{steps}, {what} {loss:.3g}'
    bar.set_postfix_str(f'{text}, {probe.describe(figures)}' if probe else text)
    found = {'loss': loss, **figures}
    run.log(
      'segment',
      first=block[0].name,
      models=len(block),
      step=shown,
      seconds=segment.seconds,
      wall=told.wall,
      steps_per_second=segment.steps * len(block) / max(segment.seconds, 1e-9),
      **{name: value if np.isfinite(value) else None for name, value in found.items()},
    )

  return on_segment


def _median(values: np.ndarray) -> float:
  """Returns the median of the finite ones, NaN where there is none."""
  finite = values[np.isfinite(values)]
  return float(np.median(finite)) if finite.size else float('nan')


def _commit(
  experiment: experiment_lib.Experiment,
  gathered: experiment_lib.Gathered,
  run: runs.Ledger,
  result: fleet.Fitted,
  score: Callable[[Loaded, int, fleet.Job], Mapping[str, Any]],
  say: Say,
) -> Sequence[str]:
  """Finishes, exports, scores what was exported and commits.

  Returns:
    A line where there was nothing to commit, or where it is not what was asked
    for: `unmet` among the figures of `finish` or `verify`.
  """
  name = result.job.name
  if not result.finite:
    line = f'{name}: the fit gave numbers that are not finite; no artefact written'
    run.log('failed', name=name, problem=line)
    return [line]
  config = experiment_lib.labelled(experiment.model, gathered, name)
  model = systems.model_of(config)
  task = systems.task_of(experiment.task)
  trained, figures = Loaded(model, config, result.variables), {}
  if task.finish is not None:
    variables, figures = task.finish(experiment.task, trained, result.job, say)
    trained = trained._replace(variables=variables)
  content = model.make(config).export(trained.variables)
  shipped = systems.load(content, name)
  record = {
    'size_bytes': len(content),
    'seconds': result.seconds,
    'loss': result.loss,
    **figures,
    **score(shipped, len(content), result.job),
  }
  if task.verify is not None:
    record |= task.verify(experiment.task, gathered, trained, shipped)
  run.commit(name, content, record)
  return [f'{name}: {record["unmet"]}'] if 'unmet' in record else []
