"""Heads: from the features of a picture to its lattice.

A head is linear in its own outputs but for a bound or a library, so that what it can
give is easy to say: any lattice (`dense`), a mix of learned lattices (`basis`), the
same with lattices of low rank (`compressed`, after CLUT-Net, ACM MM 2022), a learned
lattice and products of one curve per axis (`factors`, a canonical polyadic residual as
in LoR-LUT, arXiv 2602.22607), or whatever a look library decodes (`library`).
`constant` is one lattice for every picture: what a head must beat.

All but `library` start at the identity.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import config as config_lib
from lutjax.lut import lattice as lattice_lib
from lutjax.nn import mlp
from lutjax.types import Array, Key, LookLibrary, PyTree

Kind = Literal['dense', 'basis', 'compressed', 'factors', 'library', 'constant']

# A bounded head's identity stays this far from 0 and 1, which a sigmoid never meets.
_RIM = 1.0 / 512.0
# Spread of what starts small, but not at zero.
_SMALL = 0.02


@dataclasses.dataclass(frozen=True)
class Shape:
  """The form of a head.

  Attributes:
    kind: See the module.
    size: N, nodes per axis.
    hidden: Units of the layers before the head's own.
    bases: Lattices that are mixed, of `basis` and `compressed`.
    ranks: Of `compressed`: along the own axis, and along the two others.
    rank: Products of curves, of `factors`.
    bounded: Whether outputs go through a sigmoid, for `dense`.
    residual: Whether the identity is added, for `dense`.
  """

  kind: Kind = 'factors'
  size: int = 33
  hidden: tuple[int, ...] = (128, 128)
  bases: int = 3
  ranks: tuple[int, int] = (5, 10)
  rank: int = 12
  bounded: bool = False
  residual: bool = True

  def __post_init__(self):
    config_lib.check_ranges(self, size='[2, 65]', bases='[1, 4096]', rank='[1, 4096]')
    if min((*self.hidden, *self.ranks)) < 1:
      raise ValueError(
        f'Expected hidden units and ranks of 1 or more, got {self.hidden} and '
        f'{self.ranks}.'
      )
    if self.kind != 'dense' and (self.bounded or not self.residual):
      raise ValueError(
        f'Expected a bound, or no identity, of a dense head alone, got {self.kind}.'
      )


def outputs(shape: Shape, library: LookLibrary | None) -> int:
  """Returns how many numbers a picture decides.

  Args:
    shape: The head's.
    library: Of a `library` head.

  Raises:
    ValueError: if that is missing.
  """
  if shape.kind == 'library':
    return _given(library).size
  return {
    'dense': 3 * shape.size**3,
    'basis': shape.bases,
    'compressed': shape.bases,
    'factors': shape.rank * 3 * (shape.size + 1),
    'constant': 0,
  }[shape.kind]


def init(key: Key, shape: Shape, features: int, library: LookLibrary | None) -> PyTree:
  """Draws a head.

  Args:
    key: Typed random key.
    shape: The head's.
    features: That enter it.
    library: Of a `library` head.

  Returns:
    `layers`, as in `nn.mlp`, and what is learned for all pictures together.
  """
  layer_key, mix_key, lattice_key = jax.random.split(key, 3)
  count = outputs(shape, library)
  params: dict[str, PyTree] = {}
  if count:
    widths = [features, *shape.hidden, count]
    # Without an identity to start from, the last layer is one as any other.
    params['layers'] = (
      mlp.init_gain(layer_key, widths)
      if shape.residual
      else mlp.init_uniform(layer_key, widths)
    )
  if shape.kind == 'constant':
    params['lattice'] = jnp.zeros((shape.size,) * 3 + (3,))
  if shape.kind in ('basis', 'compressed'):
    # The first lattice starts as the identity and weighs 1, the others at zero: they
    # move since they weigh something.
    last = params['layers'][-1]
    spread = jax.random.normal(mix_key, last['weight'].shape) * _SMALL
    params['layers'][-1] = {
      'weight': spread.at[:, 0].set(0.0),
      'bias': jnp.ones(count).at[1:].set(0.0),
    }
  if shape.kind == 'basis':
    params['bases'] = jnp.zeros((shape.bases, *(shape.size,) * 3, 3))
  if shape.kind == 'compressed':
    params |= _compressed_init(lattice_key, shape)
  if shape.kind == 'factors':
    params['lattice'] = jnp.zeros((shape.size,) * 3 + (3,))
    params['curves'] = jnp.asarray(_cosines(shape))
  return params


def apply(
  shape: Shape, params: PyTree, features: Array, library: LookLibrary | None
) -> Array:
  """Returns the lattices of pictures; values outside of [0, 1] are possible.

  Args:
    shape: The head's.
    params: From `init`.
    features: `[B, F]` float32.
    library: Of a `library` head.

  Returns:
    `[B, N, N, N, 3]` float32, indexed `[r, g, b]`.
  """
  cube = (shape.size,) * 3 + (3,)
  identity = jnp.asarray(lattice_lib.identity(shape.size))
  if shape.kind == 'constant':
    return jnp.broadcast_to(identity + params['lattice'], (len(features), *cube))
  activations = ['relu'] * (len(params['layers']) - 1)
  given = mlp.apply(params['layers'], features, activations)
  if shape.kind == 'dense':
    raw = given.reshape(-1, *cube)
    if not shape.bounded:
      return raw + identity if shape.residual else raw
    inner = jnp.clip(identity, _RIM, 1.0 - _RIM)
    start = jnp.log(inner) - jnp.log1p(-inner) if shape.residual else 0.0
    return jax.nn.sigmoid(raw + start)
  if shape.kind in ('basis', 'compressed'):
    bases = params['bases'] if shape.kind == 'basis' else _expanded(shape, params)
    bases = bases.at[0].add(identity)
    mixed = jnp.matmul(given, bases.reshape(shape.bases, -1), precision='highest')
    return mixed.reshape(-1, *cube)
  if shape.kind == 'factors':
    return identity + params['lattice'] + _products(shape, params['curves'], given)
  held = _given(library)
  codes = held.start + held.spread * given
  return jax.vmap(lambda code: held.decode(code, identity))(codes)


def bases_energy(shape: Shape, params: PyTree, features: Array) -> Array:
  """Returns the mean squared weight of mixed lattices, 0 for other heads.

  Args:
    shape: The head's.
    params: From `init`.
    features: `[B, F]` float32.
  """
  if shape.kind not in ('basis', 'compressed'):
    return jnp.zeros(())
  activations = ['relu'] * (len(params['layers']) - 1)
  return jnp.mean(jnp.square(mlp.apply(params['layers'], features, activations)))


def _given(library: LookLibrary | None) -> LookLibrary:
  if library is None:
    raise ValueError('Expected a look library for a head of kind library, got none.')
  return library


def _cosines(shape: Shape) -> np.ndarray:
  """Returns curves `[R, 3, N]` to start from: a wave along one axis in turn."""
  made = np.ones((shape.rank, 3, shape.size), np.float32)
  for i in range(shape.rank):
    steps = np.pi * (i // 3 + 1) * np.arange(shape.size) / (shape.size - 1)
    made[i, i % 3] = np.cos(steps)
  return made


def _products(shape: Shape, start: Array, given: Array) -> Array:
  """Returns sums of products of curves over the axes, with a colour each.

  Args:
    shape: The head's.
    start: `[R, 3, N]`, the curves that pictures change.
    given: `[B, R 3 (N + 1)]`.

  Returns:
    `[B, N, N, N, 3]`; nothing where `given` is zero, since colours then are.
  """
  count, size = shape.rank, shape.size
  curves, colours = jnp.split(given, [count * 3 * size], axis=-1)
  curves = start + curves.reshape(-1, count, 3, size)
  red, green, blue = jnp.moveaxis(curves, 2, 0)
  colours = colours.reshape(-1, count, 3)
  plane = jnp.einsum('zrn,zrm->zrnm', red, green, precision='highest')
  tinted = jnp.einsum('zrk,zrc->zrkc', blue, colours, precision='highest')
  return jnp.einsum('zrnm,zrkc->znmkc', plane, tinted, precision='highest')


def _compressed_init(key: Key, shape: Shape) -> dict[str, Array]:
  """Draws lattices of low rank, all of them zero but for their outer matrices."""
  own, others = shape.ranks
  own_key, other_key = jax.random.split(key)
  return {
    'cores': jnp.zeros((shape.bases, 3, own, others)),
    'own': jax.random.normal(own_key, (shape.size, own)) / own**0.5,
    'others': jax.random.normal(other_key, (others, shape.size**2)) / others**0.5,
  }


def _expanded(shape: Shape, params: PyTree) -> Array:
  """Multiplies cores out to `[K, N, N, N, 3]`, each channel along its own axis."""
  size = shape.size
  flat = jnp.einsum(
    'ns,kcsw,wm->kcnm',
    params['own'],
    params['cores'],
    params['others'],
    precision='highest',
  )
  cubes = flat.reshape(shape.bases, 3, size, size, size)
  # The first axis is the own one: red, green, blue in turn.
  turned = [jnp.moveaxis(cubes[:, c], 1, 1 + c) for c in range(3)]
  return jnp.stack(turned, axis=-1)
