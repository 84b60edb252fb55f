"""Pictures enlarged four times per axis, by tables of 37 KB.

  python -m launch.fit --config=configs/tinylut_sr.py --images=FOLDER --out=RUN
  python -m launch.apply --model=RUN --images=SMALL --out=LARGE

FOLDER holds pictures of 180 pixels a side or more, which are made four times smaller by
bicubic filtering and learned back; a twentieth of them is held out. `--set=strength=2`
or `3` for other factors. From a run, `--set=learned=entries` and
`--set=start=RUN/model.lutjax` train the entries of its tables themselves.
Figures and times: see docs/results/tinylut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.restoration import task as restoration
from lutjax.systems.tinylut import model as tinylut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=tinylut.Config(
      spatial='curve',
      low='fused',
      msb_bits=5,
      pointwise=3,
      shift_radius=2,
    ),
    task=restoration.Config(),
    fit=loop.Config(steps=3000, batch_size=4, learning_rate=4e-3, segment_steps=250),
  )
