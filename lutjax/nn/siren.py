"""Sinusoidal networks (Sitzmann et al., arXiv 2006.09661).

A SIREN's layer is `sin(omega (W x + b))`. Here omega is part of the weights,
so that such a network is an `nn.mlp` with the activation `sine`.
"""

import itertools
import math
from collections.abc import Sequence

import jax

from lutjax.nn import mlp
from lutjax.types import Key


def init(key: Key, widths: Sequence[int], *, omega: float) -> mlp.Layers:
  """Draws layers whose pre-activations have the same variance at any depth.

  Section 3.2 of the paper: weights uniform within +-sqrt(6 / inputs), those of
  the first layer within +-omega / inputs, which decides how many waves fit into
  the domain. Biases are phases, uniform in [-pi, pi]; the last layer is zero,
  so that a residual network starts as the exact identity.

  Args:
    key: Typed random key.
    widths: Units per layer, inputs first.
    omega: Frequency of the first layer; the paper has 30 for pictures, a look
      is far smoother.

  Returns:
    The layers, float32.
  """
  layers = []
  pairs = list(itertools.pairwise(widths))
  for i, (layer_key, (fan_in, fan_out)) in enumerate(
    zip(jax.random.split(key, len(pairs)), pairs)
  ):
    last = i == len(pairs) - 1
    bound = omega / fan_in if i == 0 else math.sqrt(6.0 / fan_in)
    bound, phase = (0.0, 0.0) if last else (bound, math.pi)
    weight_key, bias_key = jax.random.split(layer_key)
    weight = jax.random.uniform(weight_key, (fan_in, fan_out), minval=-1.0)
    bias = jax.random.uniform(bias_key, (fan_out,), minval=-1.0)
    layers.append({'weight': bound * weight, 'bias': phase * bias})
  return layers
