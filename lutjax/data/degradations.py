"""What restoration models undo: smaller pictures, noise, JPEG."""

import dataclasses
from typing import Literal

# Strengths that a kind may have.
_RANGES = {'bicubic': (1, 4), 'noise': (1, 100), 'jpeg': (1, 100)}


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
