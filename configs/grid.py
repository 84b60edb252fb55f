"""Looks as small 8-bit grids, with nodes fitted by least squares.

  python -m launch.fit --config=configs/grid.py --luts=FOLDER --out=RUN

`--set=model.size=N` changes the nodes per axis.
"""

from lutjax import experiment
from lutjax.baselines import grid
from lutjax.baselines import task as baseline_task
from lutjax.fit import loop


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=grid.Config(),
    task=baseline_task.Config(),
    fit=loop.Config(steps=0, schedule='constant'),
  )
