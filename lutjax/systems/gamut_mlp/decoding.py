"""Decoding a payload: wide-gamut colours from sRGB codes, some rows at a time."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from lutjax.color import gamut
from lutjax.systems.gamut_mlp import codecs, recovery, residual_picture, sampled, seeded
from lutjax.systems.gamut_mlp import programs as gamut_programs
from lutjax.types import Array


class Decoder:
  """Recovers one image.

  Args:
    programs: Compiled programs.
    model: From `codecs.unpack`.
    codes: `[H, W, 3]` uint8, the whole image.
    source: Named in errors.
  """

  def __init__(
    self,
    programs: gamut_programs.Programs,
    model: codecs.Model,
    codes: np.ndarray,
    source: str = 'payload',
  ):
    self.size = codes.shape[:2]
    self._programs = programs
    self._model = model
    self._codes = codes
    self._drawn = None if model.waves is None else seeded.waves_of(model.waves)
    self._planes = []
    self._polynomial = None
    if model.picture is not None:
      self._planes = residual_picture.decode(model.picture, self.size, source)
    if model.samples is not None:
      grid = sampled.positions(self.size, len(model.samples))
      seen = programs.expand(codes.reshape(-1, 3)[grid])
      self._polynomial = sampled.fit(seen, sampled_to_linear(model.samples))

  def bands(self) -> Iterator[tuple[int, int]]:
    """Yields the first row and the row after the last of each band."""
    step = max(1, gamut_programs.BLOCK // self.size[1])
    for start in range(0, self.size[0], step):
      yield start, min(start + step, self.size[0])

  def band(self, start: int, stop: int) -> np.ndarray:
    """Recovers some rows.

    Args:
      start: First row.
      stop: Row after the last.

    Returns:
      `[stop - start, W, 3]` float32 linear ProPhoto in [0, 1].
    """
    codes = np.ascontiguousarray(self._codes[start:stop]).reshape(-1, 3)
    first = start * self.size[1]
    if self._model.mode == 'plain' or self._model.codec in ('soft', 'sampled'):
      out = self._plain(codes, first)
    else:
      out = self._programs.expand(codes)
      index = gamut_programs.clipped(codes)
      if index.size and self._model.codec != 'clip':
        large = self._large(start, stop)
        near = large.take(index, axis=0) if large is not None else None
        chosen = codes.take(index, axis=0)
        # As one item a colour: a quarter of the time of rows.
        found = _as_items(self._clipped(chosen, first + index, near))
        np.put(_as_items(out), index, found)
    return out.reshape(stop - start, self.size[1], 3)

  def _clipped(
    self, codes: np.ndarray, index: np.ndarray, near: np.ndarray | None
  ) -> np.ndarray:
    model = self._model
    if model.mode == 'gate' and model.layers is not None:
      return _within(self._network(codes, index))
    if self._drawn is not None and model.weight is not None:
      where = gamut_programs.position_features(index, self._codes)
      excess = self._programs.predict_waves(self._drawn, model.weight, codes, where)
    else:
      excess = np.zeros((len(codes), 3), np.float32)
    if model.layers is not None:
      excess += self._network_excess(codes, index)
    if near is not None:
      excess = add_residual(codes, excess, near)
    return self._programs.recover(codes, excess, model.threshold)

  def _plain(self, codes: np.ndarray, first: int) -> np.ndarray:
    programs, model = self._programs, self._model
    if model.bounds is not None:
      bounds = gamut.SoftClipBounds(*map(jnp.float32, model.bounds))
      args = (bounds, codes)
      block = gamut_programs.BLOCK
      out = programs.in_blocks('soft', _soft_expand, args[:1], args[1:], block)
      return out if model.mode == 'plain' else np.clip(out, 0.0, 1.0)
    if self._polynomial is not None:
      args = (self._polynomial, codes)
      block = gamut_programs.BLOCK
      return programs.in_blocks('poly', _polynomial, args[:1], args[1:], block)
    index = np.arange(first, first + len(codes))
    return _within(self._network(codes, index))

  def _network(self, codes: np.ndarray, index: np.ndarray) -> np.ndarray:
    model = self._model
    if model.network is None:
      raise ValueError(f'Expected a network, got codec {model.codec}.')
    if model.network.solved:
      where = gamut_programs.position_features(index, self._codes)
    else:
      where = gamut_programs.places(index, self.size)
    return self._programs.predict_network(model.network, model.layers, codes, where)

  def _network_excess(self, codes: np.ndarray, index: np.ndarray) -> np.ndarray:
    found = self._network(codes, index)
    solved = self._model.network is not None and self._model.network.solved
    return found if solved else self._programs.excess_of(found, codes)

  def _large(self, start: int, stop: int) -> np.ndarray | None:
    if self._model.picture is None:
      return None
    scale = self._model.picture.scale
    return residual_picture.rows(self._planes, scale, self.size[1], start, stop)


def add_residual(codes: np.ndarray, excess: np.ndarray, near: np.ndarray) -> np.ndarray:
  """Adds what a residual picture holds to a predicted excess.

  Args:
    codes: `[n, 3]` uint8.
    excess: `[n, 3]` predicted so far.
    near: `[n, 3]`, or `[n, 1]` for the channel that `strongest` picks.
  """
  if near.shape[1] == 3:
    return excess + near
  total = excess.copy()
  # By flat places: two thirds of the time of rows and columns.
  place = np.arange(0, total.size, 3) + strongest(codes, excess)
  total.reshape(-1)[place] += near[:, 0]
  return total


def strongest(codes: np.ndarray, excess: np.ndarray) -> np.ndarray:
  """Returns which clipped channel of each pixel is predicted to move most.

  Args:
    codes: `[n, 3]` uint8.
    excess: `[n, 3]`, predicted.
  """
  # 255 + 1 wraps to 0. Compared by columns: numpy's argmax is slow on rows of three.
  is_clipped = (codes + np.uint8(1)) < 2
  red, green, blue = np.where(is_clipped, np.abs(excess), np.float32(-1.0)).T
  return np.where(blue > np.maximum(red, green), 2, green > red)


def sampled_to_linear(samples: np.ndarray) -> np.ndarray:
  """Decodes sampled colours `[S, S, 3]` uint16 to linear; `[S * S, 3]`."""
  encoded = samples.reshape(-1, 3) / 65535.0
  toe = encoded < 1 / 32
  return np.where(toe, encoded / 16, np.where(toe, 1.0, encoded) ** 1.8)


def _within(colours: np.ndarray) -> np.ndarray:
  """Returns colours in [0, 1]; forged weights may overflow to what is no number."""
  return np.clip(np.nan_to_num(colours), 0.0, 1.0)


def _as_items(colours: np.ndarray) -> np.ndarray:
  """Views contiguous colours `[n, 3]` as `[n]` items of 12 bytes."""
  return colours.view(f'V{3 * colours.itemsize}')[:, 0]


def _soft_expand(bounds: gamut.SoftClipBounds, codes: Array) -> Array:
  linear = gamut.soft_expand(recovery.decode(codes), bounds)
  return recovery.linear_to_prophoto(linear)


def _polynomial(weight: Array, codes: Array) -> Array:
  return (sampled.terms(recovery.expand(codes)) @ weight).clip(0.0, 1.0)
