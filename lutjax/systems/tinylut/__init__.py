"""TinyLUT: restoration networks that become tables (`model`)."""

from lutjax.systems.tinylut import (
  artefact,
  c_header,
  discretisation,
  model,
  processing,
  published,
  starting,
  structure,
  tables,
)
from lutjax.types import Entry, Loaded, Model, PublishedFolder, Restorer


def load(folder: str) -> Loaded:
  """Reads a folder in the published layout.

  Raises:
    ArtefactError: as `published.read` does.
  """
  return Loaded(MODEL, *published.read(folder))


MODEL = Model(
  'tinylut',
  structure.Config,
  model.make,
  model.apply,
  artefact.config_of,
  artefact.restore,
  restorer=Restorer(
    degradation=lambda config: config.restores,
    process=processing.process,
    table_bytes=tables.table_bytes,
    margin=lambda config: max(structure.margins(config)),
    formats={'npy': published.render, 'c': c_header.files},
    levels=discretisation.levels_used,
  ),
  start=starting.variables,
)

ENTRY = Entry(
  name='tinylut',
  models=(MODEL,),
  published_folder=PublishedFolder(published.claims, load),
)
