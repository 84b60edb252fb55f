"""Maps of 3, 4 and 5 dimensions: lattices and networks, by bytes and by samples.

  python -m benchmarks.lut.dimensions [--maps=4] [--plot=FILE.png]

Reads `luts/dev512.npz` under `LUTJAX_DATA`. Of each of some looks three maps are made:

* 3D: the look, 33 nodes read trilinearly;
* 4D: the same after an exposure of -2 to 2 stops in linear light, clipped at white;
* 5D: after that exposure a cross-fade through three looks, linear in the style.

First table: lattices (nodes sampled, 16 bits, read multilinearly and by simplices,
whose diagonal runs along equal brightness where exposure is reversed),
the largest of them as cosine spectra, NILUTs of a map each and one LutFlow for all,
by bytes of a map and places at which the map was asked. Second table: NILUTs that see
a fixed number of places only, beside lattices of about as many nodes. Errors are means
over 8,192 uniform places and over maps.
"""

import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

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
from lutjax.codec import container, cosines, labels, spectrum
from lutjax.color import transfer
from lutjax.data import luts
from lutjax.fit import fleet, loop
from lutjax.looks import settings
from lutjax.lut import interpolate, lattice, tabulate
from lutjax.nn import residual_flow
from lutjax.report import plots
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.nilut import model as nilut
from lutjax.types import Array, Batch, Key, Loaded, PyTree

_MAPS = flags.DEFINE_integer('maps', 4, 'How many maps of each dimension.')
_STEPS = flags.DEFINE_integer('steps', 3000, 'Of each NILUT, 256 places a step.')
_FLOW_STEPS = flags.DEFINE_integer('flow_steps', 3000, 'Of each LutFlow.')
_FLOW_BATCH = flags.DEFINE_integer('flow_batch', 1024, 'Places a step.')
_DIMENSIONS = flags.DEFINE_list('dimensions', ['3', '4', '5'], 'Of the maps.')
_PLOT = flags.DEFINE_string('plot', None, 'PNG of errors against bytes.')

_STYLES = 3
_STOPS = 2.0
# Nodes of colour axes, and of exposure: the style has a node for each of its looks.
_SIZES = ((5, 5), (9, 5), (9, 9), (17, 9), (25, 9))
_CODED = (17, 9)
# How lattices are read, and the axes that are reversed before.
_READ = {
  'multilinear': ('trilinear', ()),
  'simplex': ('tetrahedral', ()),
  'simplex, exposure reversed': ('tetrahedral', (3,)),
}
# Of the rounding of spectra: steps of the mean, growth with frequency, dead zone.
_ROUNDED, _SLOPE, _DEAD = (1.0, 0.3, 0.1, 0.03, 0.01), 0.35, 0.34
_WIDTHS = (16, 32, 64, 128)
_FLOWS = ((1, 32), (2, 64))
_POOLS = (1_000, 8_000, 64_000)
_PLACES = 8192


class Row(NamedTuple):
  """One way to hold a map.

  Attributes:
    kind: Its curve in the plot.
    name: Which of its kind.
    size_bytes: Of a map.
    samples: Places at which the map was asked.
    errors: Mean CIE76 and CIEDE2000.
  """

  kind: str
  name: str
  size_bytes: float
  samples: int
  errors: np.ndarray


