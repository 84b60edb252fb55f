"""A meta-initialisation for the networks of the gamut task.

The run folder gets what `crops` writes and `model.lutjax`, which
`--set start=RUN/model.lutjax` starts networks from.
"""

import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lutjax import config as config_lib
from lutjax import errors, progress
from lutjax import experiment as experiment_lib
from lutjax.color import transfer
from lutjax.data import images
from lutjax.fit import checkpoint, cluster, mesh, runs
from lutjax.systems.gamut_mlp import crops as crops_lib
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.systems.gamut_mlp import recovery, reptile
from lutjax.systems.gamut_mlp import sources as gamut_sources
from lutjax.types import Array, Batch, Key, Task

_OPTIMIZERS = {'adam': optax.adam, 'sgd': optax.sgd}
# Outer steps between checkpoints.
_SAVED = 100


@dataclasses.dataclass(frozen=True)
class Config:
  """How crops are chosen and the initialisation is trained.

  Attributes:
    min_og: Least share of out-of-gamut pixels, of images and of crops.
    crop: Side of a crop; smaller images give none.
    test_share: Of images, by their digests; the others train.
    mirrored: Whether a crop is shown as in a mirror half of the time.
    quantiser: Of the codes that the networks will see.
    outer_steps: Of the initialisation; 0 makes the data only.
    outer_optimizer: Of the initialisation; `sgd` at a rate of 1 takes the mean
      of what the crops' fits came to.
    outer_rate: Of that, falling linearly to nothing.
    inner_steps: Of the fit of each crop.
    inner_optimizer: Of those.
    inner_rate: Of those.
    inner_batch: Pixels of each.
    crops_per_step: Crops of an outer step.
  """

  min_og: float = 0.10
  crop: int = 512
  test_share: float = 0.2
  mirrored: bool = True
  quantiser: recovery.Quantiser = 'round'
  outer_steps: int = 400
  outer_optimizer: Literal['sgd', 'adam'] = 'sgd'
  outer_rate: float = 0.5
  inner_steps: int = 100
  inner_optimizer: Literal['adam', 'sgd'] = 'adam'
  inner_rate: float = 2e-3
  inner_batch: int = 2048
  crops_per_step: int = 3

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      min_og='[0, 1]',
      test_share='[0, 1)',
      outer_rate='(0, inf)',
      inner_rate='(0, inf)',
    )
    counts = (self.crop, self.inner_steps, self.inner_batch, self.crops_per_step)
    if min(counts) < 1 or self.outer_steps < 0:
      raise ValueError(
        f'Expected counts of 1 or more, got {counts}, and {self.outer_steps} outer '
        'steps.'
      )


