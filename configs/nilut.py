"""Our best recipe for single looks.

  python -m launch.fit --config=configs/nilut.py --luts=FOLDER --out=RUN

ReLU 64-64 on centred inputs, mean absolute hinge residual, Adam 1e-2 with a
cosine to zero, 256 fresh colours a step. Figures and their commands stand in
docs/results/nilut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(), task=looks.Config(), fit=loop.Config()
  )
