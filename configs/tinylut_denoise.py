"""Gaussian noise taken out of pictures, by tables of 22 KB.

  python -m launch.fit --config=configs/tinylut_denoise.py --images=FOLDER --out=RUN
  python -m launch.apply --model=RUN --images=NOISY --out=CLEAN

FOLDER holds clean pictures; noise is drawn anew in each step, with a standard deviation
of 25 codes (`--set=strength=15` or `50` for others), rounded and cut to 8 bits. A model
is for one strength. Each channel is trained on, and restored, on its own. With
photographs that were JPEG files, `--set=halve=True` makes them half as large first.
Figures and times: see docs/results/tinylut.md.
"""

from lutjax import experiment
from lutjax.data import degradations
from lutjax.fit import loop
from lutjax.restoration import task as restoration
from lutjax.systems.tinylut import model as tinylut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=tinylut.Config(
      restores=degradations.Degradation('noise', 25),
      spatial='curve',
      low='fused',
      msb_bits=5,
      pointwise=3,
      shift_radius=2,
    ),
    task=restoration.Config(),
    fit=loop.Config(steps=3000, batch_size=4, learning_rate=4e-3, segment_steps=250),
  )
