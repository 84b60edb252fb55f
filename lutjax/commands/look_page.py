"""Writing looks as one HTML file, in which a browser decodes and shows them."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from lutjax import artefacts, errors, files
from lutjax.codec import container
from lutjax.commands import selection
from lutjax.data import luts
from lutjax.fit import runs
from lutjax.looks import decoding, matching
from lutjax.looks import report as look_report
from lutjax.lut import interpolate, lattice
from lutjax.viewer import artefact, page, photos

SUFFIX = '.html'

Say = Callable[[str], None]

_read = jax.jit(interpolate.apply)


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
    model: Artefact or run folder of looks, or a model that restores pictures, which
      the page then does with any photo; or else
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
  problems: Sequence[str] = []
  restorers: list[bytes] = []
  if model is not None and selection.kind_of(model) == 'restorer':
    item = selection.find_restorer(model)
    restorers = [_restorer(item)]
    # A photo as it is, to compare with.
    models = [page.Model(artefact.lattices(['Original'], [lattice.identity(2)]))]
    title = selection.name_of(item)
  elif model is not None:
    opened = selection.find_models(model)
    scores = _scores(model)
    models = [page.Model(_content(item), _scored(item, scores)) for item in opened]
    title = _title(model)
  else:
    loaded = luts.load(lut, say=say)
    problems = loaded.problems
    names = [look.name for look in loaded.looks]
    tables = [_table(look.lut) for look in loaded.looks]
    models = [page.Model(artefact.lattices(names, tables))]
    title = names[0] if len(names) == 1 else f'{len(names)} LUTs'
  shown = photos.from_files(images, say=say) if images else photos.made_up()
  page.write(out, title, models, shown, restorers=restorers, overwrite=overwrite)
  return problems


def _content(item: artefacts.Opened) -> bytes:
  """Returns a model as a page carries it: its artefact, or else its lattices."""
  if item.path.is_file():
    content = files.read_bytes(item.path)
    if content.startswith(container.MAGIC):
      return artefact.for_page(content, str(item.path))
  looks = item.loaded.config.looks
  unit = np.eye(len(looks), dtype=np.float32)
  decoded = [decoding.decode(item.loaded, row, decoding.EXPORT_SIZE) for row in unit]
  return artefact.lattices([look.name for look in looks], [*map(_table, decoded)])


def _restorer(item: artefacts.Opened) -> bytes:
  """Returns a model that restores pictures as a page carries it."""
  if not item.path.is_file():
    raise errors.InputError(f'{item.path}: found tables, expected an artefact')
  return artefact.for_page(files.read_bytes(item.path), str(item.path))


def _table(lut: lattice.Lut) -> np.ndarray:
  """Returns a look as a lattice over [0, 1], its own where it is one."""
  shape = lut.table.shape[:3]
  unit = np.array_equal(np.asarray(lattice.input_domain(lut)), [[0.0] * 3, [1.0] * 3])
  plain = lut.shaper is None and lut.knots is None
  if plain and unit and len(set(shape)) == 1 and shape[0] <= decoding.APPLY_SIZE:
    return np.asarray(lut.table, np.float32)
  rgb = lattice.identity(decoding.APPLY_SIZE)
  return np.asarray(_read(lut, rgb), np.float32)


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
