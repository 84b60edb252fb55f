"""The networks that learn a TinyLUT's tables.

Each table has one input, a level, so each is a small network of its own: straight lines
or networks for the spatial layer, one network per channel for pointwise layers, one per
position for depthwise ones. `entries` asks all of them at every level at once.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.nn import mlp
from lutjax.systems.tinylut import rounding, structure
from lutjax.types import Array, Key, PyTree

# Networks map levels scaled to [-1, 1] to entries over this.
_GAIN = 16.0
_SCALE = 0.8
# Between neighbours on a sunflower head.
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def init(config: structure.Config, key: Key) -> PyTree:
  """Draws the networks; what they start as repeats each pixel.

  Args:
    config: The structure.
    key: Typed random key.

  Returns:
    By branch `spatial`, lines and networks, and `layers`: `net`, `scale`, `shift`.
  """
  params = {}
  for i, branch in enumerate(structure.branches(config)):
    spatial_key, *keys = jax.random.split(
      jax.random.fold_in(key, i), 1 + len(structure.layers(config))
    )
    params[branch] = {'spatial': _init_spatial(config, spatial_key), 'layers': []}
    if branch in structure.chained(config):
      for layer_key, layer in zip(keys, structure.layers(config)):
        count = config.kernel**2 if layer.kind == 'depthwise' else config.channels
        widths = (1, config.width, config.width, layer.outputs)
        params[branch]['layers'].append(
          {
            'net': _stack(layer_key, count, widths),
            'scale': jnp.full(config.channels, _SCALE if config.scaled else 1.0),
            'shift': jnp.asarray(_spread(config.channels, config.shift_radius)),
          }
        )
  return params


def entries(config: structure.Config, params: PyTree) -> tuple[PyTree, PyTree]:
  """Returns the tables that training sees, and their slopes.

  Args:
    config: Of `learned` `networks` or `entries`.
    params: Networks, or entries not rounded yet.

  Returns:
    Entries as `structure` describes them, float32 integers with straight-through
    gradients, and by branch the slopes of each layer's rows, shaped as those.
  """
  tables: dict[str, Any] = {}
  slopes: dict[str, Any] = {}
  for branch, held in params.items():
    tables[branch] = {'spatial': _spatial(config, branch, held['spatial'])}
    given = [_rows(config, branch, layer) for layer in held['layers']]
    tables[branch]['layers'] = [
      {
        'rows': rounding.entry(rows),
        'scale': _scale(config, layer['scale']),
        'shift': layer['shift'],
      }
      for (rows, _), layer in zip(given, held['layers'])
    ]
    slopes[branch] = [jax.lax.stop_gradient(slope) for _, slope in given]
  return tables, slopes


def _init_spatial(config: structure.Config, key: Key) -> PyTree:
  line_key, curve_key = jax.random.split(key)
  count = config.kernel**2
  spatial: dict[str, Any] = {
    'line': jax.random.normal(line_key, (count, 1, config.channels))
  }
  if config.spatial == 'curve':
    spatial['curve'] = _stack(curve_key, count, (1, config.width // 2, config.channels))
  return spatial


def _stack(key: Key, count: int, widths: tuple[int, ...]) -> mlp.Layers:
  """Draws networks whose leaves have a leading axis."""
  return jax.vmap(lambda one: mlp.init_gain(one, widths))(jax.random.split(key, count))


def _spatial(config: structure.Config, branch: structure.Branch, held: Any) -> Array:
  if config.learned == 'entries':
    return rounding.entry(held)
  low, high = structure.level_range(config, branch)
  levels = jnp.arange(low, high + 1, dtype=jnp.float32)
  rows = held['line'] * levels[:, None]
  if config.spatial == 'curve':
    rows += _evaluate(held['curve'], levels / max(-low, high))
  return rounding.entry(rows)


def _rows(
  config: structure.Config, branch: structure.Branch, layer: Any
) -> tuple[Array, Array]:
  """Returns rows `[C or K, M, O]` that are not rounded, and their slopes."""
  if config.learned == 'entries':
    slopes: Any = jnp.gradient(rounding.entry(layer['rows']), axis=1)
    return layer['rows'], slopes
  low, high = structure.row_range(config, branch)
  levels = jnp.arange(low, high + 1, dtype=jnp.float32)

  def at(levels: Array) -> Array:
    return _evaluate(layer['net'], levels / max(-low, high))

  return jax.jvp(at, (levels,), (jnp.ones_like(levels),))


def _evaluate(net: mlp.Layers, inputs: Array) -> Array:
  """Asks each network of a stack at `[L]` inputs: `[C, L, O]`."""
  names = ('relu',) * (len(net) - 1)
  return _GAIN * jax.vmap(lambda one: mlp.apply(one, inputs[:, None], names))(net)


def _scale(config: structure.Config, scale: Array) -> Array:
  return scale if config.scaled else jax.lax.stop_gradient(scale)


def _spread(count: int, radius: int) -> np.ndarray:
  """Returns places spread evenly over a disc, `[count, 2]` whole pixels."""
  turn = np.arange(count)
  away = radius * np.sqrt((turn + 0.5) / count)
  places = np.stack([np.sin(turn * _GOLDEN_ANGLE), np.cos(turn * _GOLDEN_ANGLE)], -1)
  return np.rint(away[:, None] * places).astype(np.float32)
