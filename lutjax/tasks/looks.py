"""Fitting networks to looks: LUT files in, sampled colours out.

A look is taken over its own domain and range, both mapped to the unit cube,
at its own size: lattices of a run are padded to one shape, and a position in
a lattice of N nodes is the same position in the padded one.
"""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, models
from lutjax.data import luts, synthetic
from lutjax.fit import fleet, loop
from lutjax.lut import interpolate, lattice
from lutjax.tasks import experiment, look_report, presenting, scoring
from lutjax.types import Array, Batch, Key, PyTree, Variables


@dataclasses.dataclass(frozen=True)
class Config:
  """How looks are presented and scored.

  Attributes:
    interpolation: What the look is between its nodes.
    bake_size: Nodes per axis for 1D LUTs and shapers, which are baked.
    together: One network for all looks, or one for each.
    overshoot: Share by which colours are drawn beyond the cube's faces and
      clamped onto them, so that the faces are seen.
    nodes: Nodes per axis of the lattice that is scored.
    random_colours: Uniform colours that are scored.
    photo_colours: Colours of the photo that are scored.
  """

  interpolation: Literal['trilinear', 'tetrahedral'] = 'trilinear'
  bake_size: int = 33
  together: bool = False
  overshoot: float = 0.02
  nodes: int = 33
  random_colours: int = 4096
  photo_colours: int = 4096

  def __post_init__(self):
    if min(self.nodes, self.bake_size) < 2 or self.overshoot < 0.0:
      raise ValueError(
        'Expected nodes and bake_size of 2 or more and no negative overshoot, got '
        f'{self.nodes}, {self.bake_size} and {self.overshoot}.'
      )
    if min(self.random_colours, self.photo_colours) < 1:
      raise ValueError(
        'Expected random_colours and photo_colours of 1 or more, got '
        f'{self.random_colours} and {self.photo_colours}.'
      )


def jobs(
  config: Config, looks: Sequence[presenting.Presented], name: str
) -> list[fleet.Job]:
  """Returns one job per look, or one for all.

  Args:
    config: `together`.
    looks: From `presenting.present`.
    name: Of the one job that holds all looks.
  """
  largest = max(look.table.shape[0] for look in looks)

  def pad(table: np.ndarray) -> np.ndarray:
    return np.pad(table, [(0, largest - len(table))] * 3 + [(0, 0)], mode='edge')

  if config.together:
    data = {
      'table': np.stack([pad(look.table) for look in looks]),
      'size': np.array([look.table.shape[0] for look in looks], np.int32),
    }
    return [fleet.Job(name, data)]
  return [
    fleet.Job(
      look.label.name,
      {'table': pad(look.table), 'size': np.int32(look.table.shape[0])},
    )
    for look in looks
  ]


