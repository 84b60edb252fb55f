"""Residual flow on colours, conditioned on the look by biases.

After section 3 of "Efficient Neural Network Encoding for 3D Color Look-Up
Tables" (arXiv 2412.15438): colours in (0, 1) become `z = atanh(2 a (rgb -
0.5))`, each block adds `scale * perceptron(z, code)`, and `tanh` maps back.
A code holds, block by block and layer by layer, the biases that a look adds and
the gains that it scales units by, then the gate of each block where there is one,
and optionally two matrices that multiply `z` before the first block and after the
last. Settings of a look, such as exposure, enter every block beside `z`. A code is
gathered by index, not multiplied by a one-hot.

Parameters are a dict: `weights`, per block a list of `[fan_in, fan_out]`;
`scales` `[D, 3]`; `bias` `[T]`, shared by all looks, where there is one. The
codes themselves are the caller's.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array, Key, PyTree

# 2 a (rgb - 0.5) stays within +-0.83, so that atanh stays finite.
REACH = 0.83
# Beside a colour: lattices have 5 axes at most.
_MOST_SETTINGS = 2
# What a number of a matrix in a code is worth: as much as a bias, about.
_TURN = 0.3


@dataclasses.dataclass(frozen=True)
class Shape:
  """The form of a flow.

  Attributes:
    blocks: Residual blocks, D.
    widths: Units of the hidden layers of each block.
    conditioned: Hidden layers, from 1, that a code adds a bias to.
    gains: Hidden layers whose units a code scales, by 1 and a number each
      (Perez et al., FiLM, arXiv 1709.07871).
    activation: Of `ACTIVATIONS`.
    ends: Whether atanh and tanh stand at the ends; else the block works on
      colours scaled to [-1, 1].
    rescaled: Whether tanh is divided by `REACH`, so that without blocks
      colours come back unchanged. The released forms leave it out.
    residual: Whether blocks add to what enters them.
    stretch: What colours are multiplied by where they enter. Layers of bounded norm
      bend over distances of about 1, and so bend a larger cube in more places; a
      block's Lipschitz constant stays what it is.
    gated: Whether a code also holds three numbers a block, through `tanh(1 + g)`
      the shares of what the block adds to the channels: so a look says which
      blocks serve it, and a contraction stays one.
    small: Whether weights start a hundredth of the usual size and no bias is
      shared, as in the paper.
    turned: Whether a code holds matrices: greys, mixed channels and saturation
      are cheap to say so, and dear to say in biases.
    settings: Numbers in [0, 1] that enter every block beside the colour.
  """

  blocks: int = 3
  widths: tuple[int, ...] = (32, 64, 32)
  conditioned: tuple[int, ...] = (1, 2, 3)
  gains: tuple[int, ...] = ()
  activation: str = 'lipswish'
  ends: bool = True
  rescaled: bool = True
  residual: bool = True
  stretch: float = 1.0
  gated: bool = False
  small: bool = False
  turned: bool = False
  settings: int = 0

  def __post_init__(self):
    if self.activation not in ACTIVATIONS:
      raise ValueError(
        f'Expected activation of {sorted(ACTIVATIONS)}, got {self.activation!r}.'
      )
    if self.blocks > 64 or not all(0 < width <= 4096 for width in self.widths):
      raise ValueError(
        f'Expected at most 64 blocks and widths up to 4096, got {self.blocks} and '
        f'{self.widths}.'
      )
    if not 0.01 <= self.stretch <= 100.0:
      raise ValueError(f'Expected a stretch of 0.01 to 100, got {self.stretch}.')
    if not 0 <= self.settings <= _MOST_SETTINGS:
      raise ValueError(f'Expected 0 to {_MOST_SETTINGS} settings, got {self.settings}.')
    layers = range(1, len(self.widths) + 1)
    steered = {*self.conditioned, *self.gains}
    if self.blocks < 1 or not self.conditioned or steered - {*layers}:
      raise ValueError(
        f'Expected at least one block, conditioned layers and gains of {[*layers]}, '
        f'got {self.blocks}, {self.conditioned} and {self.gains}.'
      )

  @property
  def fans(self) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer of a block."""
    return list(itertools.pairwise((3 + self.settings, *self.widths, 3)))

  @property
  def code_size(self) -> int:
    """Numbers in a code, T."""
    return self.blocks * self.block_size + (18 if self.turned else 0)

  @property
  def block_size(self) -> int:
    """Those of one block; the matrices follow behind the last."""
    steered = (*self.conditioned, *self.gains)
    return sum(self.widths[layer - 1] for layer in steered) + 3 * self.gated


