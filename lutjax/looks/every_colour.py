"""Scoring a look on every 8-bit colour, as images use it.

The 16,777,216 colours are evaluated in parts that devices take in turn. Eight bytes
are kept per colour, so that percentiles are exact.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import metrics
from lutjax.looks import decoding, normalized, scoring, unit_cube
from lutjax.lut import interpolate, lattice
from lutjax.types import Array, Loaded, Model, PyTree

Read = Literal['apply', 'export', 'network']

COUNT = 1 << 24
_PART = 1 << 20

_SIZES = {'apply': decoding.APPLY_SIZE, 'export': decoding.EXPORT_SIZE, 'network': 0}


def describe(read: Read) -> str:
  """Returns how a model is read, in words."""
  if read == 'network':
    return 'the network at every colour'
  return f'the {_SIZES[read]}^3 lattice of `{read}`, tetrahedral'


def score(
  loaded: Loaded,
  index: int,
  look: normalized.NormalizedLook,
  *,
  read: Read,
  interpolation: str,
  advance: Callable[[int], Any],
) -> dict[str, float]:
  """Compares one look of a model with its source.

  Args:
    loaded: The model.
    index: Of the look in it.
    look: The source, of the same domain; colours are those of its unit cube.
    read: `apply` and `export` decode the lattice that those commands make, and
      read it tetrahedrally; `network` asks the network itself.
    interpolation: Of the source.
    advance: Told of every part how many colours it held.

  Returns:
    The statistics of `scoring.to_record`, without prefix.
  """
  config = loaded.config
  devices = jax.local_devices()
  weights = np.eye(len(config.looks), dtype=np.float32)[index]
  spans = np.array([config.looks[index].range, look.label.range], np.float32)
  size = _SIZES[read]
  if size:
    held: PyTree = jax.device_get(decoding.decode(loaded, weights, size))
    spans[0] = (0.0, 1.0)
    part = functools.partial(_lattice_part, interpolation)
  else:
    held = (loaded.variables, weights, unit_cube.curve_of(config.looks[index]))
    model = loaded.model
    alike = decoding.unlabelled(config)
    part = functools.partial(_network_part, model, alike, interpolation)
  data = normalized.truth_of(look)
  placed = [jax.device_put((held, data, spans), device) for device in devices]
  pending, psnr, errors = [], [], []

  def collect() -> None:
    gap = jax.device_get(pending.pop(0))
    psnr.append(gap.psnr)
    errors.append(jax.tree.map(np.ravel, gap.errors))
    advance(_PART)

  for first, arguments in zip(range(0, COUNT, _PART), itertools.cycle(placed)):
    if len(pending) == len(devices):
      collect()
    pending.append(part(np.int32(first), *arguments))
  while pending:
    collect()
  square = float(np.mean(10.0 ** (-0.1 * np.concatenate(psnr).astype(np.float64))))
  together = metrics.ColourErrors(*(np.concatenate(parts) for parts in zip(*errors)))
  level = np.inf if square == 0.0 else -10.0 * np.log10(square)
  return scoring.to_record({'': scoring.Gap(np.array(level), together)})


def codes(first: Array, count: int) -> Array:
  """Returns consecutive 8-bit colours `[count, 3]` in [0, 1], blue fastest.

  Args:
    first: Number of the first colour, 0 to 256^3 - 1; scalar int32.
    count: How many.
  """
  index = first + jnp.arange(count, dtype=jnp.int32)
  code = jnp.stack([index >> 16, (index >> 8) & 255, index & 255], axis=-1)
  return code.astype(jnp.float32) / 255.0


@functools.partial(jax.jit, static_argnums=0)
def _lattice_part(
  interpolation: str, first: Array, held: lattice.Lut, data: PyTree, spans: Array
) -> scoring.Gap:
  def read(rgb: Array) -> Array:
    return normalized.read(held, rgb, 'tetrahedral')

  return _part(read, interpolation, first, data, spans)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _network_part(
  model: Model,
  config: Any,
  interpolation: str,
  first: Array,
  held: PyTree,
  data: PyTree,
  spans: Array,
) -> scoring.Gap:
  variables, weights, curve = held

  def read(rgb: Array) -> Array:
    seen = unit_cube.apply_curve(curve, rgb)
    return model.apply(config, variables, decoding.query(model, config, seen, weights))

  return _part(read, interpolation, first, data, spans)


def _part(
  read: scoring.ColourMap, interpolation: str, first: Array, data: PyTree, spans: Array
) -> scoring.Gap:
  """Returns the gaps `[chunks]` of one part, chunk by chunk in the cache."""
  model = scoring.in_range(read, spans[0])
  truth = scoring.in_range(
    lambda rgb: normalized.truth(data, rgb, interpolation), spans[1]
  )
  chunk = interpolate.CHUNK

  def one(start: Array) -> scoring.Gap:
    return scoring.compare(model, truth, codes(start, chunk))

  return jax.lax.map(one, first + jnp.arange(0, _PART, chunk, dtype=jnp.int32))
