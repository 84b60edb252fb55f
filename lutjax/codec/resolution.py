"""Pixel density, in the form of each image format.

PNG counts whole pixels per metre, JFIF whole pixels per inch or centimetre, TIFF and
EXIF fractions per inch or centimetre. Without a unit only the ratio of the two numbers
means something: the shape of a pixel.
"""

import struct
from fractions import Fraction
from typing import NamedTuple

from lutjax.codec import exif as exif_codec

NO_UNIT, INCH, CENTIMETRE = 1, 2, 3
_X, _Y, _UNIT = 282, 283, 296
_INCHES_PER_METRE = Fraction(10000, 254)
_JFIF_UNITS = {NO_UNIT: 0, INCH: 1, CENTIMETRE: 2}
# Whole numbers may differ this much from what they stand for.
_TOLERANCE = Fraction(1, 100)


class Resolution(NamedTuple):
  """Pixels per unit.

  Attributes:
    x: Across.
    y: Down.
    unit: `NO_UNIT`, `INCH` or `CENTIMETRE`, the codes of TIFF.
  """

  x: Fraction
  y: Fraction
  unit: int


def make(x: Fraction, y: Fraction, unit: int) -> Resolution | None:
  """Returns a resolution, or None if the numbers do not define one.

  Args:
    x: Pixels per unit, across.
    y: Pixels per unit, down.
    unit: `NO_UNIT`, `INCH` or `CENTIMETRE`; others give None.
  """
  known = unit in _JFIF_UNITS and x > 0 and y > 0
  return Resolution(x, y, unit) if known and (unit != NO_UNIT or x != y) else None


def from_png(data: bytes) -> Resolution | None:
  """Reads chunk pHYs: whole inches where they are what was rounded."""
  if len(data) != 9:
    return None
  x, y, per_metre = struct.unpack('>IIB', data)
  if per_metre != 1:
    return make(Fraction(x), Fraction(y), NO_UNIT)
  inches = [round(count / _INCHES_PER_METRE) for count in (x, y)]
  if [round(count * _INCHES_PER_METRE) for count in inches] == [x, y]:
    return make(Fraction(inches[0]), Fraction(inches[1]), INCH)
  return make(Fraction(x, 100), Fraction(y, 100), CENTIMETRE)


def to_png(resolution: Resolution) -> bytes | None:
  """Makes chunk pHYs, or None if its integers cannot hold the resolution."""
  scale = {NO_UNIT: Fraction(1), INCH: _INCHES_PER_METRE, CENTIMETRE: Fraction(100)}
  x, y = (count * scale[resolution.unit] for count in resolution[:2])
  whole = _rounded(x, y, 0x7FFFFFFF)
  if resolution.unit == NO_UNIT:
    whole = _ratio(resolution, 0x7FFFFFFF)
  if whole is None:
    return None
  return struct.pack('>IIB', *whole, int(resolution.unit != NO_UNIT))


def from_jfif(data: bytes) -> Resolution | None:
  """Reads the density of a JFIF segment."""
  if len(data) < 12 or not data.startswith(b'JFIF\0'):
    return None
  code, x, y = struct.unpack_from('>BHH', data, 7)
  units = {code: unit for unit, code in _JFIF_UNITS.items()}
  return make(Fraction(x), Fraction(y), units.get(code, 0))


def to_jfif(resolution: Resolution) -> bytes | None:
  """Makes unit and density of a JFIF segment, or None if they cannot hold it."""
  if resolution.unit == NO_UNIT:
    whole, unit = _ratio(resolution, 0xFFFF), NO_UNIT
  else:
    inch = Fraction(254, 100)
    scale = inch if resolution.unit == CENTIMETRE else 1 / inch
    other = INCH if resolution.unit == CENTIMETRE else CENTIMETRE
    x, y, unit = resolution
    whole = _rounded(x, y, 0xFFFF)
    swapped = _rounded(x * scale, y * scale, 0xFFFF)
    if whole is None or (
      swapped is not None and abs(swapped[0] / (x * scale) - 1) < abs(whole[0] / x - 1)
    ):
      whole, unit = swapped, other
  return whole and struct.pack('>BHH', _JFIF_UNITS[unit], *whole)


def from_exif(exif: bytes) -> Resolution | None:
  """Reads the main directory of an EXIF stream or a TIFF file."""
  order = exif_codec.byte_order(exif)
  values = exif_codec.main_values(exif, (_X, _Y, _UNIT))
  try:
    x, y = (Fraction(*struct.unpack(f'{order}II', values[tag])) for tag in (_X, _Y))
    unit = values.get(_UNIT)
    code = INCH if unit is None else struct.unpack(f'{order}H', unit)[0]
  except (KeyError, struct.error, ZeroDivisionError):
    return None
  return make(x, y, code)


def exif_fields(
  resolution: Resolution, order: str
) -> list[tuple[int, int, int, bytes]]:
  """Returns tag, kind, count and value of the fields that hold a resolution.

  Args:
    resolution: To store.
    order: Byte order as `struct` names it, `<` or `>`.
  """
  x, y = (
    struct.pack(f'{order}II', count.numerator, count.denominator)
    for count in (resolution.x, resolution.y)
  )
  unit = struct.pack(f'{order}H', resolution.unit)
  return [(_X, 5, 1, x), (_Y, 5, 1, y), (_UNIT, 3, 1, unit)]


def _rounded(x: Fraction, y: Fraction, most: int) -> tuple[int, int] | None:
  whole = round(x), round(y)
  close = all(abs(n - exact) <= _TOLERANCE * exact for n, exact in zip(whole, (x, y)))
  return whole if close and max(whole) <= most else None


def _ratio(resolution: Resolution, most: int) -> tuple[int, int] | None:
  ratio = (resolution.x / resolution.y).limit_denominator(most)
  return _rounded(Fraction(ratio.numerator), Fraction(ratio.denominator), most)
