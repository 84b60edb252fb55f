"""What a look is between its nodes: encoders of four truths, each read in four ways.

  python -m benchmarks.lut.truths [--every=64] [--plot=FILE.png]

Reads every so many looks of `luts/dev512.npz` (33 nodes) under `LUTJAX_DATA`. A truth
is a look's nodes, read trilinearly, tetrahedrally, by prisms or by Catmull-Rom cubics,
clamped. For each truth a NILUT per look and one LutFlow for all are fitted to random
colours of it, `--seeds` times. Mean CIE76 and CIEDE2000 of 4,096 other uniform
colours, mean over looks and seeds, of

* the nodes themselves, read in each way, against each truth: what is at stake;
* the network of each truth against its own truth, evaluated directly or at the nodes
  of a lattice of 33, 17 or 9, which is then read in each way;
* the network of each truth against the other truths.

And of lattices of few nodes whose values are fitted, for each way of reading, to the
trilinear truth, read in each way.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

os.environ.setdefault(
  'XLA_FLAGS', '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1'
)

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import processor
from benchmarks.lut import fitted
from lutjax import metrics
from lutjax.codec import labels
from lutjax.color import difference, spaces
from lutjax.data import luts
from lutjax.fit import fleet, loop, methods
from lutjax.looks import settings
from lutjax.lut import catmull_rom, interpolate, lattice
from lutjax.nn import residual_flow
from lutjax.report import plots
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.types import Array, Batch, Key, Loaded, PyTree, System, Variables

_EVERY = flags.DEFINE_integer('every', 64, 'Every so manyth look.')
_STEPS = flags.DEFINE_integer('steps', 6000, 'Of each NILUT, 256 colours a step.')
_FLOW_STEPS = flags.DEFINE_integer('flow_steps', 4000, 'Of each LutFlow.')
_FLOW_BATCH = flags.DEFINE_integer('flow_batch', 1024, 'Colours a step.')
_SEEDS = flags.DEFINE_integer('seeds', 3, 'Fits of each network.')
_FEW = flags.DEFINE_integer('few', 9, 'Nodes of lattices that are fitted.')
_SIZES = flags.DEFINE_list('sizes', ['33', '17', '9'], 'Nodes of decoded lattices.')
_PLOT = flags.DEFINE_string('plot', None, 'PNG of what decoded lattices lose.')

_WAYS: Mapping[str, Callable[[Array, Array], Array]] = {
  'trilinear': interpolate.trilinear,
  'tetrahedral': interpolate.tetrahedral,
  'prism': interpolate.prism,
  'cubic': catmull_rom.catmull_rom,
}
_FLOW = residual_flow.Shape(
  blocks=2, widths=(32, 32), conditioned=(1, 2), activation='rational'
)
_RGB = np.random.default_rng(1).uniform(size=(4096, 3)).astype(np.float32)

# `[2]` each: CIE76 and CIEDE2000, means over colours.
Errors = np.ndarray


def main(argv: list[str]) -> None:
  """Prints the tables."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  found = luts.load([str(folder / 'dev512.npz')], say=lambda _: None).looks
  found = found[:: _EVERY.value]
  tables = np.stack([look.lut.table for look in found])
  print(f'{processor.describe()}\n{len(tables)} looks of {tables.shape[1]} nodes')
  at_stake = np.mean([_read_by_each(t, t) for t in tables], axis=0)
  _print('nodes read by', _WAYS, at_stake)
  of_lattices = [_fitted_lattices(tables, way) for way in _WAYS]
  errors = [[_read_by_each(*pair) for pair in zip(f, tables)] for f in of_lattices]
  fitted_for = np.mean(np.array(errors)[..., 0, :], axis=1)
  _print(f'{_FEW.value} nodes fitted for', _WAYS, fitted_for, 'read by')
  # Each seed is a further set of looks.
  tables = np.concatenate([tables] * _SEEDS.value)
  names = tuple(look.name for look in found)
  lost: dict[str, dict[str, float]] = {}
  for kind, fit in (('NILUT', _niluts), ('LutFlow', _lutflow)):
    models = {truth: fit(names, tables, truth) for truth in _WAYS}
    rows = _judged(models, tables)
    _print(f'{kind}, read as', rows, np.stack([*rows.values()]))
    for way, held in models.items():
      seeds = ', '.join(f'{mean:.3f}' for mean in _of_seeds(held, tables, way))
      print(f'{kind} of the {way} truth, CIE76 of each seed: {seeds}')
    crossed = [[_direct(models[t], tables, other) for other in _WAYS] for t in _WAYS]
    _print(f'{kind} fitted to', _WAYS, np.array(crossed))
    for size in _SIZES.value:
      read = {way: rows[f'{size}, {way}'].mean(axis=0)[0] for way in _WAYS}
      lost[f'{kind}, {size} nodes'] = {
        'network itself': rows['network'].mean(axis=0)[0],
        **read,
      }
  if _PLOT.value:
    pixels = plots.bars(
      lost,
      metric='Mean CIE76, mean over the four truths and the looks',
      title='Networks themselves, and decoded to lattices that are read in four ways',
      digits=3,
    )
    plots.write_png(_PLOT.value, pixels)


