"""TinyLUT-S as published: straight lines, two branches of layers, no shifts.

  python -m launch.fit --config=configs/tinylut_paper.py --images=FOLDER --out=RUN

For comparison with configs/tinylut_sr.py, the same training of another structure: depth
tables are lines through zero, the low bits have layers of their own, and each channel
is read where it is. F is `--set=pairs=5` or more (its depth is not published); the
penalty of the scales is `--set=scale_penalty=0.1`. Figures and times: see
docs/results/tinylut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.restoration import task as restoration
from lutjax.systems.tinylut import model as tinylut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=tinylut.Config(spatial='line', low='chain'),
    task=restoration.Config(),
    fit=loop.Config(steps=3000, batch_size=4, learning_rate=2e-3, segment_steps=250),
  )
