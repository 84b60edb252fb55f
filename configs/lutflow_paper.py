"""The network, loss and optimizer reported for arXiv 2412.15438.

  python -m launch.fit --config=configs/lutflow_paper.py --luts=dev512.npz --out=RUN

Three blocks of 32-64-32, a bias per look at the first layer of each, small
initial weights, squared loss, Adam 0.04 halved every 2,560 of 30,760 steps,
2,048 uniform colours a step, weights exported as float32: 248,100 bytes for
512 looks. The output is not rescaled, so that the untrained network shrinks
colours towards grey.
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
      flow=residual_flow.Shape(conditioned=(1,), rescaled=False, small=True),
      loss='l2',
      precision='fp32',
      mended=False,
    ),
    task=lutflow_task.Config(at_nodes=False),
    fit=loop.Config(
      steps=30_760,
      batch_size=2048,
      learning_rate=0.04,
      schedule='halving',
      segment_steps=1000,
      checkpoint_seconds=60.0,
    ),
  )
