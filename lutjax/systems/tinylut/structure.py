"""The layers of a TinyLUT, as its config says: shared by training and inference.

A branch takes the most significant bits of a pixel (`high`) or the least (`low`). It is
a spatial layer of one input, one pixel in many places, and C outputs; then layers that
mix channels (`pointwise`), or positions within a channel (`depthwise`); the last, `up`,
gives the sub-pixels. Every layer is a mean of one-dimensional tables, one for each
position or channel, and a skip connection around them.

Its entries are a pytree: by branch `{'spatial': [K, L, C], 'layers': [...]}`, each
layer `{'rows': [C, M, O], 'scale': [C], 'shift': [C, 2]}`; the rows of a depthwise
layer are `[K, M, C]`. K positions, L levels of the branch, M rows (`row_range`).
"""

import dataclasses
from typing import Literal, NamedTuple

from lutjax.data import degradations

Branch = Literal['high', 'low']


@dataclasses.dataclass(frozen=True)
class Config:
  """A TinyLUT; S of the paper by default, F with more `pairs`.

  Attributes:
    restores: What it undoes; the scale of a reduction is that of the network.
    channels: Between layers.
    kernel: Side of the window of spatial and depthwise layers, 1 to 3. The window
      ends at the pixel; the four rotations make it 2 kernel - 1.
    pointwise: Pointwise layers after the spatial one, not counting `up`.
    pairs: Depthwise layers with a pointwise one each, after those.
    msb_bits: Of the high branch, 1 to 8; the low branch has the others.
    low: `chain`, layers of its own, as published; `fused`, one spatial layer whose
      sum is added to that of the high branch (arXiv 2603.00906).
    scaled: Whether channels have learned scales, so that a table needs fewer levels
      (the paper's dynamic discretisation).
    spatial: `line`, tables of spatial layers are straight lines through zero, as
      published; `curve`, any function.
    shift_radius: How far channels may be moved before a pointwise layer, in pixels;
      0 for not at all.
    learned: What is trained: `networks` that give the tables, or their `entries`.
    width: Of the networks.
    learn_shifts: Whether shifts are trained; else they are fixed, spread evenly.
    scale_penalty: Weight of the sum of squared scales in the loss, against the mean
      squared error in codes of 8 bits.
    headroom: Rows beyond the range that published files have; 0 for ours.
    name: Of the model, in its artefact.
  """

  restores: degradations.Degradation = degradations.Degradation('bicubic', 4)  # noqa: RUF009
  channels: int = 16
  kernel: int = 3
  pointwise: int = 1
  pairs: int = 0
  msb_bits: int = 6
  low: Literal['chain', 'fused'] = 'chain'
  scaled: bool = True
  spatial: Literal['line', 'curve'] = 'line'
  shift_radius: int = 0
  learned: Literal['networks', 'entries'] = 'networks'
  width: int = 64
  learn_shifts: bool = False
  scale_penalty: float = 0.0
  headroom: int = 0
  name: str = 'tinylut'

  def __post_init__(self):
    limits = {
      'channels': (self.outputs, 64),
      'kernel': (1, 3),
      'pointwise': (0, 16),
      'pairs': (0, 16),
      'msb_bits': (1, 8),
      'shift_radius': (0, 8),
      'width': (1, 1024),
      'headroom': (0, 128),
    }
    for field, (low, high) in limits.items():
      if not low <= getattr(self, field) <= high:
        raise ValueError(
          f'Expected {field} from {low} to {high}, got {getattr(self, field)}.'
        )

  @property
  def outputs(self) -> int:
    """Sub-pixels of a pixel."""
    return self.restores.scale**2


class Layer(NamedTuple):
  """A layer after the spatial one.

  Attributes:
    kind: `pointwise` or `depthwise`.
    outputs: Channels that it gives.
    last: Whether it is `up`, whose outputs are codes of 8 bits.
  """

  kind: Literal['pointwise', 'depthwise']
  outputs: int
  last: bool = False


def layers(config: Config) -> tuple[Layer, ...]:
  """Returns the layers after the spatial one, in their order."""
  wide = config.channels
  pair = (Layer('depthwise', wide), Layer('pointwise', wide))
  return (
    *(Layer('pointwise', wide),) * config.pointwise,
    *pair * config.pairs,
    Layer('pointwise', config.outputs, last=True),
  )


def branches(config: Config) -> tuple[Branch, ...]:
  """Returns the branches that there are: all 8 bits may be in the high one."""
  return ('high',) if config.msb_bits == 8 else ('high', 'low')


def chained(config: Config) -> tuple[Branch, ...]:
  """Returns the branches that have layers after the spatial one."""
  return ('high',) if config.low == 'fused' else branches(config)


def level_range(config: Config, branch: Branch) -> tuple[int, int]:
  """Returns the lowest and the highest level of a branch's activations."""
  if branch == 'high':
    half = 2 ** (config.msb_bits - 1)
    return -half, half - 1
  return 0, 2 ** (8 - config.msb_bits) - 1


def row_range(config: Config, branch: Branch) -> tuple[int, int]:
  """Returns the levels of the first and the last row of a layer's table."""
  low, high = level_range(config, branch)
  return low - config.headroom, high + config.headroom


def taps(config: Config) -> tuple[tuple[int, int], ...]:
  """Returns where a window looks, `(down, right)` of the pixel, row by row."""
  reach = config.kernel - 1
  sides = range(-reach, 1)
  return tuple((down, right) for down in sides for right in sides)


def margins(config: Config) -> tuple[int, int]:
  """Returns how far the network sees up and left of a pixel, and down and right."""
  windows = (config.kernel - 1) * (1 + config.pairs)
  moves = config.shift_radius * sum(
    layer.kind == 'pointwise' for layer in layers(config)
  )
  return windows + moves, moves
