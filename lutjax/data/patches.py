"""Patches of many pictures, drawn on the device.

Pictures are cut into planes, one for each channel or their luma. A `Pair` is a plane
as a model sees it and as it was, `scale` times as large per axis. `Pool` holds the
pairs of all pictures on the host and packs them into flat arrays, which `sample` cuts
patches of; `fixed` cuts the same patches of a plane every time.

Packed data, all of them leaves for the device:
  `high`: `[scale^2 N]` uint8, the planes as they were, row after row.
  `low`: `[N]` uint8, as the model sees them; absent where noise is drawn.
  `starts`: `[K]` int32, where each plane starts in `low`; in `high` at scale^2 times.
  `widths`: `[K]` int32, of the planes in `low`.
  `ends`: `[K]` int32, running totals of the places where a patch fits.
Places are int32, so a pool holds less than 2 GiB of `high`.
"""

import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.types import Array, Batch, Key, PyTree

# What indices of 32 bits reach.
MOST_BYTES = (1 << 31) - 1
# Of a patch: a tile of `_TILE` patches a side then still is far below `MOST_BYTES`.
MOST_PATCH = 512
# Sides of tiles, in patches: a patch cannot lie across two, so few are lost.
_TILE = 4
# ITU-R BT.601 in 2^16ths, as JPEG and Pillow have it: white stays 255.
_LUMA = np.array([19595, 38470, 7471], np.int32)

Planes = Literal['each', 'luma']


class Pair(NamedTuple):
  """A plane before and after something is lost.

  Attributes:
    low: `[H, W]` uint8, what a model sees; None where noise is drawn on the device.
    high: `[scale H, scale W]` uint8, what it shall give.
  """

  low: np.ndarray | None
  high: np.ndarray


def to_planes(pixels: np.ndarray, planes: Planes) -> np.ndarray:
  """Returns what a model is trained on of a picture.

  Args:
    pixels: `[H, W, 1]` or `[H, W, 3]` uint8.
    planes: `each` channel; or `luma`, one plane, the Y of JPEG (0.299 R + 0.587 G +
      0.114 B, rounded).

  Returns:
    `[H, W, K]` uint8.

  Raises:
    ValueError: on other shapes or dtypes.
  """
  if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
    raise ValueError(
      f'Expected pixels [H, W, 1 or 3] uint8, got {list(pixels.shape)} {pixels.dtype}.'
    )
  if planes == 'each' or pixels.shape[2] == 1:
    return pixels
  mixed = pixels.astype(np.int32) @ _LUMA + (1 << 15)
  return (mixed >> 16).astype(np.uint8)[..., None]


