"""A NILUT for each map of colours and settings, such as exposure.

python -m launch.fit --config=configs/nilut_settings.py --luts=MAP.npz --out=RUN
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import settings_task
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(),
    task=settings_task.Config(),
    fit=loop.Config(learning_rate=5e-3),
  )
