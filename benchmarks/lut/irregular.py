"""Lattices with even and with fitted knots, beside the cosine coder at equal bytes.

  python -m benchmarks.lut.irregular --looks=fine
  python -m benchmarks.lut.irregular --looks=dev512 --every=64 [--plot=FILE.png]

Reads `luts/dev8_size65.npz` (`fine`: 8 looks of 65 nodes) or every so many of
`luts/dev512.npz` (33 nodes) under `LUTJAX_DATA`. First table: at 5, 9 and 17 nodes
per axis, trilinear and tetrahedral (the truth is read in the same way),

* even, solved: even knots, values by least squares over the nodes of the look;
* placed, solved: knots by the rule of curvature, values by least squares;
* even, fitted: even knots, values by Adam on the mean CIE76 of random colours;
* fitted: knots and values moved together by the same Adam, from the placed ones.

Second table (trilinear): the fitted ones as cosine spectra, entropy coded with their
knots, within budgets of whole artefacts, beside the coders of `lutjax.baselines`, and
with `--networks` beside NILUTs and a LutFlow (`benchmarks.lut.networks`). `--sizes=`
leaves out all lattices.

Values may lie beyond [0, 1], what is read is clamped: a look that clips has its edge
between nodes. A knot between the ends is one byte; the fit knows (it is rounded going
forward, and slopes pass as if it were not). Knots rest after half of the steps, since
what follows a jump by a byte is a worse cell. Errors are over 4,096 uniform colours a
look.
"""

import functools
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from benchmarks import processor
from benchmarks.lut import networks
from lutjax import metrics
from lutjax.baselines import dct, grid
from lutjax.codec import container, cosines
from lutjax.color import difference, spaces
from lutjax.data import luts
from lutjax.lut import interpolate, knots, lattice
from lutjax.report import plots
from lutjax.types import Array, Key, PyTree

_LOOKS = flags.DEFINE_enum('looks', 'fine', ['fine', 'dev512'], 'What is fitted.')
_EVERY = flags.DEFINE_integer('every', 64, 'Of dev512, every so manyth look.')
_STEPS = flags.DEFINE_integer('steps', 1000, 'Of Adam, cosine to zero.')
_BATCH = flags.DEFINE_integer('batch', 2048, 'Random colours a step.')
_RATE = flags.DEFINE_float('rate', 2e-3, 'Of values.')
_KNOT_RATE = flags.DEFINE_float('knot_rate', 3e-2, 'Of the numbers behind knots.')
_SIZES = flags.DEFINE_list('sizes', ['5', '9', '17'], 'Nodes per axis.')
_BUDGETS = flags.DEFINE_list(
  'budgets', ['300', '700', '1700', '4000'], 'Bytes; none: no coding.'
)
_READ = flags.DEFINE_list('read', ['trilinear', 'tetrahedral'], 'First table.')
_NETWORKS = flags.DEFINE_bool('networks', False, 'NILUT and LutFlow in the second.')
_PLOT = flags.DEFINE_string('plot', None, 'PNG of the second table.')

# Cells of half that are still one step of a knot's byte.
_LEAST = 1 / 128
_CODES = 255
# As the cosine coder of `lutjax.baselines`: steps are 2^(-i / 16).
_STEPS_PER_OCTAVE, _FINEST, _ROUNDING, _LARGEST = 16, 192, 0.34, 65_000
_SLOPES = (0.2, 0.35, 0.6, 1.0)
# Nodes of the cosine coder's own lattices, sampled from the looks.
_SPECTRA = (33, 17)
_GRIDS = (4, 5, 6, 7, 9, 11, 13, 15, 17)


class Held(NamedTuple):
  """Lattices of many looks.

  Attributes:
    table: `[L, N, N, N, 3]`.
    knots: `[L, 3, N]`.
  """

  table: Any
  knots: Any


