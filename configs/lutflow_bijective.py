"""LutFlow whose looks have inverses.

  python -m launch.fit --config=configs/lutflow_bijective.py --luts=FOLDER --out=RUN
  python -m launch.export --model=RUN --look=NAME --inverse --out=NAME-inverse.cube

Every layer's spectral norm is held at 0.9 and scales within 1, so that a block
is the identity plus a contraction, by 0.66. Such layers are nearly linear, so the
blocks work on a cube that is ten times as large, and a code selects the blocks of
its look. At a coefficient of 0.97 some looks map colours closer together than
float32 resolves. Looks that fold or clip cannot be fitted exactly: no invertible
network maps two colours to one.
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
        blocks=6,
        widths=(24, 32, 24),
        conditioned=(1, 3),
        activation='rational',
        stretch=10.0,
        gated=True,
      ),
      coefficient=0.9,
      precision='int8',
      mended=False,
    ),
    task=lutflow_task.Config(),
    fit=loop.Config(
      steps=12_000,
      batch_size=4096,
      learning_rate=0.02,
      warmup_steps=240,
      beta2=0.99,
      segment_steps=500,
      checkpoint_seconds=60.0,
    ),
  )
