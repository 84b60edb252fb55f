"""Entries drawn at random, for tests of what reads tables."""

import dataclasses

import numpy as np

from lutjax.systems.tinylut import structure
from lutjax.types import Variables


def entries(config, seed=0):
  """Returns the config of entries, and entries that use the whole range of 8 bits.

  Scales are about 1: some above, one of them below 0. Moves fill the radius.
  """
  rng = np.random.default_rng(seed)
  channels, taps, radius = config.channels, config.kernel**2, config.shift_radius

  def whole(*shape):
    return rng.integers(-128, 128, shape).astype(np.int8)

  params = {}
  for branch in structure.branches(config):
    low, high = structure.level_range(config, branch)
    first, last = structure.row_range(config, branch)
    layers = []
    for kind in structure.layers(config) if branch in structure.chained(config) else ():
      rows = last - first + 1
      scale = rng.uniform(0.3, 1.3, channels) if config.scaled else np.ones(channels)
      scale[0] = -0.5 if config.scaled else 1
      layers.append(
        {
          'rows': whole(taps, rows, channels)
          if kind.kind == 'depthwise'
          else whole(channels, rows, kind.outputs),
          'scale': scale.astype(np.float32),
          'shift': rng.integers(-radius, radius + 1, (channels, 2)).astype(np.int8),
        }
      )
    params[branch] = {
      'spatial': whole(taps, high - low + 1, channels),
      'layers': layers,
    }
  return dataclasses.replace(config, learned='entries'), Variables(params)