def main(argv: list[str]) -> None:
  """Prints both tables."""
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}.')
  tables = _truth()
  rgb = metrics.uniform_colours(jax.random.key(0), 4096)
  print(f'{processor.describe()}\n{len(tables)} looks of {tables.shape[1]} nodes\n')
  print(
    '| nodes | read | lattice | bytes, 16 bit values | CIE76 mean / worst look '
    '| CIEDE2000 mean / worst look | looks better than even, fitted | core-s |'
  )
  print('|---' * 8 + '|', flush=True)
  coded = {}
  for size in map(int, _SIZES.value):
    even = np.broadcast_to(np.linspace(0.0, 1.0, size), (len(tables), 3, size))
    placed = _rounded(np.stack([place(table, size) for table in tables]))
    starts = {'even': _solved(tables, even), 'placed': _solved(tables, placed)}
    for method in _READ.value:
      move = jax.jit(functools.partial(fit, method=method))
      kinds = {f'{name}, solved': (held, 0.0) for name, held in starts.items()}
      for name, start, rate in (
        ('even, fitted', 'even', 0.0),
        ('fitted', 'placed', _KNOT_RATE.value),
      ):
        begun = time.process_time()
        # jit compiles once for both: the rate of knots is an argument.
        held = Held(*jax.device_get(move(tables, starts[start], rate)))
        kinds[name] = held, time.process_time() - begun
      scores = {
        name: _scores(tables, held, rgb, method) for name, (held, _) in kinds.items()
      }
      rival = scores['even, fitted'].cie76.mean(axis=-1)
      for name, (_, seconds) in kinds.items():
        errors = scores[name]
        ahead = np.sum(errors.cie76.mean(axis=-1) < rival)
        bare = size**3 * 6 + (0 if name.startswith('even') else 3 * (size - 2))
        print(
          f'| {size} | {method} | {name} | {bare:,} | {_text(errors.cie76)} '
          f'| {_text(errors.ciede2000)} | {ahead} | {seconds:.0f} |',
          flush=True,
        )
      if method == 'trilinear':
        coded[f'even {size}'] = kinds['even, fitted'][0]
        coded[f'knots {size}'] = kinds['fitted'][0]
  if _BUDGETS.value:
    _compare(tables, coded, rgb)


def place(table: np.ndarray, size: int) -> np.ndarray:
  """Returns knots `[3, N]` that are dense where a look is curved.

  With straight lines between knots the mean absolute error is least where their
  density follows the cube root of the second derivative; here its mean over the
  other axes, which share the knots.

  Args:
    table: `[M, M, M, 3]`.
    size: N.
  """
  axes = []
  for axis in range(3):
    bends = np.abs(np.diff(table, n=2, axis=axis))
    others = tuple(i for i in range(4) if i != axis)
    bend = np.pad(bends.mean(axis=others), 1, mode='edge')
    density = np.cbrt(bend + 0.05 * bend.mean() + 1e-6)
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    nodes = np.linspace(0.0, 1.0, len(share))
    axes.append(np.interp(np.linspace(0.0, share[-1], size), share, nodes))
  return np.stack(axes)


