"""Scoring saved artefacts against the sources that they were fitted to."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np

from lutjax import artefacts, errors, experiment, progress, systems
from lutjax import config as config_lib
from lutjax.codec import labels
from lutjax.commands import scorecard, selection
from lutjax.data import images, synthetic
from lutjax.fit import fleet, runs
from lutjax.looks import (
  decoding,
  every_colour,
  matching,
  natural_colours,
  normalized,
  pairs,
  round_trip,
  scoring,
)
from lutjax.looks import task as looks
from lutjax.report import plots
from lutjax.types import ImageFiles

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
    read: With `hald256`, what a model is taken for; see `every_colour`.
    size: Nodes per axis of inverse lattices.
  """

  task: Any = looks.Config()  # noqa: RUF009
  colours: Literal['sampled', 'hald256'] = 'sampled'
  read: every_colour.Read = 'apply'
  size: int = decoding.EXPORT_SIZE

  def __post_init__(self):
    config_lib.check_ranges(self, size='[2, 256]')


def config_for(
  model: str, assignments: Sequence[str], sources: experiment.Sources
) -> Config:
  """Returns the task of a model's run, or the default task, with fields set.

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
    found = _of_images(model).task
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
  task = systems.task_of(config.task)
  if not isinstance(config.task, looks.Config) and (
    only or config.colours != 'sampled'
  ):
    raise errors.InputError(
      '--look and --set=colours: found a model of pictures, expected one of LUTs'
    )
  if task.evaluate is not None:
    return task.evaluate(model, config.task, sources, say=say)
  if task.gather is None:
    raise errors.InputError(
      f'--model={model}: found a {task.name} run, which has no score'
    )
  opened = selection.find_models(model)
  only = _full_names(opened, only)
  if not isinstance(config.task, looks.Config):
    gathered = task.gather(config.task, sources, say)
    found, problems = _of_pictures(opened, config, gathered)
    figures = _figures(model, opened, {'': 'the pixels'}, found, problems)
    return figures, [*gathered.problems, *problems]
  references, broken = _read(config, sources, say)
  matches, problems = _matched(opened, references, only, say)
  found, sets = _of_luts(config, sources, references, matches, say)
  figures = _figures(model, opened, sets, found, problems)
  return figures | {'sources': matching.record(matches)}, [*broken, *problems]


def render(config: Config, figures: Mapping[str, Any]) -> str:
  """Returns the figures of `evaluate` or `score_inverse` as Markdown.

  Args:
    config: From `config_for`; its task may have a table of its own.
    figures: From `evaluate` or `score_inverse`.
  """
  own = systems.task_of(config.task).render
  return own(figures) if own is not None else scorecard.render(figures)


def score_inverse(
  model: str,
  config: Config,
  sources: experiment.Sources,
  *,
  only: Sequence[str] = (),
  pictures: str | os.PathLike | None = None,
  say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], Sequence[str]]:
  """Scores the inverses of looks on photos: a source, then the model's inverse.

  Args:
    model: A bijective LutFlow: artefact or run folder.
    config: From `config_for`.
    sources: As `evaluate` takes them; images are graded and then inverted, by
      default a synthetic photo.
    only: As `evaluate` takes it.
    pictures: A folder, which gets `NAME-inverse.png` of each look, on the first
      image.
    say: Told what is skipped.

  Returns:
    Figures and problems, as `evaluate` returns them.

  Raises:
    InputError: as `evaluate` does, and when the model is not bijective.
  """
  opened = selection.find_models(model)
  only = _full_names(opened, only)
  references, broken = _read(config, sources, say)
  matches, problems = _matched(opened, references, only, say)
  for item in {id(match.model): match.model for match in matches}.values():
    decoding.check_invertible(item)
  photos = [synthetic.photo(0, 373, 560)]
  if sources.images:
    paths = images.find_images(sources.images, say=say)
    read = [images.read(path, convert=True, say=say).pixels for path, _ in paths]
    photos = [images.to_float(pixels[..., :3]) for pixels in read]
  pixels = np.concatenate([photo.reshape(-1, 3) for photo in photos])
  rgb = pixels[:: -(-len(pixels) // _POOL)]
  found = {}
  for match in progress.bar(matches, unit='look'):
    item, name = match.model, match.name
    held = item.loaded.config.looks
    try:
      back = decoding.invert(item.loaded, match.index, config.size)
    except errors.InputError as error:
      problems.append(str(error))
      continue
    weights = np.eye(len(held), dtype=np.float32)[match.index]
    forward = decoding.decode(item.loaded, weights, config.size)
    original = normalized.lut_of(match.source)
    stats = round_trip.score(original, forward, back, rgb)
    found[name] = stats | {'size_bytes': item.size_bytes / len(held)}
    if pictures is not None:
      drawn = round_trip.picture(name, original, back, photos[0], stats)
      plots.write_png(pathlib.Path(pictures) / f'{name}-inverse.png', drawn)
  figures = _figures(model, opened, {}, found, problems)
  return figures | {'sources': matching.record(matches)}, [*broken, *problems]


def _of_luts(
  config: Config,
  sources: experiment.Sources,
  references: Mapping[str, normalized.NormalizedLook],
  matches: Sequence[matching.Match],
  say: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, str]]:
  """Returns the statistics of looks, and the sets of colours."""
  sampled = config.colours == 'sampled'
  more: Mapping[str, np.ndarray] = {}
  if sampled and sources.images:
    named = natural_colours.find(sources.images, say)
    pool = natural_colours.draw([*named.values()], _POOL)
    more = scoring.colour_sets(pool, config.task.random_colours)
  score = looks.look_scorer(config.task, references, more)
  sets = {key: _SETS[key] for key in ('', 'nodes_', 'photo_', *more)}
  if not sampled:
    sets = {'': f'every colour of 8 bits, read as {every_colour.describe(config.read)}'}
  found = {}
  # A model lies on the device while its looks are scored.
  loaded, placed = None, None
  unit = 1 if sampled else every_colour.COUNT
  with progress.bar(
    total=len(matches) * unit, unit='look' if sampled else 'colour', unit_scale=True
  ) as bar:
    for item, index, source, _ in matches:
      if loaded is not item.loaded:
        loaded = item.loaded
        placed = loaded._replace(variables=jax.device_put(loaded.variables))
      label = loaded.config.looks[index]
      bar.set_description(label.name[:24])
      if sampled:
        stats = score(placed, item.size_bytes, index, source)
        bar.update()
      else:
        stats = every_colour.score(
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


def _full_names(opened: Sequence[artefacts.Opened], only: Sequence[str]) -> list[str]:
  """Returns the names of looks that are given by name or number."""
  held = [label for item in opened for label in item.loaded.config.looks]
  return [held[labels.find(held, name)].name for name in only]


def _figures(
  model: str,
  opened: Sequence[artefacts.Opened],
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


def _read(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> tuple[dict[str, normalized.NormalizedLook], list[str]]:
  """Returns the looks of the sources by name, and what is broken."""
  references, broken = looks.read(config.task, sources, say)
  return {look.label.name: look for look in references}, broken


def _matched(
  opened: Sequence[artefacts.Opened],
  references: Mapping[str, normalized.NormalizedLook],
  only: Sequence[str],
  say: Callable[[str], None],
) -> tuple[list[matching.Match], list[str]]:
  """Returns each look that has a source, and a line for those that have none."""
  matches, problems = matching.find(opened, references, only)
  for line in matching.remarks(matches, references) if matches else ():
    say(line)
  return matches, problems


def _of_pictures(
  opened: Sequence[artefacts.Opened], config: Config, gathered: experiment.Gathered
) -> tuple[dict[str, Any], list[str]]:
  """Returns the statistics of styles and blends, and what has no pictures."""
  scorer = systems.task_of(config.task).scorer
  if scorer is None:
    raise ValueError(f'Expected a task that scores, got {config.task}.')
  score = scorer(config.task, gathered)
  found, problems = {}, []
  for item in progress.bar(opened, unit='model', disable=len(opened) < 2):
    names = [label.name for label in item.loaded.config.looks]
    job = _job_for(names, gathered, alone=len(opened) == 1)
    if job is None:
      missing = [name for name in names if name not in gathered.context]
      problems.append(f'{item.path}: no source for {", ".join(missing)}')
      continue
    record = score(item.loaded, item.size_bytes, job)['looks']
    extra = list(record)[len(names) :]
    for name, stats in zip([*names, *extra], record.values()):
      found[name] = stats | {'size_bytes': item.size_bytes / len(names)}
  return found, problems


def _names_bytes(item: artefacts.Opened) -> int:
  """Returns the bytes of the names in an artefact, or 0 where they are not known."""
  names_bytes = item.loaded.model.names_bytes
  return names_bytes(item.loaded.config) if names_bytes is not None else 0


def _of_images(path: str) -> ImageFiles:
  """Returns the functions for image files, or raises an error if there are none."""
  found = systems.image_files()
  if found is None:
    raise errors.InputError(f'--model={path}: found an image, expected an artefact')
  return found


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
