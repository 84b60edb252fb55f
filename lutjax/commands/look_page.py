"""Writing looks as one HTML file, in which a browser decodes and shows them."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lutjax import artefacts, errors, files
from lutjax.commands import grade, selection
from lutjax.data import images as images_lib
from lutjax.data import luts
from lutjax.fit import runs
from lutjax.looks import live, matching
from lutjax.looks import report as look_report
from lutjax.lut import lattice
from lutjax.viewer import artefact, page, photos

SUFFIX = '.html'

Say = Callable[[str], None]


def write(
  out: pathlib.Path,
  *,
  model: str | None = None,
  lut: Sequence[str] = (),
  images: Sequence[str] = (),
  overwrite: bool = False,
  say: Say = print,
) -> Sequence[str]:
  """Writes a page of looks.

  Args:
    out: The file.
    model: Artefact or run folder of looks; or a model that predicts LUTs, and those of
      the photos are shown; or one that restores pictures, and the page does; or else
    lut: Files, folders or globs, of which each file is a look.
    images: Photos that the page shows them on; made-up ones by default.
    overwrite: Whether a file that is there may be replaced.
    say: Told of what is skipped or made smaller.

  Returns:
    A line for each LUT file in a folder that cannot be read.

  Raises:
    InputError: when there is no look, one cannot be shown, or the file exists.
  """
  if out.suffix.lower() != SUFFIX:
    raise errors.InputError(f'--out={out}: expected a file named *{SUFFIX}')
  if out.exists() and not overwrite:
    raise errors.InputError(f'{out}: exists already; --overwrite replaces')
  content = _of_files(lut, say) if model is None else _of_model(model, images, say)
  bare = len(page.render(content.title, content.models, [], content.restorers))
  shown = photos.made_up()
  if images:
    shown = photos.from_files(images, room=page.MOST_BYTES - bare, say=say)
  page.write(
    out,
    content.title,
    content.models,
    shown,
    restorers=content.restorers,
    overwrite=overwrite,
  )
  size = out.stat().st_size
  if size > page.MOST_BYTES:
    say(
      f'{out}: {size:,} bytes, {bare:,} without photos: more than the '
      f'{page.MOST_BYTES:,} of a page that is easily mailed'
    )
  return content.problems


class _Content(NamedTuple):
  """What a page shows, but for its photos."""

  title: str
  models: Sequence[page.Model]
  restorers: Sequence[bytes] = ()
  problems: Sequence[str] = ()


def _of_files(lut: Sequence[str], say: Say) -> _Content:
  """Reads LUT files, each of them a look."""
  if list(lut) == ['identity']:
    table = lattice.identity(2)
    return _Content('identity', [page.Model(artefact.lattices(['identity'], [table]))])
  loaded = luts.load(lut, say=say)
  names = [look.name for look in loaded.looks]
  tables = [live.table_of(look.lut) for look in loaded.looks]
  models = [page.Model(artefact.lattices(names, tables))]
  title = names[0] if len(names) == 1 else f'{len(names)} LUTs'
  return _Content(title, models, problems=loaded.problems)


def _of_model(model: str, images: Sequence[str], say: Say) -> _Content:
  """Reads a model of any kind."""
  kind = selection.kind_of(model)
  if kind == 'restorer':
    item = selection.find_restorer(model)
    # A photo as it is, to compare with.
    models = [page.Model(artefact.lattices(['Original'], [lattice.identity(2)]))]
    return _Content(selection.name_of(item), models, [_restorer(item)])
  if kind == 'grader':
    item = selection.find_grader(model)
    predicted = _predicted(item, images, say)
    return _Content(selection.name_of(item), [page.Model(predicted)])
  opened = selection.find_models(model)
  scores = _scores(model)
  models = [
    page.Model(
      live.of_model(_bytes_of(item.path), item.loaded, str(item.path), say),
      _scored(item, scores),
    )
    for item in opened
  ]
  return _Content(_title(model), models)


def _predicted(item: artefacts.Opened, patterns: Sequence[str], say: Say) -> bytes:
  """Returns the LUTs that a model predicts for photos, named after these."""
  if not patterns:
    raise errors.InputError(
      f'--images: found none, expected photos, for which {item.path} predicts LUTs'
    )
  predict = grade.predictor(item)
  found = images_lib.find_images(patterns, say=say)
  tables = [
    predict(images_lib.read(one.path, convert=True, say=say), say) for one in found
  ]
  names = luts.unique_names(
    [one.path.stem for one in found], [one.relative for one in found]
  )
  return artefact.lattices(names, tables)


def _bytes_of(path: pathlib.Path) -> bytes:
  """Returns the content of an artefact; models of others may be folders."""
  return files.read_bytes(path) if path.is_file() else b''


def _restorer(item: artefacts.Opened) -> bytes:
  """Returns a model that restores pictures as a page carries it."""
  if not item.path.is_file():
    raise errors.InputError(f'{item.path}: found tables, expected an artefact')
  return artefact.for_page(files.read_bytes(item.path), str(item.path))


def _scores(model: str) -> Mapping[str, Mapping[str, float]]:
  """Returns what the run of a model says of its looks, by their names."""
  folder = matching.run_of(model)
  events = [] if folder is None else runs.read_events(folder)
  found: dict[str, Mapping[str, float]] = {}
  for event in events:
    if event.get('event') == 'model':
      found |= look_report.means_of(event)
  return found


def _scored(
  item: artefacts.Opened, scores: Mapping[str, Mapping[str, float]]
) -> Mapping[str, Mapping[str, float]]:
  names = [look.name for look in item.loaded.config.looks]
  return {name: scores[name] for name in names if name in scores}


def _title(model: str) -> str:
  path = pathlib.Path(model).resolve()
  return path.name if path.is_dir() else path.stem
