"""Training a model that restores pictures: folders of pictures in, one model out.

Pictures are degraded once, on the host; patches are drawn on the device (`patches`).
Some pictures are held out, by the digests of their files: patches of them are measured
after each segment of the training, and the exported model on the whole of them.
"""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors, experiment, files, progress
from lutjax.data import patches, pictures
from lutjax.fit import fleet, loop
from lutjax.restoration import preparing, quality, report
from lutjax.types import (
  Array,
  Loaded,
  Model,
  PyTree,
  System,
  Task,
  Variables,
)

# Patches that a network is asked for at a time, and in all, to compare it with tables.
_ASKED, _COMPARED = 16, 256
# Below this a mean square in codes says nothing more (88 dB).
_LEAST_SQUARE = 1e-4


Config = preparing.Config


def complete(config: Config, model: Model, model_config: Any) -> Config:
  """Returns the task with what the model undoes, and the margin that it sees.

  Args:
    config: The task.
    model: What is trained.
    model_config: Says what it undoes.

  Raises:
    InputError: if the model does not restore pictures, or not at the task's scale.
  """
  if model.restorer is None:
    raise errors.InputError(
      f'found a config for {model.name}, expected a model that restores pictures'
    )
  own = model.restorer.degradation(model_config)
  restores = config.restores or own
  if restores.scale != own.scale:
    raise errors.InputError(
      f'task.restores: found {restores}, expected the scale of {own}, as the model has'
    )
  margin = model.restorer.margin(model_config)
  return dataclasses.replace(config, restores=restores, margin=margin)


def gather(
  config: Config, given: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the pictures of `given.images`, degrades them and packs their planes.

  Args:
    config: The task, complete.
    given: What the user pointed at.
    say: Told what is left out, thinned or held out.

  Returns:
    The one job; what is held out is in its context.

  Raises:
    InputError: when no picture can be used.
  """
  if not given.images:
    raise errors.InputError('--images: found nothing, expected pictures to train on')
  start = _start_of(config)
  pool = patches.Pool(
    config.pool_megabytes << 20, patch=config.side, scale=config.degradation.scale
  )
  used, held, problems = _fill(config, given.images, pool, say)
  if not used:
    raise errors.InputError(
      f'--images: found no picture that can be used, expected one; {problems[0]}'
    )
  trained = max(1, len(used) - len(held))
  context = preparing.Context(tuple(held), trained, _described(pool))
  names = pictures.listed([picture.name for picture in held])
  say(f'{len(used)} pictures, {len(held)} held out ({names}); {context.pool}')
  if len(used) == 1:
    say('one picture alone is trained on, and measured, too')
  inputs = {picture.name: picture.digest for picture in used}
  if start is not None:
    inputs[f'start {config.start}'] = files.digest(start[1])
  data = pool.pack() | preparing.probe_data(config, held)
  return experiment.Gathered(
    jobs=[fleet.Job('model', data)],
    inputs=inputs,
    problems=sorted(problems),
    single=True,
    labels={},
    context=context,
    start=start,
  )


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws patches; see `patches.sample`."""
  degradation = config.degradation
  return functools.partial(
    patches.sample,
    patch=config.side,
    scale=degradation.scale,
    sigma=float(degradation.strength) if degradation.kind == 'noise' else 0.0,
  )


def probe(config: Config, system: System) -> loop.Probe:
  """Returns what measures a model on patches that are held out.

  Args:
    config: The task.
    system: Its `apply` takes `patch` `[B, P, P]` and gives codes
      `[B, scale (P - 2 m), scale (P - 2 m)]` for a margin m of its own.

  Returns:
    The probe, whose figures are `psnr` in dB, that of all patches less their margin
    together, and `baseline_psnr`, the same without a model.
  """
  del config

  def measure(variables: Variables, data: PyTree) -> dict[str, Array]:
    seen = data['probe_seen'].astype(jnp.float32)
    got = jnp.round(system.apply(variables, {'patch': seen}))
    side = got.shape[-1]
    rim = (data['probe_target'].shape[-1] - side) // 2

    def inner(codes: Array) -> Array:
      cut = codes[:, rim : rim + side, rim : rim + side]
      return cut.astype(jnp.float32)

    target = inner(data['probe_target'])
    return {
      'psnr': _decibels(got - target),
      'baseline_psnr': _decibels(inner(data['probe_plain']) - target),
    }

  def describe(figures: Mapping[str, float]) -> str:
    return f'val {figures["psnr"]:.2f} dB'

  return loop.Probe(measure, describe)


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[Loaded, int, fleet.Job], dict[str, Any]]:
  """Returns the function that measures an artefact on the pictures that are held out.

  Args:
    config: The task.
    gathered: From `gather`.

  Returns:
    `(loaded, size_bytes, job) -> record`: `psnr` and `baseline_psnr`, means over whole
    pictures, `table_bytes`, and both for each of the `pictures` by name. Pictures that
    have changed since, or are gone, are left out.
  """

  def record(loaded: Loaded, size_bytes: int, job: fleet.Job) -> dict[str, Any]:
    del size_bytes, job
    restorer = preparing.restorer_of(loaded)
    process = restorer.process(loaded.config, loaded.variables)
    held = gathered.context.held
    found = {}
    many = progress.bar(
      preparing.measured(config, held),
      total=len(held),
      desc='scoring',
      unit='picture',
      leave=False,
    )
    for one in many:
      found[one.picture.name] = {
        'psnr': _number(quality.psnr(process(one.low), one.high)),
        'baseline_psnr': _number(quality.psnr(one.plain, one.high)),
      }
    return {
      'psnr': _mean(found, 'psnr'),
      'baseline_psnr': _mean(found, 'baseline_psnr'),
      'table_bytes': restorer.table_bytes(loaded.config, loaded.variables),
      'pictures': found,
    }

  return record