def lipswish(inputs: Array) -> Array:
  """Swish divided by its Lipschitz constant, 1.1 (Chen et al. 2019)."""
  return jax.nn.silu(inputs) / 1.1


def rational(inputs: Array) -> Array:
  """A gate like swish without an exponential: `x (1 + x / sqrt(1 + x^2)) / 2`.

  Its slope lies between -0.05 and 1.05; it is divided by 1.05 likewise.
  """
  gate = 1.0 + inputs * jax.lax.rsqrt(1.0 + inputs * inputs)
  return inputs * gate * (0.5 / 1.05)


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
  'lipswish': lipswish,
  'rational': rational,
  'tanh': jnp.tanh,
}


def init(key: Key, shape: Shape) -> PyTree:
  """Draws a flow.

  Args:
    key: Typed random key.
    shape: Its form.

  Returns:
    The parameters. Last layers start a hundredth of the usual size (all
    layers where `small`), so that a flow starts close to the identity.
  """
  weight_key, bias_key = jax.random.split(key)
  weights = []
  for block_key in jax.random.split(weight_key, shape.blocks):
    layers = []
    keys = jax.random.split(block_key, len(shape.fans))
    for i, (layer_key, (fan_in, fan_out)) in enumerate(zip(keys, shape.fans)):
      bound = 1.0 / math.sqrt(fan_in)
      if shape.small or i == len(shape.fans) - 1:
        bound *= 0.01
      layer = jax.random.uniform(layer_key, (fan_in, fan_out), minval=-1.0)
      layers.append(bound * layer)
    weights.append(layers)
  params = {'weights': weights, 'scales': jnp.ones((shape.blocks, 3))}
  if not shape.small:
    of_blocks = shape.blocks * shape.block_size
    bias = jax.random.uniform(bias_key, (of_blocks,), minval=-1.0)
    params['bias'] = jnp.pad(bias, (0, shape.code_size - of_blocks))
  return params


def init_codes(key: Key, shape: Shape, looks: int) -> Array:
  """Draws codes `[looks, T]`, close to zero.

  Args:
    key: Used once.
    shape: The flow's form.
    looks: Number of codes.
  """
  return (0.01 if shape.small else 0.1) * jax.random.normal(
    key, (looks, shape.code_size)
  )


def apply(
  shape: Shape,
  params: PyTree,
  rgb: Array,
  code: Array,
  look: Array | None = None,
  settings: Array | None = None,
) -> Array:
  """Moves colours.

  Args:
    shape: The form.
    params: From `init`.
    rgb: `[..., 3]` float32 in [0, 1].
    code: `[..., T]`, of the same leading axes as `rgb` or fewer.
    look: `[...]`, of the axes of `rgb`: `code` is a table `[L, T]`, and this is the
      row of each colour. Slopes cost less than those of a code gathered before.
    settings: `[..., K]` float32 in [0, 1], of the axes of `rgb`, where the form has
      some.

  Returns:
    `[..., 3]` float32, not clamped; within about +-0.1 of [0, 1] when
    `rescaled`.

  Raises:
    ValueError: when the last axes do not fit.
  """
  if rgb.shape[-1] != 3 or code.shape[-1] != shape.code_size:
    raise ValueError(
      f'Expected colours [..., 3] and codes [..., {shape.code_size}], got '
      f'{rgb.shape} and {code.shape}.'
    )
  given = 0 if settings is None else settings.shape[-1]
  if given != shape.settings:
    raise ValueError(f'Expected {shape.settings} settings, got {given}.')
  state = to_state(shape, rgb)
  sizes = _steered(shape)
  # Cut once: the slope of every slice would be an array of the whole code.
  cuts = np.cumsum(sizes * shape.blocks + [9, 9] * shape.turned)[:-1]
  code = _biased(params, code)
  if look is not None:
    # Else what the table is made of is made anew for every colour.
    code = jax.lax.optimization_barrier(code)
  pieces = jnp.split(code, cuts, axis=-1)
  pieces = iter(pieces if look is None else [piece[look] for piece in pieces])
  steering = [[next(pieces) for _ in sizes] for _ in range(shape.blocks)]
  matrices = [*pieces]
  if shape.turned:
    state = _turn(state, matrices[0])
  for block, steered in enumerate(steering):
    moved = _delta(shape, params, block, state, steered, settings)
    state = state + moved if shape.residual else moved
  if shape.turned:
    state = _turn(state, matrices[1])
  return from_state(shape, state)


def to_state(shape: Shape, rgb: Array) -> Array:
  """Maps colours in [0, 1] to the inputs of the first block.

  Args:
    shape: The flow's form.
    rgb: `[..., 3]` in [0, 1].
  """
  centred = 2.0 * rgb - 1.0
  return shape.stretch * (jnp.arctanh(REACH * centred) if shape.ends else centred)


