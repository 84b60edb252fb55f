"""A network that looks at a picture and predicts its LUT.

  python -m launch.fit --config=configs/img2lut.py --pairs=FOLDER --out=RUN
  python -m launch.fit --config=configs/img2lut.py --images=PHOTOS \\
    --set=task=white_balance --out=RUN
  python -m launch.evaluate --model=RUN --images=PHOTOS
  python -m launch.apply --model=RUN --images=FOLDER --out=GRADED --lut_out=CUBES

FOLDER holds `before/` and `after/`. Of photos alone, `task` makes pairs: white_balance,
exposure, levels, histogram, or with --luts=LOOKS undo or look. A fifth of the pictures
is for the test, and a tenth for validation, by the digests of their files.
Figures and times: see docs/results/img2lut.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.systems import img2lut
from lutjax.systems.img2lut import task


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=img2lut.model.Config(),
    task=task.Config(),
    fit=loop.Config(
      steps=3000,
      batch_size=16,
      learning_rate=2e-3,
      warmup_steps=100,
      segment_steps=250,
    ),
  )