def verify(
  config: Config,
  gathered: experiment.Gathered,
  trained: Loaded,
  shipped: Loaded,
) -> dict[str, Any]:
  """Compares a network with its tables on a picture that is held out.

  Args:
    config: The task.
    gathered: From `gather`.
    trained: The model as it was fitted.
    shipped: The model as its artefact has it.

  Returns:
    `compared_pixels`, at most those of some hundred patches without their margins, and
    `differing_pixels` among them; `unmet`, a line, where there are any.
  """
  for one in preparing.measured(config, gathered.context.held[:1]):
    restorer = preparing.restorer_of(shipped)
    restored = restorer.process(shipped.config, shipped.variables)(one.low)
    compared, differing = _differing(config, trained, one.low, restored)
    figures: dict[str, Any] = {
      'compared_pixels': compared,
      'differing_pixels': differing,
    }
    if differing:
      figures['unmet'] = (
        f'{differing} of {compared} pixels differ between the network and its tables'
      )
    return figures
  return {}


TASK = Task(
  name='restoration',
  config=Config,
  sources=('images',),
  scored=('images', 'pairs'),
  idle_flags=('group_size',),
  gather=gather,
  sampler=sampler,
  scorer=scorer,
  report=report.write,
  complete=complete,
  probe=probe,
  verify=verify,
  split='accelerators',
)


def _start_of(config: Config) -> tuple[str, bytes] | None:
  if not config.start:
    return None
  path = pathlib.Path(config.start)
  if path.is_dir():
    path /= f'model{artefacts.SUFFIX}'
  return str(path), files.read_bytes(path, error=errors.ArtefactError)


