"""Fitting networks to pictures before and after.

A look is then known only at the colours in the pictures. Half of the samples are
uniform over pixels, half are uniform over the cells of the cube that hold any, so
that rare colours count as well. Before the fit, and with its scores, the floor is
reported: the error that no LUT can remove (`data.pair_floor`).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, experiment
from lutjax.codec import labels
from lutjax.data import pair_causes, pairs
from lutjax.fit import fleet, loop
from lutjax.looks import decoding, pair_report, scoring, style_weights
from lutjax.looks import task as looks
from lutjax.types import Array, Batch, Key, Loaded, Model, PyTree, Task, Variables


@dataclasses.dataclass(frozen=True)
class Config:
  """How pictures are sampled and scored.

  Attributes:
    together: One network for all styles, or one for each.
    drawn: What a step shows of several styles; see `style_weights`.
    blend_points: See `style_weights.draw`.
    colours: Drawn in advance from all pictures of a style.
    spread: Share of these that is spread over the visited cells.
    cells: Per axis.
    scored: Pixels per style that are scored, evenly spaced over all.
  """

  together: bool = False
  drawn: Literal['each', 'mixed'] = 'each'
  blend_points: int = 1
  colours: int = 1 << 19
  spread: float = 0.5
  cells: int = 16
  scored: int = 1 << 18

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      blend_points='[0, inf)',
      colours='[1, inf)',
      spread='[0, 1]',
      cells='[1, 256]',
      scored='[1, inf)',
    )


def from_looks(config: Any) -> Config:
  """Returns the task on pictures that corresponds to one on LUTs.

  Raises:
    InputError: when that task cannot be done on pictures.
  """
  if isinstance(config, Config):
    return config
  options = config.on_pictures() if isinstance(config, looks.Config) else None
  if options is None:
    raise errors.InputError(
      f'--pairs: found a config for {type(config).__module__.split(".")[-2]}, expected '
      'one that is fitted to looks, such as configs/nilut.py'
    )
  return Config(**options)


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the pictures of `sources.pairs`.

  Args:
    config: The task.
    sources: What the user pointed at.
    say: Told what is converted or left out, and the floor of each style.

  Returns:
    One job per style, or one; the context holds what is scored by style.

  Raises:
    InputError: when there is no pair, a picture cannot be read, or, with one
      network for all styles, a picture lacks a style.
  """
  if not sources.pairs:
    raise errors.InputError('--pairs: found nothing, expected a folder or BEFORE,AFTER')
  found = pairs.find(sources.pairs, say=say)
  read = [pairs.read(pair, say=say) for pair in found]
  names = sorted({name for one in read for name in one.after if name != pairs.BLEND})
  if not names:
    raise errors.InputError('--pairs: found blends only, expected styles beside them')
  if config.together:
    for pair, one in zip(found, read):
      if missing := [name for name in names if name not in one.after]:
        raise errors.InputError(f'{pair.before}: found no {missing[0]} picture of it')
    jobs = [fleet.Job('model', _drawn(config, read, names))]
    held = {'model': tuple(map(labels.Label, names))}
  else:
    jobs = [fleet.Job(name, _drawn(config, read, [name])) for name in names]
    held = {name: (labels.Label(name),) for name in names}
  shown = [*names, pairs.BLEND] if config.together else names
  context = {name: _scored(config, read, name, say) for name in shown}
  return experiment.Gathered(
    jobs=jobs,
    inputs={path: digest for one in read for path, digest in one.digests.items()},
    problems=[],
    single=len(jobs) == 1,
    labels=held,
    context={name: data for name, data in context.items() if data is not None},
  )


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws pixels."""

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    pixel_key, style_key = jax.random.split(key)
    index = jax.random.randint(pixel_key, (batch_size,), 0, data['rgb'].shape[0])
    rgb, target = data['rgb'][index], data['target'][index]
    if not config.together:
      return {'rgb': rgb, 'target': target[:, 0]}
    if config.drawn == 'each':
      return {'rgb': rgb, 'target': target}
    style = style_weights.draw(
      style_key, batch_size, target.shape[1], config.blend_points
    )
    mixed = jnp.sum(target * style[..., None], axis=-2)
    return {'rgb': rgb, 'style': style, 'target': mixed}

  return sample


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[Loaded, int, fleet.Job], dict[str, Any]]:
  """Returns the function that scores a model on the pictures.

  Args:
    config: The task.
    gathered: From `gather`.

  Returns:
    `(loaded, size_bytes, job) -> record`, of which `looks` holds the statistics of
    `scoring.to_record` for each style by name, then for the `blend`, with the floor
    of its pictures (`floor_psnr`, `floor_cie76_mean`, `floor_cause`, ...).
  """

  def record(loaded: Loaded, size_bytes: int, job: fleet.Job) -> dict[str, Any]:
    del size_bytes
    held = [label.name for label in gathered.labels[job.name]]
    unit = np.eye(len(held), dtype=np.float32)
    weights = dict(zip(held, unit))
    if config.together and pairs.BLEND in gathered.context:
      weights[pairs.BLEND] = np.full(len(held), 1.0 / len(held), np.float32)
    found = {}
    for name, mix in weights.items():
      if name not in gathered.context:
        continue
      data = gathered.context[name]
      gap = _score(
        loaded.model,
        loaded.config,
        loaded.variables,
        mix,
        data['before'],
        data['after'],
      )
      stats = scoring.to_record({'': gap})
      found[name] = stats | {'visited': data['visited']} | data['floor']
      _tell(name, found[name], data['say'])
    return {'looks': found}

  return record


TASK = Task(
  name='pairs',
  config=Config,
  sources=('pairs',),
  scored=('pairs',),
  gather=gather,
  sampler=sampler,
  scorer=scorer,
  report=pair_report.write,
)


def cell_of(rgb: np.ndarray, cells: int) -> np.ndarray:
  """Returns the number of the cell that holds each colour, `[P]`.

  Args:
    rgb: `[P, 3]` in [0, 1].
    cells: Per axis of the cube.
  """
  place = np.minimum((rgb * cells).astype(np.int64), cells - 1)
  return (place[:, 0] * cells + place[:, 1]) * cells + place[:, 2]


def balanced(
  rgb: np.ndarray, count: int, *, spread: float, cells: int, seed: int
) -> np.ndarray:
  """Chooses pixels, some of them evenly over the cells that hold any.

  Args:
    rgb: `[P, 3]` float32.
    count: How many are chosen, with repetition.
    spread: Share of them that is chosen cell by cell.
    cells: Per axis.
    seed: Of the choice.

  Returns:
    `[count]` indices.
  """
  rng = np.random.default_rng(seed)
  evenly = round(count * spread)
  cell = cell_of(rgb, cells)
  order = np.argsort(cell, kind='stable')
  _, start, size = np.unique(cell[order], return_index=True, return_counts=True)
  chosen = rng.integers(0, len(start), evenly)
  within = (rng.random(evenly) * size[chosen]).astype(np.int64)
  plain = rng.integers(0, len(rgb), count - evenly)
  return np.concatenate([order[start[chosen] + within], plain])


@functools.partial(jax.jit, static_argnums=(0, 1))
def _score(
  model: Model,
  config: Any,
  variables: Variables,
  weights: Array,
  before: Array,
  after: Array,
) -> scoring.Gap:

  def fitted(rgb: Array) -> Array:
    return model.apply(config, variables, decoding.query(model, config, rgb, weights))

  return scoring.compare(fitted, lambda _: after, before)


def _drawn(
  config: Config, read: Sequence[pairs.Colours], names: Sequence[str]
) -> dict[str, np.ndarray]:
  """Draws colours `rgb` `[M, 3]` and what styles made of them `[M, S, 3]`."""
  held = [one for one in read if all(name in one.after for name in names)]
  rgb = np.concatenate([one.before for one in held])
  index = balanced(
    rgb, config.colours, spread=config.spread, cells=config.cells, seed=0
  )
  target = [np.concatenate([one.after[name] for one in held])[index] for name in names]
  return {'rgb': rgb[index], 'target': np.stack(target, axis=1)}


def _scored(
  config: Config,
  read: Sequence[pairs.Colours],
  name: str,
  say: Callable[[str], None],
) -> dict[str, Any] | None:
  held = [one for one in read if name in one.after]
  if not held:
    return None
  before = np.concatenate([one.before for one in held])
  after = np.concatenate([one.after[name] for one in held])
  cells = np.bincount(cell_of(before, config.cells), minlength=config.cells**3)
  index = np.linspace(0, len(before) - 1, min(config.scored, len(before))).astype(int)
  return {
    'before': before[index],
    'after': after[index],
    'visited': float(np.mean(cells > 0)),
    'cells': cells.reshape((config.cells,) * 3),
    'floor': _floor(held, name, say),
    'say': say,
  }


def _floor(
  held: Sequence[pairs.Colours], name: str, say: Callable[[str], None]
) -> dict[str, Any]:
  """Returns and reports the error floor of the pictures of a style."""
  measured = pair_causes.measure([pairs.to_picture(one, name) for one in held])
  if measured is None:
    say(f'--pairs: {name}: found too few pixels of like colours to tell the floor')
    return {}
  floor, cause = measured
  line = pair_causes.describe(name, floor, cause)
  say(f'--pairs: {line}')
  record = {
    'floor_psnr': round(floor.psnr, 3),
    'floor_cie76_mean': round(floor.cie76_mean, 4),
    'floor_covered': round(floor.covered, 4),
    'floor_cause': cause.kind,
    'floor_share': round(cause.share, 4),
    'floor_text': line,
  }
  return record | ({'floor_shift': cause.shift} if cause.kind == 'shift' else {})


def _tell(name: str, stats: Mapping[str, Any], say: Callable[[str], None]) -> None:
  """Reports the error of a model and the error floor."""
  if 'floor_psnr' in stats:
    say(
      f'{name}: the model has {stats["psnr"]:.1f} dB (mean CIE76 '
      f'{stats["cie76_mean"]:.2f}), the floor is {stats["floor_psnr"]:.1f} dB (mean '
      f'CIE76 {stats["floor_cie76_mean"]:.2f})'
    )
