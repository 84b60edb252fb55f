"""How good a restored picture is, as the field of restoration measures it.

Pictures are codes of 8 bits, `[H, W]`, `[H, W, 1]` or `[H, W, 3]` of any dtype, not
scaled: white is 255. Results are Python floats. PSNR is computed in float64 on the
host, because tables are compared to the last digit that papers print; `metrics.psnr`
is float32 and differentiable. SSIM is that of `metrics`, which on luma agrees with
float64 to 2e-6.
"""

import functools
import math

import jax
import numpy as np

from lutjax import metrics

_WHITE = 255.0
# ITU-R BT.601 for codes: black at 16 and white at 235.
_LUMA = np.array([65.481, 128.553, 24.966]) / _WHITE

_ssim = jax.jit(functools.partial(metrics.ssim, peak=_WHITE))


def luma(pixels: np.ndarray) -> np.ndarray:
  """Returns Y of MATLAB's `rgb2ycbcr`, not rounded; grey pictures as they are.

  Y = 16 + 0.256788 R + 0.504129 G + 0.097906 B. Super-resolution is compared on it,
  without the rounding that MATLAB does for 8-bit pictures.

  Args:
    pixels: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, codes.

  Returns:
    `[H, W]` float64.

  Raises:
    ValueError: on other shapes.
  """
  if pixels.ndim == 3 and pixels.shape[2] == 3:
    return pixels.astype(np.float64) @ _LUMA + 16.0
  if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 1):
    return pixels.reshape(pixels.shape[:2]).astype(np.float64)
  raise ValueError(
    f'Expected pixels [H, W], [H, W, 1] or [H, W, 3], got {list(pixels.shape)}.'
  )


def psnr(got: np.ndarray, want: np.ndarray) -> float:
  """PSNR over all pixels and channels, the measure of denoising.

  Args:
    got: `[...]`, codes, float where they are not rounded.
    want: `[...]`, codes.

  Returns:
    dB; infinite for equal pictures.

  Raises:
    ValueError: on shapes that differ, or no pixels.
  """
  return _decibels(_mean_square(got, want))


def psnr_y(got: np.ndarray, want: np.ndarray, shave: int) -> float:
  """PSNR of luma without the border, the measure of super-resolution.

  Args:
    got: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, codes.
    want: Likewise.
    shave: Pixels left out at each side; the field takes the factor.

  Returns:
    dB; infinite for equal pictures.

  Raises:
    ValueError: on other shapes, or where no pixel is left.
  """
  if shave < 0:
    raise ValueError(f'Expected a shave of at least 0, got {shave}.')
  inner = slice(shave, -shave or None)
  return psnr(luma(got)[inner, inner], luma(want)[inner, inner])


def ssim(got: np.ndarray, want: np.ndarray) -> float:
  """SSIM, mean over channels, with windows that lie wholly in the picture.

  Windows are Gaussian, 11 x 11 with sigma 1.5; see `metrics.ssim`. Compiled once for
  each size.

  Args:
    got: `[H, W]` or `[H, W, C]`, codes, H and W at least 11.
    want: Likewise.

  Returns:
    1 for equal pictures.

  Raises:
    ValueError: on other shapes.
  """
  one, two = (
    np.asarray(pixels, np.float32).reshape(*pixels.shape[:2], -1)
    for pixels in (got, want)
  )
  return float(_ssim(one, two))


def ssim_y(got: np.ndarray, want: np.ndarray) -> float:
  """SSIM of luma, whole (no shave); see `ssim`.

  Args:
    got: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, codes, H and W at least 11.
    want: Likewise.

  Returns:
    1 for equal pictures.

  Raises:
    ValueError: on other shapes.
  """
  return ssim(luma(got), luma(want))


def psnr_b(got: np.ndarray, want: np.ndarray, block: int = 8) -> float:
  """PSNR with a penalty for visible blocks, the measure of deblocking.

  Yim and Bovik 2011, "Quality assessment of deblocked images". To the mean squared
  error is added the blocking effect factor of the restored picture alone (so the two
  arguments are not alike),

    BEF = max(0, D_B - D_C) log2(block) / log2(min(H, W)),

  where D_B is the mean squared difference of neighbours, across and down, that lie in
  different blocks, and D_C that of all other neighbours. Both are means over the pairs
  that there are. Code that divides by H (W / block - 1) for the pairs across, as the
  paper counts them, gives the same where a block divides the sides, and less elsewhere
  (0.02 to 0.1 dB on JPEG pictures of 501 to 508 pixels a side).

  Args:
    got: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, codes; luma of colour pictures.
    want: Likewise.
    block: Side of the blocks in pixels, at least 2; the first starts at the corner.

  Returns:
    dB; infinite for equal pictures without visible blocks.

  Raises:
    ValueError: on other shapes, or sides shorter than a block.
  """
  got, want = luma(got), luma(want)
  if block < 2 or min(got.shape) < block:
    raise ValueError(
      'Expected a block of at least 2 pixels and pictures no smaller, got '
      f'{block} and {list(got.shape)}.'
    )
  return _decibels(_mean_square(got, want) + _blocking(got, block))


def _blocking(plane: np.ndarray, block: int) -> float:
  boundary, boundary_pairs, inner, inner_pairs = 0.0, 0, 0.0, 0
  for axis in (0, 1):
    # Summed over lines: [side - 1], one for each gap between neighbours.
    squares = np.sum(np.diff(plane, axis=axis) ** 2, axis=1 - axis)
    boundaries = squares[block - 1 :: block]
    lines = plane.shape[1 - axis]
    boundary += boundaries.sum()
    boundary_pairs += lines * boundaries.size
    inner += squares.sum() - boundaries.sum()
    inner_pairs += lines * (squares.size - boundaries.size)
  if not boundary_pairs:
    return 0.0
  excess = boundary / boundary_pairs - inner / inner_pairs
  return max(0.0, excess) * math.log2(block) / math.log2(min(plane.shape))


def _mean_square(got: np.ndarray, want: np.ndarray) -> float:
  if got.shape != want.shape or not got.size:
    raise ValueError(
      'Expected two pictures of the same shape that are not empty, got '
      f'{list(got.shape)} and {list(want.shape)}.'
    )
  gap = np.subtract(got, want, dtype=np.float64)
  return float(np.mean(gap * gap))


def _decibels(mean_square: float) -> float:
  if not mean_square:
    return math.inf
  return 10.0 * math.log10(_WHITE**2 / mean_square)
