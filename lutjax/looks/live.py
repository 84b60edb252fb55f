"""Looks as a page of the browser carries them."""

from collections.abc import Callable

import jax
import numpy as np

from lutjax.looks import decoding
from lutjax.lut import interpolate, lattice
from lutjax.types import Loaded
from lutjax.viewer import artefact

_read = jax.jit(interpolate.apply)


def of_model(
  content: bytes, loaded: Loaded, source: str, say: Callable[[str], None]
) -> bytes:
  """Returns a model of looks as a page carries it: its artefact, or else its lattices.

  Args:
    content: The file of the model, empty where it is none.
    loaded: The model.
    source: Named in what is said.
    say: Told when the page has no decoder of its system.

  Returns:
    What `viewer.page.Model` takes.

  Raises:
    ArtefactError: when the file is damaged.
  """
  if artefact.has_decoder(content):
    return artefact.for_page(content, source)
  size = decoding.EXPORT_SIZE
  say(f'{source}: shown as lattices of {size}^3, since pages have no decoder for it')
  looks = loaded.config.looks
  unit = np.eye(len(looks), dtype=np.float32)
  decoded = [decoding.decode(loaded, row, size) for row in unit]
  return artefact.lattices([look.name for look in looks], [*map(table_of, decoded)])


def table_of(look: lattice.Lut) -> np.ndarray:
  """Returns a look as a lattice over [0, 1], its own where it is one.

  Args:
    look: Any.

  Returns:
    `[N, N, N, 3]` float32, N at most `decoding.APPLY_SIZE`.
  """
  shape = look.table.shape[:3]
  unit = np.array_equal(np.asarray(lattice.input_domain(look)), [[0.0] * 3, [1.0] * 3])
  plain = look.shaper is None and look.knots is None
  if plain and unit and len(set(shape)) == 1 and shape[0] <= decoding.APPLY_SIZE:
    return np.asarray(look.table, np.float32)
  rgb = lattice.identity(decoding.APPLY_SIZE)
  return np.asarray(_read(look, rgb), np.float32)