def main(argv: list[str]) -> None:
  """Prints the tables, and draws the first."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  tables = _looks()
  print(f'{processor.describe()}\n{len(tables)} maps')
  head = '| map | kind | | bytes | samples | CIE76 | CIEDE2000 |'
  print(f'\n{head}\n' + '|---' * 7 + '|')
  series: dict[str, list[plots.Point]] = {}
  for dimensions in map(int, _DIMENSIONS.value):
    for rows in (_lattices, _spectra, _networks, _shared_networks):
      for row in rows(dimensions, tables):
        _print(dimensions, row)
        if row.kind.startswith('simplex'):
          # The same lattices as those read multilinearly.
          continue
        point = plots.Point(row.size_bytes, float(row.errors[0]))
        series.setdefault(f'{dimensions}D {row.kind}', []).append(point)
  print(f'\n{head}\n' + '|---' * 7 + '|')
  for dimensions in map(int, _DIMENSIONS.value):
    for row in _pooled_networks(dimensions, tables):
      _print(dimensions, row)
  if _PLOT.value:
    pixels = plots.rate_distortion(
      series,
      metric='Mean CIE76, uniform places, mean over maps',
      title=f'Maps of 3, 4 and 5 dimensions, means over {len(tables)} maps',
      log_value=True,
      across='Size of a map',
    )
    plots.write_png(_PLOT.value, pixels)


def truth(dimensions: int) -> settings.Truth:
  """Returns the map `(data, places [..., D]) -> [..., 3]` of looks `table` `[3, ...]`.

  Args:
    dimensions: D, 3 to 5.
  """

  def read(data: PyTree, places: Array) -> Array:
    looks, rgb = jnp.asarray(data['table']), places[..., :3]
    if dimensions > 3:
      gain = 2.0 ** (_STOPS * (2.0 * places[..., 3:4] - 1.0))
      linear = jnp.minimum(transfer.srgb_to_linear(rgb) * gain, 1.0)
      rgb = transfer.linear_to_srgb(linear)
    if dimensions < 5:
      return jnp.clip(interpolate.trilinear(looks[0], rgb), 0.0, 1.0)
    at = (_STYLES - 1) * places[..., 4:5]
    mixed = jnp.zeros_like(rgb)
    for i in range(_STYLES):
      share = jnp.maximum(1.0 - jnp.abs(at - i), 0.0)
      mixed = mixed + share * interpolate.trilinear(looks[i], rgb)
    return jnp.clip(mixed, 0.0, 1.0)

  return read


def _looks() -> np.ndarray:
  """Returns the looks of each map, `[M, 3, 33, 33, 33, 3]`."""
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  found = luts.load([str(folder / 'dev512.npz')], say=lambda _: None).looks
  every = len(found) // _MAPS.value
  each = every // _STYLES
  return np.stack(
    [
      np.stack([found[i * every + j * each].lut.table for j in range(_STYLES)])
      for i in range(_MAPS.value)
    ]
  )


def _sizes(dimensions: int, colour: int, exposure: int) -> tuple[int, ...]:
  return (*(colour,) * 3, exposure, _STYLES)[:dimensions]


def _lattices(dimensions: int, tables: np.ndarray) -> Iterator[Row]:
  """Yields lattices whose nodes are the map's own, rounded to 16 bits."""
  done = set()
  for nodes in _SIZES:
    sizes = _sizes(dimensions, *nodes)
    if sizes in done:
      continue
    done.add(sizes)
    held = np.round(65_535 * _sampled(dimensions, sizes, tables)) / 65_535
    name, count = ' x '.join(map(str, sizes)), math.prod(sizes)
    for kind, (method, turned) in _READ.items():
      if max(turned, default=0) < dimensions:
        errors = _errors_of_lattices(dimensions, held, tables, method, turned)
        yield Row(kind, name, 6 * count, count, errors)


def _spectra(dimensions: int, tables: np.ndarray) -> Iterator[Row]:
  """Yields one lattice as cosines of all its axes, rounded more and less finely."""
  sizes = _sizes(dimensions, *_CODED)
  held = _sampled(dimensions, sizes, tables)
  identity = lattice.nodes(sizes)[..., :3]
  for step in _ROUNDED:
    packed = [_coded(table - identity, step) for table in held]
    decoded = np.stack([identity + table for _, table in packed])
    size = float(np.mean([size for size, _ in packed]))
    errors = _errors_of_lattices(dimensions, decoded, tables, 'trilinear')
    name = f'{" x ".join(map(str, sizes))}, step {step:g}'
    yield Row('DCT', name, size, math.prod(sizes), errors)


