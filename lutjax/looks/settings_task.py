"""Fitting networks to maps of colours and settings: archives in, places drawn.

As `looks.task` for maps of 4 and 5 dimensions (`data.maps`): one network for each, or
one for all. The number of settings is that of the data.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, experiment
from lutjax.codec import labels
from lutjax.data import maps
from lutjax.fit import fleet, loop
from lutjax.looks import decoding, scoring, settings, settings_report
from lutjax.lut import interpolate, lattice
from lutjax.types import Array, Batch, Key, Loaded, Model, PyTree, Task, Variables

# Parts of a setting's span over which errors are averaged.
_PARTS = 8


@dataclasses.dataclass(frozen=True)
class Config:
  """How maps are fitted and scored.

  Attributes:
    together: One network for all maps, or one for each.
    places: Uniform places, a colour and settings each, that are scored.
  """

  together: bool = False
  places: int = 8192

  def __post_init__(self):
    config_lib.check_ranges(self, places='[1, inf)')


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the maps of `sources.luts`.

  Args:
    config: The task.
    sources: What the user pointed at.
    say: Told what is skipped.

  Returns:
    The jobs; their context is the maps by name.

  Raises:
    InputError: when there is no map, or maps of different numbers of settings.
  """
  if not sources.luts:
    raise errors.InputError('--luts: found nothing, expected .npz archives of maps')
  found, problems = maps.load(sources.luts, say=say)
  counts = {len(one.label.settings): one.label.name for one in reversed(found)}
  if len(counts) > 1:
    told = ' and '.join(f'{count} of {name}' for count, name in sorted(counts.items()))
    raise errors.InputError(
      f'--luts: found maps of different numbers of settings, {told}, expected as many '
      'in each'
    )
  held = [(one.label,) for one in found]
  jobs = [fleet.Job(one.label.name, _data(one.table)) for one in found]
  if config.together:
    held = [tuple(one.label for one in found)]
    shapes = np.max([one.table.shape[:-1] for one in found], axis=0)
    padded = [_data(fleet.padded(one.table, shapes), one.table) for one in found]
    jobs = [fleet.Job('model', jax.tree.map(lambda *each: np.stack(each), *padded))]
  return experiment.Gathered(
    jobs=jobs,
    inputs={one.label.name: one.digest for one in found},
    problems=problems,
    single=len(jobs) == 1,
    labels={job.name: looks for job, looks in zip(jobs, held)},
    context={one.label.name: one for one in found},
    settings=len(found[0].label.settings),
  )


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws places and their targets."""

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    count = data['sizes'].shape[-1] - 3
    draw = settings.several if config.together else settings.sampler
    return draw(count)(key, data, batch_size)

  return sample


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[Loaded, int, fleet.Job], dict[str, Any]]:
  """Returns the function that scores a model against its maps.

  Args:
    config: How many places.
    gathered: From `gather`.

  Returns:
    `(loaded, size_bytes, job) -> record`, of which `looks` holds, by the name of each
    map, the statistics of `scoring.to_record` on uniform places: of the model, with
    `grid_` of an 8-bit lattice of even nodes that takes no more than the map's share
    of the bytes, and with `identity_` of colours left as they are; and `along`, how
    the error changes with each setting.
  """
  places = jax.random.uniform(jax.random.key(0), (config.places, 3 + gathered.settings))
  largest = np.max([one.table.shape[:-1] for one in gathered.context.values()], axis=0)

  def record(loaded: Loaded, size_bytes: int, job: fleet.Job) -> dict[str, Any]:
    del job
    loaded = loaded._replace(variables=jax.device_put(loaded.variables))
    looks = loaded.config.looks
    grid = _grid_size(size_bytes / len(looks), places.shape[-1])
    scores = {}
    for i, label in enumerate(looks):
      table = gathered.context[label.name].table
      gaps = _compare(
        loaded.model,
        decoding.unlabelled(loaded.config),
        grid,
        loaded.variables,
        np.eye(len(looks), dtype=np.float32)[i],
        _data(fleet.padded(table, largest), table),
        places,
      )
      scores[label.name] = scoring.to_record(gaps) | {
        'grid_size': grid,
        'along': _along(label.settings, np.asarray(places), jax.device_get(gaps)),
      }
    return {'looks': scores}

  return record


def _data(padded: np.ndarray, table: np.ndarray | None = None) -> dict[str, Any]:
  """Returns what `settings.of_lattice` reads: a lattice, maybe padded."""
  own = padded if table is None else table
  return {'table': padded, 'sizes': np.array(own.shape[:-1], np.int32)}


def _grid_size(size_bytes: float, dimensions: int) -> int:
  """Returns the nodes per axis of a lattice of bytes, 2 at least."""
  return max(2, math.floor((size_bytes / 3) ** (1 / dimensions) + 1e-9))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _compare(
  model: Model,
  config: Any,
  grid: int,
  variables: Variables,
  weights: Array,
  data: PyTree,
  places: Array,
) -> dict[str, scoring.Gap]:
  """Compares a model, a trivial lattice and the identity with a map."""
  want = settings.of_lattice(data, places)
  fitted = settings.at(Loaded(model, config, variables), places, weights)
  nodes = jnp.asarray(lattice.nodes((grid,) * places.shape[-1]))
  table = jnp.round(settings.of_lattice(data, nodes) * 255.0) / 255.0
  plain = interpolate.trilinear(table, places)
  return scoring.split(
    jnp.concatenate([fitted, plain, places[:, :3]]),
    jnp.concatenate([want] * 3),
    dict.fromkeys(('', 'grid_', 'identity_'), len(places)),
  )


def _along(
  named: Sequence[labels.Setting], places: np.ndarray, gaps: dict[str, scoring.Gap]
) -> dict[str, dict[str, list[float]]]:
  """Returns mean CIE76 over parts of each setting's span, by setting.

  Args:
    named: The settings.
    places: `[M, 3 + K]`.
    gaps: Of a model, and of what it is compared with, at these places.

  Returns:
    For each, `at`, the middles of the parts that have places, and beside them the
    means, by the prefixes of `gaps`.
  """
  found = {}
  for axis, setting in enumerate(named, start=3):
    part = np.minimum((places[:, axis] * _PARTS).astype(int), _PARTS - 1)
    counts = np.bincount(part, minlength=_PARTS)
    seen = np.flatnonzero(counts)
    found[setting.name] = {'at': ((seen + 0.5) / _PARTS).tolist()}
    for prefix, gap in gaps.items():
      total = np.bincount(part, weights=gap.errors.cie76, minlength=_PARTS)
      means = [float(f'{mean:.6g}') for mean in total[seen] / counts[seen]]
      found[setting.name][f'{prefix}cie76_mean'] = means
  return found


TASK = Task(
  name='settings',
  config=Config,
  sources=('luts',),
  scored=('luts',),
  idle_flags=('strict', 'allow_nonfinite'),
  on_ray=True,
  gather=gather,
  sampler=sampler,
  scorer=scorer,
  report=settings_report.write,
)
