"""Whether a model looks: its error beside those of what does not, and of what knows.

On each test picture: the picture as it is (`identity`), the best single lattice for all
training pictures (`constant`), a classical estimator of the same thing (`classical`),
the model (`ours`), and the best lattice for this very picture (`oracle`). `constant`
and `oracle` are lattices of the model's size under the model's own penalties, fitted by
the same engine.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import metrics
from lutjax.data import grid
from lutjax.fit import loop, methods
from lutjax.lut import interpolate
from lutjax.lut import lattice as lattice_lib
from lutjax.systems.img2lut import corrections, heads, model, photos, sampling
from lutjax.types import Array, Batch, Key, PyTree, Variables, bind

METHODS = ('identity', 'constant', 'classical', 'ours', 'oracle')
MEASURES = ('psnr', 'ssim', 'cie76', 'ciede2000')

# Of the lattices that are fitted here.
_RATE = 2e-2
_BATCH = 16
_ORACLE_PIXELS = 4096
# Colours of the cube that are mapped along with a picture, per axis, and the cells by
# which they count as visited or not.
_NODES, _CELLS = 17, 16
# Windows of SSIM are so large.
_LEAST_SIDE = 11
# In dB: equal pictures have no finite one.
_MOST_PSNR = 100.0


class Pair(NamedTuple):
  """A picture to measure on.

  Attributes:
    before: `[H, W, 3]` float32, what is given.
    after: `[H, W, 3]` float32, what is wanted.
    classical: `[H, W, 3]` float32, of the estimator, or None.
    nodes: `[M, 3]` float32, what the task makes of colours of the whole cube, or None.
    wanted: `[M, 3]` float32, what is wanted of them, or None.
  """

  before: np.ndarray
  after: np.ndarray
  classical: np.ndarray | None = None
  nodes: np.ndarray | None = None
  wanted: np.ndarray | None = None


def pair_of(
  config: sampling.Config,
  source: photos.Source,
  pixels: photos.Pixels,
  looks: Array | np.ndarray | None,
) -> Pair:
  """Makes the pair of a picture, with a key of the picture's own.

  Args:
    config: The task.
    source: The picture.
    pixels: What is in it.
    looks: `[L, N, N, N, 3]`, for tasks that need them.
  """
  if pixels.after is not None:
    return Pair(pixels.before, pixels.after)
  shape, count = pixels.before.shape, pixels.before[..., 0].size
  nodes = lattice_lib.identity(_NODES).reshape(-1, 3)
  # A power of two: few programs for pictures of many sizes.
  room = 1 << math.ceil(math.log2(count + len(nodes)))
  rgb = np.zeros((room, 3), np.float32)
  rgb[:count] = pixels.before.reshape(-1, 3)
  rgb[count : count + len(nodes)] = nodes
  weights = (np.arange(room) < count).astype(np.float32)
  key = photos.key_of(source, config.seed)
  drawn, classical = _draw(config.task, key, rgb, weights, looks)
  before, after = (np.asarray(leaf) for leaf in drawn)
  estimated = None
  if classical is not None:
    estimated = np.asarray(classical)[:count].reshape(shape)
  return Pair(
    before[:count].reshape(shape),
    after[:count].reshape(shape),
    estimated,
    before[count : count + len(nodes)],
    after[count : count + len(nodes)],
  )


def constant_of(
  config: sampling.Config, form: model.Config, data: Mapping[str, Any], key: Key
) -> np.ndarray:
  """Fits the best single lattice to training pictures.

  Args:
    config: The task, complete.
    form: The model that it stands beside: its size, loss and penalties.
    data: See `sampling.sampler`.
    key: Of the draws.

  Returns:
    `[N, N, N, 3]` float32 in [0, 1].
  """
  sample = sampling.sampler(config)
  fit = jax.jit(functools.partial(_fitted, form, sample, config.constant_steps, _BATCH))
  return np.asarray(fit(key, dict(data)))


def oracle_of(config: sampling.Config, form: model.Config, pair: Pair) -> np.ndarray:
  """Fits the best lattice to one picture; see `constant_of`.

  Args:
    config: The task.
    form: The model that it stands beside.
    pair: The picture.

  Returns:
    `[N, N, N, 3]` float32 in [0, 1].
  """
  flat = {'before': pair.before, 'after': pair.after}
  room = 1 << math.ceil(math.log2(pair.before[..., 0].size))
  data: dict[str, Any] = {'count': np.int32(pair.before[..., 0].size)}
  for name, pixels in flat.items():
    data[name] = np.zeros((room, 3), np.float32)
    data[name][: data['count']] = pixels.reshape(-1, 3)
  return np.asarray(_oracle(form, config.oracle_steps, jax.random.key(0), data))


def score(
  form: model.Config,
  variables: Variables,
  pair: Pair,
  lattices: Mapping[str, np.ndarray],
) -> dict[str, dict[str, float]]:
  """Measures all methods on a picture.

  Args:
    form: The model's config.
    variables: The model.
    pair: The picture.
    lattices: Those of `constant` and `oracle`, by name.

  Returns:
    By the method, `MEASURES`; and of lattices, where the task tells what is wanted of
    all colours, the mean CIE76 of colours of the cube whose cell the picture visits
    (`visited`) and does not (`unvisited`).
  """
  seen = grid.sample(pair.before, form.side)
  held = dict(lattices)
  held['ours'] = np.asarray(predictor(form)(variables, seen))
  outputs = {'identity': pair.before}
  if pair.classical is not None:
    outputs['classical'] = pair.classical
  for name, table in held.items():
    outputs[name] = apply_lattice(table, pair.before)
  found = {}
  for name in METHODS:
    if name in outputs:
      found[name] = measure(outputs[name], pair.after)
      if name in held and pair.nodes is not None:
        found[name] |= _on_cube(held[name], pair)
  return found


@functools.lru_cache(8)
def predictor(form: model.Config) -> Callable[[Variables, np.ndarray], Array]:
  """Returns `(variables, picture [S, S, 3]) -> [N, N, N, 3]`, compiled once a form."""
  return jax.jit(functools.partial(model.predict_lattice, form))


def measure(got: np.ndarray, want: np.ndarray) -> dict[str, float]:
  """Compares two pictures.

  Args:
    got: `[H, W, 3]` float32 in [0, 1].
    want: `[H, W, 3]` float32 in [0, 1].

  Returns:
    `MEASURES`: PSNR in dB, at most 100; SSIM, left out of pictures of less than 11
    pixels a side; mean CIE76 and CIEDE2000.
  """
  error = float(np.mean(np.square(got - want, dtype=np.float64)))
  psnr = -10.0 * math.log10(max(error, 10.0 ** (-_MOST_PSNR / 10.0)))
  cie76, ciede2000 = colour_errors(got.reshape(-1, 3), want.reshape(-1, 3))
  found = {'psnr': psnr, 'cie76': cie76, 'ciede2000': ciede2000}
  if min(got.shape[:2]) >= _LEAST_SIDE:
    found['ssim'] = float(_ssim(got, want))
  return found


def colour_errors(
  got: np.ndarray, want: np.ndarray, block: int = 1 << 16
) -> tuple[float, float]:
  """Returns the mean CIE76 and CIEDE2000 between colours.

  Args:
    got: `[P, 3]` float32, sRGB.
    want: `[P, 3]` float32, sRGB.
    block: Colours at a time, which fixes the shape of the program.
  """
  totals = np.zeros(2)
  for start in range(0, len(got), block):
    padding = [(0, max(0, start + block - len(got))), (0, 0)]
    parts = [np.pad(of[start : start + block], padding) for of in (got, want)]
    weights = (np.arange(start, start + block) < len(got)).astype(np.float32)
    totals += [float(total) for total in _summed(*parts, weights)]
  cie76, ciede2000 = totals / max(1, len(got))
  return float(cie76), float(ciede2000)


def apply_lattice(table: np.ndarray, rgb: np.ndarray) -> np.ndarray:
  """Maps a picture through a lattice, tetrahedrally.

  Args:
    table: `[N, N, N, 3]` float32.
    rgb: `[..., 3]` float32.
  """
  flat = rgb.reshape(-1, 3)
  room = 1 << math.ceil(math.log2(max(1, len(flat))))
  padded = np.zeros((room, 3), np.float32)
  padded[: len(flat)] = flat
  return np.asarray(_tetrahedral(table, padded))[: len(flat)].reshape(rgb.shape)


def mean(records: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
  """Returns means over pictures, and the share of the gap that is closed.

  Args:
    records: Of `score`, one per picture.

  Returns:
    `methods`: as `score`, means. `gap_closed`: (E_constant - E_ours) / (E_constant -
    E_oracle), E the mean over pictures of the mean CIE76; `gap_closed_db` the same of
    PSNR. Both are None where the oracle is no better than the constant.
  """
  methods_found: dict[str, dict[str, float]] = {}
  for name in METHODS:
    rows = [record[name] for record in records if name in record]
    keys = dict.fromkeys(key for row in rows for key in row)
    if rows:
      methods_found[name] = {
        key: float(np.mean([row[key] for row in rows if key in row])) for key in keys
      }
  return {
    'methods': methods_found,
    'gap_closed': _gap_closed(methods_found, 'cie76'),
    'gap_closed_db': _gap_closed(methods_found, 'psnr'),
  }


def _gap_closed(found: Mapping[str, Mapping[str, float]], key: str) -> float | None:
  constant, ours, oracle = (found[n][key] for n in ('constant', 'ours', 'oracle'))
  gap = constant - oracle if key == 'cie76' else oracle - constant
  closed = constant - ours if key == 'cie76' else ours - constant
  return closed / gap if gap > 0 else None


def _fitted(
  form: model.Config,
  sample: loop.Sampler,
  steps: int,
  batch_size: int,
  key: Key,
  data: PyTree,
) -> Array:
  """Fits one lattice; see `constant_of`."""
  head = heads.Shape('constant', form.head.size)
  # What is similar is a matter of neighbours, which are not drawn here.
  error = 'l1' if form.loss == 'ssim' else form.loss
  own = dataclasses.replace(
    form, head=head, library='', held=None, loss=error, energy=0.0
  )
  system = bind(own, model.init, model.apply, model.loss, _nothing, _nothing)
  config = loop.Config(steps=steps, learning_rate=_RATE, batch_size=batch_size)
  method = methods.make(config, system)
  state = loop.init(system, method, key)
  state, _ = loop.advance(
    method, sample, state, data, steps=steps, batch_size=batch_size
  )
  blank = jnp.zeros((1, form.side, form.side, 3))
  return model.lattices(own, state.variables, blank)[0]


def _nothing(*_: Any) -> Any:
  raise ValueError('Expected no artefact of a lattice that stands beside a model.')


@functools.partial(jax.jit, static_argnums=(0, 1))
def _oracle(form: model.Config, steps: int, key: Key, data: PyTree) -> Array:
  def sample(key: Key, data: PyTree, batch_size: int) -> Batch:
    shape = (batch_size, _ORACLE_PIXELS)
    chosen = jax.random.randint(key, shape, 0, data['count'])
    return {
      'image': jnp.zeros((batch_size, 0, 0, 3)),
      'rgb': data['before'][chosen],
      'target': data['after'][chosen],
    }

  return _fitted(form, sample, steps, 1, key, data)


@functools.partial(jax.jit, static_argnums=0)
def _draw(
  kind: corrections.Kind, key: Key, rgb: Any, weights: Any, looks: Any
) -> tuple[corrections.Drawn, Array | None]:
  drawn = corrections.draw(kind, key, rgb, weights, looks)
  if not corrections.has_estimator(kind):
    return drawn, None
  return drawn, corrections.estimate(kind, drawn.before, weights)


@jax.jit
def _tetrahedral(table: Array, rgb: Array) -> Array:
  return jnp.clip(interpolate.tetrahedral(table, rgb), 0.0, 1.0)


_ssim = jax.jit(metrics.ssim)


@jax.jit
def _summed(got: Array, want: Array, weights: Array) -> tuple[Array, Array]:
  errors = metrics.colour_errors(got, want)
  return jnp.sum(errors.cie76 * weights), jnp.sum(errors.ciede2000 * weights)


def _on_cube(table: np.ndarray, pair: Pair) -> dict[str, float]:
  """Returns the errors of a lattice on colours that a picture visits, and others."""
  if pair.nodes is None or pair.wanted is None:
    raise ValueError('Expected a task that tells what is wanted of all colours.')
  visited = np.zeros(_CELLS**3, bool)
  visited[_cells(pair.before.reshape(-1, 3))] = True
  there = visited[_cells(pair.nodes)]
  got = apply_lattice(table, pair.nodes)
  errors = {}
  for name, chosen in (('visited', there), ('unvisited', ~there)):
    if chosen.any():
      errors[name], _ = colour_errors(got[chosen], pair.wanted[chosen], 1 << 13)
  return errors


def _cells(rgb: np.ndarray) -> np.ndarray:
  places = np.minimum((rgb * _CELLS).astype(np.int64), _CELLS - 1)
  return (places[:, 0] * _CELLS + places[:, 1]) * _CELLS + places[:, 2]
