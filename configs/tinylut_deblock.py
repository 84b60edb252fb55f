"""Blocks and rings of JPEG taken out of pictures, by tables of 22 KB.

  python -m launch.fit --config=configs/tinylut_deblock.py --images=FOLDER --out=RUN
  python -m launch.apply --model=RUN --images=BLOCKY --out=CLEAN

FOLDER holds pictures that were not compressed much; their luma is encoded at quality 10
(`--set=strength=20` for others, a model for each) and learned back. With photographs
that were JPEG files, `--set=halve=True` makes them half as large first, so that what
their own coding did is not learned. Figures and times: see docs/results/tinylut.md.
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
      restores=degradations.Degradation('jpeg', 10),
      spatial='curve',
      low='fused',
      msb_bits=5,
      pointwise=3,
      shift_radius=2,
    ),
    task=restoration.Config(planes='luma'),
    fit=loop.Config(steps=3000, batch_size=4, learning_rate=4e-3, segment_steps=250),
  )
