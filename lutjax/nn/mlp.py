"""Multilayer perceptrons as plain lists of `{'weight', 'bias'}` layers.

Weights are `[inputs, outputs]`, biases `[outputs]`, both float32. A network
takes colours or encodings `[..., inputs]`; every layer but the last is
followed by its activation.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lutjax.types import Array, Key

Layers = list[dict[str, Array]]

ACTIVATIONS = {
  'relu': jax.nn.relu,
  'tanh': jnp.tanh,
  'silu': jax.nn.silu,
  'gelu': jax.nn.gelu,
  'sine': jnp.sin,
}


def init_gain(
  key: Key, widths: Sequence[int], *, gain: float = 1.5, zero_last: bool = True
) -> Layers:
  """Draws layers whose units are spread over the unit cube.

  Weights are normal with variance `gain^2 / inputs` and biases uniform in
  [-1, 1], so that the bends of the first layer fall inside a domain scaled to
  [-1, 1]; the last layer is zero, so that a residual network starts as the
  exact identity.

  Args:
    key: Typed random key.
    widths: Units per layer, inputs first: `len(widths) - 1` layers.
    gain: Spread of the pre-activations, about 1.4 to 1.6.
    zero_last: Whether the last layer starts at zero.

  Returns:
    The layers, float32.
  """
  layers = []
  pairs = list(itertools.pairwise(widths))
  for i, (layer_key, (fan_in, fan_out)) in enumerate(
    zip(jax.random.split(key, len(pairs)), pairs)
  ):
    weight_key, bias_key = jax.random.split(layer_key)
    last = i == len(pairs) - 1
    # What would be multiplied by zero is not drawn: draws take long to compile.
    weight = jnp.zeros((fan_in, fan_out))
    if not (zero_last and last):
      spread = gain / math.sqrt(fan_in)
      weight = spread * jax.random.normal(weight_key, (fan_in, fan_out))
    bias = jnp.zeros(fan_out)
    if not last:
      bias = jax.random.uniform(bias_key, (fan_out,), minval=-1.0)
    layers.append({'weight': weight, 'bias': bias})
  return layers


def init_uniform(key: Key, widths: Sequence[int]) -> Layers:
  """Draws weights and biases uniform in +-1 / sqrt(inputs).

  This is the default of the framework that the published NILUT was trained
  in.

  Args:
    key: Typed random key.
    widths: Units per layer, inputs first.

  Returns:
    The layers, float32.
  """
  layers = []
  pairs = list(itertools.pairwise(widths))
  for layer_key, (fan_in, fan_out) in zip(jax.random.split(key, len(pairs)), pairs):
    weight_key, bias_key = jax.random.split(layer_key)
    bound = 1.0 / math.sqrt(fan_in)
    draw = {'minval': -bound, 'maxval': bound}
    weight = jax.random.uniform(weight_key, (fan_in, fan_out), **draw)
    bias = jax.random.uniform(bias_key, (fan_out,), **draw)
    layers.append({'weight': weight, 'bias': bias})
  return layers


def apply(layers: Layers, inputs: Array, activations: Sequence[str]) -> Array:
  """Runs the network.

  Args:
    layers: From `init_gain`, `init_uniform` or an artefact.
    inputs: `[..., widths[0]]` float32.
    activations: Names in `ACTIVATIONS`, one per layer but the last.

  Returns:
    `[..., widths[-1]]` float32, linear outputs of the last layer.
  """
  outputs, _ = apply_tapped(layers, inputs, activations, None)
  return outputs


def apply_tapped(
  layers: Layers,
  inputs: Array,
  activations: Sequence[str],
  taps: Sequence[Array] | None,
) -> tuple[Array, list[Array]]:
  """Runs the network and returns what enters each layer.

  The derivative of the outputs with respect to zero `taps` gives, with the
  layer inputs, every row of the Jacobian as an outer product: the rows that
  kernel-form Gauss-Newton needs, without ever storing one.

  Args:
    layers: The network.
    inputs: `[..., widths[0]]` float32.
    activations: Names in `ACTIVATIONS`, one per layer but the last.
    taps: Added to the pre-activations, `[..., widths[i + 1]]` each, or None.

  Returns:
    The outputs `[..., widths[-1]]`, and the inputs of each layer.

  Raises:
    ValueError: if the count of activations or the last axis does not fit.
  """
  if len(activations) != len(layers) - 1:
    raise ValueError(f'Expected {len(layers) - 1} activations, got {len(activations)}.')
  if inputs.shape[-1] != layers[0]['weight'].shape[0]:
    raise ValueError(
      f'Expected inputs [..., {layers[0]["weight"].shape[0]}], got {inputs.shape}.'
    )
  entering = []
  hidden = inputs
  for i, layer in enumerate(layers):
    entering.append(hidden)
    hidden = jnp.matmul(hidden, layer['weight'], precision='highest')
    hidden = hidden + layer['bias']
    if taps is not None:
      hidden = hidden + taps[i]
    if i < len(activations):
      hidden = ACTIVATIONS[activations[i]](hidden)
  return hidden, entering
