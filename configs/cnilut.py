"""Several looks in one network, mixed exactly.

  python -m launch.fit --config=configs/cnilut.py --luts=A.cube,B.cube,C.cube --out=RUN
  python -m launch.apply --model=RUN --blend=A:0.3,B:0.7 --images=PHOTOS --out=GRADED

A trunk of ReLU 128-128 that all looks share and a last layer for each. Every
step shows every look at its 256 colours. A mix is the mix of what the looks
give alone, so that no mix need be trained. The published method, style weights
as inputs of the network, is `--set=model.styles=inputs --set=task.drawn=mixed
--set=task.blend_points=1`. Figures and their commands stand in docs/results/nilut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.systems.nilut import model as nilut
from lutjax.systems.nilut import task as nilut_task


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=nilut.Config(widths=(128, 128), styles='heads', precision='bf16'),
    task=nilut_task.Config(),
    fit=loop.Config(steps=10_000, learning_rate=3e-3, segment_steps=1000),
  )
