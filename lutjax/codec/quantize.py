"""Quantisation of weights to few bits, decoded bit for bit the same everywhere.

Integer codes are symmetric about zero, one scale per output column (the last
axis). The scale is rounded before codes are chosen, so the scale that is
stored is the scale that decodes. Decoding is one float32 product per weight,
which every machine rounds alike.

`precision` names what is stored: `fp32`, `bf16`, or `int8` down to `int2`.
"""

import itertools
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from lutjax.types import Array

PRECISIONS = ('fp32', 'bf16', 'int8', 'int7', 'int6', 'int5', 'int4', 'int3', 'int2')
_FLOATS = {'fp32': np.dtype(np.float32), 'bf16': np.dtype(ml_dtypes.bfloat16)}


def quantize(
  array: np.ndarray, bits: int, *, scale_dtype: type[np.floating] = np.float16
) -> tuple[np.ndarray, np.ndarray]:
  """Rounds each column to the nearest multiples of a scale of its own.

  The largest magnitude of a column gets the largest code, 2^(bits-1) - 1.

  Args:
    array: `[..., C]` float32, finite.
    bits: 2 to 8.
    scale_dtype: float16 or float32.

  Returns:
    Codes `[..., C]` int8 and scales `[C]` of `scale_dtype`.

  Raises:
    ValueError: on other bits or shapes, on values that are not finite, or if a
      scale is too large for its type.
  """
  array = np.asarray(array, np.float32)
  _check(array.shape, bits)
  if not np.isfinite(array).all():
    raise ValueError('Expected finite weights, got NaN or infinity.')
  with np.errstate(over='ignore'):
    scale = _scale(np, array, bits).astype(scale_dtype)
  if not np.isfinite(scale).all():
    raise ValueError(
      f'Expected weights that {np.dtype(scale_dtype)} scales can hold, got a largest '
      f'magnitude of {np.abs(array).max():.3g}.'
    )
  return _codes(np, array, scale, bits).astype(np.int8), scale


def dequantize(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
  """Returns the float32 weights `[..., C]` that codes `[..., C]` stand for.

  Args:
    codes: `[..., C]` integers.
    scale: `[C]`, the step of each column.
  """
  return codes.astype(np.float32) * scale.astype(np.float32)


def fake_quantize(
  array: Array, bits: int, *, scale_dtype: type[np.floating] = np.float16
) -> Array:
  """Rounds weights as export does, for quantisation-aware training.

  The gradient passes straight through, as if nothing was rounded (Bengio et
  al., arXiv 1308.3432, section 4).

  Args:
    array: `[..., C]` float32.
    bits: 2 to 8.
    scale_dtype: As for `quantize`.

  Returns:
    `[..., C]` float32, what `dequantize(*quantize(array, bits))` gives.

  Raises:
    ValueError: on other bits or shapes.
  """
  _check(array.shape, bits)
  fixed = jax.lax.stop_gradient(array)
  scale = _scale(jnp, fixed, bits).astype(scale_dtype)
  rounded = _codes(jnp, fixed, scale, bits) * scale.astype(jnp.float32)
  # Adding the difference would round once more; this value is exact.
  return rounded + (array - fixed)


def to_tensors(array: np.ndarray, precision: str) -> list[np.ndarray]:
  """Returns what an artefact stores of a weight.

  Args:
    array: `[..., C]` float32.
    precision: One of `PRECISIONS`.

  Returns:
    `[weights]` for `fp32` and `bf16`, else `[codes, scales]`.

  Raises:
    ValueError: on another precision; see also `quantize`.
  """
  bits = to_bits(precision)
  if bits is None:
    return [np.asarray(array, np.float32).astype(_FLOATS[precision])]
  return list(quantize(array, bits))


def from_tensors(tensors: Iterator[np.ndarray], precision: str) -> np.ndarray:
  """Takes from an iterator what `to_tensors` gave for one weight.

  Args:
    tensors: At the first tensor of the weight; moved past its last.
    precision: As for `to_tensors`.

  Returns:
    `[..., C]` float32.

  Raises:
    ValueError: if the tensors end early or are not of that precision.
  """
  bits = to_bits(precision)
  taken = list(itertools.islice(tensors, 1 if bits is None else 2))
  found = [f'{tensor.dtype}{list(tensor.shape)}' for tensor in taken]
  problem = f'Expected the tensors of an {precision} weight, got {found}.'
  if bits is None:
    if len(taken) != 1 or taken[0].dtype != _FLOATS[precision]:
      raise ValueError(problem)
    return taken[0].astype(np.float32)
  if len(taken) != 2 or taken[0].dtype != np.int8 or taken[1].dtype.kind != 'f':
    raise ValueError(problem)
  if not taken[0].ndim or taken[1].shape != taken[0].shape[-1:]:
    raise ValueError(problem)
  return dequantize(*taken)


def weights(tensors: Sequence[np.ndarray], precision: str) -> list[np.ndarray]:
  """Takes the weights out of a stack of layers.

  Args:
    tensors: Per layer what `to_tensors` gave for its weight, then its bias.
    precision: As for `to_tensors`.

  Returns:
    The weights, `[inputs, outputs]` float32.

  Raises:
    ValueError: if the tensors are anything else.
  """
  step = 2 if to_bits(precision) is None else 3
  stack = []
  for start in range(0, len(tensors), step):
    layer = iter(tensors[start : start + step])
    weight = from_tensors(layer, precision)
    bias = [tensor.shape for tensor in layer]
    if weight.ndim != 2 or bias != [weight.shape[1:]]:
      raise ValueError(
        f'Expected a weight [inputs, outputs] and a bias [outputs], got '
        f'{weight.shape} and {bias}.'
      )
    stack.append(weight)
  return stack


def to_bits(precision: str) -> int | None:
  """Returns the bits of an integer precision, None for the floats.

  Raises:
    ValueError: on a name not in `PRECISIONS`.
  """
  if precision not in PRECISIONS:
    raise ValueError(f'Expected one of {", ".join(PRECISIONS)}, got {precision!r}.')
  return None if precision in _FLOATS else int(precision[3:])


def _check(shape: tuple[int, ...], bits: int) -> None:
  if not 2 <= bits <= 8:
    raise ValueError(f'Expected 2 to 8 bits, got {bits}.')
  if len(shape) < 2 or 0 in shape:
    raise ValueError(f'Expected weights [..., inputs, outputs], got {shape}.')


def _scale(xp: ModuleType, array: Any, bits: int) -> Any:
  # A product with a rounded constant, since compilers may make one of a
  # division and round otherwise.
  largest = xp.max(xp.abs(array), axis=tuple(range(array.ndim - 1)))
  return largest * np.float32(1.0 / (2 ** (bits - 1) - 1))


def _codes(xp: ModuleType, array: Any, scale: Any, bits: int) -> Any:
  top = 2 ** (bits - 1) - 1
  divisor = xp.where(scale > 0, scale, 1).astype(np.float32)
  codes = xp.clip(xp.rint(array / divisor), -top, top)
  return xp.where(scale > 0, codes, 0.0)
