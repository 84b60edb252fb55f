"""Residual networks that turn a picture into a few features (He et al., 2016).

A stem, then blocks that halve the sides, then pooling over what is left. Layers are
those of `flax.linen`, since running statistics of batch normalisation are theirs.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen

from lutjax import config as config_lib
from lutjax.types import Array, Key, PyTree, Variables

Norm = Literal['none', 'batch', 'group']

# Of batch normalisation: what a step keeps of the running statistics.
_MOMENTUM = 0.9
# Channels of a group, at most.
_GROUP = 8


@dataclasses.dataclass(frozen=True)
class Shape:
  """The form of a network.

  Attributes:
    stem: Channels of the first convolution, 3 x 3.
    stem_stride: Its stride.
    widths: Channels of each block, whose first convolution has stride 2.
    norm: `batch` statistics, which are of the batch in training and running means
      elsewhere; of `group`s of at most 8 channels within a picture; or `none`, where
      each block starts at nothing (SkipInit: De and Smith, arXiv 2002.10444) and what
      is brighter or darker as a whole is not lost.
    pooling: `mean` over the picture, or `mean_max`, that and the largest.
  """

  stem: int = 16
  stem_stride: int = 2
  widths: tuple[int, ...] = (32, 64, 96)
  norm: Norm = 'none'
  pooling: Literal['mean', 'mean_max'] = 'mean_max'

  def __post_init__(self):
    config_lib.check_ranges(self, stem='[1, inf)', stem_stride='[1, 8]')
    if min(self.widths, default=1) < 1:
      raise ValueError(f'Expected widths of 1 or more, got {self.widths}.')

  @property
  def features(self) -> int:
    """Numbers that a picture becomes."""
    last = self.widths[-1] if self.widths else self.stem
    return last * (2 if self.pooling == 'mean_max' else 1)


def init(key: Key, shape: Shape, channels: int = 3) -> Variables:
  """Draws a network; every convolution has a bias.

  Args:
    key: Typed random key.
    shape: Its form.
    channels: Of the pictures.

  Returns:
    `params`, and as `stats` the running statistics, empty without batch norm.
  """
  # Layers do not depend on the size of pictures; this is the smallest.
  made = _Network(shape).init(key, jnp.zeros((1, 1, 1, channels)), train=False)
  return Variables(made['params'], made.get('batch_stats', {}))


def apply(shape: Shape, variables: Variables, pictures: Array) -> Array:
  """Returns what pictures show; one does not depend on the others.

  Args:
    shape: The form of the network.
    variables: From `init`.
    pictures: `[B, H, W, C]` float32.

  Returns:
    `[B, shape.features]` float32.
  """
  features: Any = _Network(shape).apply(_joined(variables), pictures, train=False)
  return features


def train(shape: Shape, variables: Variables, pictures: Array) -> tuple[Array, PyTree]:
  """Does what `apply` does, with the statistics of the batch.

  Args:
    shape: The form of the network.
    variables: From `init`.
    pictures: `[B, H, W, C]` float32.

  Returns:
    `[B, shape.features]` float32, and the running statistics, moved.
  """
  features, moved = _Network(shape).apply(
    _joined(variables), pictures, train=True, mutable=['batch_stats']
  )
  return features, moved.get('batch_stats', {})


def _joined(variables: Variables) -> dict[str, PyTree]:
  return {'params': variables.params, 'batch_stats': variables.stats}


class _Network(linen.Module):
  """Stem, blocks and pooling."""

  shape: Shape

  @linen.compact
  def __call__(self, pictures: Array, *, train: bool) -> Array:
    shape = self.shape
    hidden = _convolution(shape.stem, 3, shape.stem_stride, 'stem')(pictures)
    hidden = jax.nn.relu(_normalized(hidden, shape.norm, train, 'stem_norm'))
    for i, width in enumerate(shape.widths):
      hidden = _Block(width, shape.norm, name=f'block{i}')(hidden, train=train)
    pooled = jnp.mean(hidden, axis=(1, 2))
    if shape.pooling == 'mean_max':
      pooled = jnp.concatenate([pooled, jnp.max(hidden, axis=(1, 2))], axis=-1)
    return pooled


class _Block(linen.Module):
  """Two convolutions beside one of 1 x 1, all of which end at half the sides."""

  width: int
  norm: Norm

  @linen.compact
  def __call__(self, pictures: Array, *, train: bool) -> Array:
    hidden = _convolution(self.width, 3, 2, 'first')(pictures)
    hidden = jax.nn.relu(_normalized(hidden, self.norm, train, 'first_norm'))
    hidden = _convolution(self.width, 3, 1, 'second')(hidden)
    hidden = _normalized(hidden, self.norm, train, 'second_norm')
    if self.norm == 'none':
      hidden = hidden * self.param('gain', linen.initializers.zeros, ())
    beside = _convolution(self.width, 1, 2, 'shortcut')(pictures)
    beside = _normalized(beside, self.norm, train, 'shortcut_norm')
    return jax.nn.relu(hidden + beside)


def _convolution(width: int, kernel: int, stride: int, name: str) -> linen.Conv:
  rim = (kernel - 1) // 2
  return linen.Conv(
    width,
    (kernel, kernel),
    strides=stride,
    padding=rim,
    kernel_init=linen.initializers.he_normal(),
    conv_general_dilated=_convolve,
    name=name,
  )


def _convolve(
  pictures: Array, kernel: Array, strides: Sequence[int], padding: Any, **_: Any
) -> Array:
  """Convolves `[B, H, W, C]` with `[K, K, C, D]`, whichever way is quick.

  Within a loop, XLA leaves a convolution on CPUs to a plain nest of loops, which takes
  14 times as long as outside; a product of matrices is quick in both places.
  """
  return jax.lax.platform_dependent(
    pictures,
    kernel,
    cpu=functools.partial(_as_product, strides=strides, padding=padding),
    default=functools.partial(_as_convolution, strides=strides, padding=padding),
  )


def _as_convolution(
  pictures: Array, kernel: Array, *, strides: Sequence[int], padding: Any
) -> Array:
  return jax.lax.conv_general_dilated(
    pictures, kernel, strides, padding, dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )


def _as_product(
  pictures: Array, kernel: Array, *, strides: Sequence[int], padding: Any
) -> Array:
  """Lays out what each place of the kernel sees, and multiplies once."""
  padded = jnp.pad(pictures, [(0, 0), *padding, (0, 0)])
  rows, columns = (
    (padded.shape[1 + i] - kernel.shape[i]) // strides[i] + 1 for i in range(2)
  )
  seen = [
    padded[
      :,
      i : i + strides[0] * (rows - 1) + 1 : strides[0],
      j : j + strides[1] * (columns - 1) + 1 : strides[1],
    ]
    for i in range(kernel.shape[0])
    for j in range(kernel.shape[1])
  ]
  flat = jnp.concatenate(seen, axis=-1)
  return jnp.matmul(flat, kernel.reshape(-1, kernel.shape[-1]))


def _normalized(hidden: Array, norm: Norm, train: bool, name: str) -> Array:
  if norm == 'none':
    return hidden
  if norm == 'group':
    width = hidden.shape[-1]
    size = max(n for n in range(1, _GROUP + 1) if width % n == 0)
    return linen.GroupNorm(num_groups=None, group_size=size, name=name)(hidden)
  made: Any = linen.BatchNorm(
    use_running_average=not train, momentum=_MOMENTUM, epsilon=1e-5, name=name
  )
  return made(hidden)
