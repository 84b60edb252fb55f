"""TinyLUT: small restoration networks that become tables of tens of KB.

Li et al., NeurIPS 2024. Training evaluates each one-dimensional network once per
level and looks pixels up (`lookup`), so its forward pass is the integer arithmetic of
the exported tables, on float32.
"""

import dataclasses

import jax.numpy as jnp

from lutjax.systems.tinylut import artefact, forward, networks, structure
from lutjax.types import (
  Array,
  Batch,
  Key,
  PyTree,
  System,
  Variables,
  bind,
)

Config = structure.Config


def init(config: Config, key: Key) -> Variables:
  """Draws networks, which start as the picture itself, each pixel repeated.

  Args:
    config: The structure; `learned` decides what the parameters are.
    key: Typed random key.

  Returns:
    Networks by branch, or the entries that they give.
  """
  params = networks.init(config, key)
  if config.learned == 'entries':
    given = dataclasses.replace(config, learned='networks')
    params, _ = networks.entries(given, params)
  return Variables(params)


def apply(config: Config, variables: Variables, batch: Batch) -> Array:
  """Restores square patches.

  Args:
    config: The structure.
    variables: Networks or entries.
    batch: `patch` `[B, P, P]` float32 codes from 0 to 255.

  Returns:
    `[B, s (P - 2 m), s (P - 2 m)]` float32 integers from 0 to 255; the margin m is the
    larger of `structure.margins`.
  """
  return jnp.clip(_unclipped(config, variables.params, batch), 0.0, 255.0)


def loss(
  config: Config, params: PyTree, stats: PyTree, batch: Batch, key: Key
) -> tuple[Array, tuple[PyTree, Batch]]:
  """Returns the mean squared error in codes, and the price of the scales.

  Args:
    config: The structure, and `scale_penalty`.
    params: Networks or entries.
    stats: Empty, returned as it is.
    batch: `patch` `[B, P, P]`, and `target` `[B, s P, s P]`, the rim of which, where
      `apply` gives nothing, does not count.
    key: Not used.

  Returns:
    The loss, and `error`, the mean squared error alone.
  """
  del key
  got = _unclipped(config, params, batch)
  rim = (batch['target'].shape[-1] - got.shape[-1]) // 2
  target = batch['target'][:, rim : rim + got.shape[-1], rim : rim + got.shape[-1]]
  gap = got - target
  error = jnp.mean(gap * gap)
  scales = [layer['scale'] for held in params.values() for layer in held['layers']]
  price = config.scale_penalty * sum(jnp.sum(scale**2) for scale in scales)
  return error + price, (stats, {'error': error})


def make(config: Config) -> System:
  """Binds a config."""
  return bind(config, init, apply, loss, artefact.export, artefact.restore)


def _unclipped(config: Config, params: PyTree, batch: Batch) -> Array:
  tables, slopes = networks.entries(config, params)
  return forward.forward(config, tables, slopes, batch['patch'])