def _coded(table: np.ndarray, step: float) -> tuple[int, np.ndarray]:
  """Returns the bytes of a lattice `[N, N, N, ..., 3]` of residuals, and as decoded.

  Each set of frequencies along the settings has a spectrum of colours of its own.
  """
  size, extra = len(table), table.shape[3:-1]
  slabs = np.moveaxis(table, range(3, 3 + len(extra)), range(len(extra)))
  for axis, length in enumerate(extra):
    wave = spectrum.basis(length, length)
    slabs = np.moveaxis(np.tensordot(wave, slabs, (1, axis)), 0, axis)
  steps = cosines.steps(size, step, _SLOPE)
  decoded, blobs = np.zeros_like(slabs), []
  for place in np.ndindex(*extra):
    unit = steps + np.float32(step * _SLOPE * sum(place))
    values = cosines.transform(slabs[place])
    codes = (np.sign(values) * np.floor(np.abs(values) / unit + _DEAD)).astype(np.int64)
    blobs.append(cosines.pack(codes))
    decoded[place] = cosines.restore(codes.astype(np.float32) * unit)
  for axis, length in enumerate(extra):
    wave = spectrum.basis(length, length)
    decoded = np.moveaxis(np.tensordot(wave.T, decoded, (1, axis)), 0, axis)
  lengths = np.array([len(blob) for blob in blobs], np.int32)
  content = container.pack(
    'dct',
    {'size': size, 'settings': list(extra), 'step': step},
    [lengths, np.frombuffer(b''.join(blobs), np.uint8)],
  )
  back = np.moveaxis(decoded, range(len(extra)), range(3, 3 + len(extra)))
  return len(content), back


def _networks(dimensions: int, tables: np.ndarray) -> Iterator[Row]:
  """Yields NILUTs of several widths, one for each map."""
  sample = settings.sampler(dimensions - 3, truth(dimensions))
  jobs = [fleet.Job(f'{i}', {'table': table}) for i, table in enumerate(tables)]
  for width in _WIDTHS:
    config = loop.Config(steps=_STEPS.value, learning_rate=5e-3)
    model = nilut.Config(widths=(width, width), settings=dimensions - 3)
    loaded, sizes = fitted.fit(model, config, sample, jobs)
    errors = _errors_of_models(dimensions, [(one, {}) for one in loaded], tables)
    name = f'{width}-{width}'
    samples = config.steps * config.batch_size
    yield Row('NILUT', name, float(np.mean(sizes)), samples, errors)


def _shared_networks(dimensions: int, tables: np.ndarray) -> Iterator[Row]:
  """Yields LutFlows of several widths, one for all maps."""
  sample = settings.several(dimensions - 3, truth(dimensions))
  job = fleet.Job('all', {'table': tables})
  names = tuple(labels.Label(f'{i}') for i in range(len(tables)))
  for blocks, width in _FLOWS:
    config = loop.Config(
      steps=_FLOW_STEPS.value,
      batch_size=_FLOW_BATCH.value,
      learning_rate=1e-2,
      warmup_steps=50,
      beta2=0.99,
    )
    flow = residual_flow.Shape(
      blocks=blocks,
      widths=(width, width),
      conditioned=(1, 2),
      activation='rational',
      settings=dimensions - 3,
    )
    model = lutflow.Config(flow=flow, precision='int8', mended=False, looks=names)
    (loaded,), (size,) = fitted.fit(model, config, sample, [job])
    held = [(loaded, {'lut': np.int32(i)}) for i in range(len(tables))]
    errors = _errors_of_models(dimensions, held, tables)
    name = f'{blocks} of {width}-{width}'
    samples = config.steps * config.batch_size // len(tables)
    yield Row('LutFlow', name, size / len(tables), samples, errors)


