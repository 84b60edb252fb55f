"""Adds looks to a finished LutFlow, or removes them; the network is unchanged.

  python -m launch.fit --config=configs/lutflow_add.py --set base=RUN \
      --luts=NEW.cube --out=RUN2
  python -m launch.fit --config=configs/lutflow_add.py --set base=RUN \
      --set remove='("NAME",)' --out=RUN2

A code is fitted by Gauss-Newton in about a second; all other looks keep their
bits.
"""

from lutjax import experiment
from lutjax.systems.lutflow import edit_task
from lutjax.systems.lutflow import model as lutflow


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(model=lutflow.Config(), task=edit_task.Config())
