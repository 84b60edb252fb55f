"""Small signed integers, packed bit after bit."""

import numpy as np


def pack(codes: np.ndarray, bits: int) -> bytes:
  """Packs integers into `bits` each, two's complement, highest bit first.

  Args:
    codes: int8, any shape, within [-2^(bits-1), 2^(bits-1) - 1].
    bits: 2 to 8.

  Returns:
    `ceil(codes.size * bits / 8)` bytes; the last is filled with zeros.

  Raises:
    ValueError: if a code does not fit.
  """
  if needed(codes) > bits:
    raise ValueError(f'Expected codes of {bits} bits, got {needed(codes)}.')
  flat = np.ascontiguousarray(codes).reshape(-1, 1).view(np.uint8)
  return np.packbits(np.unpackbits(flat, axis=1)[:, 8 - bits :]).tobytes()


def unpack(content: bytes, bits: int, count: int) -> np.ndarray:
  """Unpacks what `pack` packed.

  Args:
    content: At least `ceil(count * bits / 8)` bytes.
    bits: 2 to 8.
    count: Number of codes.

  Returns:
    `[count]` int8.

  Raises:
    ValueError: if there are too few bytes.
  """
  if len(content) < size_bytes(count, bits):
    raise ValueError(
      f'Expected {size_bytes(count, bits)} bytes for {count} codes of {bits} bits, '
      f'got {len(content)}.'
    )
  packed = np.frombuffer(content, np.uint8)
  digits = np.unpackbits(packed, count=count * bits).reshape(count, bits)
  sign = np.repeat(digits[:, :1], 8 - bits, axis=1)
  return np.packbits(np.concatenate([sign, digits], axis=1), axis=1).view(np.int8)[:, 0]


def needed(codes: np.ndarray) -> int:
  """Returns the bits, 2 to 8, that hold every one of the int8 codes."""
  if not codes.size:
    return 2
  low, high = int(codes.min()), int(codes.max())
  return max(2, 1 + max(high, ~low).bit_length())


def size_bytes(count: int, bits: int) -> int:
  """Returns the size of `count` packed codes.

  Args:
    count: Codes, 0 or more.
    bits: Of one code, 2 to 8.
  """
  return (count * bits + 7) // 8
