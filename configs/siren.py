"""Single looks in a sinusoidal network.

  python -m launch.fit --config=configs/siren.py --luts=FOLDER --out=RUN

Sine 48-48 with a low first frequency, since looks are smooth; otherwise the
recipe of configs/nilut.py. Figures beside the other networks stand in
docs/results/nilut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(
      widths=(48, 48), activations=('sine', 'sine'), start='siren', omega=4.0
    ),
    task=looks.Config(),
    fit=loop.Config(learning_rate=5e-3),
  )