def fit(tables: Array, start: Held, knot_rate: Array, *, method: str) -> Held:
  """Fits values, and knots unless their rate is 0, of all looks at once.

  Args:
    tables: `[L, M, M, M, 3]`, the looks.
    start: Where the lattices start.
    knot_rate: Scalar, of the numbers that knots are made of.
    method: How lattices and looks are read.
  """
  read = interpolate.METHODS[method]
  optimizer = optax.scale_by_adam()
  fall = optax.cosine_decay_schedule(1.0, _STEPS.value)
  settle = optax.cosine_decay_schedule(1.0, _STEPS.value // 2)

  def loss(params: PyTree, seen: Array, want: Array) -> Array:
    got = interpolate.sample(_lut(params), seen, method=method)
    hidden = ((want >= 1.0) & (got > 1.0)) | ((want <= 0.0) & (got < 0.0))
    lab = spaces.srgb_to_lab(jnp.where(hidden, want, got))
    return jnp.mean(difference.delta_e_76(lab, spaces.srgb_to_lab(want)))

  def one(table: Array, begun: Held) -> Held:
    logits = knots.to_logits(begun.knots, least=_LEAST)
    params = {'table': jnp.asarray(begun.table), 'logits': logits}

    def body(
      carry: tuple[PyTree, PyTree], now: tuple[Array, Key]
    ) -> tuple[tuple[PyTree, PyTree], None]:
      params, state = carry
      step, key = now
      seen = jax.random.uniform(key, (_BATCH.value, 3))
      slopes = jax.grad(loss)(params, seen, read(table, seen))
      found, state = optimizer.update(slopes, state)
      moves: PyTree = found
      params = {
        'table': params['table'] - _RATE.value * fall(step) * moves['table'],
        'logits': params['logits'] - knot_rate * settle(step) * moves['logits'],
      }
      return (params, state), None

    keys = jax.random.split(jax.random.key(1), _STEPS.value)
    steps = jnp.arange(_STEPS.value)
    first = (params, optimizer.init(params))
    params = jax.lax.scan(body, first, (steps, keys))[0][0]
    lut = _lut(params)
    return Held(lut.table, jnp.stack(lut.knots or ()))

  return jax.vmap(one)(tables, start)


def code(table: np.ndarray, axes: np.ndarray, size_bytes: int) -> tuple[int, Held]:
  """Codes one lattice within so many bytes, as `baselines.dct` does.

  What is coded is the difference of a node's value from its own place.

  Args:
    table: `[N, N, N, 3]`.
    axes: Knots `[3, N]`, whole steps of a byte unless even.
    size_bytes: Bound on the artefact.

  Returns:
    The bytes of the artefact, and what it decodes to, of one look.
  """
  size = len(table)
  nodes = np.asarray(lattice.nodes((size,) * 3, knots=list(axes)))
  spectrum = cosines.transform(table - nodes)
  is_even = np.allclose(axes, np.linspace(0.0, 1.0, size), atol=1e-6)
  inner = np.rint(axes[:, 1:-1] * _CODES).astype(np.uint8)
  tensors = [] if is_even else [inner]

  def at(index: int, slope: float) -> tuple[int, np.ndarray]:
    steps = cosines.steps(size, 2.0 ** (-index / _STEPS_PER_OCTAVE), slope)
    codes = np.floor(np.abs(spectrum) / steps + _ROUNDING) * np.sign(spectrum)
    content = np.frombuffer(cosines.pack(codes.astype(np.int64)), np.uint8)
    header = {'size': size, 'step': [index, round(100 * slope)]}
    packed = container.pack('dct', header, [content, *tensors])
    decoded = nodes + cosines.restore(codes.astype(np.float32) * steps)
    return len(packed), decoded

  found = []
  for slope in _SLOPES:
    low, high = 0, _FINEST
    while low < high:
      middle = (low + high + 1) // 2
      finest = cosines.steps(size, 2.0 ** (-middle / _STEPS_PER_OCTAVE), slope)
      fits = np.max(np.abs(spectrum) / finest) < _LARGEST
      fits = fits and at(middle, slope)[0] <= size_bytes
      low, high = (middle, high) if fits else (low, middle - 1)
    taken, decoded = at(low, slope)
    found.append((float(np.mean((decoded - table) ** 2)), taken, decoded))
  _, taken, decoded = min(found, key=lambda option: option[0])
  return taken, Held(decoded[None], axes[None])


def _compare(tables: np.ndarray, coded: Mapping[str, Held], rgb: Array) -> None:
  """Prints the second table, and draws it."""
  grids = [_baseline(tables, rgb, _as_grid(size)) for size in _GRIDS]
  print('\ngrid, 8 bits: ' + '; '.join(f'{b:,.0f} B {e:.3f}' for b, e, _ in grids))
  names = [*(f'DCT {size}' for size in _SPECTRA), *coded]
  if _NETWORKS.value:
    names += ['NILUT', 'LutFlow']
  series = {name: [] for name in names}
  print('\n| bytes | ' + ' | '.join(names) + ' | grid, between sizes |')
  print('|---' * (len(names) + 2) + '|', flush=True)
  for budget in map(int, _BUDGETS.value):
    rows = [_baseline(tables, rgb, _as_dct(size, budget)) for size in _SPECTRA]
    for held in coded.values():
      parts = [code(*look, budget) for look in zip(*held)]
      decoded = Held(*map(np.concatenate, zip(*(part for _, part in parts))))
      errors = _scores(tables, decoded, rgb, 'trilinear')
      means = errors.cie76.mean(axis=-1)
      size = float(np.mean([size for size, _ in parts]))
      rows.append((size, float(means.mean()), float(means.max())))
    if _NETWORKS.value:
      rows += [fit(tables, budget, rgb) for fit in (networks.niluts, networks.flow)]
    cells = [f'{mean:.3f} / {worst:.2f} ({b:,.0f} B)' for b, mean, worst in rows]
    sizes, values = np.log([row[:2] for row in grids]).T
    between = np.exp(np.interp(np.log(budget), sizes, values, np.nan, np.nan))
    print(f'| {budget:,} | ' + ' | '.join(cells) + f' | {between:.3f} |', flush=True)
    for name, (size, mean, _) in zip(names, rows):
      series[name].append(plots.Point(float(size), float(mean)))
  if _PLOT.value:
    series['grid, 8 bits'] = [plots.Point(b, e) for b, e, _ in grids]
    pixels = plots.rate_distortion(
      series,
      metric='Mean CIE76, uniform colours, mean over looks',
      title=f'{len(tables)} looks of {tables.shape[1]} nodes, mean bytes of a look',
      log_value=True,
    )
    plots.write_png(_PLOT.value, pixels)


def _truth() -> np.ndarray:
  """Returns the looks, `[L, M, M, M, 3]`."""
  folder = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts'
  is_fine = _LOOKS.value == 'fine'
  name = 'dev8_size65.npz' if is_fine else 'dev512.npz'
  looks = luts.load([str(folder / name)], say=lambda _: None).looks
  return np.stack([look.lut.table for look in looks[:: 1 if is_fine else _EVERY.value]])


def _solved(tables: np.ndarray, axes: np.ndarray) -> Held:
  """Returns values by least squares over all nodes of the looks, trilinearly.

  Trilinear interpolation is separable: one small system per axis.
  """
  places = np.linspace(0.0, 1.0, tables.shape[1])
  unit = np.eye(axes.shape[-1])
  solved = []
  for table, own in zip(tables, axes):
    values = np.asarray(table, np.float64)
    for axis, at in enumerate(own):
      hats = np.stack([np.interp(places, at, hat) for hat in unit], axis=-1)
      values = np.tensordot(np.linalg.pinv(hats), values, (1, axis))
      values = np.moveaxis(values, 0, axis)
    solved.append(values)
  return Held(np.stack(solved).astype(np.float32), axes.astype(np.float32))


def _rounded(axes: np.ndarray) -> np.ndarray:
  """Returns knots `[L, 3, N]` as their bytes have them, cells not too narrow."""
  logits = knots.to_logits(axes.astype(np.float32), least=_LEAST)
  free = np.asarray(knots.from_logits(logits, least=_LEAST))
  return np.rint(free * _CODES) / _CODES


def _lut(params: PyTree) -> lattice.Lut:
  """Returns the table of what is fitted; uneven knots are rounded to bytes."""
  free = knots.from_logits(params['logits'], least=_LEAST)
  even = jnp.linspace(0.0, 1.0, free.shape[-1])
  # Even knots need no bytes, so they stay what they are.
  near = jnp.all(jnp.abs(free - even) < 1e-5)
  held = jnp.where(near, even, jnp.round(free * _CODES) / _CODES)
  axes = free + jax.lax.stop_gradient(held - free)
  return lattice.from_table(params['table'], knots=tuple(axes))


def _scores(
  tables: np.ndarray, held: Held, rgb: Array, method: str
) -> metrics.ColourErrors:
  """Returns the errors `[L, M]` of all looks, both read in the same way."""
  compare = _compared(method)
  rows = [compare(*look, rgb) for look in zip(tables, *held)]
  return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


@functools.cache
def _compared(method: str) -> Callable[..., metrics.ColourErrors]:
  @jax.jit
  def compare(
    table: Array, values: Array, axes: Array, rgb: Array
  ) -> metrics.ColourErrors:
    lut = lattice.from_table(values, knots=tuple(axes))
    got = jnp.clip(interpolate.sample(lut, rgb, method=method), 0.0, 1.0)
    return metrics.colour_errors(got, interpolate.METHODS[method](table, rgb))

  return compare


def _as_grid(size: int) -> Callable[[np.ndarray], tuple[int, np.ndarray]]:
  config = grid.Config(size=size)

  def coded(table: np.ndarray) -> tuple[int, np.ndarray]:
    content = grid.export(config, grid.from_lattice(config, table))
    return len(content), grid.restore(config, content).params['table']

  return coded


def _as_dct(
  size: int, size_bytes: int
) -> Callable[[np.ndarray], tuple[int, np.ndarray]]:
  config = dct.Config(size=size, size_bytes=size_bytes)

  def coded(table: np.ndarray) -> tuple[int, np.ndarray]:
    content = dct.export(config, dct.from_lattice(config, table))
    return len(content), dct.restore(config, content).params['table']

  return coded


def _baseline(
  tables: np.ndarray,
  rgb: Array,
  coder: Callable[[np.ndarray], tuple[int, np.ndarray]],
) -> tuple[float, float, float]:
  """Returns mean bytes, mean CIE76 and that of the worst look of a coder."""
  parts = [coder(table) for table in tables]
  held = np.stack([values for _, values in parts])
  even = np.linspace(0.0, 1.0, held.shape[1], dtype=np.float32)
  axes = np.broadcast_to(even, (len(held), 3, len(even)))
  means = _scores(tables, Held(held, axes), rgb, 'trilinear').cie76.mean(axis=-1)
  size = float(np.mean([size for size, _ in parts]))
  return size, float(means.mean()), float(means.max())


def _text(errors: Array | np.ndarray) -> str:
  means = np.asarray(errors).mean(axis=-1)
  return f'{np.mean(means):.3f} / {np.max(means):.3f}'


if __name__ == '__main__':
  app.run(main)
