"""Tensors as bytes: a description of a few bytes each, then the values.

Values are stored byte plane by byte plane, highest bytes last: the exponents of
all weights together compress better than mixed with their fractions. int8 tensors
may be stored in as few bits as their values need, and are read as int8.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import ml_dtypes
import numpy as np

from lutjax import errors
from lutjax.codec import bits as bits_codec
from lutjax.codec import stream

MAX_AXES = 8
_DTYPES = {
  0: np.dtype('<f4'),
  1: np.dtype('<f2'),
  2: np.dtype(ml_dtypes.bfloat16),
  3: np.dtype('u1'),
  4: np.dtype('<u2'),
  5: np.dtype('<i2'),
  6: np.dtype('<i4'),
}
_KINDS = {dtype: kind for kind, dtype in _DTYPES.items()}
# int8 in k bits has kind 16 - k.
_INT8_KIND = 16


class Spec(NamedTuple):
  """How a tensor is stored.

  Attributes:
    kind: 0 to 6 for a dtype stored as it is, 16 - k for int8 in k bits.
    shape: Of the tensor.
  """

  kind: int
  shape: tuple[int, ...]

  @property
  def bits(self) -> int:
    """Bits per value as stored."""
    if self.kind in _DTYPES:
      return 8 * _DTYPES[self.kind].itemsize
    return _INT8_KIND - self.kind

  @property
  def size_bytes(self) -> int:
    """Bytes as stored, before compression."""
    return bits_codec.size_bytes(math.prod(self.shape), self.bits)


def to_bytes(arrays: Sequence[np.ndarray], *, narrow: bool) -> tuple[list[Spec], bytes]:
  """Stores tensors one after another.

  Args:
    arrays: Of the dtypes above or int8, at most `MAX_AXES` axes.
    narrow: Whether int8 is stored in as few bits as its values need.

  Returns:
    How each is stored, and the bytes.

  Raises:
    TypeError: on another dtype.
    ValueError: on more axes.
  """
  specs, parts = [], []
  for array in arrays:
    spec = Spec(_kind_of(array, narrow), array.shape)
    if array.ndim > MAX_AXES:
      raise ValueError(f'Expected at most {MAX_AXES} axes, got {array.shape}.')
    if spec.kind in _DTYPES:
      flat = np.ascontiguousarray(array, _DTYPES[spec.kind]).reshape(-1, 1)
      parts.append(np.ascontiguousarray(flat.view(np.uint8).T).tobytes())
    else:
      parts.append(bits_codec.pack(array, spec.bits))
    specs.append(spec)
  return specs, b''.join(parts)


def from_bytes(content: bytes, spec: Spec) -> np.ndarray:
  """Returns the tensor that `spec.size_bytes` bytes stand for.

  Args:
    content: `spec.size_bytes` bytes.
    spec: Kind, bits and shape of the tensor.
  """
  if spec.kind not in _DTYPES:
    count = math.prod(spec.shape)
    return bits_codec.unpack(content, spec.bits, count).reshape(spec.shape)
  dtype = _DTYPES[spec.kind]
  planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1)
  flat = np.array(planes.T, order='C').view(dtype)
  return flat.reshape(spec.shape).astype(dtype.newbyteorder('='), copy=False)


def spec_to_bytes(spec: Spec) -> bytes:
  """Describes a tensor in a few bytes."""
  axes = b''.join(map(stream.varint_to_bytes, spec.shape))
  return bytes([spec.kind << 4 | len(spec.shape)]) + axes


def read_spec(reader: stream.Reader, max_bytes: int) -> Spec:
  """Reads what `spec_to_bytes` wrote.

  Args:
    reader: At the description.
    max_bytes: Bound on the number of values.

  Returns:
    The description, of a kind that is known and a shape that numpy can make.

  Raises:
    ArtefactError: if it is anything else.
  """
  kind, axes = divmod(reader.byte(), 16)
  shape = tuple(reader.varint() for _ in range(min(axes, MAX_AXES)))
  int8 = 2 <= _INT8_KIND - kind <= 8
  if axes > MAX_AXES or not (int8 or kind in _DTYPES):
    raise errors.ArtefactError(
      f'{reader.source}: found a tensor of kind {kind} with {axes} axes, expected a '
      f'known kind and at most {MAX_AXES}'
    )
  # Also of empty tensors, since numpy multiplies the other axes.
  if math.prod(max(1, size) for size in shape) > max_bytes:
    raise errors.ArtefactError(
      f'{reader.source}: found a tensor of shape {list(shape)}, expected at most '
      f'{max_bytes} bytes'
    )
  return Spec(kind, shape)


def _kind_of(array: np.ndarray, narrow: bool) -> int:
  if array.dtype == np.int8:
    return _INT8_KIND - (bits_codec.needed(array) if narrow else 8)
  kind = _KINDS.get(array.dtype.newbyteorder('='))
  if kind is None:
    raise TypeError(
      f'Expected tensors of int8 or {", ".join(map(str, _KINDS))}, got {array.dtype}.'
    )
  return kind
