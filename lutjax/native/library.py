"""The extension: finding, loading and registering it, and calls on numpy arrays."""

import ctypes
import functools
import math
import os
import pathlib
import types
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from lutjax import errors

VARIABLE = 'LUTJAX_NATIVE'

# Target of XLA's call.
CALL = 'lutjax_interpolate'

# Numbers of the methods, targets and depths in `lattice.h` and `targets.cc`.
METHODS: Mapping[str, int] = types.MappingProxyType({'trilinear': 0, 'tetrahedral': 1})
TARGETS: Mapping[str, int] = types.MappingProxyType(
  {'plain': 0, 'avx2': 1, 'avx512': 2}
)

_DEPTHS: Mapping[str, int] = types.MappingProxyType(
  {'float32': 0, 'uint8': 1, 'uint16': 2}
)

# Floats of the largest lattice.
MAX_FLOATS = 2**31 - 1

# What `lutjax_version` must say: a build that was left from other sources is not used.
_VERSION = 1

_FASTEST = -1


@functools.cache
def load() -> ctypes.CDLL | None:
  """Loads the extension and makes its calls known to JAX, once.

  Returns:
    The library; None where there is none, or it is turned off.

  Raises:
    InputError: when `LUTJAX_NATIVE` names what this processor does not have.
  """
  wanted = os.environ.get(VARIABLE, '1')
  if wanted == '0':
    return None
  library = _open()
  if wanted != '1' and (library is None or wanted not in _targets(library)):
    have = ('0', '1', *(() if library is None else _targets(library)))
    raise errors.InputError(
      f'{VARIABLE}={wanted}: expected {", ".join(have[:-1])} or {have[-1]}'
    )
  if library is None:
    return None
  _prefer(library, None)
  capsule = jax.ffi.pycapsule(library.lutjax_interpolate)
  jax.ffi.register_ffi_target(CALL, capsule, platform='cpu')
  return library


def targets() -> Sequence[str]:
  """Returns the names of the targets that this processor has; none if unbuilt."""
  library = load()
  return () if library is None else _targets(library)


def use(target: str | None) -> None:
  """Makes all calls from now on run one target: for tests and benchmarks.

  Args:
    target: A name in `targets()`; None for what `LUTJAX_NATIVE` says.

  Raises:
    ValueError: on another name.
  """
  library = load()
  if target is not None and target not in targets():
    raise ValueError(f'Expected one of {", ".join(targets())}, got {target!r}.')
  if library is not None:
    _prefer(library, target)


def interpolate(
  lattice: np.ndarray,
  domain: np.ndarray,
  pixels: np.ndarray,
  out: np.ndarray | None = None,
  *,
  method: str,
  strength: float = 1.0,
) -> np.ndarray:
  """Maps pixels of the host on the calling thread, without JAX.

  Codes of 8 and 16 bits are read as colours from 0 to 1, and written as the nearest
  codes. Alpha is kept.

  Args:
    lattice: `[N1, N2, N3, 3]` float32.
    domain: `[2, 3]` float32.
    pixels: `[..., 3]` or `[..., 4]` float32, uint8 or uint16, contiguous.
    out: Where the result goes, contiguous: `pixels` themselves, or an array like
      them that does not overlap them. None makes one.
    method: A name in `METHODS`.
    strength: 0 keeps the colours, 1 maps them, in between mixes.

  Returns:
    `out`.

  Raises:
    ValueError: on other shapes or types, or where there is no extension.
  """
  library = load()
  if library is None:
    raise ValueError('Expected the extension, found none (or it is turned off).')
  if not fits(lattice.shape, lattice.dtype) or domain.shape != (2, 3):
    raise ValueError(
      'Expected a float32 lattice [N, N, N, 3] and its domain [2, 3], got '
      f'{lattice.dtype} {lattice.shape} and {domain.shape}.'
    )
  out = np.empty_like(pixels, order='C') if out is None else out
  for given in (pixels, out):
    if (
      given.shape[-1:] not in ((3,), (4,))
      or given.dtype.name not in _DEPTHS
      or (given.shape, given.dtype) != (pixels.shape, pixels.dtype)
      or not given.flags.c_contiguous
    ):
      raise ValueError(
        'Expected contiguous pixels [..., 3] or [..., 4] of float32, uint8 or uint16, '
        f'got {given.dtype} {given.shape}.'
      )
  # Names keep the arrays until the call returns.
  nodes = np.ascontiguousarray(lattice)
  box = np.ascontiguousarray(domain, np.float32)
  sizes = np.array(lattice.shape[:3], np.int32)
  library.lutjax_interpolate_host(
    nodes.ctypes.data,
    sizes.ctypes.data,
    box.ctypes.data,
    METHODS[method],
    _DEPTHS[pixels.dtype.name],
    int(pixels.shape[-1] == 4),
    strength,
    pixels.ctypes.data,
    out.ctypes.data,
    pixels.size // pixels.shape[-1],
  )
  return out


def fits(shape: Sequence[int], dtype: np.dtype) -> bool:
  """Whether the kernels read a lattice.

  Args:
    shape: Of the lattice.
    dtype: Of the lattice.

  Returns:
    True for `[N1, N2, N3, 3]` float32 that 32 bits index.
  """
  return (
    len(shape) == 4
    and shape[-1] == 3
    and min(shape[:-1]) >= 2
    and math.prod(shape) <= MAX_FLOATS
    and np.dtype(dtype).name == 'float32'
  )


def _targets(library: ctypes.CDLL) -> Sequence[str]:
  return tuple(name for name, number in TARGETS.items() if library.lutjax_has(number))


def _prefer(library: ctypes.CDLL, target: str | None) -> None:
  target = target or os.environ.get(VARIABLE, '1')
  library.lutjax_use(TARGETS.get(target, _FASTEST))


def _open() -> ctypes.CDLL | None:
  """Opens what setup.py built, beside this file."""
  for path in sorted(pathlib.Path(__file__).parent.glob('_kernels.*so')):
    try:
      library = ctypes.CDLL(str(path))
      version = library.lutjax_version()
    except (OSError, AttributeError):  # Of another system, or cut short.
      continue
    if version != _VERSION:
      continue
    library.lutjax_interpolate_host.argtypes = [
      *[ctypes.c_void_p] * 3,
      *[ctypes.c_int32] * 3,
      ctypes.c_float,
      *[ctypes.c_void_p] * 2,
      ctypes.c_int64,
    ]
    library.lutjax_interpolate_host.restype = None
    return library
  return None
