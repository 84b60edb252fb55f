"""The notebook's model: a residual network that puts out a whole lattice.

  python -m launch.fit --config=configs/img2lut_notebook.py --pairs=FOLDER --out=RUN

As in the notebook: 3 x 256 x 256 pixels, batch norm, a sigmoid for each of 3 x 33^3
values, batches of 64, 1e-2, a tenth of it once ten epochs of five steps were no better,
500 epochs; its penalties are off. 56,647,843 parameters and 17 GFLOP per picture and
step: meant for a GPU. `--set=head.size=8` is the size that its class has by default
(2,128,768 parameters), and `--set=network.norm=group` does not mix pictures of a batch.
Unlike there, nodes are `[r, g, b]`, and validation pictures are kept apart.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.systems import img2lut
from lutjax.systems.img2lut import task


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=img2lut.model.notebook(),
    task=task.Config(crop=1.0, pixels=0),
    fit=loop.Config(
      steps=2500,
      batch_size=64,
      learning_rate=1e-2,
      schedule='plateau',
      plateau_steps=5,
      plateau_patience=10,
      segment_steps=50,
    ),
  )
