"""Descriptions of runs, artefacts, images with a payload and LUT files, as lines."""

import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lutjax import artefacts, errors, files, systems
from lutjax import config as config_lib
from lutjax.codec import container, labels
from lutjax.commands import selection
from lutjax.data import images, luts, ocio_files
from lutjax.fit import runs
from lutjax.lut import chain, cube, lattice, split, tabulate
from lutjax.types import Model

# Nodes per axis, at least, at which looks with curves are split.
_SPLIT_SIZE = 33


def describe(path: str) -> Iterator[str]:
  """Describes a run folder, an artefact, a folder of tables or an image in lines.

  Args:
    path: As `--model` takes it.

  Raises:
    InputError: where it is none of these, or damaged.
  """
  where = pathlib.Path(path)
  if where.is_dir() and (where / runs.RECORD).is_file():
    yield from _run(where)
  elif where.suffix.lower() in images.EXTENSIONS:
    files_of_images = systems.image_files()
    if files_of_images is None:
      raise errors.InputError(f'{path}: found no system that reads image files')
    yield from files_of_images.describe(path)
  else:
    for model in selection.open_models(path):
      yield from _artefact(model)


def describe_lut(path: str) -> Iterator[str]:
  """Describes a LUT file in lines.

  Args:
    path: The file, or `identity`.

  Raises:
    InputError: where it cannot be read.
  """
  if path == 'identity':
    yield 'identity: gives every colour back, at any size'
    return
  if pathlib.Path(path).suffix.lower() in (*ocio_files.EXTENSIONS, *ocio_files.NAMED):
    content = files.read_bytes(path, error=errors.LutError)
    steps = ocio_files.decode(content, path)
    yield f'{path}: {chain.describe(steps)}, sha256 {files.digest(content)}'
    lut = chain.as_lut(steps)
    if lut is not None:
      yield from _lut(lut)
    return
  notes: list[str] = []
  looks, problems = luts.load([path], say=notes.append)
  yield from notes
  if problems:
    raise errors.LutError(problems[0])
  for look in looks:
    yield f'{look.source}: {look.name}, sha256 {look.digest}'
    if pathlib.Path(path).suffix.lower() == '.cube':
      held = cube.read(path)
      yield f'  .cube {held.kind}, title {held.title!r}'
      yield from (f'  # {comment}' for comment in held.comments)
    yield from _lut(look.lut)


def _lut(lut: lattice.Lut) -> Iterator[str]:
  if lut.shaper is not None:
    curves, domain = lut.shaper
    yield f'  curves of {len(curves)} nodes, domain {_spans(domain)}'
  size = ' x '.join(map(str, lut.table.shape[:-1]))
  yield f'  lattice of {size} nodes, domain {_spans(lut.domain)}'
  if lut.knots is not None:
    yield '  its nodes are not evenly spaced'
  table = np.asarray(lut.table)
  yield f'  values from {table.min():g} to {table.max():g}'
  if table.ndim == 4 and table.shape[-1] == 3:
    yield _parts(lut)


def _parts(lut: lattice.Lut) -> str:
  """Says what of a look is curves, what a matrix, and what neither."""
  uneven = lut.knots is not None or len(set(lut.table.shape[:-1])) > 1
  if lut.shaper is not None or uneven:
    size = max(_SPLIT_SIZE, *lut.table.shape[:-1])
    lut = tabulate.bake(lut, size, method='tetrahedral')
  parts = split.split(np.asarray(lut.table), np.asarray(lut.domain))
  return (
    f'  of its squared change curves explain {100 * parts.by_curves:.2f} %, curves and '
    f'a matrix {100 * parts.by_both:.2f} %; the rest is {np.abs(parts.rest).max():.2g} '
    'at most'
  )