def run(
  experiment: experiment_lib.Experiment,
  sources: experiment_lib.Sources,
  out: str | os.PathLike,
  *,
  resume: bool = True,
  overwrite: bool = False,
  fallback: bool = False,
  group_size: int = 0,
  engine: cluster.Engine | None = None,
  stopping: threading.Event | None = None,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Makes the manifest and trains; see `fitting.fit`.

  Args:
    experiment: With a meta-training task.
    sources: Its `images` are trained on.
    out: Run folder.
    resume: Whether a run in `out` is continued.
    overwrite: Whether a run in `out` is removed first.
    fallback: Whether a checkpoint that cannot be read gives way to the one before.
    group_size: Not used: one network is trained.
    engine: Not used, either.
    stopping: Set, from any thread, once the run shall save and end.
    say: Told about progress.
  """
  del group_size, engine
  task, model = experiment.task, experiment.model
  if not sources.images:
    raise errors.InputError('--images: expected wide-gamut images to train on')
  found = images.find_images(sources.images, say=say)
  opened = runs.open_run(
    out,
    config=experiment,
    inputs={},
    single=True,
    resume=resume,
    overwrite=overwrite,
    fallback=fallback,
    stopping=stopping,
    say=say,
  )
  try:
    if 'model' in opened.done:
      say(f'{opened.folder}: the initialisation is done')
      return []
    choice = crops_lib.Choice(task.min_og, task.crop, task.test_share)
    crops = crops_lib.gather(gamut_programs.Programs(say), found, opened.folder, choice)
    coarse = gamut_sources.describe_rounding(e['rounding'] for e in crops.entries)
    if coarse:
      say(coarse)
    count = len(crops.encoded)
    say(
      f'{len(crops.entries)} images, {count} crops to train on: '
      f'{opened.folder / "manifest.json"}'
    )
    if not task.outer_steps:
      return crops.problems
    if not count:
      raise errors.InputError(
        f'--images: found no {task.crop} x {task.crop} crop with at least '
        f'{task.min_og:.0%} out-of-gamut pixels to train on'
      )
    state, loss = _train(experiment, crops.encoded, opened, say)
    content = gamut_mlp.export(model, gamut_mlp.Variables(jax.device_get(state.params)))
    opened.commit('model', content, {'size_bytes': len(content), 'loss': loss})
  finally:
    opened.close()
  say(f'{opened.folder / "model.lutjax"}: {len(content):,} bytes')
  return crops.problems


def pool(crop: Array, quantiser: recovery.Quantiser) -> Batch:
  """Returns the data of `sample`: a crop, reduced and expanded once.

  Args:
    crop: `[side, side, 3]` uint16, ROMM-encoded.
    quantiser: See `recovery.reduce`.

  Returns:
    `rgb` and `target`, `[side, side, 3]` float32 linear ProPhoto.
  """
  target = transfer.romm_to_linear(crop.astype(jnp.float32) / 65535.0)
  return {'rgb': recovery.expand(recovery.reduce(target, quantiser)), 'target': target}


def sample(key: Key, drawn_from: Batch, batch_size: int) -> Batch:
  """Draws pixels with replacement.

  Args:
    key: Used once.
    drawn_from: Crops `[side, side, ...]` by name, `rgb` among them.
    batch_size: Pixels to draw.
  """
  side = len(drawn_from['rgb'])
  place = jax.random.randint(key, (batch_size, 2), 0, side)
  drawn = {name: v[place[:, 0], place[:, 1]] for name, v in drawn_from.items()}
  return drawn | {'xy': place * (2.0 / (side - 1)) - 1.0}


TASK = Task(
  name='gamut_meta',
  config=Config,
  sources=('images',),
  scored=('images',),
  idle_flags=('group_size', 'coordinator'),
  run=run,
)


def _train(
  experiment: experiment_lib.Experiment,
  crops: np.ndarray,
  opened: runs.Run,
  say: Callable[[str], None],
) -> tuple[reptile.State, float]:
  """Runs the remaining outer steps, with checkpoints."""
  task, model = experiment.task, experiment.model
  schedule = optax.linear_schedule(task.outer_rate, 0.0, task.outer_steps)
  outer = _OPTIMIZERS[task.outer_optimizer](schedule)
  inner = _OPTIMIZERS[task.inner_optimizer](task.inner_rate)
  state = reptile.init(model, outer, jax.random.key(experiment.seed))
  draw = functools.partial(sample, batch_size=task.inner_batch)

  @jax.jit
  def step(state: reptile.State, picked: Array) -> tuple[reptile.State, Array]:
    batch = jax.lax.map(lambda crop: pool(crop, task.quantiser), picked)
    return reptile.step(
      model, outer, inner, state, batch, inner_steps=task.inner_steps, sample=draw
    )

  with checkpoint.manager(opened.folder / 'checkpoints/reptile') as manager:
    saved = checkpoint.restore(manager, state, say, fallback=opened.fallback)
    state, loss = state if saved is None else saved, float('nan')
    first = int(state.step)
    with progress.bar(range(first, task.outer_steps), unit='step') as bar:
      for i in bar:
        with mesh.alone('reptile'):
          state, last = step(state, _picked(crops, task, experiment.seed, i))
          loss = float(last)
        bar.set_postfix_str(f'loss {loss:.3g}')
        asked = opened.stopping.is_set() and i + 1 < task.outer_steps
        if (i + 1) % _SAVED == 0 or asked:
          checkpoint.save(manager, state)
          opened.log('segment', step=i + 1, loss=loss)
        if asked:
          raise errors.Stopped(f'step {i + 1} of {task.outer_steps} is saved')
  return state, loss


def _picked(crops: np.ndarray, task: Config, seed: int, step: int) -> np.ndarray:
  """Picks the crops of an outer step, some of them mirrored."""
  rng = np.random.default_rng((seed, step))
  few = len(crops) < task.crops_per_step
  picked = rng.choice(len(crops), task.crops_per_step, replace=few)
  turned = rng.random(len(picked)) < (0.5 if task.mirrored else 0.0)
  return np.stack(
    [crops[i][:, ::-1] if t else crops[i] for i, t in zip(picked, turned)]
  )
