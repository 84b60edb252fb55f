"""A small picture of the excess, or of the residual of a fit, as AVIF or WebP.

It is a baseline for fitted codes, and is combined with them on detailed images.
Where nothing is clipped the picture may hold any value, so holes are filled with
the means of their neighbours, which take the fewest bytes.
"""

import io
import math
import struct
import warnings
from typing import NamedTuple

import numpy as np
import PIL.Image

from lutjax import errors

_HEAD = struct.Struct('<BBBBff')
_KINDS = ('AVIF', 'WEBP')
# Share of samples beyond either end of the 8-bit scale.
_TAIL = 1e-3


class ResidualPicture(NamedTuple):
  """A residual picture, coded.

  Attributes:
    kind: `AVIF` or `WEBP`.
    scale: Pixels of the image along the side of one of the picture's.
    planes: 3, one per channel; or 1, for the channel of a pixel that the fit
      moves most.
    low: Excess at code 0.
    high: Excess at code 255.
    coded: The file.
  """

  kind: str
  scale: int
  planes: int
  low: float
  high: float
  coded: bytes


def average(
  values: np.ndarray,
  weights: np.ndarray,
  index: np.ndarray,
  size: tuple[int, int],
  scale: int,
) -> np.ndarray:
  """Averages samples into the cells of a small picture and fills the holes.

  Args:
    values: `[n, P]` float, per sample and plane.
    weights: `[n, P]` float32, how much each value counts.
    index: `[n]` flat pixel numbers.
    size: `(H, W)` of the image.
    scale: Side of a cell in pixels.

  Returns:
    `[ceil(H / scale), ceil(W / scale), P]` float32.
  """
  height, width = (math.ceil(side / scale) for side in size)
  cell = (index // size[1] // scale) * width + index % size[1] // scale
  planes = []
  for plane in range(values.shape[1]):
    weight = weights[:, plane]
    count = np.bincount(cell, weight, height * width).reshape(height, width)
    total = np.bincount(cell, weight * values[:, plane], height * width)
    planes.append(_fill(total.reshape(height, width), count))
  return np.stack(planes, axis=-1).astype(np.float32)


def encode(
  picture: np.ndarray,
  kind: str,
  scale: int,
  quality: int,
  subsampling: str = '4:4:4',
  speed: int = 6,
) -> ResidualPicture:
  """Codes a small picture.

  Args:
    picture: `[h, w, 1 or 3]` float32.
    kind: `AVIF` or `WEBP`.
    scale: Kept along.
    quality: 1 to 100.
    subsampling: Of colour in AVIF, `4:4:4` or `4:2:0`.
    speed: Of the AVIF coder, 0 to 10.

  Returns:
    The coded picture.
  """
  low, high = np.quantile(picture, [_TAIL, 1 - _TAIL]).astype(np.float32)
  if not high > low:
    high = low + np.float32(1e-6)
  scaled = np.rint(np.clip((picture - low) / (high - low), 0.0, 1.0) * 255)
  codes = scaled.astype(np.uint8)
  planes = codes.shape[2]
  image = PIL.Image.fromarray(codes[..., 0] if planes == 1 else codes)
  buffer = io.BytesIO()
  if kind == 'AVIF':
    sampling = '4:0:0' if planes == 1 else subsampling
    image.save(
      buffer, kind, quality=quality, subsampling=sampling, speed=speed, max_threads=1
    )
  else:
    image.save(buffer, kind, quality=quality, method=4)
  return ResidualPicture(
    kind, scale, planes, float(low), float(high), buffer.getvalue()
  )


def to_bytes(picture: ResidualPicture) -> bytes:
  """Packs a coded picture; it must come last in a body."""
  kind = _KINDS.index(picture.kind)
  head = _HEAD.pack(kind, picture.scale, picture.planes, 0, picture.low, picture.high)
  return head + picture.coded


def from_bytes(body: bytes, source: str) -> ResidualPicture:
  """Unpacks what `to_bytes` packed.

  Args:
    body: From `to_bytes`.
    source: Named in errors.

  Raises:
    ArtefactError: if it is cut short or altered.
  """
  if len(body) < _HEAD.size:
    raise errors.ArtefactError(
      f'{source}: found {len(body)} bytes of residual picture, expected more'
    )
  kind, scale, planes, spare, low, high = _HEAD.unpack_from(body)
  finite = math.isfinite(low) and math.isfinite(high)
  if kind >= len(_KINDS) or not scale or planes not in (1, 3) or spare or not finite:
    raise errors.ArtefactError(
      f'{source}: found a residual picture of kind {kind}, scale {scale} and {planes} '
      'planes, expected one that this version writes'
    )
  return ResidualPicture(_KINDS[kind], scale, planes, low, high, body[_HEAD.size :])


def decode(
  picture: ResidualPicture, size: tuple[int, int], source: str = 'payload'
) -> list[PIL.Image.Image]:
  """Decodes the picture, after making sure that it is as small as it should be.

  Args:
    picture: The coded picture.
    size: `(H, W)` of the image.
    source: Named in errors.

  Returns:
    One float picture per plane.

  Raises:
    ArtefactError: if it is of another size, or does not decode.
  """
  want = tuple(math.ceil(side / picture.scale) for side in reversed(size))
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('error')
      image = PIL.Image.open(io.BytesIO(picture.coded), formats=[picture.kind])
    if image.size != want:
      raise ValueError(f'found {image.size} pixels, expected {want}')
    mode = 'L' if picture.planes == 1 else 'RGB'
    codes = np.asarray(image.convert(mode), np.float32).reshape(want[1], want[0], -1)
  except (OSError, ValueError, SyntaxError, RuntimeError, Warning) as error:
    reason = ' '.join(str(error).split())[:120]
    raise errors.ArtefactError(
      f'{source}: found a residual picture that does not decode: {reason}'
    ) from error
  step = np.float32(picture.high - picture.low) / np.float32(255.0)
  values = codes * step + np.float32(picture.low)
  return [PIL.Image.fromarray(values[..., i]) for i in range(picture.planes)]


def rows(
  planes: list[PIL.Image.Image], scale: int, width: int, start: int, stop: int
) -> np.ndarray:
  """Enlarges some rows, by cubic convolution.

  Args:
    planes: From `decode`.
    scale: Of the coded picture.
    width: Of the image.
    start: First row.
    stop: Row after the last.

  Returns:
    `[(stop - start) * width, P]` float32.
  """
  box = (0.0, start / scale, width / scale, stop / scale)
  target = (width, stop - start)
  filtering = PIL.Image.Resampling.BICUBIC
  large = [plane.resize(target, filtering, box=box) for plane in planes]
  return np.stack([np.asarray(plane).ravel() for plane in large], axis=-1)


def _fill(total: np.ndarray, count: np.ndarray) -> np.ndarray:
  """Returns cell means; empty cells take the mean of ever larger neighbourhoods."""
  mean = total / np.where(count > 0, count, 1)
  if count.all() or not count.any():
    return mean
  height, width = count.shape
  pad = [(0, height % 2), (0, width % 2)]
  means, filled = np.pad(mean, pad), np.pad((count > 0).astype(np.float64), pad)
  halved = (len(means) // 2, 2, means.shape[1] // 2, 2)
  below = _fill(
    (means * filled).reshape(halved).sum((1, 3)), filled.reshape(halved).sum((1, 3))
  )
  spread = np.repeat(np.repeat(below, 2, axis=0), 2, axis=1)[:height, :width]
  return np.where(count > 0, mean, spread)
