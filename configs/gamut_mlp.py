"""Wide-gamut colours inside ordinary sRGB files, the best code for each image.

  python -m launch.fit --config=configs/gamut_mlp.py --images=FOLDER --out=RUN

16-bit ProPhoto images in (others are converted by their ICC profile); RUN/images gets
sRGB files of the same names, each with a payload of at most 5,120 bytes (`--set
budget_bytes=1024` for less), from which `python -m launch.apply --expand` gives the
wide-gamut image back. Figures and their commands stand in BUILD_NOTES.md.
"""

from lutjax.fit import loop
from lutjax.models.gamut import codecs
from lutjax.tasks import experiment, gamut


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=codecs.Config(),
    task=gamut.Config(),
    fit=loop.Config(
      steps=1200,
      batch_size=8192,
      learning_rate=5e-3,
      schedule='cosine',
      segment_steps=1200,
    ),
  )
