"""LutFlow for the colours that photos have.

  python -m launch.fit --config=configs/lutflow_natural.py --luts=dev512.npz \
      --images=PHOTOS --set budget_bytes=64870 --out=RUN

As `configs/lutflow.py`, but every colour is drawn from the photos, looks are drawn
by their error itself, and they are corrected where those colours are. The run folder
keeps a histogram of them, `colours.npz`, which `--images` takes in place of the photos.
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
        conditioned=(1,), gains=(3,), activation='rational', turned=True
      ),
    ),
    task=lutflow_task.Config(colours='natural', balance=1.0),
    fit=loop.Config(
      steps=24_000,
      batch_size=4096,
      learning_rate=0.02,
      warmup_steps=480,
      beta2=0.99,
      segment_steps=500,
      checkpoint_seconds=60.0,
    ),
  )
