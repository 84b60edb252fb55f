"""Fitting one wide-gamut image and selecting the best code for it."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax.codec import carriers
from lutjax.codec import payload as payload_lib
from lutjax.systems.gamut_mlp import (
  codecs,
  decoding,
  network,
  preparing,
  residual_picture,
  seeded,
)
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.types import PyTree

# The mean squared error of the others counts as this at least, 70 dB: a tenth of
# what rounding to 8 bits leaves in photographs.
_FLOOR = 1e-7
# Of residual pictures, finest first; none of more pixels than this is tried.
_SCALES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_LARGEST_PICTURE = {'full': 1_300_000, 'fast': 330_000}
_SPEED = {'full': 6, 'fast': 9}
_LEAST_SIDE = 12
_THRESHOLDS = [2.0 ** (step / 2) for step in range(-24, -3)]
# Weights of in-gamut pixels that the strict guard tries: the least that holds
# costs the least.
_STRICT = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4)
# At full effort, a wave for so many bytes of the budget.
_BYTES_PER_WAVE, _MOST_WAVES = 10, 1024
# A picture is put on a network that takes at most this share of the budget.
_SMALL_SHARE = 0.25
_CODINGS = (('AVIF', '4:4:4'), ('AVIF', '4:2:0'), ('WEBP', '4:2:0'))


class Candidate(NamedTuple):
  """A code of an image.

  Attributes:
    stored: What would be embedded.
    size_bytes: Of the whole payload.
    errors: Squared errors over the compared pixels: all, out of gamut.
    label: What it is, for the record.
  """

  stored: codecs.Stored
  size_bytes: int
  errors: np.ndarray
  label: str


class _Base(NamedTuple):
  """Seeded waves or a network that a picture may be added to, or nothing.

  Attributes:
    parts: What `codecs.pack` takes of it.
    excess: What it predicts at the compared pixels; `[n, 3]`.
    alone: The code that it is by itself.
    in_gamut: What in-gamut pixels weighed in its fit.
  """

  parts: dict[str, Any]
  excess: np.ndarray
  alone: Candidate
  in_gamut: float


def affordable(config: codecs.Config, kind: str) -> codecs.Config:
  """Returns the config with what a file and its budget can hold.

  A small budget narrows waves and network; a large one has more waves at full
  effort.

  Args:
    config: As requested.
    kind: Format of the outputs; a JPEG file holds one segment.
  """
  if kind == 'JPEG':
    most = carriers.SEGMENT_BYTES
    budget = min(config.budget_bytes or most, most)
    config = dataclasses.replace(config, budget_bytes=budget)
  budget = config.budget_bytes
  if not budget:
    return config
  waves, net = config.waves.waves, config.network
  if config.effort == 'full':
    waves = max(waves, min(budget // _BYTES_PER_WAVE // 16 * 16, _MOST_WAVES))
  waves = min(waves, max(int((budget - 120) / 2.9) // 16 * 16, 16))
  while net.solved and net.width > 2 and network.expected_bytes(net) > budget - 40:
    net = dataclasses.replace(net, width=net.width - 1)
  return dataclasses.replace(
    config, waves=dataclasses.replace(config.waves, waves=waves), network=net
  )


def in_gamut_weights(config: codecs.Config) -> tuple[float, ...]:
  """Returns the weights of in-gamut pixels that ridge regressions are made for."""
  return _STRICT if config.guard == 'strict' else (1.0,)


def needs_network(config: codecs.Config) -> bool:
  """Tells whether a solved network is to be fitted; see `CodeSelection.best`."""
  tried = config.codec == 'auto' and config.effort == 'full'
  return config.network.solved and (config.codec == 'mlp' or tried)


def describe(
  selection: 'CodeSelection', best: Candidate, found: Sequence[Candidate]
) -> dict[str, Any]:
  """Returns the record of a selection: its label, and the other candidates.

  Gains are those over clipping in dB, over the whole picture.

  Args:
    selection: The image's, which measures gains.
    best: The candidate that was chosen.
    found: All candidates.
  """
  rivals = {c.label: [c.size_bytes, selection.gain(c)] for c in found}
  return {'label': best.label, 'rivals': rivals}


class CodeSelection:
  """Codes for one image, compared on its clipped pixels.

  Args:
    programs: Compiled programs.
    config: What is allowed.
    prepared: The image.
  """

  def __init__(
    self,
    programs: gamut_programs.Programs,
    config: codecs.Config,
    prepared: preparing.Prepared,
  ):
    self.config = config
    self.size = prepared.codes.shape[:2]
    self.index = prepared.index
    self._share = prepared.share
    self._rest = max(prepared.rest, _FLOOR * prepared.codes.size)
    self._programs = programs
    self._codes = prepared.codes.reshape(-1, 3)[self.index]
    self._encoded = prepared.encoded.reshape(-1, 3)[self.index]
    self._where = gamut_programs.position_features(self.index, prepared.codes)
    self._target = programs.target(self._encoded, self._codes)
    square = programs.square_errors(programs.expand(self._codes), self._encoded)
    self._outside = square[:, 2] > 0
    self.clip = Candidate(codecs.Stored('clip', b''), 36, _summed(square), 'clip')

  def best(
    self, weights: np.ndarray | None, layers: PyTree = None
  ) -> tuple[Candidate, Sequence[Candidate]]:
    """Returns the code with the best gain per byte in the budget, and all codes.

    Args:
      weights: Ridge solutions `[K, waves + 9, 3]` float32, one for each of
        `in_gamut_weights`, where the codec uses any.
      layers: Of the solved network, where the codec uses one.
    """
    if not self.index.size:
      return self.clip, [self.clip]
    found = [self.clip, *self._candidates(weights, layers)]
    held = [c for c in found if self._fits(c)]
    if self.config.guard == 'off' and self.config.codec != 'auto' and held[1:]:
      held = held[1:]
    return min(held, key=lambda c: (self._price(c) - self.gain(c), c.size_bytes)), found

  def gain(self, candidate: Candidate) -> float:
    """Returns its PSNR above that of clipping, dB, over the whole picture.

    Pixels that are not clipped are taken to be off by 70 dB at least, so that a
    picture made of 8-bit codes does not buy what nobody will find.
    """
    before, after = (
      self._rest + self._share * c.errors[0] for c in (self.clip, candidate)
    )
    return float(10 * np.log10(before / after))

  def _price(self, candidate: Candidate) -> float:
    return self.config.min_gain_db_per_kb * candidate.size_bytes / 1024

  def _candidates(
    self, weights: np.ndarray | None, layers: PyTree
  ) -> Iterator[Candidate]:
    codec = self.config.codec
    if codec in ('auto', 'seeded', 'mixed') and weights is not None:
      bases = [self._base(*pair) for pair in self._ridges(weights)]
      held = [base for base in bases if self._holds(base.alone)] or bases
      base = min(held, key=lambda base: base.alone.errors[0])
      if codec != 'mixed':
        yield base.alone
      if codec != 'seeded':
        yield from self._mixtures(base)
    if layers is not None:
      base = self._network(layers)
      yield base.alone
      most = _SMALL_SHARE * (self.config.budget_bytes or np.inf)
      if codec == 'auto' and base.alone.size_bytes <= most:
        yield from self._mixtures(base)
    if codec == 'picture' or (codec == 'auto' and self.config.effort == 'full'):
      none = _Base({}, np.zeros_like(self._target), self.clip, 1.0)
      codings = _CODINGS if codec == 'picture' else _CODINGS[1:2]
      yield from self._pictures(none, 3, codings)

  def _ridges(self, weights: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    return zip(weights, in_gamut_weights(self.config), strict=True)

  def _base(self, weight: np.ndarray, in_gamut: float) -> _Base:
    waves = self.config.waves
    codes, scale = seeded.quantise(waves, weight)
    stored = (codes * scale.astype(np.float32)).astype(np.float32)
    drawn = seeded.waves_of(waves)
    excess = self._programs.predict_waves(drawn, stored, self._codes, self._where)
    parts = {'waves': (waves, codes, scale)}
    alone = self._candidate(parts, excess, 'seeded')
    return _Base(parts, excess, alone, in_gamut)

  def _network(self, layers: PyTree) -> _Base:
    net = self.config.network
    stored = network.stored(net, layers)
    predict = self._programs.predict_network
    excess = predict(net, stored, self._codes, self._where)
    parts = {'net': (net, layers)}
    return _Base(parts, excess, self._candidate(parts, excess, 'mlp'), 1.0)

  def _mixtures(self, base: _Base) -> Iterator[Candidate]:
    for planes in (1, 3) if self.config.effort == 'full' else (1,):
      yield from self._pictures(base, planes, _CODINGS[:1])

  def _pictures(
    self, base: _Base, planes: int, codings: Sequence[tuple[str, str]]
  ) -> Iterator[Candidate]:
    """Yields the finest picture within the budget at each scale worth trying."""
    rest = self._target - base.excess
    importance = np.where(self._outside, 1.0, base.in_gamut).astype(np.float32)
    weights = ((self._codes == 0) | (self._codes == 255)) * importance[:, None]
    if planes == 1:
      channel = decoding.strongest(self._codes, base.excess)[:, None]
      rest = np.take_along_axis(rest, channel, 1)
      weights = np.take_along_axis(weights, channel, 1)
    budget = self.config.budget_bytes or payload_lib.MAX_BYTES
    spent = _size(codecs.pack(**base.parts)) + (0 if base.parts else 4)
    if spent >= budget:
      return
    effort = self.config.effort
    largest = _LARGEST_PICTURE[effort]
    for kind, sampling in codings:
      least = np.inf
      for scale in _SCALES:
        large = self.size[0] * self.size[1] > largest * scale**2
        if large or (scale > 1 and min(self.size) < _LEAST_SIDE * scale):
          continue
        picture = residual_picture.average(rest, weights, self.index, self.size, scale)
        coded = _finest(picture, kind, scale, sampling, budget - spent, _SPEED[effort])
        if coded is None:
          continue
        near = self._near(coded)
        excess = decoding.add_residual(self._codes, base.excess, near)
        label = f'{kind} 1/{scale} {sampling if planes == 3 else "4:0:0"}'
        label = f'{base.alone.label} + {label}' if base.parts else label
        found = self._candidate({**base.parts, 'picture': coded}, excess, label)
        yield found
        if found.errors[0] > least or effort == 'fast':
          break
        least = found.errors[0]

  def _near(self, coded: residual_picture.ResidualPicture) -> np.ndarray:
    """Returns the picture's values at the compared pixels."""
    planes = residual_picture.decode(coded, self.size)
    height, width = self.size
    step = max(1, gamut_programs.BLOCK // width)
    parts = []
    for start in range(0, height, step):
      stop = min(start + step, height)
      inside = slice(*np.searchsorted(self.index, (start * width, stop * width)))
      large = residual_picture.rows(planes, coded.scale, width, start, stop)
      parts.append(large[self.index[inside] - start * width])
    return np.concatenate(parts)

  def _candidate(
    self, parts: dict[str, Any], excess: np.ndarray, label: str
  ) -> Candidate:
    """Returns a code, the strict guard's with the least threshold that holds."""

    def at(threshold: float) -> Candidate:
      stored = codecs.pack(**parts, mode='project', threshold=threshold)
      recovered = self._programs.recover(self._codes, excess, threshold)
      square = self._programs.square_errors(recovered, self._encoded)
      return Candidate(stored, _size(stored), _summed(square), label)

    found = at(0.0)
    if self.config.guard == 'strict':
      # One by one: a larger threshold does not always disturb less.
      for threshold in _THRESHOLDS:
        if self._holds(found):
          break
        found = at(threshold)
    return found

  def _fits(self, candidate: Candidate) -> bool:
    budget = self.config.budget_bytes
    small = not budget or candidate.size_bytes <= budget or candidate is self.clip
    return small and (self.config.guard == 'off' or self._holds(candidate))

  def _holds(self, candidate: Candidate) -> bool:
    """Tells whether a code is nowhere worse than clipping, as the guard asks."""
    gain = self.clip.errors - candidate.errors
    inside = gain[0] - gain[1]
    return bool((gain >= 0).all() and (self.config.guard != 'strict' or inside >= 0))


def _summed(square: np.ndarray) -> np.ndarray:
  return square[:, :2].sum(axis=0, dtype=np.float64)


def _size(stored: codecs.Stored) -> int:
  return payload_lib.HEADER_BYTES + len(stored.body)


def _finest(
  picture: np.ndarray, kind: str, scale: int, sampling: str, budget: int, speed: int
) -> residual_picture.ResidualPicture | None:
  """Returns the picture at the highest quality that fits, or None."""
  low, high, best = 0, 100, None
  while high - low > 2:
    middle = (low + high) // 2
    coded = residual_picture.encode(picture, kind, scale, middle, sampling, speed)
    if len(residual_picture.to_bytes(coded)) <= budget:
      low, best = middle, coded
    else:
      high = middle
  return best
