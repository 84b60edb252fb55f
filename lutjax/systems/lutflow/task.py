"""Fitting one network to hundreds of looks, and correcting its residuals.

As `looks.task`, but all looks go into one job: a step draws a look for each
of its colours, more often where the error is larger. Colours are uniform, those of
photos, or half of each.
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax import errors, experiment, files, metrics
from lutjax.data import histogram
from lutjax.fit import fleet, loop
from lutjax.looks import natural_colours
from lutjax.looks import task as looks
from lutjax.systems.lutflow import correction, residual_correction
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import report as lutflow_report
from lutjax.types import Array, Batch, Key, Loaded, PyTree, Variables

# In a run folder: the histogram of the natural colours, for other fits.
COLOURS = f'colours{histogram.SUFFIX}'
# Of a survey: rounds, and colours of each look in a round.
_ROUNDS = 16
_EACH = 16
# What an index of 32 bits reaches.
_MOST_NODES = 1 << 31


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are normalised and scored.

  Attributes:
    together: One network for all looks.
    overshoot: Unused where colours are drawn at nodes.
    colours: What a step draws, and what is corrected: `uniform` in the cube,
      `natural` (those of the images), or `mixed`, half of each.
    at_nodes: Whether uniform colours are drawn at the nodes of each look,
      faces half as often: one look-up instead of eight.
    pool: Colours kept of all images together.
    balance: Looks are drawn in proportion to this power of their mean CIE76, which
      is measured before every segment of a fit; 0 draws all alike.
  """

  together: bool = True
  overshoot: float = 0.0
  colours: Literal['uniform', 'natural', 'mixed'] = 'uniform'
  at_nodes: bool = True
  pool: int = 1 << 18
  balance: float = 0.0

  def __post_init__(self):
    super().__post_init__()
    config_lib.check_ranges(self, pool='[1, inf)', balance='[0, 4]')

  def on_pictures(self) -> dict[str, Any] | None:
    return None


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts`, and the colours of `sources.images`.

  Args:
    config: The task.
    sources: What the user pointed at; images are photos, or stored histograms
      (`data.histogram`), each of which counts as one photo.
    say: Told what is skipped or baked.

  Returns:
    One job, whose context is the normalised looks by name.

  Raises:
    InputError: when there is no look, no image where images are needed, or more
      nodes than an index of 32 bits reaches.
  """
  if not config.together:
    raise errors.InputError('--set=together: found false, expected one network')
  if config.colours == 'uniform' and sources.images:
    raise errors.InputError(
      '--images: nothing to do with colours=uniform, expected natural or mixed'
    )
  gathered = looks.gather(config, sources, say)
  (job,) = gathered.jobs
  nodes = math.prod(job.data['table'].shape[:-1])
  if nodes >= _MOST_NODES:
    raise errors.InputError(
      f'--luts: found {nodes} nodes in all, expected fewer than {_MOST_NODES}: '
      'a smaller bake_size'
    )
  if config.colours == 'uniform':
    return gathered
  if not sources.images:
    raise errors.InputError(
      f'--images: found nothing, expected photos or a histogram for colours='
      f'{config.colours}'
    )
  named = natural_colours.find(sources.images, say)
  pool = natural_colours.draw([*named.values()], config.pool)
  digests = {name: files.digest(files.read_bytes(path)) for name, path in named.items()}
  return gathered._replace(
    jobs=[job._replace(data={**job.data, 'pool': pool})],
    inputs={**gathered.inputs, **digests},
  )


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws looks, colours and their targets.

  Looks are drawn by `odds` `[L]` where data have them, else all alike.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    look_key, colour_key = jax.random.split(key)
    count = data['table'].shape[0]
    look = jax.random.choice(look_key, count, (batch_size,), p=data.get('odds'))
    return _draw(config, colour_key, data, look)

  return sample


def survey(config: Config, model: lutflow.Config) -> loop.Survey | None:
  """Returns the function that sets how often each look is drawn, by its error.

  Args:
    config: The task.
    model: The model's config.

  Returns:
    `(variables, data) -> data` with `odds` `[L]` that sum to 1; None where all
    looks are drawn alike.
  """
  if not config.balance:
    return None

  def measure(variables: Variables, data: PyTree) -> PyTree:
    count = data['table'].shape[0]
    look = jnp.tile(jnp.arange(count), _EACH)

    def errors_of(key: Key) -> Array:
      batch = _draw(config, key, data, look)
      got = lutflow.apply(model, variables, batch)
      error = metrics.colour_errors(got, batch['target']).cie76
      return error.reshape(_EACH, count).mean(axis=0)

    # Always the same colours, so that odds change with the model alone.
    keys = jax.random.split(jax.random.key(0), _ROUNDS)
    error = jax.lax.map(errors_of, keys).mean(axis=0)
    # A look that is met must stay in sight; a network that ran away gives NaN.
    odds = jnp.nan_to_num(error, nan=1.0) + 1e-3
    odds = odds**config.balance
    return {**data, 'odds': odds / odds.sum()}

  return measure


def finish(
  config: Config, loaded: Loaded, job: fleet.Job, say: Callable[[str], None]
) -> tuple[Variables, Mapping[str, Any]]:
  """Corrects the residuals on the fitted colours, in the rest of the budget.

  Args:
    config: Which colours are fitted.
    loaded: The model as its artefact decodes.
    job: Its data, `table`, `size` and, for natural colours, `pool`.
    say: Told what was corrected.

  Returns:
    The corrected model, and fields for its record.
  """
  shares = None
  if config.colours != 'uniform':
    shares = jnp.asarray(residual_correction.shares_of(job.data['pool']))
    if config.colours == 'mixed':
      shares = 0.5 * (
        shares + residual_correction.even_shares(residual_correction.SIZE)
      )
  return correction.correct(
    loaded.config, loaded.variables, job.data, say, shares=shares
  )


def report(finished: experiment.Finished) -> pathlib.Path:
  """Writes the report of a run (`report.write`), and its natural colours."""
  (job,) = finished.gathered.jobs
  if 'pool' in job.data:
    stored = histogram.of_colours(job.data['pool'])
    histogram.write(finished.folder / COLOURS, stored)
  return lutflow_report.write(finished)


TASK = looks.TASK._replace(
  on_ray=False,
  name='lutflow',
  config=Config,
  sources=('luts', 'images'),
  gather=gather,
  sampler=sampler,
  survey=survey,
  finish=finish,
  split='accelerators',
  report=report,
)


def _draw(config: Config, key: Key, data: PyTree, look: Array) -> Batch:
  """Draws a colour for each of `look` `[B]`, and what it should become."""
  uniform_key, natural_key = jax.random.split(key)

  def uniform(look: Array) -> Batch:
    rgb = jax.random.uniform(uniform_key, (look.shape[0], 3))
    if not config.at_nodes:
      return {'rgb': rgb, 'lut': look, 'target': _trilinear(data, look, rgb)}
    last = data['size'][look][:, None] - 1
    node = jnp.round(rgb * last).astype(jnp.int32)
    target = _at_nodes(data['table'], look, node)
    return {'rgb': node / last, 'lut': look, 'target': target}

  def natural(look: Array) -> Batch:
    pool = data['pool']
    rgb = pool[jax.random.randint(natural_key, look.shape, 0, pool.shape[0])]
    if 'curve' in data:
      rgb = _through(data['curve'], look, rgb)
    return {'rgb': rgb, 'lut': look, 'target': _trilinear(data, look, rgb)}

  if config.colours == 'uniform':
    return uniform(look)
  if config.colours == 'natural':
    return natural(look)
  half = look.shape[0] // 2
  return jax.tree.map(
    lambda *parts: jnp.concatenate(parts), uniform(look[:half]), natural(look[half:])
  )


def _through(curves: Array, look: Array, rgb: Array) -> Array:
  """Applies the curves `[L, S, 3]` of the looks to colours, one of each look."""
  last = curves.shape[1] - 1
  low = jnp.clip(jnp.floor(rgb * last).astype(jnp.int32), 0, last - 1)
  part = rgb * last - low
  at = (look[:, None], low, np.arange(3))
  above = (look[:, None], low + 1, np.arange(3))
  return (1.0 - part) * curves[at] + part * curves[above]


def _trilinear(data: PyTree, look: Array, rgb: Array) -> Array:
  """Samples many looks, a colour each, without gathering whole tables."""
  last = data['size'][look][:, None] - 1
  position = rgb * last
  corner = jnp.clip(jnp.floor(position).astype(jnp.int32), 0, last - 1)
  part = (position - corner)[:, None]
  vertices = np.array([*np.ndindex(2, 2, 2)])
  shares = jnp.prod(jnp.where(vertices == 1, part, 1.0 - part), axis=-1)
  # One gather, so that the processor waits for all eight nodes at once.
  nodes = _at_nodes(data['table'], look[:, None], corner[:, None] + vertices)
  return jnp.einsum('bv,bvc->bc', shares, nodes, precision='highest')


def _at_nodes(tables: Array, look: Array, node: Array) -> Array:
  """Returns `[..., 3]` of tables at nodes `[..., 3]`, all of which there are."""
  size = tables.shape[1]
  index = (look * size + node[..., 0]) * size + node[..., 1]
  flat = jnp.asarray(tables).reshape(-1, 3)
  return flat.at[index * size + node[..., 2]].get(mode='promise_in_bounds')
