"""The tables of a TinyLUT: int8 entries, which alone are shipped."""

import dataclasses
from typing import Any

import jax
import numpy as np

from lutjax.systems.tinylut import networks, structure
from lutjax.types import PyTree, Variables


def to_tables(
  config: structure.Config, variables: Variables
) -> tuple[structure.Config, Variables]:
  """Rounds what was learned to tables.

  Args:
    config: Of networks or entries.
    variables: What was learned.

  Returns:
    The config with `learned` `entries`, and host entries: int8 `spatial` and `rows`,
    float32 `scale`, int8 `shift`. Rows that no level reaches are 0.
  """
  params, _ = jax.jit(networks.entries, static_argnums=0)(config, variables.params)
  made: dict[str, Any] = {}
  for branch, held in jax.device_get(params).items():
    made[branch] = {
      'spatial': held['spatial'].astype(np.int8),
      'layers': [
        _layer(config, branch, layer, kind)
        for layer, kind in zip(held['layers'], structure.layers(config))
      ],
    }
  return dataclasses.replace(config, learned='entries'), Variables(made)


def levels_of(
  config: structure.Config, branch: structure.Branch, scale: np.ndarray
) -> np.ndarray:
  """Returns what a scale makes of each level (dynamic discretisation).

  Args:
    config: The structure.
    branch: Of the layer.
    scale: `[C]` float32.

  Returns:
    `[C, L]` int32 levels: the products are rounded in float32, half to even, and
    clipped to the range of the branch.
  """
  low, high = structure.level_range(config, branch)
  levels = np.arange(low, high + 1, dtype=np.float32)
  products = np.asarray(scale, np.float32)[:, None] * levels
  return np.clip(np.rint(products), low, high).astype(np.int32)


def table_bytes(config: structure.Config, variables: Variables) -> int:
  """Returns the bytes of all rows that a level can reach, one per entry."""
  return sum(
    held['spatial'].size
    + sum(
      int(reached(config, branch, layer).sum()) * _outputs(layer, kind)
      for layer, kind in zip(held['layers'], structure.layers(config))
    )
    for branch, held in variables.params.items()
  )


def reached(
  config: structure.Config, branch: structure.Branch, layer: PyTree
) -> np.ndarray:
  """Returns which rows of a layer's channels some level reaches, `[C, M]` bool."""
  first, last = structure.row_range(config, branch)
  levels = levels_of(config, branch, layer['scale'])
  found = np.zeros((len(levels), last - first + 1), bool)
  np.put_along_axis(found, levels - first, True, axis=1)
  return found


def _outputs(layer: PyTree, kind: structure.Layer) -> int:
  """Returns the entries of one row of one channel."""
  return len(layer['rows']) if kind.kind == 'depthwise' else kind.outputs


def _layer(
  config: structure.Config,
  branch: structure.Branch,
  layer: PyTree,
  kind: structure.Layer,
) -> dict[str, np.ndarray]:
  mask = reached(config, branch, layer)
  mask = mask.T if kind.kind == 'depthwise' else mask[..., None]
  return {
    'rows': np.where(mask, layer['rows'], 0).astype(np.int8),
    'scale': layer['scale'].astype(np.float32),
    'shift': np.clip(
      np.rint(layer['shift']), -config.shift_radius, config.shift_radius
    ).astype(np.int8),
  }
