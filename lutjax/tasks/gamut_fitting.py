"""One wide-gamut image: reduced, fitted, and the best code for it picked."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lutjax import errors
from lutjax.codec import payload as payload_lib
from lutjax.color import profiles
from lutjax.data import images
from lutjax.models.gamut import codecs, leftover, network, recovery, seeded
from lutjax.nn import encodings
from lutjax.tasks import gamut_decoding, gamut_programs
from lutjax.types import PyTree

# Clipped pixels that candidates are compared on; all of them in most images.
_CHOICE = 1 << 21
# Of residual pictures, finest first; none of more pixels than this is tried.
_SCALES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_LARGEST_PICTURE = {'full': 1_300_000, 'fast': 330_000}
_SPEED = {'full': 6, 'fast': 9}
_LEAST_SIDE = 12
_THRESHOLDS = 2.0 ** np.arange(-12, -1.5, 0.5)
_CODINGS = (('AVIF', '4:4:4'), ('AVIF', '4:2:0'), ('WEBP', '4:2:0'))


class Prepared(NamedTuple):
  """An image, reduced.

  Attributes:
    encoded: `[H, W, 3]` uint16 or float32, ROMM-encoded ProPhoto.
    codes: `[H, W, 3]` uint8, as a reader of `content` will find them.
    content: The sRGB file, still without payload.
    index: Flat numbers of the clipped pixels, ascending; a spread-out
      selection where they are too many.
    samples: Colours, codes and places of a pixel for each of its clipped
      channels, those of R first, then G and B, padded; and where each ends.
    bounds: `(low, high)` of a soft clip, or None.
  """

  encoded: np.ndarray
  codes: np.ndarray
  content: bytes
  index: np.ndarray
  samples: tuple[np.ndarray, ...]
  bounds: tuple[float, float] | None = None


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


def prepare(
  programs: gamut_programs.Programs,
  path: pathlib.Path,
  kind: str,
  quality: int,
  quantiser: recovery.Quantiser,
  *,
  soft: bool = False,
) -> Prepared:
  """Reads an image and reduces it to sRGB.

  Args:
    programs: Compiled programs.
    path: A 16-bit or float image in ProPhoto.
    kind: Format of the reduced file.
    quality: Of JPEG and WebP.
    quantiser: See `recovery.reduce`.
    soft: Whether colours are clipped softly, which changes the visible image.

  Raises:
    ImageError: if it cannot be read, has 8 bits, or does not fit the format.
  """
  image = images.read(path)
  if image.pixels.dtype == np.uint8:
    raise errors.ImageError(
      f'{path}: found 8-bit pixels, expected 16-bit or float ProPhoto colours'
    )
  encoded = np.ascontiguousarray(image.pixels[..., :3])
  flat = encoded.reshape(-1, 3)
  bounds = programs.soft_bounds(flat) if soft else None
  codes = programs.reduce(flat, quantiser, bounds).reshape(encoded.shape)
  pixels = codes
  if image.pixels.shape[2] == 4:
    alpha = images.from_float(images.to_float(image.pixels[..., 3:]), 8)
    pixels = np.concatenate([codes, alpha], axis=-1)
  reduced = images.Image(pixels, profiles.icc_profile('srgb'), image.exif)
  content = images.encode(reduced, kind, str(path), quality=quality)
  if kind == 'JPEG' or (kind == 'WebP' and quality < 100):
    found = images.decode(content, str(path)).pixels[..., :3]
    codes = np.ascontiguousarray(found)
  index, samples = _gather(encoded, codes)
  return Prepared(encoded, codes, content, index, samples, bounds)


def _gather(
  encoded: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
  """Returns the clipped pixels to compare on, and samples of them to fit."""
  index = spread(gamut_programs.clipped(codes), _CHOICE)
  kept = codes.reshape(-1, 3)[index]
  sided = np.flatnonzero(((kept == 0) | (kept == 255)).T)
  sided = spread(sided, gamut_programs.SAMPLES[-1])
  channel, pixel = np.divmod(sided, max(len(index), 1))
  taken = index[pixel]
  padded = next(n for n in gamut_programs.SAMPLES if n >= len(taken))
  arrays = (
    images.to_float(encoded.reshape(-1, 3)[taken]),
    kept[pixel],
    gamut_programs.places(taken, codes.shape[:2]),
  )
  filled = [gamut_programs.pad(array, padded) for array in arrays]
  ends = np.searchsorted(channel, np.arange(3), side='right').astype(np.int32)
  return index, (*filled, ends)


def affordable(config: codecs.Config) -> codecs.Config:
  """Returns the config with as many waves as a small budget can hold."""
  if not config.budget_bytes:
    return config
  held = int((config.budget_bytes - 120) / 2.9) // 16 * 16
  waves = min(config.waves.waves, max(held, 16))
  return dataclasses.replace(
    config, waves=dataclasses.replace(config.waves, waves=waves)
  )


def describe(
  choosing: 'Choosing', best: Candidate, found: Sequence[Candidate]
) -> dict[str, Any]:
  """Returns what to record of a choice: its label and what it was preferred to.

  Gains are those over clipping in dB, on the pixels that candidates were
  compared on.
  """

  def gain(candidate: Candidate) -> float | None:
    error = candidate.errors[0]
    return float(10 * np.log10(choosing.clip.errors[0] / error)) if error > 0 else None

  rivals = {c.label: [c.size_bytes, gain(c)] for c in found}
  return {'label': best.label, 'rivals': rivals}


def spread(index: np.ndarray, limit: int) -> np.ndarray:
  """Returns at most `limit` entries, one out of each of as many equal runs."""
  if len(index) <= limit:
    return index
  jitter = encodings.hash_counters(0, np.arange(limit)) / 2.0**32
  return index[((np.arange(limit) + jitter) * (len(index) / limit)).astype(np.int64)]


class Choosing:
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
    prepared: Prepared,
  ):
    self.config = config
    self.size = prepared.codes.shape[:2]
    self.index = prepared.index
    self._programs = programs
    self._codes = prepared.codes.reshape(-1, 3)[self.index]
    self._encoded = prepared.encoded.reshape(-1, 3)[self.index]
    self._target = programs.target(self._encoded, self._codes)
    clip = programs.expand(self._codes)
    self.clip = Candidate(codecs.Stored('clip', b''), 36, self._errors(clip), 'clip')

  def best(
    self, weight: np.ndarray | None, layers: PyTree = None
  ) -> tuple[Candidate, Sequence[Candidate]]:
    """Returns the best code within the budget, and all that were compared.

    Args:
      weight: Ridge solution `[waves + 6, 3]` float32, where the codec uses one.
      layers: Of the solved network, where the codec uses one.
    """
    if not self.index.size:
      return self.clip, [self.clip]
    found = [self.clip, *self._candidates(weight, layers)]
    held = [c for c in found if self._fits(c)]
    if self.config.guard == 'off' and self.config.codec != 'auto' and held[1:]:
      held = held[1:]
    return min(held, key=lambda c: (c.errors[0], c.size_bytes)), found

  def _candidates(
    self, weight: np.ndarray | None, layers: PyTree
  ) -> Iterator[Candidate]:
    codec = self.config.codec
    base = np.zeros_like(self._target)
    packed = None
    if codec in ('auto', 'seeded', 'mixed') and weight is not None:
      packed, base = self._quantised(weight)
      if codec != 'mixed':
        yield self._candidate({'waves': packed}, base, 'seeded')
    if codec in ('auto', 'mixed') and packed is not None:
      for planes in (1, 3) if self.config.effort == 'full' else (1,):
        yield from self._pictures(packed, base, planes, _CODINGS[:1])
    if layers is not None:
      net = self.config.network, layers
      stored = network.stored(*net)
      where = gamut_programs.places(self.index, self.size)
      predict = self._programs.predict_network
      excess = predict(self.config.network, stored, self._codes, where)
      yield self._candidate({'net': net}, excess, 'mlp')
    if codec == 'picture' or (codec == 'auto' and self.config.effort == 'full'):
      zero = np.zeros_like(base)
      codings = _CODINGS if codec == 'picture' else _CODINGS[1:2]
      yield from self._pictures(None, zero, 3, codings)

  def _quantised(self, weight: np.ndarray) -> tuple[Any, np.ndarray]:
    waves = self.config.waves
    codes, scale = seeded.quantise(waves, weight)
    stored = codes * scale.astype(np.float32)
    where = gamut_programs.places(self.index, self.size)
    drawn = seeded.waves_of(waves)
    predict = self._programs.predict_waves
    return (waves, codes, scale), predict(
      drawn, stored.astype(np.float32), self._codes, where
    )

  def _pictures(
    self, waves: Any, base: np.ndarray, planes: int, codings: Sequence[tuple[str, str]]
  ) -> Iterator[Candidate]:
    """Yields the finest picture within the budget at each scale worth trying."""
    rest = self._target - base
    where = (self._codes == 0) | (self._codes == 255)
    if planes == 1:
      channel = gamut_decoding.strongest(self._codes, base)[:, None]
      rest = np.take_along_axis(rest, channel, 1)
      where = np.take_along_axis(where, channel, 1)
    budget = self.config.budget_bytes or payload_lib.MAX_BYTES
    spent = _size(codecs.pack(waves=waves)) + (0 if waves else 4)
    effort = self.config.effort
    largest = _LARGEST_PICTURE[effort]
    for kind, sampling in codings:
      least = np.inf
      for scale in _SCALES:
        large = self.size[0] * self.size[1] > largest * scale**2
        if large or (scale > 1 and min(self.size) < _LEAST_SIDE * scale):
          continue
        picture = leftover.average(rest, where, self.index, self.size, scale)
        coded = _finest(picture, kind, scale, sampling, budget - spent, _SPEED[effort])
        if coded is None:
          continue
        near = self._near(coded)
        excess = gamut_decoding.add_leftover(self._codes, base, near)
        label = f'{kind} 1/{scale} {sampling if planes == 3 else "4:0:0"}'
        label = f'seeded + {label}' if waves else label
        found = self._candidate({'waves': waves, 'picture': coded}, excess, label)
        yield found
        if found.errors[0] > least or effort == 'fast':
          break
        least = found.errors[0]

  def _near(self, coded: leftover.Leftover) -> np.ndarray:
    """Returns the picture's values at the compared pixels."""
    planes = leftover.decode(coded, self.size)
    height, width = self.size
    step = max(1, gamut_programs.BLOCK // width)
    parts = []
    for start in range(0, height, step):
      stop = min(start + step, height)
      inside = slice(*np.searchsorted(self.index, (start * width, stop * width)))
      large = leftover.rows(planes, coded.scale, width, start, stop)
      parts.append(large[self.index[inside] - start * width])
    return np.concatenate(parts)

  def _candidate(
    self, parts: dict[str, Any], excess: np.ndarray, label: str
  ) -> Candidate:
    recovered = self._programs.recover(self._codes, excess, 0.0)
    stored = codecs.pack(**parts, mode='project')
    found = Candidate(stored, _size(stored), self._errors(recovered), label)
    if self.config.guard != 'strict':
      return found
    for threshold in _THRESHOLDS:
      if self._holds(found):
        break
      stored = codecs.pack(**parts, mode='project', threshold=float(threshold))
      recovered = self._programs.recover(self._codes, excess, float(threshold))
      found = Candidate(stored, _size(stored), self._errors(recovered), label)
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

  def _errors(self, recovered: np.ndarray) -> np.ndarray:
    square = self._programs.square_errors(recovered, self._encoded)
    return square[:, :2].sum(axis=0, dtype=np.float64)


def _size(stored: codecs.Stored) -> int:
  return payload_lib.HEADER_BYTES + len(stored.body)


def _finest(
  picture: np.ndarray, kind: str, scale: int, sampling: str, budget: int, speed: int
) -> leftover.Leftover | None:
  """Returns the picture at the highest quality that fits, or None."""
  low, high, best = 0, 100, None
  while high - low > 2:
    middle = (low + high) // 2
    coded = leftover.encode(picture, kind, scale, middle, sampling, speed)
    if len(leftover.to_bytes(coded)) <= budget:
      low, best = middle, coded
    else:
      high = middle
  return best