def truth(config: Config, data: PyTree, rgb: Array) -> Array:
  """Samples a look.

  Args:
    config: `interpolation`.
    data: `table` `[M, M, M, 3]`, of which the first `size` nodes per axis
      count.
    rgb: `[..., 3]` in the unit cube.

  Returns:
    `[..., 3]` float32, within the unit range.
  """
  table = data['table']
  scale = (data['size'] - 1).astype(jnp.float32) / (table.shape[0] - 1)
  return interpolate.METHODS[config.interpolation](table, rgb * scale)


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws uniform colours and their targets."""

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    rgb = draw_colours(config, key, batch_size)
    return {'rgb': rgb, 'target': truth(config, data, rgb)}

  return sample


def draw_colours(config: Config, key: Key, count: int) -> Array:
  """Draws uniform colours `[count, 3]`, those beyond the faces put onto them."""
  reach = config.overshoot
  rgb = jax.random.uniform(key, (count, 3), minval=-reach, maxval=1 + reach)
  return jnp.clip(rgb, 0.0, 1.0)


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts`.

  Args:
    config: The task.
    sources: What the user pointed at.
    say: Told what is skipped or baked.

  Returns:
    The jobs; their context is the presented looks by name.

  Raises:
    InputError: when there is no look at all.
  """
  if not sources.luts:
    raise errors.InputError('--luts: found nothing, expected files or folders')
  looks, problems = luts.load(
    sources.luts,
    strict=sources.strict,
    allow_nonfinite=sources.allow_nonfinite,
    say=say,
  )
  presented = presenting.present(looks, config.bake_size, say)
  found = jobs(config, presented, 'model')
  of_job = [presented] if config.together else [[look] for look in presented]
  return experiment.Gathered(
    jobs=found,
    inputs={look.label.name: look.digest for look in presented},
    problems=problems,
    single=len(found) == 1,
    labels={
      job.name: tuple(look.label for look in held) for job, held in zip(found, of_job)
    },
    context={look.label.name: look for look in presented},
  )


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[bytes, fleet.Job], dict[str, Any]]:
  """Returns what scores an artefact against the looks of its job.

  Args:
    config: The task.
    gathered: From `gather`.

  Returns:
    `(content, job) -> record`, of which `looks` holds the statistics of
    `scoring.to_record` for each look by name, beside those (`grid_`) of an 8-bit
    grid of no more bytes.
  """
  photo = synthetic.photo(0, 256, 384)
  where = scoring.colours(
    0, config.random_colours, config.nodes, photo, config.photo_colours
  )

  @functools.partial(jax.jit, static_argnums=(0, 1))
  def score(
    model: Any,
    grid: int,
    variables: Variables,
    weights: Array,
    data: PyTree,
    span: Array,
    own: Array,
  ) -> dict[str, scoring.Gap]:
    module = models.module_of(model)

    def in_range(mapped: scoring.ColourMap, span: Array) -> scoring.ColourMap:
      return lambda rgb: span[0] + (span[1] - span[0]) * mapped(rgb)

    def fitted(rgb: Array) -> Array:
      return module.apply(model, variables, module.query(model, rgb, weights))

    def sampled(rgb: Array) -> Array:
      return truth(config, data, rgb)

    look, network = in_range(sampled, span), in_range(fitted, own)
    plain = in_range(_grid(sampled, grid), span)
    return {
      '': scoring.compare(network, look, where.random),
      'nodes_': scoring.compare(network, look, where.nodes),
      'photo_': scoring.compare(network, look, where.photo),
      'grid_': scoring.compare(plain, look, where.random),
    }

  def record(content: bytes, job: fleet.Job) -> dict[str, Any]:
    loaded = models.load(content, job.name)
    model = dataclasses.replace(loaded.config, looks=())
    held = gathered.labels[job.name]
    grid = max(2, math.floor((len(content) / len(held) / 3) ** (1 / 3) + 1e-9))
    found = {}
    for i, label in enumerate(held):
      data = _one(job.data, i) if config.together else job.data
      weights = np.eye(len(held), dtype=np.float32)[i]
      span = np.array(label.range, np.float32)
      own = np.array(loaded.config.looks[i].range, np.float32)
      gaps = score(model, grid, loaded.variables, weights, data, span, own)
      found[label.name] = scoring.to_record(gaps) | {'grid_size': grid}
    return {'looks': found}

  return record


def _grid(look: scoring.ColourMap, size: int) -> scoring.ColourMap:
  """Returns the look as an 8-bit grid, read trilinearly: the trivial codec."""
  nodes = jnp.asarray(lattice.identity(size))
  table = jnp.round(look(nodes) * 255.0) / 255.0
  return lambda rgb: interpolate.trilinear(table, rgb)


def _one(data: PyTree, index: int) -> PyTree:
  return jax.tree.map(lambda leaf: leaf[index], data)


def report(
  wanted: experiment.Experiment,
  folder: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  gathered: experiment.Gathered,
  problems: Sequence[str],
) -> pathlib.Path:
  """Writes the report of a run; see `look_report.write`."""
  return look_report.write(wanted, folder, records, gathered, problems)
