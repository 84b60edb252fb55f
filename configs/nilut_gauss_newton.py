"""Single looks in few, large steps: kernel-form Gauss-Newton.

  python -m launch.fit --config=configs/nilut_gauss_newton.py --luts=FOLDER --out=RUN

40 steps of 128 colours reach what Adam reaches in several hundred; beyond
about 50 dB Adam is cheaper. For previews, and where steps are latency.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(activations=('tanh', 'tanh')),
    task=looks.Config(),
    fit=loop.Config(
      steps=40,
      batch_size=128,
      optimizer='gauss_newton',
      learning_rate=1.0,
      schedule='late_linear',
      segment_steps=40,
    ),
  )
