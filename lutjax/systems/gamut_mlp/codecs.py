"""The codecs of a payload: how the lost colours of an image are stored.

A body is a short head and up to three parts whose predictions of the excess
add up: seeded waves, a network, and a residual picture. Two methods that the paper
compares with have bodies of their own: the bounds of a soft clip, and sampled
colours.
"""

import dataclasses
import struct
from typing import Literal, NamedTuple

import numpy as np

from lutjax import errors
from lutjax.codec import payload as payload_lib
from lutjax.systems.gamut_mlp import model as gamut_mlp
from lutjax.systems.gamut_mlp import network, residual_picture, sampled, seeded
from lutjax.types import PyTree

Codec = Literal['auto', 'clip', 'seeded', 'mlp', 'picture', 'mixed', 'soft', 'sampled']
Mode = Literal['project', 'gate', 'plain']

# By number in a payload.
NUMBERS = ('clip', 'mlp', 'seeded', 'picture', 'mixed', 'soft', 'sampled')
_MODES = ('project', 'gate', 'plain')
_HEAD = struct.Struct('<BBe')
_SEEDED, _NETWORK, _PICTURE = 1, 2, 4
_BOUNDS = struct.Struct('<ffB')
# Of a soft clip; ProPhoto reaches no further than 4 in linear sRGB.
_FURTHEST = 16.0


@dataclasses.dataclass(frozen=True)
class Config:
  """How lost colours are stored.

  Attributes:
    codec: `auto` keeps the best that fits the budget; `clip` stores nothing
      beyond the header; `soft` and `sampled` are the paper's other rivals.
    budget_bytes: Most that a payload may take, header and all; 0 for no bound.
    guard: `overall` takes no payload that is worse than clipping in PSNR over
      all or over out-of-gamut pixels; `strict` adds in-gamut pixels, at a high
      price; `off` checks nothing.
    min_gain_db_per_kb: What 1,024 bytes must gain in PSNR over the whole picture:
      the code is kept whose PSNR less this price of its bytes is highest, errors
      of pixels that are not clipped counting as 70 dB at least. Clipping is one of
      the codes, with a header of 36 bytes, unless the guard is off and a codec is
      named. The paper's rivals and published networks are taken as they are.
    effort: `full` compares residual pictures of several scales, more waves where
      the budget is large, and a solved network; `fast` makes one picture of a
      moderate scale, in a fifth of the time.
    mode: `project` makes predictions agree with the stored codes; `gate`
      predicts clipped pixels alone; `plain` predicts every pixel, as the paper.
    waves: The seeded waves.
    network: The network of `mlp`; a solved one is guarded, narrowed to the
      budget and compared as the other codes are, the published kind is taken as
      it is.
    sampled_side: Colours along either side of the grid of `sampled`.
  """

  codec: Codec = 'auto'
  budget_bytes: int = 5120
  guard: Literal['overall', 'strict', 'off'] = 'overall'
  min_gain_db_per_kb: float = 0.01
  effort: Literal['fast', 'full'] = 'fast'
  mode: Mode = 'project'
  waves: seeded.Config = seeded.Config()  # noqa: RUF009
  network: gamut_mlp.Config = gamut_mlp.Config()  # noqa: RUF009
  sampled_side: int = 150

  def __post_init__(self):
    if self.budget_bytes < 0 or not 2 <= self.sampled_side <= sampled.MAX_SIDE:
      raise ValueError(
        f'Expected a budget of 0 or more and a grid of 2 to '
        f'{sampled.MAX_SIDE}, got {self.budget_bytes} and {self.sampled_side}.'
      )
    if not 0.0 <= self.min_gain_db_per_kb < float('inf'):
      raise ValueError(
        f'Expected a least gain of 0 or more dB per KB, got {self.min_gain_db_per_kb}.'
      )
    if self.network.solved and self.codec == 'mlp' and self.mode != 'project':
      raise ValueError(f'Expected mode project for a solved network, got {self.mode}.')
    if self.mode == 'plain' and self.codec not in ('mlp', 'soft', 'sampled'):
      raise ValueError(f'Expected codec mlp for mode plain, got {self.codec}.')


class Model(NamedTuple):
  """What a body holds, decoded.

  Attributes:
    codec: Its name.
    mode: See `Config`.
    threshold: Predictions smaller than this in every channel count as none.
    waves: Config of the seeded waves, or None.
    weight: Their weights `[waves + 6, 3]`.
    network: Config of the network, or None.
    layers: Its layers.
    picture: The coded picture, or None.
    bounds: `(low, high)` of a soft clip, or None.
    samples: `[S, S, 3]` uint16 sampled colours, or None.
  """

  codec: str = 'clip'
  mode: str = 'project'
  threshold: float = 0.0
  waves: seeded.Config | None = None
  weight: np.ndarray | None = None
  network: gamut_mlp.Config | None = None
  layers: PyTree = None
  picture: residual_picture.ResidualPicture | None = None
  bounds: tuple[float, float] | None = None
  samples: np.ndarray | None = None


