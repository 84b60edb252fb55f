"""The words that every room uses."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Array = jax.Array
Key = jax.Array
PyTree = Any
Batch = Mapping[str, Any]


class Variables(NamedTuple):
  """What a fit learns.

  Attributes:
    params: Pytree of float32 leaves, moved by the optimizer.
    stats: Pytree moved by `System.loss`, such as spectral-norm vectors.
  """

  params: PyTree
  stats: PyTree = ()


class System(NamedTuple):
  """A learned colour map as pure functions over a closed-over config.

  Each function is written for one model; `jax.vmap` makes it many.

  Attributes:
    init: `key -> Variables`.
    apply: `(Variables, batch) -> outputs`, deterministic.
    loss: `(params, stats, batch, key) -> (scalar, (stats, metrics))`.
    export: `Variables -> bytes`, the shipped artefact; `len` is its size.
    restore: `bytes -> Variables`, exact on what `export` rounded.
  """

  init: Callable[[Key], Variables]
  apply: Callable[[Variables, Batch], Array]
  loss: Callable[..., tuple[Array, tuple[PyTree, Batch]]]
  export: Callable[[Variables], bytes]
  restore: Callable[[bytes], Variables]


class Linearization(NamedTuple):
  """A network around its parameters, on one batch of B samples, C outputs.

  Attributes:
    outputs: `params -> [B, C]`, differentiable.
    residual: `[B, C]`, outputs less targets; 0 where it does not count.
    active: `[B, C]`, 1, or 0 where a residual does not count.
    inputs: Per dense layer `[B, fan_in]`, what enters it.
    rows: Per dense layer `[C, B, fan_out]`, the derivative of each output
      with respect to the layer's pre-activations.
  """

  outputs: Callable[[PyTree], Array]
  residual: Array
  active: Array
  inputs: list[Array]
  rows: list[Array]
