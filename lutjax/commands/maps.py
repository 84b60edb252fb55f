"""Exporting whole maps of colours and settings: archives that can be fitted again."""

import math
import pathlib
from collections.abc import Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors, files
from lutjax.commands import selection
from lutjax.data import maps
from lutjax.looks import decoding, settings
from lutjax.lut import cube, tabulate
from lutjax.types import Loaded

# Of one archive, all axes together.
_MOST_NODES = 1 << 26


def write_all(
  opened: Sequence[artefacts.Opened],
  out: pathlib.Path,
  *,
  look: str = 'all',
  size: int | None = None,
  overwrite: bool = False,
) -> Iterator[pathlib.Path]:
  """Writes maps as `data.maps` reads them, one after the other, and yields the paths.

  Settings have the nodes of the lattice that was fitted.

  Args:
    opened: From `selection.find_maps`.
    out: A folder; or the file itself, `.npz`, when there is one map.
    look: Name or number of one map, or `all`.
    size: Nodes per axis of colours, 33 by default.
    overwrite: Whether files that are there may be replaced.

  Raises:
    InputError: before anything is written, when an option does not fit or a file is
      there already.
  """
  size = decoding.EXPORT_SIZE if size is None else size
  if not 2 <= size <= cube.MAX_SIZE:
    raise errors.InputError(f'--size={size}: expected 2 to {cube.MAX_SIZE}')
  held = [
    (item.loaded, index)
    for item in opened
    for index in range(len(item.loaded.config.looks))
  ]
  wanted = selection.mix(
    [loaded.config.looks[index] for loaded, index in held], look=look
  )
  as_file = out.suffix.lower() == maps.EXTENSION and not out.is_dir()
  if as_file and len(wanted) != 1:
    raise errors.InputError(
      f'--out={out}: {len(wanted)} files to write, expected a folder'
    )
  if not as_file:
    selection.check_file_names(out, wanted, 'map')
  chosen = {
    out if as_file else out / f'{name}{maps.EXTENSION}': held[int(np.argmax(weights))]
    for name, weights in wanted.items()
  }
  for path, (loaded, index) in chosen.items():
    _check(loaded, index, size)
    if path.exists() and not overwrite:
      raise errors.InputError(f'{path}: exists already; --overwrite replaces')
  for path, (loaded, index) in chosen.items():
    names = [setting.name for setting in loaded.config.looks[index].settings]
    content = maps.encode(_decoded(loaded, index, size), names)
    files.write_bytes(path, content, overwrite=overwrite)
    yield path


def _sizes(loaded: Loaded, index: int, size: int) -> tuple[int, ...]:
  """Returns the nodes per axis of a map that is written."""
  named = loaded.config.looks[index].settings
  return (size,) * 3 + tuple(setting.nodes for setting in named)


def _check(loaded: Loaded, index: int, size: int) -> None:
  """Raises an `InputError` where a map cannot be written."""
  label = loaded.config.looks[index]
  if len(label.settings) != settings.count_of(loaded.model, loaded.config):
    raise errors.InputError(
      f'--format=npz: found {label.name}, which does not name its settings'
    )
  nodes = math.prod(_sizes(loaded, index, size))
  if nodes > _MOST_NODES:
    raise errors.InputError(
      f'--size={size}: found {nodes:,} nodes of {label.name}, expected '
      f'{_MOST_NODES:,} at most'
    )


def _decoded(loaded: Loaded, index: int, size: int) -> np.ndarray:
  """Returns a map at its nodes, `[N, N, N, M1, (M2,) 3]` float32."""
  unlabelled = loaded._replace(config=decoding.unlabelled(loaded.config))
  weights = jnp.eye(len(loaded.config.looks))[index]
  return np.asarray(
    tabulate.tabulate(
      lambda places: settings.at(unlabelled, places, weights),
      _sizes(loaded, index, size),
    )
  )
