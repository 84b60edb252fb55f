"""A meta-initialisation for the networks of the gamut task, and its data.

The run folder gets `manifest.json` (which images and crops there are, their
digests and shares of out-of-gamut pixels, and whether they train or test),
pictures of the masks, a histogram of the shares, and `model.lutjax`, which
`--set start=RUN/model.lutjax` starts networks from.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
import tqdm

from lutjax import errors, files
from lutjax.data import images
from lutjax.fit import runs
from lutjax.models import gamut_mlp
from lutjax.models.gamut import reptile
from lutjax.report import plots
from lutjax.tasks import experiment as experiment_lib
from lutjax.tasks import gamut_programs
from lutjax.types import PyTree

_THUMBNAIL = 128


@dataclasses.dataclass(frozen=True)
class Config:
  """How crops are chosen and the initialisation is trained.

  Attributes:
    min_og: Least share of out-of-gamut pixels, of images and of crops.
    crop: Side of a crop; smaller images give none.
    test_share: Of images, by their digests; the others train.
    outer_steps: Of the initialisation.
    outer_rate: Of its Adam.
    inner_steps: Gradient steps from it on each crop.
    inner_rate: Of those.
    inner_batch: Pixels of each.
    crops_per_step: Crops of an outer step.
  """

  min_og: float = 0.10
  crop: int = 512
  test_share: float = 0.2
  outer_steps: int = 200
  outer_rate: float = 1e-3
  inner_steps: int = 200
  inner_rate: float = 1e-2
  inner_batch: int = 4096
  crops_per_step: int = 3


def run(
  experiment: experiment_lib.Experiment,
  sources: experiment_lib.Sources,
  out: str | os.PathLike,
  *,
  resume: bool = True,
  overwrite: bool = False,
  group_size: int = 0,
  say: Callable[[str], None] = print,
) -> Sequence[str]:
  """Makes the manifest and trains; see `fitting.fit`."""
  del group_size
  task, model = experiment.task, experiment.model
  if not sources.images:
    raise errors.InputError('--images: expected wide-gamut images to train on')
  programs = gamut_programs.Programs()
  found = images.find_images(sources.images, say=say)
  opened = runs.open_run(
    out,
    config=experiment,
    inputs={},
    single=True,
    resume=resume,
    overwrite=overwrite,
    say=say,
  )
  try:
    if 'model' in opened.done:
      say(f'{opened.folder}: the initialisation is done')
      return []
    problems: list[str] = []
    crops: list[dict[str, np.ndarray]] = []
    entries = [
      *_entries(programs, task, found, opened.folder, crops, problems),
    ]
    text = json.dumps({'min_og': task.min_og, 'images': entries}, indent=1)
    files.write_text(opened.folder / 'manifest.json', text + '\n')
    shares = np.array([entry['out_of_gamut'] for entry in entries])
    pixels = plots.histogram(
      shares, metric='share of pixels out of gamut', count='images'
    )
    plots.write_png(opened.folder / 'report/shares.png', pixels)
    say(f'{len(entries)} images, {len(crops)} crops to train on')
    if not crops:
      raise errors.InputError(
        f'--images: found no {task.crop} x {task.crop} crop with at least '
        f'{task.min_og:.0%} out-of-gamut pixels to train on'
      )
    state, loss = _train(model, task, crops, experiment.seed)
    content = gamut_mlp.export(model, gamut_mlp.Variables(jax.device_get(state.params)))
    opened.commit('model', content, {'size_bytes': len(content), 'loss': loss})
  finally:
    opened.close()
  say(f'{opened.folder / "model.lutjax"}: {len(content):,} bytes')
  return problems


def _entries(
  programs: gamut_programs.Programs,
  task: Config,
  found: Sequence[Any],
  folder: pathlib.Path,
  crops: list[dict[str, np.ndarray]],
  problems: list[str],
) -> Iterator[dict[str, Any]]:
  """Yields what the manifest says of each image; keeps the crops that train."""
  for path, relative in tqdm.tqdm(found, unit='image'):
    try:
      pixels = images.read(path).pixels[..., :3]
    except errors.InputError as error:
      problems.append(str(error))
      continue
    digest = files.digest(path.read_bytes())
    codes = programs.reduce(pixels.reshape(-1, 3), 'round')
    errors_ = programs.square_errors(programs.expand(codes), pixels.reshape(-1, 3))
    mask = errors_[:, 2].reshape(pixels.shape[:2]) > 0
    step = max(1, max(mask.shape) // _THUMBNAIL)
    picture = np.repeat(mask[::step, ::step, None], 3, axis=2).astype(np.uint8) * 255
    name = relative.with_suffix('.png').as_posix()
    plots.write_png(folder / 'report/masks' / name, picture)
    tests = int(digest[:8], 16) / 2**32 < task.test_share
    places = _places(mask, task) if mask.mean() >= task.min_og else []
    if not tests:
      crops += [_crop(programs, pixels, codes, place, task.crop) for place in places]
    yield {
      'path': str(path),
      'digest': digest,
      'size': [mask.shape[1], mask.shape[0]],
      'out_of_gamut': float(mask.mean()),
      'used_for': 'test' if tests else 'train',
      'crops': [[int(y), int(x)] for y, x in places],
    }


def _places(mask: np.ndarray, task: Config) -> list[tuple[int, int]]:
  """Returns the corners of crops, side by side, that are wide enough in gamut."""
  side = task.crop
  return [
    (y, x)
    for y in range(0, mask.shape[0] - side + 1, side)
    for x in range(0, mask.shape[1] - side + 1, side)
    if mask[y : y + side, x : x + side].mean() >= task.min_og
  ]


def _crop(
  programs: gamut_programs.Programs,
  pixels: np.ndarray,
  codes: np.ndarray,
  place: tuple[int, int],
  side: int,
) -> dict[str, np.ndarray]:
  y, x = place
  window = (slice(y, y + side), slice(x, x + side))
  inside = np.ascontiguousarray(codes.reshape(pixels.shape)[window]).reshape(-1, 3)
  encoded = images.to_float(pixels[window].reshape(-1, 3))
  toe = encoded < 1 / 32
  return {
    'xy': gamut_programs.places(np.arange(side * side), (side, side)),
    'rgb': programs.expand(inside),
    'target': np.where(toe, encoded / 16, encoded**1.8).astype(np.float32),
  }


def _train(
  model: gamut_mlp.Config, task: Config, crops: list[dict[str, np.ndarray]], seed: int
) -> tuple[reptile.State, float]:
  init_key, loop_key = jax.random.split(jax.random.key(seed))
  state = reptile.init(model, init_key, task.outer_rate)
  step = jax.jit(
    functools.partial(
      reptile.step,
      model,
      inner_steps=task.inner_steps,
      inner_rate=task.inner_rate,
      batch_size=task.inner_batch,
      rate=task.outer_rate,
    )
  )
  loss = float('nan')
  order = int(hashlib.sha256(str(seed).encode()).hexdigest()[:8], 16)
  rng = np.random.default_rng(order)
  with tqdm.trange(task.outer_steps, unit='step') as bar:
    for i in bar:
      picked = rng.integers(0, len(crops), task.crops_per_step)
      batch: PyTree = jax.tree.map(
        lambda *leaves: np.stack(leaves), *[crops[j] for j in picked]
      )
      state, last = step(state, batch, jax.random.fold_in(loop_key, i))
      loss = float(last)
      bar.set_postfix_str(f'loss {loss:.3g}')
  return state, loss
