"""MuLUT: a published rival that restores pictures, run but not trained."""

from lutjax.baselines.mulut import artefact, model, published
from lutjax.types import (
  Entry,
  Loaded,
  Model,
  PublishedFolder,
  Restorer,
  System,
  bind,
)


def make(config: model.Config) -> System:
  """Binds a config."""
  return bind(
    config, model.init, model.apply, model.loss, artefact.export, artefact.restore
  )


def load(folder: str) -> Loaded:
  """Reads a folder in the published layout.

  Raises:
    ArtefactError: as `published.read` does.
  """
  return Loaded(MODEL, *published.read(folder))


MODEL = Model(
  'mulut',
  model.Config,
  make,
  model.apply,
  artefact.config_of,
  artefact.restore,
  restorer=Restorer(
    degradation=lambda config: config.restores,
    process=model.process,
    table_bytes=model.table_bytes,
    margin=lambda config: config.reach,
    formats={'npy': published.render},
  ),
)

ENTRY = Entry(
  name='mulut',
  models=(MODEL,),
  published_folder=PublishedFolder(published.claims, load),
)
