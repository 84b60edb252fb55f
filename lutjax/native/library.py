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

# Targets of XLA's calls.
CALL = 'lutjax_interpolate'
CURVES = 'lutjax_curves'

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
# Samples of the longest curve: floats hold all their places, and the halves between.
MAX_SAMPLES = 2**20

# What `lutjax_version` must say: a build that was left from other sources is not used.
_VERSION = 2

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
  for name in (CALL, CURVES):
    capsule = jax.ffi.pycapsule(getattr(library, name))
    jax.ffi.register_ffi_target(name, capsule, platform='cpu')
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
  shaper: tuple[np.ndarray, np.ndarray] | None = None,
  strength: float = 1.0,
  threads: int = 1,
) -> np.ndarray:
  """Maps pixels of the host through curves and a lattice, without JAX.

  Codes of 8 and 16 bits are read as colours from 0 to 1, and written as the nearest
  codes. Alpha is kept.

  Args:
    lattice: `[N1, N2, N3, 3]` float32.
    domain: `[2, 3]` float32.
    pixels: `[..., 3]` or `[..., 4]` float32, uint8 or uint16, contiguous.
    out: Where the result goes, contiguous: `pixels` themselves, or an array like
      them that does not overlap them. None makes one.
    method: A name in `METHODS`.
    shaper: Curves that come before the lattice and their domain, as in `curves`.
    strength: 0 keeps the colours, 1 maps them, in between mixes.
    threads: How many share a large picture, the calling one included.

  Returns:
    `out`.

  Raises:
    ValueError: on other shapes or types, or where there is no extension.
  """
  table = (lattice, domain)
  return _map(shaper, table, pixels, out, METHODS[method], strength, threads)


def curves(
  table: np.ndarray,
  domain: np.ndarray,
  pixels: np.ndarray,
  out: np.ndarray | None = None,
  *,
  strength: float = 1.0,
  threads: int = 1,
) -> np.ndarray:
  """Maps pixels of the host through one curve per channel, without JAX.

  Args:
    table: `[S, 3]` float32, read linearly.
    domain: `[2, 3]` float32, the inputs of the first and of the last row.
    pixels: See `interpolate`; a NaN makes all channels of its pixel NaN.
    out: See `interpolate`.
    strength: See `interpolate`.
    threads: See `interpolate`.

  Returns:
    `out`.

  Raises:
    ValueError: on other shapes or types, or where there is no extension.
  """
  return _map((table, domain), None, pixels, out, 0, strength, threads)


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


def fits_curves(shape: Sequence[int], dtype: np.dtype) -> bool:
  """Whether the kernels read curves.

  Args:
    shape: Of the samples.
    dtype: Of the samples.

  Returns:
    True for `[S, 3]` float32, 2 <= S <= `MAX_SAMPLES`.
  """
  return (
    len(shape) == 2
    and shape[-1] == 3
    and 2 <= shape[0] <= MAX_SAMPLES
    and np.dtype(dtype).name == 'float32'
  )


def _map(
  shaper: tuple[np.ndarray, np.ndarray] | None,
  lattice: tuple[np.ndarray, np.ndarray] | None,
  pixels: np.ndarray,
  out: np.ndarray | None,
  method: int,
  strength: float,
  threads: int,
) -> np.ndarray:
  """Maps pixels through what there is of curves and lattice, each with its domain."""
  library = load()
  if library is None:
    raise ValueError('Expected the extension, found none (or it is turned off).')
  if lattice is not None:
    nodes, domain = lattice
    if not fits(nodes.shape, nodes.dtype) or domain.shape != (2, 3):
      raise ValueError(
        'Expected a float32 lattice [N, N, N, 3] and its domain [2, 3], got '
        f'{nodes.dtype} {nodes.shape} and {domain.shape}.'
      )
  if shaper is not None:
    samples, limits = shaper
    if not fits_curves(samples.shape, samples.dtype) or limits.shape != (2, 3):
      raise ValueError(
        f'Expected float32 curves [S, 3], S from 2 to {MAX_SAMPLES}, and their domain '
        f'[2, 3], got {samples.dtype} {samples.shape} and {limits.shape}.'
      )
  if threads < 1:
    raise ValueError(f'Expected 1 or more threads, got {threads}.')
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
  tables = [
    None if given is None else [np.ascontiguousarray(x, np.float32) for x in given]
    for given in (shaper, lattice)
  ]
  rows, limits = tables[0] or (None, None)
  nodes, domain = tables[1] or (None, None)
  sizes = None if nodes is None else np.array(nodes.shape[:3], np.int32)
  library.lutjax_map(
    _address(rows),
    0 if rows is None else len(rows),
    _address(limits),
    _address(nodes),
    _address(sizes),
    _address(domain),
    method,
    _DEPTHS[pixels.dtype.name],
    int(pixels.shape[-1] == 4),
    strength,
    pixels.ctypes.data,
    out.ctypes.data,
    pixels.size // pixels.shape[-1],
    threads,
  )
  return out


def _address(array: np.ndarray | None) -> int | None:
  return None if array is None else array.ctypes.data


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
    library.lutjax_map.argtypes = [
      ctypes.c_void_p,
      ctypes.c_int32,
      *[ctypes.c_void_p] * 4,
      *[ctypes.c_int32] * 3,
      ctypes.c_float,
      *[ctypes.c_void_p] * 2,
      ctypes.c_int64,
      ctypes.c_int32,
    ]
    library.lutjax_map.restype = None
    return library
  return None
