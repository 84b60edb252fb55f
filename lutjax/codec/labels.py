"""Labels of looks: what an artefact stores about the looks that it holds."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from lutjax import config, errors
from lutjax.codec import curves

UNIT_DOMAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNIT_RANGE = (0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Label:
  """Name, domain, range and curve of a look; networks work on the unit cube.

  A colour passes the domain, the curve, the network and the range.

  Attributes:
    name: Unique within an artefact.
    domain: Inputs that the unit cube stands for, `(minimum, maximum)` of
      three channels each.
    range: Outputs that 0 and 1 stand for; wider than [0, 1] for a LUT whose
      values go beyond it.
    curve: From the domain, mapped to [0, 1], to what the network sees; None
      where that is the domain itself.
  """

  name: str
  domain: tuple[tuple[float, ...], tuple[float, ...]] = UNIT_DOMAIN
  range: tuple[float, float] = UNIT_RANGE
  curve: curves.Curve | None = None

  @property
  def is_default(self) -> bool:
    """Whether everything but the name has its default value."""
    return self == Label(self.name)

  def mixes_with(self, other: 'Label') -> bool:
    """Whether a mix of network outputs is a mix of the looks."""
    return dataclasses.replace(self, name=other.name) == other


def to_header(looks: Sequence[Label]) -> list[Any]:
  """Returns what a container header holds: a bare name where the rest is usual."""
  header: list[Any] = []
  for look in looks:
    if look.is_default:
      header.append(look.name)
    else:
      flat = [float(value) for row in look.domain for value in row]
      curve = [] if look.curve is None else [curves.to_header(look.curve)]
      header.append([look.name, *flat, *map(float, look.range), *curve])
  return header


def from_header(header: Any, source: str) -> tuple[Label, ...]:
  """Reads what `to_header` wrote.

  Args:
    header: Untrusted content.
    source: Named in the error.

  Returns:
    The looks.

  Raises:
    ArtefactError: on anything else.
  """
  looks = []
  for item in header if isinstance(header, list) else [None]:
    if isinstance(item, str):
      looks.append(Label(item))
    elif (
      isinstance(item, list)
      and len(item) in (9, 10)
      and isinstance(item[0], str)
      and all(isinstance(value, float) and math.isfinite(value) for value in item[1:9])
      and all(
        low < high for low, high in zip((*item[1:4], item[7]), (*item[4:7], item[8]))
      )
    ):
      domain = (tuple(item[1:4]), tuple(item[4:7]))
      looks.append(Label(item[0], domain, (item[7], item[8]), _curve(item, source)))
    else:
      raise errors.ArtefactError(
        f'{source}: found {str(item)[:40]!r} in the list of looks, expected names'
      )
  if len({look.name for look in looks}) < len(looks):
    raise errors.ArtefactError(f'{source}: found two looks of one name')
  return tuple(looks)


def find(looks: Sequence[Label], name: str, flag: str = '--look') -> int:
  """Returns the index of a look, by its name or its number.

  Args:
    looks: Of a model.
    name: What was asked for.
    flag: Where; named in the error.

  Raises:
    InputError: when there is none; the nearest name is given.
  """
  names = [look.name for look in looks]
  if name in names:
    return names.index(name)
  if name.isdecimal() and int(name) < len(names):
    return int(name)
  raise errors.InputError(
    f'{flag}={name}: no such look among {len(names)}{config.nearest(name, names)}'
  )


def _curve(item: list[Any], source: str) -> curves.Curve | None:
  """Reads the curve of a look, where it has one."""
  if len(item) < 10:
    return None
  try:
    return curves.from_header(item[9])
  except ValueError as error:
    raise errors.ArtefactError(f'{source}: {item[0][:40]!r}: {error}') from error
