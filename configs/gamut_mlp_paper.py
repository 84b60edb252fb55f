"""The published GamutMLP: one network per image, applied to every pixel.

  python -m launch.fit --config=configs/gamut_mlp_paper.py --images=FOLDER --out=RUN

Truncated codes, 32 units, 12 octaves, no gating, Adam 1e-3 for 9,000 steps. Steps
draw 8,192 pixels of all; the paper draws 65,536 of a fixed pool, which is
`--set batch_size=65536 --set sampling=strided`. `--set mode=gate` or `project`
keeps channels that are not clipped; `--set start=meta32.npz --set steps=1200 --set
learning_rate=0.005` starts from a published initialisation. Its other rows by
`--set codec=soft`, `codec=sampled`, or fields of `model.network`.
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
      codec='mlp',
      budget_bytes=0,
      guard='off',
      mode='plain',
      network=gamut_mlp.Config(precision='fp32'),
    ),
    task=gamut_task.Config(quantiser='truncate'),
    fit=loop.Config(
      steps=9000,
      batch_size=8192,
      learning_rate=1e-3,
      schedule='constant',
      segment_steps=600,
    ),
  )
