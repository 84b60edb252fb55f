"""What is made of pictures before a model is trained or measured on them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lutjax import config as config_lib
from lutjax import errors, files
from lutjax.data import degradations, patches, pictures, resize
from lutjax.types import Loaded, Restorer


@dataclasses.dataclass(frozen=True)
class Config:
  """How patches are made of pictures, and which pictures measure the model.

  Attributes:
    patch: Side of a patch as it is restored, in pixels that the model sees; around it
      lies the model's margin, mirrored at the rims of pictures.
    planes: What is trained on: `each` channel, or the `luma` alone.
    halve: Whether pictures are made half as large first, which takes away what their
      own JPEG coding did.
    validation_share: Of the pictures, held out by the SHA-256 of their files; at least
      one where there are two.
    validation_most: Pictures that are held out at most.
    probe_patches: Of them, measured after each segment.
    pool_megabytes: Of the planes that are trained on; beyond it they are thinned.
    start: Artefact, or run folder, that training goes on from.
    restores: What is undone; that of the model where it is None.
    margin: Of the model; set by the task's `complete`.
  """

  patch: int = 45
  planes: patches.Planes = 'each'
  halve: bool = False
  validation_share: float = 0.05
  validation_most: int = 24
  probe_patches: int = 64
  pool_megabytes: int = 1024
  start: str = ''
  restores: degradations.Degradation | None = None
  margin: int = 0

  def __post_init__(self):
    config_lib.check_ranges(
      self,
      patch=f'[1, {patches.MOST_PATCH}]',
      validation_share='[0, 1)',
      validation_most='[1, inf)',
      probe_patches='[1, inf)',
      pool_megabytes=f'[1, {patches.MOST_BYTES >> 20}]',
    )

  @property
  def side(self) -> int:
    """Side of a patch with its margin."""
    return self.patch + 2 * self.margin

  @property
  def degradation(self) -> degradations.Degradation:
    """What is undone, once the task's `complete` has said it."""
    if self.restores is None:
      raise ValueError('Expected a config that is complete, got restores None.')
    return self.restores


class Context(NamedTuple):
  """What measuring and the report need beyond the patches.

  Attributes:
    held: Pictures that are not trained on, where there are two or more.
    trained: How many pictures are trained on.
    pool: What became of them, in words.
  """

  held: tuple[pictures.Picture, ...]
  trained: int
  pool: str


class Measured(NamedTuple):
  """A picture that a model is measured on.

  Attributes:
    picture: Its file.
    high: `[scale H, scale W, K]` uint8, the planes as they were.
    low: `[H, W, K]` uint8, what the model gets.
    plain: `[scale H, scale W, K]` uint8, what a user has without a model.
  """

  picture: pictures.Picture
  high: np.ndarray
  low: np.ndarray
  plain: np.ndarray


def originals(
  config: Config, picture: pictures.Picture, pixels: np.ndarray
) -> np.ndarray:
  """Returns the planes that a model shall restore of a picture.

  Args:
    config: The task, complete.
    picture: Named in errors.
    pixels: `[H, W, 1 or 3]` uint8.

  Returns:
    `[scale h, scale w, K]` uint8.

  Raises:
    ImageError: if no patch fits in, or it is too large for JPEG.
  """
  scale = config.degradation.scale
  planes = resize.modcrop(pixels, 2) if config.halve else pixels
  if config.halve and planes.size:
    planes = resize.shrink(planes, 2)
  planes = resize.modcrop(patches.to_planes(planes, config.planes), scale)
  if min(planes.shape[:2]) < config.patch * scale:
    side = config.patch * scale * (2 if config.halve else 1)
    raise errors.ImageError(
      f'{picture.path}: found {pixels.shape[1]} x {pixels.shape[0]} pixels, expected '
      f'sides of {side} or more for patches of {config.patch}; --set=patch=N takes '
      'smaller ones'
    )
  longest = degradations.MAX_JPEG_SIDE
  if config.degradation.kind == 'jpeg' and max(planes.shape) > longest:
    raise errors.ImageError(
      f'{picture.path}: found {pixels.shape[1]} x {pixels.shape[0]} pixels, expected '
      f'sides of at most {longest} for JPEG'
    )
  return planes


