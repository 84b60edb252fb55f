"""Img2LUT: a network that looks at a picture and predicts its LUT (`model`)."""

from lutjax.systems.img2lut import artefact, library, model, report, task
from lutjax.types import Entry, Grader, Model, System, bind


def make(config: model.Config) -> System:
  """Binds a config."""
  return bind(
    config, model.init, model.apply, model.loss, artefact.export, artefact.restore
  )


MODEL = Model(
  'img2lut',
  model.Config,
  make,
  model.apply,
  artefact.config_of,
  artefact.restore,
  grader=Grader(
    task=task.Config(),
    side=lambda config: config.side,
    lattice=model.predict_lattice,
    parameters=model.parameters,
    evaluate=task.evaluate,
    render=report.render,
  ),
  complete=library.complete,
)

ENTRY = Entry('img2lut', models=(MODEL,), tasks=(task.TASK,))
