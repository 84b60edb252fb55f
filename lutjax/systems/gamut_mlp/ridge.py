"""Ridge regression of the excess, each clipped channel on its own samples.

A sample is one clipped channel of one pixel. Predictions for channels that are not
clipped are never used, so the fit does not constrain them.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lutjax.types import Array

# Rows of features made and multiplied at a time: they stay in the cache.
_ROWS = 1024


class Samples(NamedTuple):
  """Clipped channels, those of R first, then G, then B, then padding.

  Attributes:
    inputs: `[N, D]` float32, N a multiple of 1,024.
    target: `[N]` float32, the excess of the sample's channel.
    groups: `[N, G]` float32, how much a sample belongs to each group; padding
      is 0.
    ends: `[3]` int32, ascending: the samples of each channel end before.
  """

  inputs: Array
  target: Array
  groups: Array
  ends: Array


def channel_of(samples: Samples) -> Array:
  """Returns the channel of each sample, `[N]` int32."""
  row = jnp.arange(len(samples.target))[:, None]
  return jnp.sum(row >= samples.ends[:2], axis=1)


def solve(
  features: Callable[[Array], Array],
  size: int,
  samples: Samples,
  mixes: Array,
  ridge: float,
) -> Array:
  """Fits the weights of linear features, once for each mix of groups of samples.

  Normal equations are summed over fixed blocks of rows, so that padding
  changes no bit; only blocks that hold samples are visited, once for all mixes.
  Where rounding leaves a factorisation without a real root, the ridge grows
  tenfold until it has one: no setting gives NaN.

  Args:
    features: `[R, D] -> [R, size]`.
    size: Count of features.
    samples: What to fit.
    mixes: `[K, G]` float32, how much the groups weigh.
    ridge: Regularisation per sample of any channel.

  Returns:
    `[K, size, 3]` float32, zero for a channel without samples.
  """
  kinds = samples.groups.shape[1]
  scales = jnp.maximum(mixes @ jnp.sum(samples.groups, axis=0), 1.0)

  def of_channel(bounds: tuple[Array, Array]) -> Array:
    start, end = bounds

    def add(block: Array, total: tuple[Array, Array]) -> tuple[Array, Array]:
      def rows(array: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(array, block * _ROWS, _ROWS)

      number = block * _ROWS + jnp.arange(_ROWS)
      inside = (number >= start) & (number < end)
      seen = features(rows(samples.inputs))
      weight = rows(samples.groups) * inside[:, None]
      weighted = seen * weight.T[..., None]
      gram = jnp.matmul(weighted.mT, seen, precision='highest')
      moment = jnp.matmul(weighted.mT, rows(samples.target), precision='highest')
      return total[0] + gram, total[1] + moment

    zero = (jnp.zeros((kinds, size, size)), jnp.zeros((kinds, size)))
    blocks = start // _ROWS, (end + _ROWS - 1) // _ROWS
    grams, moments = jax.lax.fori_loop(*blocks, add, zero)

    def one(weighing: tuple[Array, Array]) -> Array:
      mix, scale = weighing
      gram = jnp.tensordot(mix, grams, 1, precision='highest') / scale
      moment = jnp.tensordot(mix, moments, 1, precision='highest') / scale
      return _regress(gram, moment, ridge)

    return jax.lax.map(one, (mixes, scales))

  starts = jnp.concatenate([jnp.zeros(1, samples.ends.dtype), samples.ends[:2]])
  weights = jax.lax.map(of_channel, (starts, samples.ends))
  return jnp.moveaxis(weights, 0, -1)


def _regress(gram: Array, moment: Array, ridge: float) -> Array:
  """Solves `gram + ridge` for the least ridge that can be factorised."""

  def attempt(added: Array) -> Array:
    factor = jax.scipy.linalg.cho_factor(gram + added * jnp.eye(len(gram)))
    return jax.scipy.linalg.cho_solve(factor, moment)

  def fails(state: tuple[Array, Array]) -> Array:
    return ~jnp.all(jnp.isfinite(state[1])) & (state[0] < 1.0)

  def retry(state: tuple[Array, Array]) -> tuple[Array, Array]:
    added = 10.0 * jnp.maximum(state[0], 1e-7)
    return added, attempt(added)

  first = jnp.float32(ridge)
  _, weight = jax.lax.while_loop(fails, retry, (first, attempt(first)))
  return jnp.where(jnp.isfinite(weight), weight, 0.0)
