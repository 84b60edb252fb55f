"""A LutFlow of one block for a handful of looks, fitted in seconds.

python -m launch.fit --config=configs/lutflow_tiny.py --luts=FOLDER --out=RUN
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=lutflow.Config(
      flow=residual_flow.Shape(
        blocks=1, widths=(16, 16), conditioned=(1, 2), activation='rational'
      ),
      budget_bytes=4000,
      patience=100,
    ),
    task=lutflow_task.Config(
      balance=0.5, random_colours=1024, photo_colours=1024, nodes=9
    ),
    fit=loop.Config(
      steps=1500,
      batch_size=512,
      learning_rate=0.02,
      warmup_steps=50,
      beta2=0.99,
      segment_steps=500,
    ),
  )
