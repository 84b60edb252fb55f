"""Restoring whole pictures on the host: cut into parts, one program for all of them."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from lutjax.data import degradations
from lutjax.systems.tinylut import folding, inference, structure
from lutjax.types import Array, PyTree, Variables

# Pixels of a device program, with margins: for parts of small and of large pictures.
# Memory does not grow beyond what the larger one takes.
_LENGTHS = (1 << 15, 1 << 18)
# Lines are cut to this, so that some of them fit.
_MOST_WIDTH = 4096


def process(
  config: structure.Config, variables: Variables
) -> Callable[[np.ndarray], np.ndarray]:
  """Returns the function that restores a picture, each channel on its own.

  Beyond its rims a picture is mirrored without repeating the edge, by as much as a
  pixel sees, and again where it is smaller than that.

  Args:
    config: The structure.
    variables: Entries, from `tables.to_tables` or an artefact.

  Returns:
    `[H, W, C]` uint8 to `[scale H, scale W, C]` uint8.
  """
  program = jax.tree.map(jnp.asarray, folding.prepare(config, variables))
  form = _form(config)
  scale = config.restores.scale
  margin = max(structure.margins(config))

  def restore(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or not pixels.size:
      raise ValueError(
        f'Expected pixels [H, W, C] uint8, got {list(pixels.shape)} {pixels.dtype}.'
      )
    height, width, channels = pixels.shape
    around = [(margin, margin), (margin, margin), (0, 0)]
    wide = np.pad(pixels, around, mode='reflect')
    result = np.empty((height * scale, width * scale, channels), np.uint8)
    for rows, columns in _parts(height, width, margin):
      seen = wide[rows.start : rows.stop + 2 * margin]
      seen = seen[:, columns.start : columns.stop + 2 * margin]
      for channel in range(channels):
        result[
          rows.start * scale : rows.stop * scale,
          columns.start * scale : columns.stop * scale,
          channel,
        ] = _restored(form, program, seen[..., channel])
    return result

  return restore


def _form(config: structure.Config) -> structure.Config:
  """Returns a config that all models have whose programs are the same."""
  usual = structure.Config()
  return dataclasses.replace(
    config,
    restores=degradations.Degradation('bicubic', config.restores.scale),
    name=usual.name,
    spatial=usual.spatial,
    scaled=usual.scaled,
    width=usual.width,
    learn_shifts=usual.learn_shifts,
    scale_penalty=usual.scale_penalty,
  )


def _parts(height: int, width: int, margin: int) -> Iterator[tuple[slice, slice]]:
  """Yields the rows and columns of parts that fit into a device program."""
  columns = min(width, _MOST_WIDTH)
  room = _LENGTHS[-1] - inference.CHUNK
  rows = max(1, room // (columns + 2 * margin) - 2 * margin)
  for top in range(0, height, rows):
    for left in range(0, width, columns):
      yield (
        slice(top, min(top + rows, height)),
        slice(left, min(left + columns, width)),
      )


def _restored(form: structure.Config, program: PyTree, seen: np.ndarray) -> np.ndarray:
  """Restores a part of a channel, which has its margin around it."""
  margin, scale = max(structure.margins(form)), form.restores.scale
  stride = seen.shape[1]
  height, width = (side - 2 * margin for side in seen.shape)
  count = (height - 1) * stride + width
  needed = seen.size + inference.CHUNK
  codes = np.zeros(next(n for n in _LENGTHS if n >= needed), np.uint8)
  codes[: seen.size] = seen.ravel()
  flat = np.asarray(_jitted(form)(program, codes, stride, count))
  grid = flat[: height * stride].reshape(height, stride, scale, scale)[:, :width]
  return grid.transpose(0, 2, 1, 3).reshape(height * scale, width * scale)


@functools.lru_cache(32)
def _jitted(form: structure.Config) -> Callable[..., Array]:
  return jax.jit(functools.partial(inference.restore_flat, form))