def truth(way: str) -> settings.Truth:
  """Returns the map of a look `table` `[N, N, N, 3]`.

  Args:
    way: How its nodes are read.
  """

  def read(data: PyTree, rgb: Array) -> Array:
    return jnp.clip(_WAYS[way](data['table'], rgb), 0.0, 1.0)

  return read


def _fitted_lattices(tables: np.ndarray, way: str) -> np.ndarray:
  """Returns lattices whose values are fitted to the trilinear truth, read so."""
  start = jnp.asarray(lattice.identity(_FEW.value))

  def loss(
    params: PyTree, stats: PyTree, batch: Batch, key: Key
  ) -> tuple[Array, tuple[PyTree, Batch]]:
    del key
    raw, want = _WAYS[way](params['table'], batch['rgb']), batch['target']
    hidden = ((want >= 1.0) & (raw > 1.0)) | ((want <= 0.0) & (raw < 0.0))
    got = jnp.where(hidden, want, raw)
    gap = difference.delta_e_76(spaces.srgb_to_lab(got), spaces.srgb_to_lab(want))
    return gap.mean(), (stats, {})

  config = loop.Config(steps=1000, batch_size=1024, learning_rate=5e-3)
  system = System(
    init=lambda key: Variables({'table': start}),
    apply=lambda variables, batch: _WAYS[way](variables.params['table'], batch['rgb']),
    loss=loss,
    export=lambda variables: b'',
    restore=lambda content: Variables({'table': start}),
  )
  method = methods.make(config, system)
  sample = settings.sampler(0, truth('trilinear'))

  @jax.jit
  def run(table: Array) -> Array:
    state = loop.init(system, method, jax.random.key(0))
    state, _ = loop.advance(
      method,
      sample,
      state,
      {'table': table},
      steps=config.steps,
      batch_size=config.batch_size,
    )
    return state.variables.params['table']

  return np.stack([run(table) for table in tables])


def _niluts(
  names: Sequence[str], tables: np.ndarray, way: str
) -> list[tuple[Loaded, Batch]]:
  """Returns the NILUT of each look, and what its batch has besides colours."""
  config = loop.Config(steps=_STEPS.value, learning_rate=5e-3)
  # Keys are of names.
  jobs = [
    fleet.Job(f'{names[i % len(names)]} {i // len(names)}', {'table': table})
    for i, table in enumerate(tables)
  ]
  sample = settings.sampler(0, truth(way))
  loaded, sizes = fitted.fit(nilut.Config(), config, sample, jobs)
  print(f'NILUT, {way}: {np.mean(sizes):,.0f} B a look', flush=True)
  return [(one, {}) for one in loaded]


def _lutflow(
  names: Sequence[str], tables: np.ndarray, way: str
) -> list[tuple[Loaded, Batch]]:
  """Returns, for each look, the LutFlow of all and the index of the look."""
  config = loop.Config(
    steps=_FLOW_STEPS.value,
    batch_size=_FLOW_BATCH.value,
    learning_rate=1e-2,
    warmup_steps=50,
    beta2=0.99,
  )
  model = lutflow.Config(
    flow=_FLOW, precision='int8', mended=False, looks=tuple(map(labels.Label, names))
  )
  sample = settings.several(0, truth(way))
  parts = np.split(tables, _SEEDS.value)
  jobs = [fleet.Job(f'{i}', {'table': part}) for i, part in enumerate(parts)]
  loaded, sizes = fitted.fit(model, config, sample, jobs)
  each = np.mean(sizes) / len(names)
  print(f'LutFlow, {way}: {each:,.0f} B a look', flush=True)
  return [(one, {'lut': np.int32(i)}) for one in loaded for i in range(len(names))]


