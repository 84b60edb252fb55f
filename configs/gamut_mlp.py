"""Wide-gamut colours inside ordinary sRGB files, the best code for each image.

  python -m launch.fit --config=configs/gamut_mlp.py --images=FOLDER --out=RUN

16-bit ProPhoto images in, others are converted by their ICC profile, and 8-bit ones
of a wide profile (a phone's Display P3, Adobe RGB) are taken too; RUN/images gets sRGB
files of the same names, each with a payload of at most 5,120 bytes (`--set
budget_bytes=1024` for less), from which `python -m launch.apply --expand` gives the
wide-gamut image back. A payload must gain 0.01 dB over the whole picture for each KB
(`--set min_gain_db_per_kb=0` for any gain). Figures and their commands stand in
BUILD_NOTES.md.
"""

from lutjax.fit import loop
from lutjax.models import gamut_mlp
from lutjax.models.gamut import codecs
from lutjax.tasks import experiment, gamut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=codecs.Config(
      network=gamut_mlp.Config(octaves=6, colour_octaves=4, solved=True)
    ),
    task=gamut.Config(),
    fit=loop.Config(
      steps=1000,
      batch_size=512,
      learning_rate=2e-2,
      schedule='cosine',
      segment_steps=1000,
    ),
  )
