"""The gamut task: a folder of wide-gamut images in, ordinary sRGB files out.

Each output carries a payload that gives the wide-gamut colours back. Images
are read and written by threads while a device fits others; nothing holds more
than a few of them at a time. Of several processes each takes every n-th image, and
they meet in the end.
"""

import dataclasses
import functools
import os
import pathlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lutjax import errors, files, urls
from lutjax import experiment as experiment_lib
from lutjax.data import images
from lutjax.fit import cluster, hosts, mesh, runs
from lutjax.systems.gamut_mlp import fleet as gamut_fleet
from lutjax.systems.gamut_mlp import recovery
from lutjax.systems.gamut_mlp import report as gamut_report
from lutjax.systems.gamut_mlp import scores as gamut_scores
from lutjax.systems.gamut_mlp import sources as gamut_sources
from lutjax.types import Task

_KINDS = {'png': 'PNG', 'jpeg': 'JPEG', 'tiff': 'TIFF', 'webp': 'WebP'}
# Of a group that one actor works on.
_MOST_IMAGES = 16
SUFFIXES = {'png': '.png', 'jpeg': '.jpg', 'tiff': '.tif', 'webp': '.webp'}


@dataclasses.dataclass(frozen=True)
class Config:
  """What is written.

  Attributes:
    format: Of the sRGB files.
    quality: Of JPEG and WebP, 1 to 100; WebP is exact at 100.
    space: What the sources' colours are; `auto` asks their ICC profiles, and
      takes those of 16 bits or float without one as ProPhoto.
    quantiser: `round`, or the paper's `truncate`.
    sampling: What a network is fitted on; see `network_fitting.pool_of`.
    start: Artefact of a meta-initialisation that networks start from.
    workers: Threads that read, and as many that write.
    ahead_megabytes: Of source files that may be in work at a time, beyond one.
  """

  format: Literal['png', 'jpeg', 'tiff', 'webp'] = 'png'
  quality: int = 95
  space: gamut_sources.Space = 'auto'
  quantiser: recovery.Quantiser = 'round'
  sampling: Literal['all', 'strided', 'outside', 'clipped'] = 'all'
  start: str = ''
  workers: int = 2
  ahead_megabytes: int = 128

  def __post_init__(self):
    if not 1 <= self.quality <= 100 or self.workers < 1 or self.ahead_megabytes < 1:
      raise ValueError(
        f'Expected a quality of 1 to 100, workers and megabytes of 1 or more, got '
        f'{self.quality}, {self.workers} and {self.ahead_megabytes}.'
      )


