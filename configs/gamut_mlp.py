"""Wide-gamut colours stored in ordinary sRGB files, with the best code per image.

  python -m launch.fit --config=configs/gamut_mlp.py --images=FOLDER --out=RUN

Inputs are 16-bit ProPhoto images; others are converted by their ICC profile, 8-bit
images of a wide profile (a phone's Display P3, Adobe RGB) included. RUN/images gets
sRGB files of the same names, each with a payload of at most 5,120 bytes (`--set
budget_bytes=1024` for less), from which `python -m launch.apply --expand` gives the
wide-gamut image back. A payload must gain 0.01 dB over the whole picture for each KB
(`--set min_gain_db_per_kb=0` for any gain). Figures and their commands stand in
docs/results/gamut_mlp.md.
"""

from lutjax import experiment
from lutjax.fit import loop
from lutjax.systems.gamut_mlp import codecs
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import task as gamut_task


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=codecs.Config(
      network=gamut_mlp.Config(octaves=6, colour_octaves=4, solved=True)
    ),
    task=gamut_task.Config(),
    fit=loop.Config(
      steps=1000,
      batch_size=512,
      learning_rate=2e-2,
      schedule='cosine',
      segment_steps=1000,
    ),
  )