class Pool:
  """Planes of many pictures, within a bound of bytes.

  Where a picture would go beyond it, all planes are cut into tiles, of which every
  second one is dropped, as often as needed; later pictures are thinned alike. What is
  kept depends on the order of the pictures alone.

  Attributes:
    size_bytes: Of the planes that are kept.
    every: One of so many tiles is kept; 1 while nothing was dropped.
    pixels: Seen by models, in all pictures.
  """

  def __init__(self, limit_bytes: int, *, patch: int, scale: int):
    """Starts an empty pool.

    Args:
      limit_bytes: Of the planes, at most `MOST_BYTES`; one tile is always kept.
      patch: Side of the patches, in pixels that a model sees, at most `MOST_PATCH`.
      scale: How many times larger the other plane of a pair is per axis.
    """
    if not 0 < limit_bytes <= MOST_BYTES or not 0 < patch <= MOST_PATCH:
      raise ValueError(
        f'Expected 1 to {MOST_BYTES} bytes and patches of 1 to {MOST_PATCH} pixels, '
        f'got {limit_bytes} and {patch}.'
      )
    self.size_bytes = 0
    self.every = 1
    self.pixels = 0
    self._limit = limit_bytes
    self._patch = patch
    self._scale = scale
    self._kept: list[Pair] = []
    self._tiles = 0

  def add(self, pair: Pair) -> None:
    """Takes a plane, or what thinning leaves of it.

    Args:
      pair: Sides of at least `patch` pixels as a model sees them.

    Raises:
      ValueError: on a smaller plane, or one whose two sizes do not match.
    """
    height, width = (side // self._scale for side in pair.high.shape)
    seen = (height, width) if pair.low is None else pair.low.shape
    whole = (height * self._scale, width * self._scale) == pair.high.shape
    if not whole or seen != (height, width):
      raise ValueError(
        f'Expected a plane {self._scale} times as large per axis as what is seen of '
        f'it, got {list(pair.high.shape)} and {list(seen)}.'
      )
    if min(height, width) < self._patch:
      raise ValueError(
        f'Expected sides of {self._patch} or more, got {height} x {width}.'
      )
    self.pixels += height * width
    self._keep(self._thinned([pair]) if self.every > 1 else [pair])
    while self.size_bytes > self._limit and (self.every == 1 or len(self._kept) > 1):
      self._halve()

  def pack(self) -> dict[str, np.ndarray]:
    """Returns the planes as flat arrays (see the module), and forgets them.

    Raises:
      ValueError: if there is none.
    """
    kept, self._kept = self._kept, []
    if not kept:
      raise ValueError('Expected at least one plane, got none.')
    shapes = np.array([pair.high.shape for pair in kept], np.int64) // self._scale
    counts = shapes.prod(axis=1)
    places = (shapes - self._patch + 1).prod(axis=1)
    packed = {
      'high': np.empty(counts.sum() * self._scale**2, np.uint8),
      'starts': (np.cumsum(counts) - counts).astype(np.int32),
      'widths': shapes[:, 1].astype(np.int32),
      'ends': np.cumsum(places).astype(np.int32),
    }
    if kept[0].low is not None:
      packed['low'] = np.empty(counts.sum(), np.uint8)
    kept.reverse()
    for start, count in zip(packed['starts'].astype(np.int64), counts):
      # Taken off the list one by one, so that planes are not held twice.
      low, high = kept.pop()
      area = self._scale**2
      packed['high'][start * area : (start + count) * area] = high.ravel()
      if low is not None:
        packed['low'][start : start + count] = low.ravel()
    return packed

  def _keep(self, pairs: Sequence[Pair]) -> None:
    self._kept += pairs
    self.size_bytes += sum(map(_bytes_of, pairs))

  def _thinned(self, pairs: Sequence[Pair]) -> list[Pair]:
    """Returns every `every`-th tile, counted over all pictures."""
    kept = []
    for pair in pairs:
      for tile in self._cut(pair):
        if self._tiles % self.every == 0:
          kept.append(tile)
        self._tiles += 1
    return kept

  def _halve(self) -> None:
    if self.every == 1:
      self.every = 2
      kept = self._thinned(self._kept)
    else:
      self.every *= 2
      kept = self._kept[::2]
    self._kept, self.size_bytes = [], 0
    self._keep(kept)

  def _cut(self, pair: Pair) -> list[Pair]:
    """Cuts a plane into tiles of about equal size, copies of their part of it."""
    s, side = self._scale, _TILE * self._patch
    ends = []
    for length in pair.high.shape:
      count = max(1, length // s // side)
      ends.append([length // s * i // count for i in range(count + 1)])
    return [
      Pair(
        None if pair.low is None else pair.low[top:bottom, left:right].copy(),
        pair.high[s * top : s * bottom, s * left : s * right].copy(),
      )
      for top, bottom in zip(ends[0], ends[0][1:])
      for left, right in zip(ends[1], ends[1][1:])
    ]


def sample(
  key: Key, data: PyTree, batch: int, *, patch: int, scale: int, sigma: float = 0.0
) -> Batch:
  """Draws patches: every place of every plane is as likely as any other.

  Each patch is turned or mirrored in one of eight ways. Where the data have no `low`,
  Gaussian noise is added to `high`, rounded and cut to 0 to 255.

  Args:
    key: Used once.
    data: From `Pool.pack`.
    batch: How many, B.
    patch: P, the side that was packed for.
    scale: How many times larger the target is per axis; 1 with noise.
    sigma: Of the noise, in codes of 8 bits; not used with `low`.

  Returns:
    `patch` `[B, P, P]` and `target` `[B, scale P, scale P]`, float32 codes.
  """
  place_key, turn_key, noise_key = jax.random.split(key, 3)
  ends = data['ends']
  drawn = jax.random.randint(place_key, (batch,), 0, ends[-1])
  plane = jnp.searchsorted(ends, drawn, side='right')
  place = drawn - jnp.where(plane > 0, ends[plane - 1], 0)
  width = data['widths'][plane]
  row, column = jnp.divmod(place, width - patch + 1)
  start, ways = data['starts'][plane], jax.random.randint(turn_key, (batch,), 0, 8)
  target = _turned(
    _crops(
      data['high'],
      start * scale**2 + (row * width * scale + column) * scale,
      width * scale,
      patch * scale,
    ),
    ways,
  )
  if 'low' in data:
    seen = _turned(
      _crops(data['low'], start + row * width + column, width, patch), ways
    )
  else:
    noise = sigma * jax.random.normal(noise_key, target.shape)
    seen = jnp.clip(jnp.round(target + noise), 0.0, 255.0)
  return {'patch': seen, 'target': target}


def fixed(pair: Pair, *, patch: int, scale: int, most: int) -> list[Pair]:
  """Cuts patches that lie side by side, the same ones every time.

  Args:
    pair: With `low`.
    patch: Side of a patch as a model sees it.
    scale: Of the pair.
    most: Patches at most; of more, some evenly spread ones.

  Returns:
    Views of the planes; none where the plane is smaller than a patch.

  Raises:
    ValueError: if the pair has no `low`.
  """
  if pair.low is None:
    raise ValueError('Expected a pair with low, got None.')
  height, width = pair.low.shape
  corners = [
    (top, left)
    for top in range(0, height - patch + 1, patch)
    for left in range(0, width - patch + 1, patch)
  ]
  count = min(most, len(corners))
  chosen = [corners[i * len(corners) // count] for i in range(count)]
  return [
    Pair(
      pair.low[top : top + patch, left : left + patch],
      pair.high[
        top * scale : (top + patch) * scale, left * scale : (left + patch) * scale
      ],
    )
    for top, left in chosen
  ]


def _bytes_of(pair: Pair) -> int:
  return pair.high.size + (0 if pair.low is None else pair.low.size)


def _crops(flat: Array, starts: Array, strides: Array, side: int) -> Array:
  """Returns squares `[B, side, side]` float32 of rows that lie `strides` apart."""
  rows = starts[:, None] + strides[:, None] * jnp.arange(side)
  row = functools.partial(jax.lax.dynamic_slice, flat, slice_sizes=(side,))
  return jax.vmap(jax.vmap(lambda at: row((at,))))(rows).astype(jnp.float32)


def _turned(squares: Array, ways: Array) -> Array:
  """Mirrors down, across and along the diagonal, by the three bits of `ways`."""
  bits = [(ways[:, None, None] >> bit) & 1 for bit in range(3)]
  squares = jnp.where(bits[0] > 0, squares[:, ::-1], squares)
  squares = jnp.where(bits[1] > 0, squares[:, :, ::-1], squares)
  return jnp.where(bits[2] > 0, jnp.swapaxes(squares, 1, 2), squares)
