"""Single looks in a network on random Fourier features.

  python -m launch.fit --config=configs/fourier.py --luts=FOLDER --out=RUN

The colour beside 32 seeded waves, which cost no bytes, then ReLU 48-48. With
`--set=encoding=frequency --set=features=2` the waves are octaves instead.
Figures beside the other networks stand in docs/results/nilut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(widths=(48, 48), encoding='fourier', features=32, spread=2.0),
    task=looks.Config(),
    fit=loop.Config(),
  )
