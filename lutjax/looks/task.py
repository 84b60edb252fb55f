"""Fitting networks to looks: LUT files in, sampled colours out.

A look is taken over its own domain and range, both mapped to the unit cube,
at its own size: where lattices are padded to one shape, a position in a lattice
of N nodes is the same position in the padded one.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import errors, experiment, progress
from lutjax.data import luts, synthetic
from lutjax.fit import fleet, loop
from lutjax.looks import decoding, normalized, scoring, unit_cube
from lutjax.looks import report as look_report
from lutjax.lut import interpolate, lattice
from lutjax.types import Array, Batch, Key, Loaded, Model, PyTree, Task, Variables

# Of the table that holds all looks of one network, before large looks are resampled.
_MOST_BYTES = 1 << 30
# Of the curves that colours are drawn through; targets are those of what comes out.
_CURVE_SAMPLES = 257
# Looks of one network from which on scoring shows its progress.
_MANY = 16


@dataclasses.dataclass(frozen=True)
class Config:
  """How looks are normalised and scored.

  Attributes:
    interpolation: What the look is between its nodes.
    curves: Where curves in front of a lattice (1D files, shapers) go: `beside` the
      network, which then is fitted to what comes after them, or `baked` into
      the lattice that it is fitted to.
    bake_size: Nodes per axis, at least, of looks with curves.
    together: One network for all looks, or one for each.
    overshoot: Share by which colours are drawn beyond the cube's faces and
      clamped onto them, so that the faces are seen.
    nodes: Nodes per axis of the lattice that is scored.
    random_colours: Uniform colours that are scored.
    photo_colours: Colours of the photo that are scored.
  """

  interpolation: Literal['trilinear', 'tetrahedral'] = 'trilinear'
  curves: normalized.Curves = 'beside'
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

  def on_pictures(self) -> dict[str, Any] | None:
    """Returns the fields of `pairs.Config` for pictures in place of LUTs, or None."""
    return {}


def jobs(
  config: Config,
  looks: Sequence[normalized.NormalizedLook],
  name: str,
  say: Callable[[str], None] = print,
) -> list[fleet.Job]:
  """Returns one job per look, or one for all.

  Looks of one network stand in one table, padded to the largest. Where that
  would take more than `_MOST_BYTES`, looks of more than `config.bake_size`
  nodes per axis are brought to that.

  Args:
    config: `together`, `bake_size` and `interpolation`.
    looks: From `normalized.normalize`.
    name: Of the one job that holds all looks.
    say: Told which looks are resampled.
  """
  tables = [look.table for look in looks]
  curves: list[np.ndarray] = []
  if any(look.label.curve is not None for look in looks):
    curves = [unit_cube.even_curve(look.label, _CURVE_SAMPLES) for look in looks]
  if not config.together:
    found = []
    for i, (look, table) in enumerate(zip(looks, tables)):
      data = {'table': table, 'size': np.int32(len(table))}
      if curves:
        data['curve'] = curves[i]
      found.append(fleet.Job(look.label.name, data))
    return found
  most = config.bake_size
  large = [i for i, table in enumerate(tables) if len(table) > most]
  if len(tables) * max(map(len, tables)) ** 3 * 12 > _MOST_BYTES and large:
    named = ', '.join(f'{looks[i].label.name} ({len(tables[i])}^3)' for i in large[:4])
    more = f' and {len(large) - 4} more' if len(large) > 4 else ''
    say(f'{named}{more}: resampled to {most}^3 to train on, since tables are large')
    for i in large:
      tables[i] = normalized.resampled(looks[i], most, config.interpolation)
  largest = max(map(len, tables))
  data = {
    'table': np.stack([fleet.padded(table, (largest,) * 3) for table in tables]),
    'size': np.array(list(map(len, tables)), np.int32),
  }
  if curves:
    data['curve'] = np.stack(curves)
  return [fleet.Job(name, data)]


def sampler(config: Config) -> loop.Sampler:
  """Returns the function that draws colours and their targets.

  Colours are uniform in the cube that the network sees. Where looks have curves,
  half of them are uniform in the domain instead, which is what is scored.
  """

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    rgb = draw_colours(config, key, batch_size)
    if 'curve' in data:
      half = batch_size // 2
      seen = unit_cube.apply_curve(data['curve'], rgb[:half])
      rgb = jnp.concatenate([seen, rgb[half:]])
    return {'rgb': rgb, 'target': normalized.truth(data, rgb, config.interpolation)}

  return sample


def draw_colours(config: Config, key: Key, count: int) -> Array:
  """Draws uniform colours `[count, 3]`; those outside the cube are clamped to it.

  Args:
    config: `overshoot`, how far outside the cube colours are drawn.
    key: Used once.
    count: How many.
  """
  reach = config.overshoot
  rgb = jax.random.uniform(key, (count, 3), minval=-reach, maxval=1 + reach)
  return jnp.clip(rgb, 0.0, 1.0)


def read(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> tuple[list[normalized.NormalizedLook], list[str]]:
  """Reads the looks of `sources.luts`.

  Args:
    config: The task.
    sources: What the user pointed at.
    say: Told what is skipped.

  Returns:
    The looks, and a line for each that is broken.

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
  normalized_looks = normalized.normalize(
    looks,
    config.bake_size,
    curves=config.curves,
    interpolation=config.interpolation,
  )
  return normalized_looks, problems


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts`.

  Args:
    config: The task.
    sources: What the user pointed at.
    say: Told what is skipped, and what is done with curves.

  Returns:
    The jobs; their context is the normalised looks by name.

  Raises:
    InputError: when there is no look at all.
  """
  normalized_looks, problems = read(config, sources, say)
  for look in normalized_looks:
    if look.remark:
      say(look.remark)
  found = jobs(config, normalized_looks, 'model', say)
  of_job = (
    [normalized_looks] if config.together else [[look] for look in normalized_looks]
  )
  for line in normalized.extents([look.label for look in normalized_looks]):
    say(line)
  return experiment.Gathered(
    jobs=found,
    inputs={look.label.name: look.digest for look in normalized_looks},
    problems=problems,
    single=len(found) == 1,
    labels={
      job.name: tuple(look.label for look in held) for job, held in zip(found, of_job)
    },
    context={look.label.name: look for look in normalized_looks},
  )


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[Loaded, int, fleet.Job], dict[str, Any]]:
  """Returns the function that scores a model against its looks.

  Args:
    config: The task.
    gathered: From `gather`.

  Returns:
    `(loaded, size_bytes, job) -> record`, of which `looks` holds what `look_scorer`
    says of each look by name. Looks without a source are left out.
  """
  score = look_scorer(config, gathered.context)

  def record(loaded: Loaded, size_bytes: int, job: fleet.Job) -> dict[str, Any]:
    del job
    loaded = loaded._replace(variables=jax.device_put(loaded.variables))
    held = loaded.config.looks
    found = {}
    many = progress.bar(
      held, desc='scoring', unit='look', leave=False, disable=len(held) < _MANY
    )
    for i, label in enumerate(many):
      look = gathered.context.get(label.name)
      if look is not None:
        found[label.name] = score(loaded, size_bytes, i, look)
    return {'looks': found}

  return record


def look_scorer(
  config: Config,
  sources: Mapping[str, normalized.NormalizedLook],
  more: Mapping[str, np.ndarray] | None = None,
) -> Callable[[Loaded, int, int, normalized.NormalizedLook], dict[str, Any]]:
  """Returns the function that scores one look of a model against its source.

  Args:
    config: The task.
    sources: The looks that models may be of, by name.
    more: Colours `[M, 3]` that are scored beside those of the config, by the
      prefix of their statistics.

  Returns:
    `(loaded, size_bytes, index, source) -> record`, the statistics of
    `scoring.to_record`, beside those (`grid_`) of an 8-bit grid that takes no
    more than the look's share of the bytes.
  """
  photo = synthetic.photo(0, 256, 384)
  where = scoring.colours(
    0, config.random_colours, config.nodes, photo, config.photo_colours
  )
  sets = {'': where.random, 'nodes_': where.nodes, 'photo_': where.photo}
  sets |= {prefix: jnp.asarray(rgb) for prefix, rgb in (more or {}).items()}
  plain = [look.table for look in sources.values() if look.lut is None]
  largest = max(map(len, plain), default=2)

  def score(
    loaded: Loaded, size_bytes: int, index: int, look: normalized.NormalizedLook
  ) -> dict[str, Any]:
    held = loaded.config.looks
    share = size_bytes / len(held)
    grid = max(2, math.floor((share / 3) ** (1 / 3) + 1e-9))
    data = normalized.truth_of(look)
    if 'table' in data:
      # Looks without curves share one program.
      data |= {'table': fleet.padded(look.table, (largest,) * 3)}
    gaps = _compare(
      loaded.model,
      decoding.unlabelled(loaded.config),
      config.interpolation,
      grid,
      loaded.variables,
      np.eye(len(held), dtype=np.float32)[index],
      unit_cube.curve_of(held[index]),
      data,
      np.array([held[index].range, look.label.range], np.float32),
      sets,
    )
    return scoring.to_record(gaps) | {'grid_size': grid}

  return score


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _compare(
  model: Model,
  config: Any,
  interpolation: str,
  grid: int,
  variables: Variables,
  weights: Array,
  curve: Array | None,
  data: PyTree,
  spans: Array,
  sets: Mapping[str, Array],
) -> dict[str, scoring.Gap]:
  """Compares a model and the trivial grid with a look, all colours at once.

  Differences are compiled once for all sets: they are most of the program.
  """

  def fitted(rgb: Array) -> Array:
    seen = unit_cube.apply_curve(curve, rgb)
    return model.apply(config, variables, decoding.query(model, config, seen, weights))

  def sampled(rgb: Array) -> Array:
    return normalized.truth(data, rgb, interpolation)

  rgb = jnp.concatenate([sets[''], *(c for key, c in sets.items() if key)])
  got = scoring.in_range(fitted, spans[0])(rgb)
  want = scoring.in_range(sampled, spans[1])(rgb)
  plain = scoring.in_range(_grid(sampled, grid), spans[1])(sets[''])
  counts = {'': len(sets[''])} | {key: len(c) for key, c in sets.items()}
  return scoring.split(
    jnp.concatenate([got, plain]),
    jnp.concatenate([want, want[: len(plain)]]),
    counts | {'grid_': len(plain)},
  )


def _grid(look: scoring.ColourMap, size: int) -> scoring.ColourMap:
  """Returns the look as an 8-bit grid, read trilinearly: the trivial codec."""
  nodes = jnp.asarray(lattice.identity(size))
  table = jnp.round(look(nodes) * 255.0) / 255.0
  return lambda rgb: interpolate.trilinear(table, rgb)


TASK = Task(
  name='looks',
  config=Config,
  sources=('luts',),
  scored=('luts', 'images'),
  on_ray=True,
  gather=gather,
  sampler=sampler,
  scorer=scorer,
  report=look_report.write,
)