def _run(folder: pathlib.Path) -> Iterator[str]:
  record = runs.read_record(folder)
  source = str(folder / runs.RECORD)
  settings = config_lib.from_dict(record['config'], source)
  done = {e['name']: e for e in runs.read_events(folder) if e['event'] == 'model'}
  task = systems.task_of(settings.task).name
  yield f'{folder}: a run of {_system(settings.model) or task} for {task}'
  for part in ('model', 'task', 'fit'):
    yield f'{part}: {_fields(getattr(settings, part))}'
  yield f'pictures={settings.pictures}, seed={settings.seed}'
  inputs = record.get('inputs') or {}
  yield f'{len(inputs)} inputs'
  yield from (f'  {name}: sha256 {digest}' for name, digest in inputs.items())
  yield f'{len(done)} artefacts'
  if (folder / 'images').is_dir():
    for name, event in done.items():
      size = event.get('size_bytes')
      yield f'  {name}: payload of {size} bytes, file sha256 {event["digest"]}'
  elif (folder / 'model.lutjax').is_file() or (folder / 'models').is_dir():
    for model in selection.open_models(str(folder)):
      yield from _artefact(model)


def _artefact(model: artefacts.Opened) -> Iterator[str]:
  loaded = model.loaded
  start = f'{model.path}: {loaded.model.name}, {model.size_bytes} bytes'
  content = b''
  if model.path.is_dir():
    yield f'{start} of tables as published'
  else:
    content = files.read_bytes(model.path)
    yield f'{start}, sha256 {files.digest(content)}'
  if content.startswith(container.MAGIC):
    where = container.layout(content, str(model.path))
    yield (
      f'  header {where.header_bytes} bytes ({where.header_packing}), tensors '
      f'{where.payload_bytes} bytes ({where.payload_packing})'
    )
  count = sum(np.size(leaf) for leaf in jax.tree.leaves(loaded.variables))
  yield f'  {count} numbers; {_fields(loaded.config)}'
  restorer = loaded.model.restorer
  if restorer is not None:
    size_bytes = restorer.table_bytes(loaded.config, loaded.variables)
    yield f'  undoes {restorer.degradation(loaded.config)}'
    yield f'  {size_bytes} bytes of tables in memory'
  if loaded.model.grader is not None:
    yield from parameter_table(loaded.model, loaded.config)
  if loaded.model.query is not None:
    yield f'  {len(loaded.config.looks)} looks'
    yield from (f'    {_label(label)}' for label in loaded.config.looks)


def parameter_table(model: Model, config: Any) -> Iterator[str]:
  """Yields how many parameters each part of a model has, then all of them.

  Args:
    model: That predicts lattices.
    config: Its config, complete.
  """
  if model.grader is None:
    raise ValueError(f'Expected a model that predicts lattices, got {model.name}.')
  counts = dict(model.grader.parameters(config))
  counts['in all'] = sum(counts.values())
  width = max(map(len, counts))
  for name, count in counts.items():
    yield f'  {name:<{width}} {count:>12,} parameters'


def _label(label: labels.Label) -> str:
  low, high = label.range
  named = [f'{setting.name} ({setting.nodes} nodes)' for setting in label.settings]
  return (
    f'{label.name}: domain {_spans(label.domain)}, range {low:g} to {high:g}'
    f'{", settings from 0 to 1: " if named else ""}{", ".join(named)}'
  )


def _spans(domain: Any) -> str:
  """Returns a domain `[2, C]` as text, once where all channels have the same."""
  spans = [f'{low:g} to {high:g}' for low, high in np.asarray(domain).T]
  return spans[0] if len(set(spans)) == 1 else ', '.join(spans)


def _fields(config: Any) -> str:
  """Returns the fields of a config on one line, but for looks and libraries."""
  found = []
  for path in config_lib.paths(config):
    value = config
    for name in path.split('.'):
      value = getattr(value, name)
    if path.split('.')[0] not in ('looks', 'held'):
      found.append(f'{path}={value}')
  return ', '.join(found)


def _system(config: Any) -> str:
  """Returns the name of a model by its config, if it is one of those in artefacts."""
  models = [model for entry in systems.entries() for model in entry.models]
  return next((model.name for model in models if type(config) is model.config), '')
