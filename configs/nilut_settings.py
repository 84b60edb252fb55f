"""A NILUT for each map of colours and settings, such as exposure.

  python -m launch.fit --config=configs/nilut_settings.py --luts=MAPS --out=RUN
  python -m launch.export --model=RUN --look=NAME --settings=exposure:0.25 --out=x.cube

As `configs/nilut.py` at half its learning rate; the settings enter beside the colour,
as many as the maps have. Four looks of dev512 after an exposure of -2 to 2 stops (33 x
33 x 33 x 9 nodes, docs/settings.md): mean CIE76 1.02, CIEDE2000 0.63 in 4.9 kB a map,
32 s of one core for all, compilation included; 8-bit lattices of equal bytes have 2.50
and 1.22.
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
