"""Looks as quantised cosine spectra, within a budget of bytes.

  python -m launch.fit --config=configs/dct.py --luts=FOLDER --out=RUN

Nothing is trained. `--set=size_bytes=N` changes the budget of each artefact;
`--set=size_bytes=0 --set=model.step=0.02` gives the step instead.
"""

from lutjax import experiment
from lutjax.baselines import dct
from lutjax.baselines import task as baseline_task
from lutjax.fit import loop


def get_config() -> experiment.Experiment:
  """Returns the experiment."""
  return experiment.Experiment(
    model=dct.Config(),
    task=baseline_task.Config(),
    fit=loop.Config(steps=0, schedule='constant'),
  )
