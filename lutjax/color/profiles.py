"""ICC profiles of the RGB spaces of `color.spaces`, made from their definitions.

Matrix and curve profiles of version 4.3 (ICC.1:2010), which every colour-managed
program reads: primaries adapted to D50 by Bradford, curves as parametric type 3.
"""

import struct

import numpy as np

from lutjax.color import matrices, spaces

_TITLES = {
  'srgb': 'sRGB',
  'rec709': 'Rec. 709',
  'prophoto': 'ProPhoto RGB',
  'display_p3': 'Display P3',
  'adobe_rgb': 'Adobe RGB (1998)',
  'rec2020': 'Rec. 2020',
}
# The profile connection space's white as the standard prints it.
_PCS_WHITE = (0.9642, 1.0, 0.8249)


def icc_profile(space: str) -> bytes:
  """Returns the ICC profile of an RGB space with its own transfer function.

  Args:
    space: A name in `spaces.SPACES`.

  Returns:
    The profile, the same bytes each time.
  """
  rgb = spaces.SPACES[space]
  adaptation = matrices.adaptation_matrix(
    matrices.xy_to_xyz(rgb.white), np.array(_PCS_WHITE), method='bradford'
  )
  columns = (adaptation @ matrices.primary_matrix(rgb.primaries, rgb.white)).T
  # Rounding to 16 fractional bits must not tint white.
  columns[1] += np.array(_PCS_WHITE) - columns.sum(axis=0)
  curve = rgb.curve
  tags = {
    b'desc': _text(_TITLES[space]),
    b'cprt': _text('No copyright, use freely'),
    b'wtpt': _xyz(_PCS_WHITE),
    b'chad': b'sf32\0\0\0\0' + _fixed(adaptation.ravel()),
    b'rXYZ': _xyz(columns[0]),
    b'gXYZ': _xyz(columns[1]),
    b'bXYZ': _xyz(columns[2]),
  }
  numbers = (
    curve.gamma,
    1 / curve.scale,
    1 - 1 / curve.scale,
    1 / curve.slope,
    curve.slope * curve.cut,
  )
  parametric = b'para\0\0\0\0' + struct.pack('>HH', 3, 0) + _fixed(numbers)
  tags |= dict.fromkeys((b'rTRC', b'gTRC', b'bTRC'), parametric)
  return _assemble(tags)


def _assemble(tags: dict[bytes, bytes]) -> bytes:
  start = 128 + 4 + 12 * len(tags)
  table, body, places = struct.pack('>I', len(tags)), b'', {}
  for name, data in tags.items():
    if data not in places:
      places[data] = start + len(body)
      body += data + b'\0' * (-len(data) % 4)
    table += name + struct.pack('>II', places[data], len(data))
  header = struct.pack(
    '>I4sI4s4s4s6H4sIIIIQI',
    start + len(body),
    b'\0' * 4,
    0x04300000,
    b'mntr',
    b'RGB ',
    b'XYZ ',
    *(2026, 1, 1, 0, 0, 0),
    b'acsp',
    *(0, 0, 0, 0),
    0,
    0,
  )
  header += _fixed(_PCS_WHITE)
  return header.ljust(128, b'\0') + table + body


def _text(text: str) -> bytes:
  encoded = text.encode('utf-16-be')
  record = struct.pack('>II2s2sII', 1, 12, b'en', b'US', len(encoded), 28)
  return b'mluc\0\0\0\0' + record + encoded


def _xyz(values: np.ndarray | tuple[float, ...]) -> bytes:
  return b'XYZ \0\0\0\0' + _fixed(values)


def _fixed(values: np.ndarray | tuple[float, ...]) -> bytes:
  return b''.join(struct.pack('>i', round(float(v) * 65536)) for v in values)