def _fill(
  config: Config,
  patterns: Sequence[str],
  pool: patches.Pool,
  say: Callable[[str], None],
) -> tuple[list[pictures.Picture], list[pictures.Picture], list[str]]:
  """Puts pictures into the pool, but for those that are held out.

  Args:
    config: The task.
    patterns: Of `--images`.
    pool: Gets the others, at least one where there is any.
    say: Told what is left out.

  Returns:
    The pictures that can be used; those of them that are held out; a line for each
    that cannot.
  """
  found, problems = pictures.find(patterns, say)
  used, held, alpha = [], [], []
  for picture in progress.bar(found, desc='reading', unit='picture', leave=False):
    try:
      pixels, has_alpha = pictures.read(picture.path, say)
      planes = preparing.originals(config, picture, pixels)
    except errors.InputError as error:
      problems.append(str(error))
      continue
    used.append(picture)
    alpha += [picture.name] * has_alpha
    wanted = not held or picture.rank < config.validation_share
    if wanted and len(held) < config.validation_most:
      held.append(picture)
    else:
      _add(config, pool, planes)
  if held and not pool.pixels:
    # None is left to train on.
    last = held[-1] if len(held) == 1 else held.pop()
    pixels = pictures.read(last.path, say).pixels
    _add(config, pool, preparing.originals(config, last, pixels))
  if alpha:
    say(f'alpha left out: {pictures.listed(alpha)}')
  return used, held, problems


def _add(config: Config, pool: patches.Pool, planes: np.ndarray) -> None:
  for pair in preparing.training_pairs(config, planes):
    pool.add(pair)


def _described(pool: patches.Pool) -> str:
  """Says how much is trained on, and what was thinned."""
  size = f'{pool.size_bytes / 1e6:.1f} MB of planes to train on'
  if pool.every == 1:
    return size
  return f'{size}, one tile in {pool.every}; --set=pool_megabytes=N lets more in'


def _decibels(gap: Array) -> Array:
  square = jnp.maximum(jnp.mean(gap * gap), _LEAST_SQUARE)
  return 10.0 * jnp.log10(255.0**2 / square)


def _number(value: float) -> float | None:
  """Returns what JSON can hold: no infinity, as equal pictures have."""
  return value if math.isfinite(value) else None


def _mean(found: Mapping[str, Mapping[str, float | None]], key: str) -> float | None:
  finite = [value for scores in found.values() if (value := scores[key]) is not None]
  return sum(finite) / len(finite) if finite else None


def _differing(
  config: Config, trained: Loaded, low: np.ndarray, restored: np.ndarray
) -> tuple[int, int]:
  """Asks a network for patches of a picture; counts pixels that tables give otherwise.

  Args:
    config: The task.
    trained: The network.
    low: `[H, W, K]` uint8.
    restored: `[scale H, scale W, K]` uint8, of the tables.

  Returns:
    Pixels compared, and pixels that differ.
  """
  apply = jax.jit(trained.model.make(trained.config).apply)
  side, scale = config.side, config.degradation.scale
  low = preparing.mirrored(low, config.margin)
  corners = [
    (top, left, k)
    for top in _starts(low.shape[0], side)
    for left in _starts(low.shape[1], side)
    for k in range(low.shape[2])
  ]
  count = min(len(corners), _COMPARED)
  chosen = [corners[i * len(corners) // count] for i in range(count)]
  compared = differing = 0
  for start in range(0, count, _ASKED):
    asked = chosen[start : start + _ASKED]
    filled = asked + asked[-1:] * (_ASKED - len(asked))
    seen = [low[y : y + side, x : x + side, k] for y, x, k in filled]
    got = apply(trained.variables, {'patch': np.stack(seen).astype(np.float32)})
    rim = (side * scale - got.shape[-1]) // 2
    for (top, left, k), patch in zip(asked, np.rint(got)):
      # Of what is restored, which has no margin.
      down, right = (at * scale + rim - config.margin * scale for at in (top, left))
      want = restored[down : down + len(patch), right : right + len(patch), k]
      compared += want.size
      differing += int(np.count_nonzero(patch != want))
  return compared, differing


def _starts(length: int, side: int) -> list[int]:
  """Returns the starts of windows that cover a length, overlapping at its end."""
  return sorted({*range(0, length - side + 1, side), length - side})
