"""Detection of image files whose transfer function is not one that LUTs expect.

A look for display-referred pictures expects codes like those of sRGB. Files of PQ, HLG,
logarithmic or linear light look alike to a program that sees pixels only.
"""

import numpy as np

from lutjax.color import profile_reading
from lutjax.data import images

# Transfer characteristics of ITU-T H.273, the codes of cICP.
_TRANSFERS = {8: 'linear', 9: 'logarithmic', 10: 'logarithmic', 16: 'PQ', 18: 'HLG'}
# Gamma of chunk gAMA, times 100,000, which is linear within a twentieth.
_LINEAR_GAMMA = range(95000, 105001)
_CLOSE = 2e-3


def describe(image: images.Image) -> str | None:
  """Describes the transfer function of a file, if it is not like that of sRGB.

  As PNG has it, chunk cICP counts before the ICC profile, that before sRGB, and that
  before gAMA. A profile is judged by its tag `cicp`, or by straight curves; one of
  lookup tables is not.

  Args:
    image: An image as it was read.

  Returns:
    For example `PQ (chunk cICP)`; None for sRGB codes, or where the file does not say.
  """
  chunks = {chunk.kind: bytes(chunk.data) for chunk in image.annotations.colour}
  if len(chunks.get(b'cICP', b'')) == 4:
    return _named(chunks[b'cICP'][1], 'chunk cICP')
  if image.icc is not None:
    return _of_profile(image.icc)
  if b'sRGB' in chunks:
    return None
  if int.from_bytes(chunks.get(b'gAMA', b''), 'big') in _LINEAR_GAMMA:
    return 'linear (chunk gAMA)'
  return None


def _of_profile(icc: bytes) -> str | None:
  tag = profile_reading.find_tag(icc, b'cicp')
  if tag is not None and len(tag) >= 12:
    return _named(tag[9], 'tag cicp of its ICC profile')
  try:
    profile = profile_reading.read(icc)
  except ValueError:
    return None
  encoded = np.linspace(0.0, 1.0, 65)
  off = [np.abs(curve(encoded) - encoded).max() for curve in profile.curves]
  name = ' '.join(profile.name.split())
  return f'linear (ICC profile "{name}")' if max(off) < _CLOSE else None


def _named(transfer: int, where: str) -> str | None:
  name = _TRANSFERS.get(transfer)
  return name and f'{name} ({where})'