def _pooled_networks(dimensions: int, tables: np.ndarray) -> Iterator[Row]:
  """Yields NILUTs that were fitted to a fixed number of places."""
  largest = max(_POOLS)
  places = np.random.default_rng(0).uniform(size=(largest, dimensions))
  places = places.astype(np.float32)
  asked = [np.asarray(_truths(dimensions)(table, places)) for table in tables]
  model = nilut.Config(widths=(64, 64), settings=dimensions - 3)
  config = loop.Config(steps=_STEPS.value, learning_rate=5e-3)

  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    index = jax.random.randint(key, (batch_size,), 0, data['count'])
    batch = settings.query(data['places'][index])
    return {**batch, 'target': data['target'][index]}

  jobs = [
    fleet.Job(
      f'{i} {pool}', {'places': places, 'target': target, 'count': np.int32(pool)}
    )
    for pool in _POOLS
    for i, target in enumerate(asked)
  ]
  loaded, sizes = fitted.fit(model, config, sample, jobs)
  for i, pool in enumerate(_POOLS):
    own = slice(i * len(tables), (i + 1) * len(tables))
    held = [(one, {}) for one in loaded[own]]
    errors = _errors_of_models(dimensions, held, tables)
    yield Row('NILUT', '64-64, fixed places', float(np.mean(sizes)), pool, errors)


def _sampled(dimensions: int, sizes: Sequence[int], tables: np.ndarray) -> np.ndarray:
  """Returns lattices `[M, N1, ..., ND, 3]` of the maps."""
  read = _truths(dimensions)
  return np.stack(
    [tabulate.tabulate(functools.partial(read, table), sizes) for table in tables]
  )


def _errors_of_lattices(
  dimensions: int,
  held: np.ndarray,
  tables: np.ndarray,
  method: str,
  turned: Sequence[int] = (),
) -> np.ndarray:
  places = _places(dimensions).copy()
  for axis in turned:
    places[:, axis] = 1.0 - places[:, axis]
    held = np.flip(held, axis + 1)
  read = jax.jit(interpolate.METHODS[method])
  got = [read(one, places) for one in held.astype(np.float32)]
  return _errors(dimensions, got, tables)


def _errors_of_models(
  dimensions: int, held: Sequence[tuple[Loaded, Batch]], tables: np.ndarray
) -> np.ndarray:
  batch = settings.query(_places(dimensions))
  apply = jax.jit(held[0][0].model.apply, static_argnums=0)
  got = []
  for loaded, more in held:
    config = loaded.config
    if not more:
      config = dataclasses.replace(config, looks=())
    got.append(apply(config, loaded.variables, {**batch, **more}))
  return _errors(dimensions, got, tables)


def _errors(dimensions: int, got: Sequence[Array], tables: np.ndarray) -> np.ndarray:
  """Returns mean CIE76 and CIEDE2000 of what should be the maps at `_places`."""
  read, places = _truths(dimensions), _places(dimensions)
  rows = [_compare(one, read(table, places)) for one, table in zip(got, tables)]
  return np.mean(rows, axis=0)


@jax.jit
def _compare(got: Array, want: Array) -> Array:
  errors = metrics.colour_errors(jnp.clip(got, 0.0, 1.0), want)
  return jnp.stack([errors.cie76.mean(), errors.ciede2000.mean()])


@functools.cache
def _truths(dimensions: int) -> Callable[[Array | np.ndarray, Array], Array]:
  read = truth(dimensions)
  return jax.jit(lambda table, places: read({'table': table}, places))


@functools.cache
def _places(dimensions: int) -> np.ndarray:
  drawn = np.random.default_rng(1).uniform(size=(_PLACES, dimensions))
  return drawn.astype(np.float32)


def _print(dimensions: int, row: Row) -> None:
  cie76, ciede2000 = row.errors
  print(
    f'| {dimensions}D | {row.kind} | {row.name} | {row.size_bytes:,.0f} '
    f'| {row.samples:,} | {cie76:.3f} | {ciede2000:.3f} |',
    flush=True,
  )


if __name__ == '__main__':
  app.run(main)
