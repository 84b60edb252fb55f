"""Lattices and curves read by the kernels, as JAX functions."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.native import library
from lutjax.types import Array

# `(lattice, domain, rgb)`; a domain of None is [0, 1].
Interpolation = Callable[[Array, Array | None, Array], Array]
# `(table, domain, rgb)`.
Curves = Callable[[Array, Array, Array], Array]

_UNIT = np.array([[0, 0, 0], [1, 1, 1]], np.float32)


def usable(lattice: Array, domain: Array | None, rgb: Array) -> bool:
  """Whether there are kernels for these arguments.

  Args:
    lattice: Of any shape and type.
    domain: `[2, D]` of any type; None for [0, 1].
    rgb: `[..., D]` of any type.

  Returns:
    True for a lattice `[N1, N2, N3, 3]` and colours `[..., 3]` of known shape, all
    float32, where the extension is built and not turned off.
  """
  return _usable(library.fits, lattice, domain, rgb)


def usable_curves(table: Array, domain: Array, rgb: Array) -> bool:
  """Whether there are kernels for these arguments.

  Args:
    table: Of any shape and type; one curve per column.
    domain: `[2, D]` of any type.
    rgb: `[..., D]` of any type.

  Returns:
    As `usable` does, for curves `[S, 3]`.
  """
  return _usable(library.fits_curves, table, domain, rgb)


def twin(method: str, pure: Interpolation) -> Interpolation:
  """Returns a function that is `pure`, by a kernel where it runs on a CPU.

  Programs for other devices contain no call. Derivatives of any order are those
  of `pure`. Mapped over lattices, colours or both, all is one call.

  Args:
    method: A name in `library.METHODS`.
    pure: What the kernel computes.

  Returns:
    The function, for arguments that are `usable`.
  """
  return _twin(library.CALL, library.METHODS[method], pure)


def curves_twin(pure: Curves) -> Curves:
  """Returns what `twin` does, of curves.

  Args:
    pure: What the kernel computes.

  Returns:
    The function, for arguments for which `usable_curves` holds. Where a channel is
    NaN, all are.
  """
  return _twin(library.CURVES, 0, pure)


def _usable(
  fits: Callable[..., bool], table: Array, domain: Array | None, rgb: Array
) -> bool:
  known = all(isinstance(axis, int) for axis in (*table.shape, *rgb.shape))
  return (
    known
    and fits(table.shape, table.dtype)
    and (domain is None or domain.dtype == np.float32)
    and rgb.shape[-1:] == (3,)
    and rgb.dtype == np.float32
    and library.load() is not None
  )


def _twin(target: str, method: int, pure: Callable[..., Array]) -> Callable[..., Array]:
  """Returns `pure`, by a call of a target where it runs on a CPU."""
  call = functools.partial(_call, target=target, method=method)

  @jax.custom_batching.custom_vmap
  def kernel(lattice: Array, domain: Array, rgb: Array) -> Array:
    # The result lies where the colours were, if nobody needs them any longer.
    return call(lattice, domain, rgb, in_place=True)

  @kernel.def_vmap
  def _(size, mapped, lattice, domain, rgb):
    if mapped[2] and not any(mapped[:2]):
      return kernel(lattice, domain, rgb), True
    axes = tuple(0 if is_mapped else None for is_mapped in mapped)
    return jax.vmap(call, axes)(lattice, domain, rgb), True

  @jax.custom_jvp
  def either(lattice: Array, domain: Array | None, rgb: Array) -> Array:
    def on_cpu(lattice: Array, domain: Array | None, rgb: Array) -> Array:
      box = jnp.asarray(_UNIT) if domain is None else domain
      return kernel(lattice, box, rgb)

    return jax.lax.platform_dependent(lattice, domain, rgb, cpu=on_cpu, default=pure)

  @either.defjvp
  def _(primals, tangents):
    # Of `pure`, only what the slopes need is computed.
    return either(*primals), jax.jvp(pure, primals, tangents)[1]

  def called(lattice: Array, domain: Array | None, rgb: Array) -> Array:
    # `vmap` hands NumPy arrays on as they are, which rules of one's own refuse within
    # jit; there, this is no operation.
    return either(*jax.device_put((lattice, domain, rgb)))

  return called


def _call(
  lattice: Array,
  domain: Array,
  rgb: Array,
  *,
  target: str,
  method: int,
  in_place: bool = False,
) -> Array:
  # As a sum of all three: in `shard_map` it varies along the axes of any of them.
  result = jax.eval_shape(
    lambda lattice, domain, rgb: rgb + domain[0] + lattice[(0,) * (lattice.ndim - 1)],
    lattice,
    domain,
    rgb,
  )
  call = jax.ffi.ffi_call(
    target,
    result,
    vmap_method='expand_dims',
    input_output_aliases={2: 0} if in_place else None,
  )
  return call(lattice, domain, rgb, method=np.int32(method))
