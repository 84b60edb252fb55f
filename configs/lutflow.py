"""Our best recipe for hundreds of looks in one network.

  python -m launch.fit --config=configs/lutflow.py --luts=dev512.npz --out=RUN

Weights, codes and their rounding steps are trained together against the mean
CIE76 and an estimate of the bytes; looks are drawn by the root of their error;
the rest of `model.budget_bytes` is spent on residual correction. Figures and their
commands are in docs/results/lutflow.md.
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
    task=lutflow_task.Config(balance=0.5),
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
