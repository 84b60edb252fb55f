"""One LutFlow for several maps of colours and settings, such as exposure.

python -m launch.fit --config=configs/lutflow_settings.py --luts=MAPS --out=RUN
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.looks import settings_task
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=lutflow.Config(
      flow=residual_flow.Shape(
        blocks=2, widths=(64, 64), conditioned=(1, 2), activation='rational'
      ),
      precision='int8',
      mended=False,
    ),
    task=settings_task.Config(together=True),
    fit=loop.Config(
      steps=3000,
      batch_size=1024,
      learning_rate=0.01,
      warmup_steps=50,
      beta2=0.99,
    ),
  )
