"""Looks as small grids of 8 bits, their nodes by least squares.

  python -m launch.fit --config=configs/grid.py --luts=FOLDER --out=RUN

`--set=model.size=N` changes the nodes per axis.
"""

from lutjax.fit import loop
from lutjax.models import grid
from lutjax.tasks import experiment, lattices


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=grid.Config(),
    task=lattices.Config(),
    fit=loop.Config(steps=0, schedule='constant'),
  )