def run(
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
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Embeds payloads into sRGB versions of images; see `commands.fit.fit`.

  An image counts as done once its line stands in `metrics.jsonl`, which is
  written after the output has its name. Images that are added to the folder
  later are taken up by the same command.

  Args:
    experiment: With a task of images.
    sources: Its `images` are fitted.
    out: Run folder.
    resume: Whether a run in `out` is continued.
    overwrite: Whether a run in `out` is removed first.
    fallback: Not used: images have no checkpoints.
    group_size: Images that a device fits at once; 0 for the default.
    engine: A Ray cluster whose hosts see the images; this process by default.
    stopping: Set, from any thread, once images at hand shall be finished, and no more
      begun.
    say: Told about progress.

  Returns:
    One line per image that failed.

  Raises:
    InputError: when nothing can be done at all.
    Stopped: once `stopping` was set and what was at hand is saved.
  """
  del fallback
  began = time.perf_counter()
  task = experiment.task
  if not sources.images:
    raise errors.InputError('--images: expected wide-gamut images to fit')
  jobs, unlisted = _jobs(sources.images, SUFFIXES[task.format], say)
  suffix = SUFFIXES[task.format]
  opened = runs.open_run(
    out,
    config=experiment,
    inputs={},
    resume=resume,
    overwrite=overwrite,
    stopping=stopping,
    artefact_name=lambda name: f'images/{name}{suffix}',
    say=say,
  )
  try:
    pending = [job for job in jobs if job.name not in opened.done]
    problems = _changed(hosts.share(jobs), opened)
    if len(pending) < len(jobs):
      say(f'{opened.folder}: {len(jobs) - len(pending)} of {len(jobs)} images are done')
    pending = hosts.share(pending)
    if pending and engine is not None:
      with cluster.connected(engine) as found:
        problems += _fit_on_cluster(found, experiment, pending, opened, group_size, say)
    elif pending:
      devices = mesh.make_mesh()
      group_size = min(group_size or mesh.default_group_size(devices), len(pending))
      count = max(1, min(devices.size, len(pending) // group_size))
      devices = mesh.make_mesh(list(devices.devices.flat)[:count])
      fleet = gamut_fleet.Fleet(
        experiment, _KINDS[task.format], opened, devices, group_size, say
      )
      problems += fleet.run(pending)
    problems = [*unlisted, *hosts.collect(problems)]
    if not hosts.all_say(not opened.stopping.is_set()):
      opened.refresh()
      raise errors.Stopped(f'{len(opened.done)} of {len(jobs)} images are done')
    if not hosts.is_first():
      return []
    opened.refresh()
    records = [opened.done[job.name] for job in jobs if job.name in opened.done]
    missing = [job.name for job in jobs if job.name not in opened.done]
    page = gamut_report.write(experiment, opened.folder, records, missing, problems)
    opened.log('end', seconds=time.perf_counter() - began, failed=problems)
    say(gamut_report.summary(records))
    coarse = gamut_report.rounding(records)
    if coarse:
      say(coarse)
    say(f'{len(records)} images in {opened.folder / "images"}; report: {page}')
  finally:
    opened.close()
  return problems


def evaluate(
  model: str,
  config: Config,
  sources: experiment_lib.Sources,
  *,
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], Sequence[str]]:
  """Scores the images of a run; see `commands.evaluate.evaluate`.

  Args:
    model: Run folder, or sRGB files with payloads.
    config: Says in which space the originals are.
    sources: The originals, matched by stem.
    say: Told what is skipped.
  """
  if not sources.images:
    raise errors.InputError('--images: expected the originals to compare with')
  folder = pathlib.Path(model, 'images')
  found, problems = gamut_scores.score_images(
    [str(folder) if folder.is_dir() else model],
    sources.images,
    space=config.space,
    say=say,
  )
  return {'model': model, 'images': found}, problems


def render(figures: Mapping[str, Any]) -> str:
  """Returns the figures of `evaluate` as Markdown."""
  return gamut_scores.render(figures['images'])


TASK = Task(
  name='gamut_mlp',
  config=Config,
  sources=('images',),
  scored=('images',),
  on_ray=True,
  idle_flags=('fallback',),
  run=run,
  evaluate=evaluate,
  render=render,
)


def _jobs(
  patterns: Sequence[str], suffix: str, say: Callable[[str], None]
) -> tuple[list[gamut_fleet.Job], list[str]]:
  """Lists what to do; a second source for one output is a problem, not a job."""
  jobs: dict[str, gamut_fleet.Job] = {}
  problems = []
  for path, relative in images.find_images(patterns, say=say):
    name = relative.with_suffix('').as_posix()
    if name in jobs:
      problems.append(
        f'{path}: {jobs[name].path} gives the same output, {name}{suffix}'
      )
      continue
    try:
      measured = urls.measure(path)
    except OSError as error:
      problems.append(f'{path}: {error.strerror or error}')
      continue
    jobs[name] = gamut_fleet.Job(name, path, *measured)
  return list(jobs.values()), problems


def _fit_on_cluster(
  found: cluster.Cluster,
  experiment: experiment_lib.Experiment,
  jobs: Sequence[gamut_fleet.Job],
  opened: runs.Run,
  group_size: int,
  say: Callable[[str], None],
) -> list[str]:
  """Works on images by actors; returns a line for each that failed."""
  began = time.perf_counter()
  group_size = group_size or mesh.group_size_on(found.platform)
  most = max(group_size, min(found.group_most(len(jobs)), _MOST_IMAGES))
  failed = found.fit(
    functools.partial(_group_fitter, group_size),
    experiment,
    _groups(jobs, most, experiment.task.ahead_megabytes << 20),
    _names,
    opened,
    unit='image',
    say=say,
  )
  done, seconds = len(jobs) - len(failed), time.perf_counter() - began
  say(
    f'{done} images in {seconds:.1f} s: {done / seconds:.2f} images/s; {group_size} '
    f'images at a time on each of {found.actors} actors'
  )
  return failed


def _group_fitter(
  group_size: int, experiment: experiment_lib.Experiment, kept: cluster.Kept
) -> Callable[[Sequence[gamut_fleet.Job]], Sequence[str]]:
  """Returns what an actor does with a group of images."""
  kind = _KINDS[experiment.task.format]
  devices = mesh.make_mesh()
  return gamut_fleet.Fleet(experiment, kind, kept, devices, group_size, kept.say).work


def _groups(
  jobs: Sequence[gamut_fleet.Job], most: int, most_bytes: int
) -> list[list[gamut_fleet.Job]]:
  """Splits jobs, in their order, as far as memory allows."""
  groups: list[list[gamut_fleet.Job]] = []
  held = 0
  for job in jobs:
    held += job.size_bytes
    if not groups or len(groups[-1]) == most or held > most_bytes:
      groups.append([])
      held = job.size_bytes
    groups[-1].append(job)
  return groups


def _names(group: Sequence[gamut_fleet.Job]) -> list[str]:
  return [job.name for job in group]


def _changed(jobs: Sequence[gamut_fleet.Job], opened: runs.Run) -> list[str]:
  """Returns a line for each source that has changed since it was fitted."""
  lines = []
  for job in jobs:
    stat = {'bytes': job.size_bytes, 'modified': job.modified}
    # Most have not changed, and need not be parsed to see that.
    if job.name in opened.done and opened.done.mention(job.name, stat):
      continue
    record: dict[str, Any] = opened.done.get(job.name, {}).get('source', {})
    same = record.get('bytes') == job.size_bytes
    if not record or (same and record.get('modified') == job.modified):
      continue
    if not same or record['digest'] != files.digest(files.read_bytes(job.path)):
      lines.append(
        f'{job.path}: differs from what {job.name} was made of; --overwrite starts anew'
      )
  return lines