def degraded(
  degradation: degradations.Degradation, planes: np.ndarray, seed: int
) -> np.ndarray:
  """Degrades each plane on its own, as models restore them.

  Args:
    degradation: What is done.
    planes: `[scale H, scale W, K]` uint8.
    seed: Of the noise, another for each picture.

  Returns:
    `[H, W, K]` uint8.
  """
  made = [
    degradations.degrade(degradation, planes[..., k], seed + k)
    for k in range(planes.shape[2])
  ]
  return np.stack(made, axis=-1)


def training_pairs(config: Config, planes: np.ndarray) -> Iterator[patches.Pair]:
  """Yields a pair for each plane; noise is left to the device.

  Args:
    config: The task, complete.
    planes: `[scale H, scale W, K]` uint8, from `originals`.
  """
  low = None
  if config.degradation.kind != 'noise':
    low = degraded(config.degradation, planes, 0)
  for k in range(planes.shape[2]):
    seen = None if low is None else mirrored(low[..., k], config.margin)
    high = mirrored(planes[..., k], config.margin * config.degradation.scale)
    yield patches.Pair(seen, high)


def mirrored(planes: np.ndarray, margin: int) -> np.ndarray:
  """Returns planes with a margin, mirrored without repeating the edge.

  Args:
    planes: `[H, W, ...]`.
    margin: Pixels on each side.

  Returns:
    `[H + 2 margin, W + 2 margin, ...]`.
  """
  around = [(margin, margin)] * 2 + [(0, 0)] * (planes.ndim - 2)
  return np.pad(planes, around, mode='reflect')


def measured(config: Config, held: Sequence[pictures.Picture]) -> Iterator[Measured]:
  """Yields pictures with what is lost and what is left without a model.

  Files that have changed since they were found, or are gone, are left out.

  Args:
    config: The task, complete.
    held: To read, one after the other.
  """
  for picture in held:
    try:
      digest = files.digest(files.read_bytes(picture.path))
      pixels = pictures.read(picture.path, say=lambda line: None).pixels
    except errors.InputError:
      continue
    if digest == picture.digest:
      high = originals(config, picture, pixels)
      low = degraded(config.degradation, high, picture.seed)
      plain = degradations.undone(config.degradation, low)
      yield Measured(picture, high, low, plain)


def probe_data(
  config: Config, held: Sequence[pictures.Picture]
) -> dict[str, np.ndarray]:
  """Returns patches that are measured during training, evenly from all pictures.

  Args:
    config: The task, complete.
    held: Pictures that are held out, at least one.

  Returns:
    `probe_seen` `[Q, P, P]`, `probe_plain` and `probe_target` `[Q, scale P, scale P]`,
    uint8, as the planes of `Measured`; Q is at most `config.probe_patches`.
  """
  scale = config.degradation.scale
  found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
  for i, one in enumerate(measured(config, held)):
    planes = one.high.shape[2]
    low = mirrored(one.low, config.margin)
    wide = [mirrored(of, config.margin * scale) for of in (one.plain, one.high)]
    # Running totals, so that all pictures together give all patches.
    share = config.probe_patches * (i + 1) // len(held) - len(found)
    for k in range(planes):
      kept = [
        patches.fixed(
          patches.Pair(low[..., k], of[..., k]),
          patch=config.side,
          scale=scale,
          most=share * (k + 1) // planes - share * k // planes,
        )
        for of in wide
      ]
      found += [(plain.low, plain.high, high.high) for plain, high in zip(*kept)]
  names = ('probe_seen', 'probe_plain', 'probe_target')
  return {name: np.stack(made) for name, made in zip(names, zip(*found))}


def restorer_of(loaded: Loaded) -> Restorer:
  """Returns the functions of a model that restores pictures.

  Args:
    loaded: The model.

  Raises:
    ValueError: if it does not.
  """
  if loaded.model.restorer is None:
    raise ValueError(f'Expected a model that restores, got {loaded.model.name}.')
  return loaded.model.restorer