def from_state(shape: Shape, state: Array) -> Array:
  """Maps outputs of the last block to colours; inverts `to_state` when rescaled.

  Args:
    shape: The flow's form.
    state: `[..., 3]`.
  """
  state = state / shape.stretch
  if not shape.ends:
    return 0.5 * (state + 1.0)
  return 0.5 * (jnp.tanh(state) / (REACH if shape.rescaled else 1.0) + 1.0)


def invert_from_state(shape: Shape, rgb: Array) -> Array:
  """Inverts `from_state`; colours outside its image are clamped to just inside.

  Args:
    shape: The flow's form.
    rgb: `[..., 3]` in [0, 1].
  """
  centred = 2.0 * rgb - 1.0
  if not shape.ends:
    return shape.stretch * centred
  scaled = centred * (REACH if shape.rescaled else 1.0)
  return shape.stretch * jnp.arctanh(jnp.clip(scaled, -0.9999, 0.9999))


def invert_to_state(shape: Shape, state: Array) -> Array:
  """Inverts `to_state`, clamped to [0, 1].

  Args:
    shape: The flow's form.
    state: `[..., 3]`.
  """
  state = state / shape.stretch
  centred = jnp.tanh(state) / REACH if shape.ends else state
  return jnp.clip(0.5 * (centred + 1.0), 0.0, 1.0)


def block_delta(
  shape: Shape, params: PyTree, block: int, state: Array, code: Array
) -> Array:
  """Returns what one block adds to its state `[..., 3]`.

  Args:
    shape: The flow's form.
    params: Its parameters.
    block: Number of the block, from 0.
    state: `[..., 3]`.
    code: `[T]` or `[..., T]`, of the look.
  """
  at = block * shape.block_size
  own = _biased(params, code)[..., at : at + shape.block_size]
  cuts = np.cumsum(_steered(shape))[:-1]
  return _delta(shape, params, block, state, jnp.split(own, cuts, axis=-1))


def tabulate(shape: Shape, params: PyTree, code: Array, size: int) -> Array:
  """Evaluates the flow at the nodes of the unit cube, not clamped.

  One plane of red at a time, which a core's cache holds.

  Args:
    shape: Of the flow.
    params: Its weights.
    code: `[T]` float32, of the look.
    size: N, nodes per axis.

  Returns:
    `[N, N, N, 3]` float32.
  """
  axis = jnp.linspace(0.0, 1.0, size)
  plane = jnp.stack(jnp.meshgrid(axis, axis, indexing='ij'), axis=-1)

  def slab(red: Array) -> Array:
    reds = jnp.full((size, size, 1), red)
    rgb = jnp.concatenate([reds, plane], axis=-1).reshape(-1, 3)
    return apply(shape, params, rgb, code).reshape(size, size, 3)

  return jax.lax.map(slab, axis)


def _steered(shape: Shape) -> list[int]:
  """Returns how many numbers of a code each step of a block takes, in their order."""
  sizes = []
  for layer, width in enumerate(shape.widths, 1):
    sizes += [width] * ((layer in shape.conditioned) + (layer in shape.gains))
  return sizes + [3] * shape.gated


def _biased(params: PyTree, code: Array) -> Array:
  return code + params['bias'] if 'bias' in params else code


def _delta(
  shape: Shape,
  params: PyTree,
  block: int,
  state: Array,
  steered: Sequence[Array],
  settings: Array | None = None,
) -> Array:
  """Returns what a block adds, of the pieces of a code that are its own."""
  pieces = iter(steered)
  activation = ACTIVATIONS[shape.activation]
  hidden = state
  if settings is not None:
    hidden = jnp.concatenate([state, 2.0 * settings - 1.0], axis=-1)
  layers = params['weights'][block]
  for i, weight in enumerate(layers):
    hidden = jnp.matmul(hidden, weight, precision='highest')
    if i + 1 in shape.conditioned:
      hidden = hidden + next(pieces)
    if i < len(layers) - 1:
      hidden = activation(hidden)
    if i + 1 in shape.gains:
      hidden = hidden * (1.0 + next(pieces))
  scales = params['scales'][block]
  if shape.gated:
    scales = scales * jnp.tanh(1.0 + next(pieces))
  return scales * hidden


def _turn(state: Array, matrix: Array) -> Array:
  """Adds the product of a state `[..., 3]` with a matrix `[..., 9]` of a code."""
  rows = jnp.split(matrix, 3, axis=-1)
  return state + _TURN * sum(state[..., i : i + 1] * row for i, row in enumerate(rows))
