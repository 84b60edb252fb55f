"""A meta-initialisation for GamutMLP networks, by Reptile over crops of a folder.

  python -m launch.fit --config=configs/gamut_meta.py --images=FOLDER --out=RUN

RUN gets `manifest.json`, masks, a histogram of out-of-gamut shares, and
`model.lutjax` for `--set start=RUN/model.lutjax`. The paper trains 10,000 inner
steps of 65,536 pixels, three epochs over 2,000 crops.
"""

from lutjax.models import gamut_mlp
from lutjax.tasks import experiment, gamut_meta


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=gamut_mlp.Config(precision='fp32'), task=gamut_meta.Config()
  )
