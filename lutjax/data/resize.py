"""Bicubic resizing by whole factors, as MATLAB's `imresize` does it.

The kernel is the cubic convolution of Keys 1981 with a = -0.5, widened by the factor
where a picture shrinks (antialiasing). Beyond the border pixels are mirrored, the
edge pixel repeated. Rows are filtered first (down the picture), rounded to 8 bits,
then columns. Super-resolution is measured on pictures made like this; Pillow differs
at the border and in the order, and OpenCV does not antialias.

At whole factors the taps are fractions of a known denominator, so all is done in
integers and halves are met exactly; they round up. MATLAB's doubles are as exact at
factors that are powers of two. At others a half may fall either way there, by one
code.

Pixels are `[H, W]` or `[H, W, C]` uint8.
"""

import numpy as np

# Beyond this a sum of weighted codes may not fit 32 bits.
MAX_FACTOR = 16


def modcrop(pixels: np.ndarray, factor: int) -> np.ndarray:
  """Cuts a picture at the bottom and right to sides that a factor divides.

  Args:
    pixels: `[H, W, ...]`.
    factor: At least 1.

  Returns:
    `[factor (H // factor), factor (W // factor), ...]`, a view; empty where a side is
    shorter than the factor.

  Raises:
    ValueError: on less than two axes or a factor out of range.
  """
  _check_factor(factor)
  if pixels.ndim < 2:
    raise ValueError(f'Expected pixels [H, W, ...], got {list(pixels.shape)}.')
  height, width = (side - side % factor for side in pixels.shape[:2])
  return pixels[:height, :width]


def shrink(pixels: np.ndarray, factor: int) -> np.ndarray:
  """Makes a picture smaller.

  Args:
    pixels: `[H, W]` or `[H, W, C]` uint8.
    factor: How many times smaller, 1 to `MAX_FACTOR`; 1 changes nothing.

  Returns:
    `[ceil(H / factor), ceil(W / factor), ...]` uint8.

  Raises:
    ValueError: on other shapes, dtypes or factors.
  """
  return _resize(pixels, up=1, down=factor)


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
  """Makes a picture larger.

  Args:
    pixels: `[H, W]` or `[H, W, C]` uint8.
    factor: How many times larger, 1 to `MAX_FACTOR`; 1 changes nothing.

  Returns:
    `[factor H, factor W, ...]` uint8.

  Raises:
    ValueError: on other shapes, dtypes or factors.
  """
  return _resize(pixels, up=factor, down=1)


def check(pixels: np.ndarray) -> None:
  """Raises ValueError for what is not a picture `[H, W]` or `[H, W, C]` uint8."""
  if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
    raise ValueError(
      'Expected pixels [H, W] or [H, W, C] uint8, at least one, got '
      f'{list(pixels.shape)} {pixels.dtype}.'
    )


def _resize(pixels: np.ndarray, *, up: int, down: int) -> np.ndarray:
  _check_factor(min(up, down))
  _check_factor(max(up, down))
  check(pixels)
  for axis in (0, 1):
    pixels = _along(axis, pixels, up, down)
  return pixels


def _along(axis: int, pixels: np.ndarray, up: int, down: int) -> np.ndarray:
  """Filters one axis and rounds: output i lies at (i + 1/2) down / up - 1/2.

  Outputs whose number leaves the same remainder by `up` see their taps at the same
  distances, so each remainder is a few weighted slices of the padded input.
  """
  if up == down:
    return pixels
  count = pixels.shape[axis]
  size = -(-count * up // down)
  weights, whole = _weights(up, down)
  # Every output sees the inputs first, first + 1, ..., last.
  span = weights.shape[1]
  first = [_first(i, up, down) for i in range(up)]
  before = -min(first)
  after = _first(size - 1, up, down) + span - count
  mirrored = np.arange(-before, count + max(after, 0)) % (2 * count)
  mirrored = np.minimum(mirrored, 2 * count - 1 - mirrored)
  padded = np.take(pixels, mirrored, axis)

  shape = list(pixels.shape)
  shape[axis] = size
  result = np.empty(shape, np.uint8)
  for phase in range(min(up, size)):
    outputs = _part(axis, phase, size, up)
    number = len(range(phase, size, up))
    total = np.full(result[outputs].shape, whole // 2, np.int32)
    for tap, weight in enumerate(weights[phase]):
      if weight:
        start = first[phase] + before + tap
        part = _part(axis, start, start + (number - 1) * down + 1, down)
        total += np.multiply(padded[part], weight, dtype=np.int32)
    total //= whole
    result[outputs] = np.clip(total, 0, 255, out=total)
  return result


def _part(axis: int, start: int, stop: int, step: int) -> tuple[slice, ...]:
  return (slice(None),) * axis + (slice(start, stop, step),)


def _first(output: int, up: int, down: int) -> int:
  """Returns the first input less than two widths of the kernel from an output.

  The centre is ((2 output + 1) down - up) / (2 up) and a width is `down`.
  """
  return ((2 * output + 1) * down - up - 4 * up * down) // (2 * up) + 1


def _weights(up: int, down: int) -> tuple[np.ndarray, int]:
  """Returns integer weights `[up, taps]` and what each row of them sums to.

  With distances m / n in widths of the kernel, n = 2 up down, the kernel is
  (3 m^3 - 5 m^2 n + 2 n^3) / (2 n^3) up to m = n and
  (-m^3 + 5 m^2 n - 8 m n^2 + 4 n^3) / (2 n^3) up to m = 2 n.
  """
  n = 2 * up * down
  phase = np.arange(up)[:, None]
  first = np.array([[_first(i, up, down)] for i in range(up)])
  inputs = first + np.arange(4 * down)
  m = np.abs(2 * up * inputs - (2 * phase + 1) * down + up)
  near = 3 * m**3 - 5 * m**2 * n + 2 * n**3
  far = -(m**3) + 5 * m**2 * n - 8 * m * n**2 + 4 * n**3
  weights = np.where(m <= n, near, np.where(m < 2 * n, far, 0))
  return weights.astype(np.int32), 2 * n**3 * down


def _check_factor(factor: int) -> None:
  if not 1 <= factor <= MAX_FACTOR:
    raise ValueError(f'Expected a factor from 1 to {MAX_FACTOR}, got {factor}.')