class Stored(NamedTuple):
  """A body, and what the header says of it.

  Attributes:
    codec: Name in `NUMBERS`.
    body: Its bytes.
    seed: Of the waves.
  """

  codec: str
  body: bytes
  seed: int = 0


def pack(
  *,
  waves: tuple[seeded.Config, np.ndarray, np.ndarray] | None = None,
  net: tuple[gamut_mlp.Config, PyTree] | None = None,
  picture: residual_picture.ResidualPicture | None = None,
  mode: str = 'project',
  threshold: float = 0.0,
) -> Stored:
  """Packs a body of parts.

  Args:
    waves: Config, integers and scales of the seeded waves.
    net: Config and layers of a network.
    picture: The coded picture.
    mode: See `Config`.
    threshold: See `Model`; rounded up to float16.

  Returns:
    The body.
  """
  parts, mask, seed, name = [], 0, 0, 'clip'
  if waves is not None:
    parts.append(seeded.to_bytes(*waves))
    mask, seed, name = mask | _SEEDED, waves[0].seed, 'seeded'
  if net is not None:
    parts.append(network.to_bytes(*net))
    mask, name = mask | _NETWORK, 'mlp'
  if picture is not None:
    parts.append(residual_picture.to_bytes(picture))
    name = 'mixed' if mask else 'picture'
    mask |= _PICTURE
  if not mask:
    return Stored('clip', b'')
  least = np.nextafter(np.float16(threshold), np.float16(np.inf)) if threshold else 0.0
  head = _HEAD.pack(mask, _MODES.index(mode), least)
  return Stored(name, head + b''.join(parts), seed)


def pack_soft(low: float, high: float, mode: str = 'project') -> Stored:
  """Packs the bounds of a soft clip; `plain` leaves recovered colours unbounded.

  Args:
    low: Lower bound of the soft clip.
    high: Upper bound.
    mode: `project`, `gate` or `plain`.
  """
  return Stored('soft', _BOUNDS.pack(low, high, _MODES.index(mode)))


def pack_sampled(samples: np.ndarray) -> Stored:
  """Packs sampled colours `[S, S, 3]` uint16."""
  return Stored('sampled', sampled.to_bytes(samples))


def unpack(payload: payload_lib.Payload, source: str = 'payload') -> Model:
  """Decodes a body.

  Args:
    payload: From `codec.payload.unpack`.
    source: Named in errors.

  Returns:
    The model.

  Raises:
    ArtefactError: if the body is damaged or of a codec that is not known.
  """
  if payload.codec >= len(NUMBERS):
    raise errors.ArtefactError(
      f'{source}: found codec {payload.codec}, expected one of '
      f'{", ".join(NUMBERS)}: a newer lutjax wrote it'
    )
  name, body = NUMBERS[payload.codec], payload.body
  if name == 'clip':
    return Model()
  if name == 'soft':
    if len(body) != _BOUNDS.size or body[-1] >= len(_MODES):
      raise errors.ArtefactError(f'{source}: found a soft clip of {len(body)} bytes')
    low, high, mode = _BOUNDS.unpack(body)
    if not (-_FURTHEST <= low <= 0.0 and 1.0 <= high <= _FURTHEST):
      raise errors.ArtefactError(
        f'{source}: found a soft clip from {low:g} to {high:g}, expected one around '
        f'[0, 1] within +-{_FURTHEST:g}'
      )
    return Model('soft', _MODES[mode], bounds=(low, high))
  if name == 'sampled':
    return Model('sampled', samples=sampled.from_bytes(body, source))
  if len(body) < _HEAD.size:
    raise errors.ArtefactError(f'{source}: found a body of {len(body)} bytes')
  mask, mode, threshold = _HEAD.unpack_from(body)
  blind = _MODES[mode % len(_MODES)] == 'plain' and not mask & _NETWORK
  if mask >= 8 or mode >= len(_MODES) or not threshold >= 0.0 or blind:
    raise errors.ArtefactError(
      f'{source}: found parts {mask}, mode {mode} and threshold {threshold}, expected '
      'those that this version writes'
    )
  model, rest = Model(name, _MODES[mode], threshold), body[_HEAD.size :]
  if mask & _SEEDED:
    waves, weight, rest = seeded.from_bytes(rest, payload.seed, source)
    model = model._replace(waves=waves, weight=weight)
  if mask & _NETWORK:
    config, layers, rest = network.from_bytes(rest, source)
    if config.solved and model.mode != 'project':
      raise errors.ArtefactError(
        f'{source}: found a solved network in {model.mode} mode'
      )
    model = model._replace(network=config, layers=layers)
  if mask & _PICTURE:
    return model._replace(picture=residual_picture.from_bytes(rest, source))
  if rest:
    raise errors.ArtefactError(f'{source}: found {len(rest)} bytes too many')
  return model