def _judged(
  models: Mapping[str, Sequence[tuple[Loaded, Batch]]], tables: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns errors `[T, 2]` of each way to read a network, each by its own truth."""
  rows = {'network': np.stack([_direct(models[way], tables, way) for way in _WAYS])}
  for size in map(int, _SIZES.value):
    per_truth = []
    for i, way in enumerate(_WAYS):
      each = [
        _read_by_each(_decoded(*held, size), table)[:, i]
        for held, table in zip(models[way], tables)
      ]
      per_truth.append(np.mean(each, axis=0))
    for j, reader in enumerate(_WAYS):
      rows[f'{size}, {reader}'] = np.stack([errors[j] for errors in per_truth])
  return rows


def _decoded(loaded: Loaded, more: Batch, size: int) -> Array:
  """Returns the lattice `[N, N, N, 3]` of a network."""
  nodes = jnp.asarray(lattice.identity(size)).reshape(-1, 3)
  made = _apply(loaded, more, nodes)
  return made.reshape(size, size, size, 3)


def _direct(
  held: Sequence[tuple[Loaded, Batch]], tables: np.ndarray, way: str
) -> Errors:
  """Returns the error of networks themselves, by one truth."""
  rows = [_compared(way)(_apply(*one, _RGB), table) for one, table in zip(held, tables)]
  return np.mean(rows, axis=0)


def _of_seeds(
  held: Sequence[tuple[Loaded, Batch]], tables: np.ndarray, way: str
) -> list[float]:
  """Returns the mean CIE76 of each seed."""
  looks = len(tables) // _SEEDS.value
  cuts = range(0, len(tables), looks)
  return [
    float(_direct(held[i : i + looks], tables[i : i + looks], way)[0]) for i in cuts
  ]


def _apply(loaded: Loaded, more: Batch, rgb: Array) -> Array:
  # One program for all looks: what names them is no part of it.
  config = loaded.config
  if loaded.model.name == 'nilut':
    config = dataclasses.replace(config, looks=())
  return _applied(loaded.model.apply, config)(loaded.variables, {'rgb': rgb, **more})


@functools.cache
def _applied(apply: Callable[..., Array], config: object) -> Callable[..., Array]:
  return jax.jit(functools.partial(apply, config))


@functools.cache
def _compared(way: str) -> Callable[[Array, Array], Errors]:
  @jax.jit
  def compare(got: Array, table: Array) -> Array:
    want = truth(way)({'table': table}, _RGB)
    errors = metrics.colour_errors(got, want)
    return jnp.stack([errors.cie76.mean(), errors.ciede2000.mean()])

  return compare


@jax.jit
def _readings(table: Array) -> Array:
  """Returns the colours `[R, M, 3]` of a lattice, read in each way."""
  return jnp.stack([truth(way)({'table': table}, _RGB) for way in _WAYS])


@jax.jit
def _differences(got: Array, want: Array) -> Array:
  """Returns errors `[R, T, 2]` of readings `[R, M, 3]` by truths `[T, M, 3]`."""

  def one(pair: tuple[Array, Array]) -> Array:
    errors = metrics.colour_errors(*pair)
    return jnp.stack([errors.cie76.mean(), errors.ciede2000.mean()])

  rows = [jax.lax.map(lambda w, g=g: one((g, w)), want) for g in got]
  return jnp.stack(rows)


def _read_by_each(got: Array | np.ndarray, want: Array | np.ndarray) -> np.ndarray:
  """Returns errors `[R, T, 2]` of a lattice read in R ways, by T truths."""
  return np.asarray(_differences(_readings(got), _readings(want)))


def _print(
  what: str, rows: Mapping[str, object], errors: np.ndarray, across: str = 'truth'
) -> None:
  """Prints errors `[R, T, 2]` as a table, CIE76 / CIEDE2000."""
  print(f'\n| {what} \\ {across} | ' + ' | '.join(_WAYS) + ' |')
  print('|---' * (1 + len(_WAYS)) + '|')
  for name, row in zip(rows, errors):
    cells = [f'{cie76:.3f} / {ciede2000:.3f}' for cie76, ciede2000 in row]
    print(f'| {name} | ' + ' | '.join(cells) + ' |', flush=True)
  print()


if __name__ == '__main__':
  app.run(main)
