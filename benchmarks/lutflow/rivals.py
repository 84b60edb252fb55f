"""Coders of single looks, which `rate` compares with LutFlow.

Each function codes all looks and returns their total bytes and the output of each
look for the same colours. Tables are `[L, 33, 33, 33,
3]` float32, colours `[M, 3]`.
"""

import functools
import lzma
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lutjax.codec import spectrum
from lutjax.color import difference, spaces
from lutjax.lut import interpolate, lattice
from lutjax.systems.lutflow import residual_correction
from lutjax.types import Array, Key, PyTree

_SIZE = 33
_trilinear = jax.jit(interpolate.trilinear)


class Coded(NamedTuple):
  """What a coder made of looks.

  Attributes:
    size_bytes: Of all.
    outputs: `[M, 3]` for each.
  """

  size_bytes: int
  outputs: Iterable[Array]


def sketch(tables: np.ndarray, rgb: Array, step: float) -> Coded:
  """Codes looks by a transform coder of 30 lines.

  Opponent axes, DCT-II, a dead zone, frequencies in their order, zlib or LZMA.

  Args:
    tables: The looks.
    rgb: Where they are asked.
    step: Of the mean; frequency i + j + k has this times 1 + 0.3 (i + j + k).
  """
  nodes = lattice.identity(_SIZE)
  waves, turn = spectrum.basis(_SIZE, _SIZE), spectrum.OPPONENT
  order = np.argsort(spectrum.frequencies(_SIZE).ravel(), kind='stable')
  units = step * (1 + 0.3 * spectrum.frequencies(_SIZE)[..., None])
  size, outputs = 0, []
  for table in tables:
    gap = (table - nodes) @ turn.T
    found = np.einsum('rgbc,ir,jg,kb->ijkc', gap, waves, waves, waves, optimize=True)
    kept = np.sign(found) * np.floor(np.abs(found) / units + 0.6)
    size += _deflated(kept.reshape(-1, 3)[order].ravel().astype(np.int64))
    back = np.einsum(
      'ijkc,ir,jg,kb->rgbc', kept * units, waves, waves, waves, optimize=True
    )
    coded = np.clip(back @ turn + nodes, 0, 1).astype(np.float32)
    outputs.append(_trilinear(coded, rgb))
  return Coded(size, outputs)


def searched(tables: np.ndarray, rgb: Array, level: int) -> Coded:
  """Codes looks by residual correction at one level, without a network."""
  nodes = jnp.asarray(lattice.identity(_SIZE))

  @jax.jit
  def one(table: Array) -> tuple[Array, Array]:
    found = residual_correction.search(nodes, table, jnp.float32(level), iterations=60)[
      0
    ]
    held = {'levels': jnp.full(1, level), 'spectra': found[None]}
    corrected = nodes + residual_correction.lattice(held, jnp.int32(0), _SIZE)
    return found, jnp.clip(corrected, 0.0, 1.0)

  found = [jax.device_get(one(table)) for table in tables]
  size = len(spectrum.pack(np.stack([spectra for spectra, _ in found]))) + 2
  return Coded(size, [_trilinear(coded, rgb) for _, coded in found])


def grid(tables: np.ndarray, rgb: Array, size: int) -> Coded:
  """Codes looks as 8-bit grids of so many nodes per axis, read trilinearly."""
  nodes = lattice.identity(size)
  outputs = []
  for table in tables:
    coded = np.round(np.asarray(_trilinear(table, nodes)) * 255) / 255
    outputs.append(_trilinear(coded.astype(np.float32), rgb))
  return Coded(size**3 * 3 * len(tables), outputs)


