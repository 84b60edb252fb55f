"""How a restored picture is scored, by the kind of what was undone."""

from collections.abc import Mapping, Sequence

import numpy as np

from lutjax.data import degradations
from lutjax.restoration import quality

# Measures by kind, and the one that models are compared by.
MEASURES: Mapping[str, tuple[str, ...]] = {
  'bicubic': ('psnr_y', 'ssim_y'),
  'noise': ('psnr', 'ssim'),
  'jpeg': ('psnr', 'ssim', 'psnr_b'),
}
MAIN: Mapping[str, str] = {'bicubic': 'psnr_y', 'noise': 'psnr', 'jpeg': 'psnr_b'}
# Measures in words.
HEADINGS: Mapping[str, str] = {
  'psnr_y': 'PSNR-Y',
  'ssim_y': 'SSIM-Y',
  'psnr': 'PSNR',
  'ssim': 'SSIM',
  'psnr_b': 'PSNR-B',
}


def describe(degradation: degradations.Degradation) -> str:
  """Says what the measures of a kind are.

  Args:
    degradation: What is undone.
  """
  if degradation.kind == 'bicubic':
    return (
      f'PSNR-Y: luma of 16 to 235, {degradation.scale} pixels left out at each side; '
      'SSIM-Y: luma, whole, windows of 11 x 11 inside the picture'
    )
  if degradation.kind == 'noise':
    return (
      'PSNR: over all pixels and channels; SSIM: windows of 11 x 11 inside the '
      'picture, mean over channels; models get noise that is rounded and cut to 8 bits'
    )
  return (
    'PSNR, SSIM and PSNR-B: grey, or luma of colour pictures, whole; PSNR-B adds what '
    'blocks of 8 x 8 stand out by'
  )


def score(
  degradation: degradations.Degradation, got: np.ndarray, want: np.ndarray
) -> dict[str, float]:
  """Scores a picture.

  Args:
    degradation: What is undone.
    got: `[H, W, 1 or 3]`, codes; float where they are not rounded.
    want: `[H, W, 1 or 3]` uint8, the original.

  Returns:
    What `MEASURES` names of the kind.

  Raises:
    ValueError: on other shapes, or sides below 11.
  """
  if degradation.kind == 'bicubic':
    return {
      'psnr_y': quality.psnr_y(got, want, degradation.scale),
      'ssim_y': quality.ssim_y(got, want),
    }
  if degradation.kind == 'noise':
    return {'psnr': quality.psnr(got, want), 'ssim': quality.ssim(got, want)}
  return {
    'psnr': quality.psnr_y(got, want, 0),
    'ssim': quality.ssim_y(got, want),
    'psnr_b': quality.psnr_b(got, want),
  }


def mean(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
  """Returns the mean of each measure.

  Args:
    records: Of pictures or of sets, at least one, all with the same measures.
  """
  keys = [key for key in records[0] if key in HEADINGS]
  return {key: float(np.mean([record[key] for record in records])) for key in keys}
