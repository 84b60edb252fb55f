"""The network, loss and optimizer of the NILUT repository.

  python -m launch.fit --config=configs/nilut_paper.py --luts=FOLDER --out=RUN

ReLU then two Tanh layers of 128 units, mean absolute error of the clamped
output, Adam 1e-3 held for 1,000 steps. The repository shows the whole Hald
image to each step; 16,384 random colours a step end at the same quality.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import task as looks
from lutjax.systems.nilut import model as nilut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.published(),
    task=looks.Config(overshoot=0.0),
    fit=loop.Config(
      steps=1000,
      batch_size=16_384,
      learning_rate=1e-3,
      schedule='constant',
      segment_steps=100,
    ),
  )