def mixture(
  tables: np.ndarray, rgb: Array, components: int, steps: int
) -> dict[str, Coded]:
  """Codes looks as Gaussian mixtures, after arXiv 2605.19889.

  A look is `A x + b + sum_n w_n(x) (A_n x + b_n)`, where `w_n` are Gaussians of
  full covariance, weighted and made to sum to 1. Unlike the paper's, the loss is
  the mean CIE76 of 1,024 fresh uniform colours a step.

  Args:
    tables: The looks.
    rgb: Where they are asked.
    components: Gaussians, N; a look takes 22 N + 12 numbers.
    steps: Of Adam, 0.01 with a cosine to zero.

  Returns:
    The looks in float32 and rounded to bfloat16 after training.
  """
  optimizer = optax.chain(
    optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1e-2, steps))
  )

  def loss(params: PyTree, seen: Array, want: Array) -> Array:
    got = _mixture_at(params, seen)
    hidden = ((want >= 1.0) & (got > 1.0)) | ((want <= 0.0) & (got < 0.0))
    lab = spaces.srgb_to_lab(jnp.where(hidden, want, got))
    return jnp.mean(difference.delta_e_76(lab, spaces.srgb_to_lab(want)))

  @jax.jit
  def fit(key: Key, table: Array) -> PyTree:
    start_key, loop_key = jax.random.split(key)
    params = _mixture_start(start_key, components)

    def body(carry: tuple[PyTree, PyTree], step_key: Key) -> tuple[PyTree, None]:
      params, state = carry
      seen = jax.random.uniform(step_key, (1024, 3))
      slopes = jax.grad(loss)(params, seen, interpolate.trilinear(table, seen))
      updates, state = optimizer.update(slopes, state)
      return (optax.apply_updates(params, updates), state), None

    first = (params, optimizer.init(params))
    return jax.lax.scan(body, first, jax.random.split(loop_key, steps))[0][0]

  fitted = [fit(jax.random.key(i), table) for i, table in enumerate(tables)]
  numbers = (22 * components + 12) * len(tables)
  apply = jax.jit(_mixture_at)
  coded = {}
  for name, dtype in (('fp32', jnp.float32), ('bf16', jnp.bfloat16)):
    held = [
      jax.tree.map(lambda leaf: leaf.astype(dtype).astype(jnp.float32), params)  # noqa: B023
      for params in fitted
    ]
    size = numbers * jnp.dtype(dtype).itemsize
    coded[name] = Coded(size, [apply(params, rgb) for params in held])
  return coded


def _mixture_start(key: Key, components: int) -> PyTree:
  """Draws centres in the cube, wide Gaussians, and maps that add nothing."""
  diagonal = functools.partial(jnp.broadcast_to, shape=(components, 3))
  return {
    'centres': jax.random.uniform(key, (components, 3)),
    'diagonal': diagonal(jnp.float32(np.log(3.0))),
    'corner': jnp.zeros((components, 3)),
    'opacity': jnp.zeros(components),
    'maps': jnp.zeros((components, 3, 3)),
    'shifts': jnp.zeros((components, 3)),
    'map': jnp.eye(3),
    'shift': jnp.zeros(3),
  }


def _mixture_at(params: PyTree, rgb: Array) -> Array:
  """Returns what a mixture gives for `[M, 3]` colours."""
  # Inverse of the covariance by its Cholesky factor, the diagonal as logarithms.
  off = rgb[:, None] - params['centres']
  scale, low = jnp.exp(params['diagonal']), params['corner']
  turned = [
    scale[:, 0] * off[..., 0] + low[:, 0] * off[..., 1] + low[:, 1] * off[..., 2],
    scale[:, 1] * off[..., 1] + low[:, 2] * off[..., 2],
    scale[:, 2] * off[..., 2],
  ]
  distance = sum(part * part for part in turned)
  share = jax.nn.softmax(params['opacity'] - 0.5 * distance, axis=-1)
  maps = jnp.einsum('mn,nij->mij', share, params['maps'], precision='highest')
  moved = jnp.einsum('mij,mj->mi', maps + params['map'], rgb, precision='highest')
  return moved + share @ params['shifts'] + params['shift']


def _deflated(flat: np.ndarray) -> int:
  """Returns the bytes of integers as int8 with escapes, packed, and a header."""
  last = np.flatnonzero(flat)
  flat = flat[: last[-1] + 1] if last.size else flat[:1]
  small = np.where(np.abs(flat) > 126, 127, flat).astype(np.int8)
  content = small.tobytes() + flat[np.abs(flat) > 126].astype('<i2').tobytes()
  filters = [{'id': lzma.FILTER_LZMA2, 'preset': 9}]
  packed = lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
  return 12 + min(len(packed), len(zlib.compress(content, 9)))
