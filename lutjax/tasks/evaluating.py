"""Reprinting every figure of saved artefacts against their sources."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, models, progress
from lutjax.codec import labels
from lutjax.data import images, synthetic
from lutjax.fit import fleet, runs
from lutjax.report import plots
from lutjax.tasks import (
  exhaustive,
  experiment,
  fitting,
  flows,
  gamut,
  looks,
  matching,
  pairs,
  presenting,
  reversing,
  scoring,
  shipping,
)

# Sets of colours by the prefix of their statistics, in words.
_SETS = {
  '': 'uniform colours',
  'nodes_': 'lattice nodes',
  'photo_': "a made-up photo's",
  'natural_': 'natural: those of the images',
  'outside_': 'outside: cells of the cube where the images have none',
}
# Colours kept of all images together.
_POOL = 1 << 18


@dataclasses.dataclass(frozen=True)
class Config:
  """What is scored, and on which colours.

  Attributes:
    task: Of the run, which says how sources are read.
    colours: `sampled`, those that the task scores, and with images the natural
      ones and those outside (`scoring.colour_sets`); or `hald256`, all 256^3 of 8 bits.
    read: With `hald256`, what a model is taken for; see `exhaustive`.
    size: Nodes per axis of lattices that are run backwards.
  """

  task: Any = looks.Config()  # noqa: RUF009
  colours: Literal['sampled', 'hald256'] = 'sampled'
  read: exhaustive.Read = 'apply'
  size: int = shipping.EXPORT_SIZE

  def __post_init__(self):
    config_lib.check_ranges(self, size='[2, 256]')


def config_for(
  model: str, assignments: Sequence[str], sources: experiment.Sources
) -> Config:
  """Returns what a model's run was given to do, or the usual, with fields set.

  A model that was fitted to LUTs can be scored on pictures, and the other way
  round.

  Args:
    model: Run folder, or an artefact in one or anywhere.
    assignments: `key=value` overrides.
    sources: LUTs, or pictures.

  Raises:
    InputError: when `run.json` is damaged or an assignment does not fit.
  """
  found: Any = looks.Config()
  if pathlib.Path(model).suffix.lower() in images.EXTENSIONS:
    found = gamut.Config()
  folder = matching.run_of(model)
  if folder is not None:
    record = runs.read_record(folder)
    source = str(folder / runs.RECORD)
    found = config_lib.from_dict(record['config'].get('task'), source)
    if not dataclasses.is_dataclass(found):
      raise errors.InputError(f'{source}: found no task, expected that of a run')
  if sources.pairs:
    found = pairs.from_looks(found)
  elif isinstance(found, pairs.Config):
    found = looks.Config()
  elif isinstance(found, looks.Config):
    # Looks are scored one by one, however they were trained, put in or taken out.
    names = [field.name for field in dataclasses.fields(looks.Config)]
    fields: dict[str, Any] = {name: getattr(found, name) for name in names}
    found = looks.Config(**(fields | {'together': False}))
  return config_lib.override(Config(found), assignments)


def evaluate(
  model: str,
  config: Config,
  sources: experiment.Sources,
  *,
  only: Sequence[str] = (),
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], Sequence[str]]:
  """Scores artefacts against the looks that they were fitted to.

  Args:
    model: Artefact or run folder.
    config: From `config_for`.
    sources: The looks, matched by content (`matching`). Images beside LUTs give
      more colours to score on.
    only: Names or numbers of the looks that are scored; all by default. One name
      beside one file scores that file, whatever the look was fitted to.
    say: Told what is skipped.

  Returns:
    The figures, and one line for each look without a source.

  Raises:
    InputError: when nothing matches, or a flag does not fit.
  """
  task = fitting.task_of(config.task)
  if not isinstance(config.task, looks.Config) and (
    only or config.colours != 'sampled'
  ):
    raise errors.InputError(
      '--look and --set=colours: found a model of pictures, expected one of LUTs'
    )
  if hasattr(task, 'evaluate'):
    return task.evaluate(model, config.task, sources, say=say)
  opened = shipping.find_models(model)
  only = _full_names(opened, only)
  gathered = task.gather(config.task, sources, say)
  if isinstance(config.task, looks.Config):
    wanted, problems = _matched(opened, gathered, only, say)
    found, sets = _of_luts(config, sources, gathered, wanted, say)
    figures = _figures(model, opened, sets, found, problems)
    figures |= {'sources': matching.record(wanted)}
  else:
    sets = {'': 'the pixels'}
    found, problems = _of_pictures(opened, config, gathered)
    figures = _figures(model, opened, sets, found, problems)
  return figures, [*gathered.problems, *problems]


def undo(
  model: str,
  config: Config,
  sources: experiment.Sources,
  *,
  only: Sequence[str] = (),
  pictures: str | os.PathLike | None = None,
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], Sequence[str]]:
  """Scores how well looks that are run backwards undo their sources, on photos.

  Args:
    model: A bijective LutFlow: artefact or run folder.
    config: From `config_for`.
    sources: As `evaluate` takes them; images are what is graded and brought back,
      by default a photo that is made up.
    only: As `evaluate` takes it.
    pictures: A folder, which gets `NAME-inverse.png` of each look, on the first
      image.
    say: Told what is skipped.

  Returns:
    Figures and problems, as `evaluate` returns them.

  Raises:
    InputError: as `evaluate` does, and when the model is not bijective.
  """
  opened = shipping.find_models(model)
  only = _full_names(opened, only)
  gathered = looks.gather(config.task, sources, say)
  wanted, problems = _matched(opened, gathered, only, say)
  for item in {id(match.model): match.model for match in wanted}.values():
    shipping.check_invertible(item)
  photos = [synthetic.photo(0, 373, 560)]
  if sources.images:
    paths = images.find_images(sources.images, say=say)
    read = [images.read(path, convert=True, say=say).pixels for path, _ in paths]
    photos = [images.to_float(pixels[..., :3]) for pixels in read]
  pixels = np.concatenate([photo.reshape(-1, 3) for photo in photos])
  rgb = pixels[:: -(-len(pixels) // _POOL)]
  found = {}
  for match in progress.bar(wanted, unit='look'):
    item, name = match.model, match.name
    held = item.loaded.config.looks
    try:
      back = shipping.invert(item.loaded, match.index, config.size)
    except errors.InputError as error:
      problems.append(str(error))
      continue
    weights = np.eye(len(held), dtype=np.float32)[match.index]
    forward = shipping.decode(item.loaded, weights, config.size)
    original = presenting.lut_of(match.source)
    stats = reversing.score(original, forward, back, rgb)
    found[name] = stats | {'size_bytes': item.size_bytes / len(held)}
    if pictures is not None:
      drawn = reversing.picture(name, original, back, photos[0], stats)
      plots.write_png(pathlib.Path(pictures) / f'{name}-inverse.png', drawn)
  figures = _figures(model, opened, {}, found, problems)
  return figures | {'sources': matching.record(wanted)}, problems


def _of_luts(
  config: Config,
  sources: experiment.Sources,
  gathered: experiment.Gathered,
  wanted: Sequence[matching.Match],
  say: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, str]]:
  """Returns the statistics of looks, and the sets of colours."""
  sampled = config.colours == 'sampled'
  more: Mapping[str, np.ndarray] = {}
  if sampled and sources.images:
    named = flows.colour_sources(sources.images, say)
    pool = flows.natural_colours([*named.values()], _POOL)
    more = scoring.colour_sets(pool, config.task.random_colours)
  score = looks.look_scorer(config.task, gathered, more)
  sets = {key: _SETS[key] for key in ('', 'nodes_', 'photo_', *more)}
  if not sampled:
    sets = {'': f'every colour of 8 bits, read as {exhaustive.describe(config.read)}'}
  found = {}
  # A model lies on the device while its looks are scored.
  loaded, placed = None, None
  unit = 1 if sampled else exhaustive.COUNT
  with progress.bar(
    total=len(wanted) * unit, unit='look' if sampled else 'colour', unit_scale=True
  ) as bar:
    for item, index, source, _ in wanted:
      if loaded is not item.loaded:
        loaded = item.loaded
        placed = loaded._replace(variables=jax.device_put(loaded.variables))
      label = loaded.config.looks[index]
      bar.set_description(label.name[:24])
      if sampled:
        stats = score(placed, item.size_bytes, index, source)
        bar.update()
      else:
        stats = exhaustive.score(
          loaded,
          index,
          source,
          read=config.read,
          interpolation=config.task.interpolation,
          advance=bar.update,
        )
      share = item.size_bytes / len(loaded.config.looks)
      found[label.name] = stats | {'size_bytes': share}
  return found, sets


def _full_names(opened: Sequence[shipping.Model], only: Sequence[str]) -> list[str]:
  """Returns the names of looks that are given by name or number."""
  held = [label for item in opened for label in item.loaded.config.looks]
  return [held[labels.find(held, name)].name for name in only]


def _figures(
  model: str,
  opened: Sequence[shipping.Model],
  sets: Mapping[str, str],
  found: Mapping[str, Any],
  problems: Sequence[str],
) -> dict[str, Any]:
  if not found:
    raise errors.InputError(
      f'--model={model}: none of its looks is among the sources: {problems[-1]}'
    )
  return {
    'model': model,
    'size_bytes': sum(item.size_bytes for item in opened),
    'names_bytes': sum(_names_bytes(item) for item in opened),
    'colours': sets,
    'looks': found,
  }


def _matched(
  opened: Sequence[shipping.Model],
  gathered: experiment.Gathered,
  only: Sequence[str],
  say: Callable[[str], None],
) -> tuple[list[matching.Match], list[str]]:
  """Returns each look that has a source, and a line for those that have none."""
  wanted, problems = matching.find(opened, gathered.context, only)
  for line in matching.remarks(wanted, gathered.context) if wanted else ():
    say(line)
  return wanted, problems


def _of_pictures(
  opened: Sequence[shipping.Model], config: Config, gathered: experiment.Gathered
) -> tuple[dict[str, Any], list[str]]:
  """Returns the statistics of styles and blends, and what has no pictures."""
  score = fitting.task_of(config.task).scorer(config.task, gathered)
  found, problems = {}, []
  for item in progress.bar(opened, unit='model', disable=len(opened) < 2):
    names = [label.name for label in item.loaded.config.looks]
    job = _job_for(names, gathered, alone=len(opened) == 1)
    if job is None:
      missing = [name for name in names if name not in gathered.context]
      problems.append(f'{item.path}: no source for {", ".join(missing)}')
      continue
    record = score(item.path.read_bytes(), job)['looks']
    extra = list(record)[len(names) :]
    for name, stats in zip([*names, *extra], record.values()):
      found[name] = stats | {'size_bytes': item.size_bytes / len(names)}
  return found, problems


def _names_bytes(item: shipping.Model) -> int:
  """Returns what the names take in an artefact that tells, else nothing."""
  module = models.module_of(item.loaded.config)
  if not hasattr(module, 'names_bytes'):
    return 0
  return module.names_bytes(item.loaded.config)


def _job_for(
  names: Sequence[str], gathered: experiment.Gathered, *, alone: bool
) -> fleet.Job | None:
  """Returns the job that holds the styles of a model."""
  for job in gathered.jobs:
    if [label.name for label in gathered.labels[job.name]] == names:
      return job
  if alone and len(gathered.jobs) == 1 and len(names) == 1:
    return gathered.jobs[0]
  return None
