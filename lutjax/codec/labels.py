"""Labels of looks: what an artefact stores about the looks that it holds."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from lutjax import config, errors
from lutjax.codec import curves

UNIT_DOMAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNIT_RANGE = (0.0, 1.0)


# Nodes along a setting, at most.
MAX_NODES = 256
# Of the name of a setting: text that flags can hold.
_SETTING = re.compile(r'[^\s,:][^,:\x00-\x1f]{0,62}')


@dataclasses.dataclass(frozen=True)
class Setting:
  """A number in [0, 1] that a look depends on, such as exposure.

  Attributes:
    name: As users ask for it; without commas and colons.
    nodes: Along its axis, of the lattice that was fitted.
  """

  name: str
  nodes: int

  def __post_init__(self):
    if not _SETTING.fullmatch(self.name) or not 2 <= self.nodes <= MAX_NODES:
      raise ValueError(
        f'found a setting {self.name[:40]!r} of {self.nodes} nodes, expected a name of '
        f'63 characters at most without commas and colons, and 2 to {MAX_NODES} nodes'
      )


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
    settings: What it depends on beside the colour, in the order of the inputs.
  """

  name: str
  domain: tuple[tuple[float, ...], tuple[float, ...]] = UNIT_DOMAIN
  range: tuple[float, float] = UNIT_RANGE
  curve: curves.Curve | None = None
  settings: tuple[Setting, ...] = ()

  @property
  def is_default(self) -> bool:
    """Whether everything but the name has its default value."""
    return self == Label(self.name)

  def mixes_with(self, other: 'Label') -> bool:
    """Whether a mix of network outputs is a mix of the looks."""
    same = [item.name for item in self.settings] == [s.name for s in other.settings]
    alike = dataclasses.replace(self, name=other.name, settings=other.settings)
    return same and alike == other


def to_header(looks: Sequence[Label]) -> list[Any]:
  """Returns what a container header holds: a bare name where the rest is usual."""
  header: list[Any] = []
  for look in looks:
    if look.is_default:
      header.append(look.name)
    else:
      flat = [float(value) for row in look.domain for value in row]
      curve = [] if look.curve is None else [curves.to_header(look.curve)]
      if look.settings:
        named = [[setting.name, setting.nodes] for setting in look.settings]
        curve = [*(curve or [None]), named]
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
      and len(item) in (9, 10, 11)
      and isinstance(item[0], str)
      and all(isinstance(value, float) and math.isfinite(value) for value in item[1:9])
      and all(
        low < high for low, high in zip((*item[1:4], item[7]), (*item[4:7], item[8]))
      )
    ):
      domain = (tuple(item[1:4]), tuple(item[4:7]))
      more = _curve(item, source), _settings(item, source)
      looks.append(Label(item[0], domain, (item[7], item[8]), *more))
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
  if len(item) < 10 or (len(item) == 11 and item[9] is None):
    return None
  try:
    return curves.from_header(item[9])
  except ValueError as error:
    raise errors.ArtefactError(f'{source}: {item[0][:40]!r}: {error}') from error


def _settings(item: list[Any], source: str) -> tuple[Setting, ...]:
  """Reads the settings of a look, where it has some."""
  if len(item) < 11:
    return ()
  try:
    found = tuple(_setting(name, nodes) for name, nodes in item[10])
    if not found or len({setting.name for setting in found}) < len(found):
      raise ValueError(f'found {len(found)} settings, expected names that differ')
  except (TypeError, ValueError) as error:
    raise errors.ArtefactError(f'{source}: {item[0][:40]!r}: {error}') from error
  return found


def _setting(name: Any, nodes: Any) -> Setting:
  if not isinstance(name, str) or type(nodes) is not int:
    raise ValueError(f'found {f"{name}, {nodes}"[:40]!r}, expected a name and a count')
  return Setting(name, nodes)
