"""A meta-initialisation for GamutMLP networks, by Reptile over crops of a folder.

  python -m launch.fit --config=configs/gamut_meta.py --images=FOLDER --out=RUN

RUN gets `manifest.json` (digest, out-of-gamut share, train or test, and the corners
of the 512 x 512 crops of each image), masks, a histogram of the shares, and
`model.lutjax` for `--set start=RUN/model.lutjax`; `--set outer_steps=0` stops after
the data. Every crop is fitted by Adam for a short while and the initialisation moves
towards the mean of what came out: 421 core-seconds on five photographs of a megapixel
(`benchmarks/gamut_mlp/meta.py`; figures in docs/results/gamut_mlp.md). The paper's
way, three epochs over 2,000 crops, is `--set outer_optimizer=adam --set
outer_rate=1e-3 --set inner_optimizer=sgd --set inner_rate=1e-2 --set
inner_steps=10000 --set inner_batch=65536`.
"""

from lutjax import experiment
from lutjax.systems.gamut_mlp import meta
from lutjax.systems.gamut_mlp import model as gamut_mlp


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=gamut_mlp.Config(precision='fp32'), task=meta.Config()
  )
