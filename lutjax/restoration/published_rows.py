"""Figures that others have published, to stand beside those that are measured here.

From the tables of the TinyLUT poster (NeurIPS 2024, Jonas-KD/TinyLUT), which gathers
those of the papers it compares with. Sizes are of the tables, 8 bits an entry, in KB of
1,024 bytes; networks have weights of 32 bits. Super-resolution: PSNR and SSIM on Y,
factor 4. Denoising of grey pictures: PSNR. Deblocking: PSNR-B at quality 10 (that it is
10 follows from the figure of the JPEG files alone).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from lutjax.data import degradations


class Row(NamedTuple):
  """What was published of a method.

  Attributes:
    method: Its name.
    kilobytes: Of tables or weights; None where there are none.
    scores: By the name of the set, its figures by measure (`scores.MEASURES`).
  """

  method: str
  kilobytes: float | None
  scores: Mapping[str, Mapping[str, float]]


_PICTURES = {
  'Set5': 5,
  'Set14': 14,
  'Urban100': 100,
  'BSD100': 100,
  'Manga109': 109,
  'Set12': 12,
  'BSD68': 68,
  'Classic5': 5,
  'LIVE1': 29,
}
_ENLARGED = ('Set5', 'Set14', 'Urban100', 'BSD100', 'Manga109')
_BICUBIC_X4 = (
  ('SRLUT-S', 1304, '29.82/.8478 27.01/.7355 24.02/.6990 26.53/.6953 26.80/.8380'),
  ('SPLUT-L', 18432, '30.52/.8630 27.54/.7520 24.46/.7191 26.87/.7090 27.70/.8581'),
  ('MuLUT-SDY-X2', 4159, '30.60/.8653 27.60/.7541 24.46/.7194 26.86/.7110 27.90/.8633'),
  ('RCLUT', 1549, '30.72/.8677 27.67/.7577 24.57/.7253 26.95/.7154 28.05/.8655'),
  (
    'SPF-LUT + DFC',
    2066,
    '31.05/.8755 27.88/.7632 24.81/.7357 27.08/.7190 28.58/.8779',
  ),
  ('TinyLUT-S', 37, '30.22/.8535 27.33/.7450 24.19/.7066 26.71/.7042 27.21/.8458'),
  ('TinyLUT-F', 171, '31.18/.8771 28.01/.7630 24.92/.7397 27.13/.7184 28.83/.8798'),
  ('SRCNN', 228, '30.48/.8628 27.50/.7513 24.52/.7221 26.90/.7101 27.10/.8457'),
  ('VDSR', 2660, '31.35/.8830 28.02/.7680 25.18/.7540 27.29/.7260 28.50/.8812'),
  ('FSRCNN', 48, '30.71/.8656 27.60/.7543 24.61/.7263 26.96/.7129 27.90/.8610'),
  ('CARN-M', 1648, '31.82/.8898 28.29/.7747 25.62/.7694 27.42/.7350 29.85/.8993'),
)
_NOISE_STRENGTHS = (15, 25, 50)
# Set12 and BSD68, each at the strengths above.
_NOISE = (
  ('SRLUT', 82, (30.42, 27.19, 22.62), (29.78, 26.85, 22.39)),
  ('MuLUT-SDY-X2', 289, (31.50, 28.94, 25.46), (30.63, 28.18, 24.97)),
  ('MuLUT-SDYEHO-X2', 978, (31.77, 29.18, 25.47), (30.89, 28.34, 24.96)),
  ('TinyLUT-S', 22, (31.10, 28.26, 24.29), (30.24, 27.48, 23.83)),
  ('TinyLUT-F', 187, (32.22, 29.69, 26.27), (31.20, 28.65, 25.53)),
  ('DnCNN', 2220, (32.86, 30.44, 27.18), (31.73, 29.23, 26.23)),
)
# Classic5 and LIVE1.
_JPEG_10 = (
  ('JPEG', None, 25.21, 25.33),
  ('SA-DCT', None, 28.15, 28.01),
  ('ARCNN', 415, 28.76, 28.77),
  ('SRLUT', 81, 27.58, 27.69),
  ('MuLUT', 489, 28.29, 28.39),
  ('SPF-LUT', 3017, 28.63, 28.62),
  ('SPF-LUT + DFC', 595, 28.62, 28.61),
  ('TinyLUT-F', 187, 28.74, 28.67),
)


def rows(degradation: degradations.Degradation) -> tuple[Row, ...]:
  """Returns what was published of methods that undo a degradation.

  Args:
    degradation: Kind and strength.
  """
  kind, strength = degradation.kind, degradation.strength
  if (kind, strength) == ('bicubic', 4):
    return tuple(
      Row(method, size, {name: _pair(c) for name, c in zip(_ENLARGED, text.split())})
      for method, size, text in _BICUBIC_X4
    )
  if kind == 'noise' and strength in _NOISE_STRENGTHS:
    at = _NOISE_STRENGTHS.index(strength)
    return tuple(
      Row(method, size, {'Set12': {'psnr': one[at]}, 'BSD68': {'psnr': other[at]}})
      for method, size, one, other in _NOISE
    )
  if (kind, strength) == ('jpeg', 10):
    return tuple(
      Row(method, size, {'Classic5': {'psnr_b': one}, 'LIVE1': {'psnr_b': other}})
      for method, size, one, other in _JPEG_10
    )
  return ()


def is_set(name: str, pictures: int, published: str) -> bool:
  """Returns whether pictures are those of a published set, by name and number.

  Args:
    name: Of the folder, such as `set5` or `Set_5`.
    pictures: How many were scored: a part of a set compares with nothing.
    published: As `Row.scores` has it.
  """
  return _plain(name) == _plain(published) and pictures == _PICTURES[published]


def _plain(name: str) -> str:
  plain = re.sub(r'[^a-z0-9]', '', name.lower())
  return {'b100': 'bsd100', 'bsds100': 'bsd100'}.get(plain, plain)


def _pair(cell: str) -> dict[str, float]:
  psnr, ssim = map(float, cell.split('/'))
  return {'psnr_y': psnr, 'ssim_y': ssim}
