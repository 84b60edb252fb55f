"""One LutFlow for several maps of colours and settings, such as exposure.

  python -m launch.fit --config=configs/lutflow_settings.py --luts=MAPS --out=RUN
  python -m launch.export --model=RUN --look=NAME --settings=exposure:0.25 --out=x.cube

Two blocks of 64-64, int8, no residual correction; a map is a code, as a look is. The
four maps of docs/settings.md: mean CIE76 0.77, CIEDE2000 0.43 in 12.6 kB for all, 50 s
of one core, compilation included; 8-bit lattices of equal bytes have 3.19 and 1.54.
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
