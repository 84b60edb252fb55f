"""What restoration models undo: smaller pictures, noise, JPEG.

Pictures are `[H, W]` or `[H, W, C]` uint8 on the host. The same picture and seed give
the same result, with the same numpy (noise) and the same libjpeg in Pillow (JPEG).
"""

import dataclasses
import io
from typing import Literal

import numpy as np
import PIL.Image
from PIL import JpegImagePlugin

from lutjax.data import resize

# Strengths that a kind may have.
_RANGES = {'bicubic': (1, 4), 'noise': (1, 100), 'jpeg': (1, 100)}
# The longest side that Pillow writes as JPEG.
MAX_JPEG_SIDE = 65500


@dataclasses.dataclass(frozen=True)
class Degradation:
  """One way to lose something.

  Attributes:
    kind: `bicubic`, reduced by bicubic filtering; `noise`, Gaussian; `jpeg`.
    strength: The factor, sigma in codes of 8 bits, or the quality.
  """

  kind: Literal['bicubic', 'noise', 'jpeg']
  strength: int

  def __post_init__(self):
    if self.kind not in _RANGES:
      raise ValueError(f'Expected kind {", ".join(_RANGES)}, got {self.kind!r}.')
    low, high = _RANGES[self.kind]
    if not low <= self.strength <= high:
      raise ValueError(
        f'Expected a strength of {self.kind} from {low} to {high}, got {self.strength}.'
      )

  @property
  def scale(self) -> int:
    """How many times larger the original is per axis."""
    return self.strength if self.kind == 'bicubic' else 1

  def __str__(self) -> str:
    sign = {'bicubic': 'x', 'noise': 'sigma ', 'jpeg': 'quality '}[self.kind]
    return f'{self.kind} {sign}{self.strength}'


def degrade(degradation: Degradation, pixels: np.ndarray, seed: int) -> np.ndarray:
  """Returns what a model gets of a picture.

  Bicubic: cut at the bottom and right to a multiple of the factor, then made smaller;
  it is compared with `resize.modcrop(pixels, degradation.scale)`.

  Noise: that of `noisy`, rounded (halves to even) and cut to 0 to 255, since tables
  read 8 bits. Cutting alone raises the PSNR of Set12 by 0.17 dB at sigma 25 and 0.6
  at 50, so the field's figure of a noisy input (20.17 dB at 25) is that of `noisy`.

  JPEG: encoded in memory by Pillow and decoded again; one channel as a grey file,
  three with colour at half the resolution per axis (4:2:0), as MATLAB's `imwrite`.

  Args:
    degradation: What is done.
    pixels: `[H, W]` or `[H, W, C]` uint8; for JPEG C is 1 or 3.
    seed: Of the noise, another for each picture; not used by the others.

  Returns:
    `[H, W, ...]` uint8, or `[H // scale, W // scale, ...]`.

  Raises:
    ValueError: on other shapes or dtypes, or a picture that the kind cannot take.
  """
  resize.check(pixels)
  if degradation.kind == 'bicubic':
    cut = resize.modcrop(pixels, degradation.scale)
    if not cut.size:
      raise ValueError(
        f'Expected sides of at least {degradation.scale} pixels, got '
        f'{list(pixels.shape)}.'
      )
    return resize.shrink(cut, degradation.scale)
  if degradation.kind == 'noise':
    codes = np.rint(noisy(pixels, degradation.strength, seed))
    return np.clip(codes, 0, 255).astype(np.uint8)
  return _through_jpeg(pixels, degradation.strength)


def noisy(pixels: np.ndarray, sigma: float, seed: int) -> np.ndarray:
  """Adds Gaussian noise as the field's tests do: neither rounded nor cut.

  Args:
    pixels: `[H, W]` or `[H, W, C]` uint8.
    sigma: Standard deviation in codes of 8 bits.
    seed: Of `np.random.default_rng`.

  Returns:
    The pixels' shape, float64; below 0 and above 255 as well.

  Raises:
    ValueError: on other shapes or dtypes.
  """
  resize.check(pixels)
  return pixels + sigma * np.random.default_rng(seed).standard_normal(pixels.shape)


def undone(degradation: Degradation, pixels: np.ndarray) -> np.ndarray:
  """Returns what a user has without a model, to compare a model with.

  Args:
    degradation: What was done.
    pixels: `[H, W]` or `[H, W, C]` uint8, degraded.

  Returns:
    The bicubic enlargement, `[scale H, scale W, ...]` uint8; otherwise the pixels.

  Raises:
    ValueError: on other shapes or dtypes.
  """
  resize.check(pixels)
  return resize.enlarge(pixels, degradation.scale)


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
  grey = pixels.ndim == 2 or pixels.shape[2] == 1
  if not grey and pixels.shape[2] != 3:
    raise ValueError(f'Expected 1 or 3 channels for JPEG, got {list(pixels.shape)}.')
  if max(pixels.shape[:2]) > MAX_JPEG_SIDE:
    raise ValueError(
      f'Expected sides of at most {MAX_JPEG_SIDE} pixels for JPEG, got '
      f'{list(pixels.shape)}.'
    )
  plane = pixels.reshape(pixels.shape[:2]) if grey else np.ascontiguousarray(pixels)
  options = {} if grey else {'subsampling': '4:2:0'}
  with io.BytesIO() as file:
    PIL.Image.fromarray(plane).save(file, 'JPEG', quality=quality, **options)
    file.seek(0)
    # Unlike `PIL.Image.open`, it takes pictures of any size.
    decoded = JpegImagePlugin.JpegImageFile(file)
    return np.array(decoded).reshape(pixels.shape)
