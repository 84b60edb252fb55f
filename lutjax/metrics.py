"""How close two images, or two colour maps, are.

Two groups. PSNR, RMSE and SSIM compare images. The others evaluate LUTs: sets of
colours (`node_colours`, `uniform_colours`, `photo_colours`, `every_code`), errors
in delta E (`colour_errors`, in chunks), statistics of one LUT (`lut_statistics`)
and of many (`summarize`).

Colours are sRGB, `[..., 3]`, 1 at white, and are not clipped here. Errors are in
delta E with the Lab of `color.spaces`. Statistics end in numpy, in float64.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.color import difference, spaces
from lutjax.lut import lattice
from lutjax.types import Array, Key

# One axis of the Gaussian window of SSIM: 11 taps, sigma 1.5.
_SSIM_TAPS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_SSIM_TAPS /= _SSIM_TAPS.sum()


class ColourErrors(NamedTuple):
  """Both colour differences of the same colours, `[...]` each.

  Attributes:
    cie76: The distance in Lab.
    ciede2000: CIEDE2000, on LUTs about half as large.
  """

  cie76: Array | np.ndarray
  ciede2000: Array | np.ndarray


class LutStatistics(NamedTuple):
  """One colour difference over the colours of a LUT; `[L]` for many LUTs.

  Attributes:
    mean: The mean.
    median: The median.
    p90: What nine tenths of the colours stay under.
    p99: What 99 of 100 colours stay under.
    max: The largest.
  """

  mean: np.ndarray
  median: np.ndarray
  p90: np.ndarray
  p99: np.ndarray
  max: np.ndarray


class Summary(NamedTuple):
  """One colour difference over many LUTs: a statistic of their statistics.

  Names read from the outside in: `mean_of_medians` is the mean over LUTs of each
  LUT's median over its colours. Every LUT counts the same.

  Attributes:
    mean_of_means: With equally many colours, the mean of all errors.
    mean_of_medians: Mean over LUTs of the median colour.
    mean_of_p90s: Mean over LUTs of the colour at nine tenths.
    mean_of_p99s: Mean over LUTs of the colour at 99 of 100.
    median_of_means: The middle LUT by its mean.
    p90_of_means: The LUT at nine tenths by its mean.
    p95_of_means: The LUT at 19 of 20 by its mean.
    max_of_means: The worst LUT by its mean.
    max_of_maxima: The worst colour of any LUT.
    worst_lut: Index of the worst LUT by its mean.
    lut_count: How many LUTs.
  """

  mean_of_means: float
  mean_of_medians: float
  mean_of_p90s: float
  mean_of_p99s: float
  median_of_means: float
  p90_of_means: float
  p95_of_means: float
  max_of_means: float
  max_of_maxima: float
  worst_lut: int
  lut_count: int


def rmse(got: Array, want: Array, *, where: Array | None = None) -> Array:
  """Root mean squared error over everything, or over the marked pixels.

  Args:
    got: `[..., C]` float.
    want: `[..., C]` float.
    where: `[...]` bool, the pixels that count; all by default. NaN if none do.

  Returns:
    Scalar; its slope at 0 is taken as 0.
  """
  square = _mean_square(got, want, where)
  zero = square == 0
  return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, square)))


def psnr(
  got: Array, want: Array, *, peak: float = 1.0, where: Array | None = None
) -> Array:
  """Peak signal-to-noise ratio, 10 log10(peak^2 / mean squared error).

  The PSNR of a mean RMSE is lower than the mean of PSNRs by 1 to 3 dB on photos;
  this gives one image's.

  Args:
    got: `[..., C]` float.
    want: `[..., C]` float.
    peak: The value of white, 1 for [0, 1] and 255 for 8-bit codes.
    where: `[...]` bool, the pixels that count; all by default. NaN if none do.

  Returns:
    Scalar in dB; infinite for equal images, where the slope is taken as 0.
  """
  square = _mean_square(got, want, where)
  zero = square == 0
  level = jnp.log10(jnp.where(zero, 1.0, square / peak**2))
  return jnp.where(zero, jnp.inf, -10.0 * level)


def ssim(got: Array, want: Array, *, peak: float = 1.0) -> Array:
  """Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004).

  Their settings: Gaussian windows of 11 x 11 pixels and sigma 1.5 that lie wholly
  in the image, variances divided by n, K1 = 0.01 and K2 = 0.03; the mean over
  pixels and channels. Means are shifted by half the peak before squaring, which
  costs float32 less.

  Args:
    got: `[H, W, C]` float, H and W at least 11.
    want: `[H, W, C]` float.
    peak: The value of white.

  Returns:
    Scalar, 1 for equal images.

  Raises:
    ValueError: on other shapes.
  """
  got, want = jnp.asarray(got), jnp.asarray(want)
  if got.shape != want.shape or got.ndim != 3 or min(got.shape[:2]) < _SSIM_TAPS.size:
    raise ValueError(
      f'Expected two images [H, W, C] of at least {_SSIM_TAPS.size} x '
      f'{_SSIM_TAPS.size} pixels, got {list(got.shape)} and {list(want.shape)}.'
    )
  x, y = got / peak - 0.5, want / peak - 0.5
  mean_x, mean_y = _window(x), _window(y)
  variances = _window(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
  covariance = _window(x * y) - mean_x * mean_y
  mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
  luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
  structure = (2 * covariance + 9e-4) / (variances + 9e-4)
  return jnp.mean(luminance * structure)


def node_colours(size: int = 33) -> np.ndarray:
  """Returns the nodes of a lattice, `[size^3, 3]` float32, blue fastest."""
  return lattice.identity(size).reshape(-1, 3)


def uniform_colours(key: Key, count: int) -> Array:
  """Returns colours drawn uniformly from the cube, `[count, 3]` in [0, 1).

  Args:
    key: Used once.
    count: How many.
  """
  return jax.random.uniform(key, (count, 3))


def photo_colours(key: Key, pixels: Array, count: int) -> Array:
  """Returns the colours of pixels spread over a photo.

  The pixels, row by row, are cut into `count` equal runs (a last remainder is left
  out), and one is drawn from each.

  Args:
    key: Random key.
    pixels: `[..., 3]`, of any dtype.
    count: How many colours; all of them where the photo has no more.

  Returns:
    `[min(count, pixels), 3]`, dtype of `pixels`.
  """
  colours = jnp.asarray(pixels).reshape(-1, 3)
  count = min(count, len(colours))
  run = len(colours) // count
  return colours[jnp.arange(count) * run + jax.random.randint(key, (count,), 0, run)]


def every_code() -> np.ndarray:
  """Returns all 8-bit colours, `[256^3, 3]` uint8 (48 MB), blue fastest."""
  codes = np.arange(256, dtype=np.uint8)
  return np.stack(np.meshgrid(codes, codes, codes, indexing='ij'), -1).reshape(-1, 3)


def colour_errors(got: Array, want: Array) -> ColourErrors:
  """Returns the differences between colours.

  Args:
    got: `[..., 3]` float, sRGB.
    want: `[..., 3]` float, sRGB.

  Returns:
    Two differences, `[...]` each.
  """
  lab1, lab2 = spaces.srgb_to_lab(got), spaces.srgb_to_lab(want)
  return ColourErrors(
    difference.delta_e_76(lab1, lab2), difference.delta_e_2000(lab1, lab2)
  )


def map_errors(
  predict: Callable[[Array], Array],
  truth: Callable[[Array], Array],
  colours: Array | np.ndarray,
  *,
  chunk: int = 1 << 16,
) -> ColourErrors:
  """Compares two colour maps on many colours, a chunk at a time.

  What stays is eight bytes a colour; everything between lives for one chunk. Pure:
  the caller jits it, and maps or loops it over LUTs (a loop keeps memory flat).

  Args:
    predict: The map to judge, `[M, 3] -> [M, 3]`, sRGB.
    truth: The map it should be, likewise.
    colours: `[M, 3]`, float, or unsigned integers over their full scale, which
      take less room and become floats chunk by chunk.
    chunk: Colours at a time.

  Returns:
    Two differences, `[M]` each.
  """
  colours = jnp.asarray(colours)
  scale = 1.0
  if jnp.issubdtype(colours.dtype, jnp.integer):
    scale = 1.0 / jnp.iinfo(colours.dtype).max

  def errors(part: Array) -> ColourErrors:
    rgb = part.astype(jnp.float32) * scale
    return colour_errors(predict(rgb), truth(rgb))

  count = len(colours)
  whole = count - count % chunk
  parts = []
  if whole:
    grouped = jax.lax.map(errors, colours[:whole].reshape(-1, chunk, 3))
    parts.append(jax.tree.map(lambda leaf: leaf.reshape(-1), grouped))
  if whole < count:
    parts.append(errors(colours[whole:]))
  return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def lut_statistics(errors: Array | np.ndarray) -> LutStatistics:
  """Describes the errors of each LUT, on the host.

  Args:
    errors: `[..., M]`, one of `ColourErrors`; one LUT, or `[L, M]`.

  Returns:
    Statistics over the last axis, `[...]` float64; NaN where an error is.
  """
  errors = np.asarray(errors)
  median, p90, p99 = np.percentile(errors, (50, 90, 99), axis=-1)
  mean = np.asarray(np.mean(errors, axis=-1, dtype=np.float64))
  peak = np.max(errors, axis=-1).astype(np.float64)
  return LutStatistics(mean, median, p90, p99, peak)


def summarize(statistics: LutStatistics | Sequence[LutStatistics]) -> Summary:
  """Sums up many LUTs, on the host.

  Args:
    statistics: Leaves `[L]`, or one `LutStatistics` of scalars per LUT.

  Returns:
    The summary, Python numbers.

  Raises:
    ValueError: where there is no LUT.
  """
  if not isinstance(statistics, LutStatistics):
    columns = np.array(statistics, np.float64).reshape(-1, len(LutStatistics._fields))
    statistics = LutStatistics(*columns.T)
  means = np.atleast_1d(statistics.mean)
  if not means.size:
    raise ValueError('Expected statistics of at least one LUT, got none.')
  median, p90, p95 = np.percentile(means, (50, 90, 95))
  return Summary(
    mean_of_means=float(np.mean(means)),
    mean_of_medians=float(np.mean(statistics.median)),
    mean_of_p90s=float(np.mean(statistics.p90)),
    mean_of_p99s=float(np.mean(statistics.p99)),
    median_of_means=float(median),
    p90_of_means=float(p90),
    p95_of_means=float(p95),
    max_of_means=float(np.max(means)),
    max_of_maxima=float(np.max(statistics.max)),
    worst_lut=int(np.argmax(means)),
    lut_count=means.size,
  )


def _window(image: Array) -> Array:
  """Averages `[H, W, C]` under every whole window: `[H - 10, W - 10, C]`.

  Loops over taps, since a spelled out sum is fused into whatever reads it and
  computed again there (SSIM took 2.6 times as long on CPU).
  """
  taps = jnp.asarray(_SSIM_TAPS, image.dtype)
  for axis in (0, 1):
    span = image.shape[axis] - taps.size + 1

    def add(total: Array, tap: tuple[Array, Array]) -> tuple[Array, None]:
      weight, offset = tap
      part = jax.lax.dynamic_slice_in_dim(image, offset, span, axis=axis)  # noqa: B023
      return total + weight * part, None

    first = jnp.zeros_like(jax.lax.slice_in_dim(image, 0, span, axis=axis))
    image, _ = jax.lax.scan(add, first, (taps, jnp.arange(taps.size)))
  return image


def _mean_square(got: Array, want: Array, where: Array | None) -> Array:
  gap = jnp.asarray(got) - jnp.asarray(want)
  if where is None:
    return jnp.mean(gap * gap)
  marked = jnp.broadcast_to(jnp.asarray(where)[..., None], gap.shape)
  return jnp.mean(gap * gap, where=marked)
