"""NILUTs and a LutFlow of some looks within so many bytes a look."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.lut import fitted
from lutjax import metrics
from lutjax.codec import labels
from lutjax.fit import fleet, loop
from lutjax.looks import settings
from lutjax.lut import interpolate
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.systems.nilut import model as nilut
from lutjax.types import Array, Batch, Loaded

# Of both hidden layers of a NILUT, whose weights have six bits.
_WIDTHS = (6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 64)
_STEPS = 6000
# Blocks and widths of a LutFlow from so many bytes on.
_FLOWS = ((0, 1, 16), (4_000, 1, 32), (10_000, 2, 32))


class Score(NamedTuple):
  """What a network reaches.

  Attributes:
    size_bytes: Of a look, its share where one network holds all.
    mean: Mean CIE76, mean over looks.
    worst: That of the worst look.
  """

  size_bytes: float
  mean: float
  worst: float


def niluts(tables: np.ndarray, size_bytes: int, rgb: Array) -> Score:
  """Returns the score of the widest NILUTs that fit, one for each look.

  Args:
    tables: Looks `[L, N, N, N, 3]`, read trilinearly.
    size_bytes: Bound on the mean artefact.
    rgb: Colours `[M, 3]` that are scored.
  """
  config = loop.Config(steps=_STEPS, learning_rate=5e-3)
  jobs = [fleet.Job(f'{i}', {'table': table}) for i, table in enumerate(tables)]
  best = None
  for width in _WIDTHS:
    model = nilut.Config(widths=(width, width), precision='int6', aware=True)
    count = sum(a * b for a, b in zip(model.layer_widths, model.layer_widths[1:]))
    # Far too small: not worth a fit.
    if 0.75 * count + 130 < 0.6 * size_bytes:
      continue
    loaded, sizes = fitted.fit(model, config, settings.sampler(0), jobs)
    if np.mean(sizes) > size_bytes:
      break
    best = _score([(one, {}) for one in loaded], float(np.mean(sizes)), tables, rgb)
  if best is None:
    raise ValueError(f'Expected bytes for a NILUT, got {size_bytes}.')
  return best


def flow(tables: np.ndarray, size_bytes: int, rgb: Array) -> Score:
  """Returns the score of one LutFlow of all looks, its residuals corrected.

  Args:
    tables: Looks `[L, N, N, N, 3]`, read trilinearly.
    size_bytes: Bound on the artefact's share of a look.
    rgb: Colours `[M, 3]` that are scored.
  """
  total = size_bytes * len(tables)
  blocks, width = [form for least, *form in _FLOWS if total >= least][-1]
  shape = residual_flow.Shape(
    blocks=blocks, widths=(width, width), conditioned=(1, 2), activation='rational'
  )
  names = tuple(labels.Label(f'{i}') for i in range(len(tables)))
  model = lutflow.Config(flow=shape, budget_bytes=total, patience=200, looks=names)
  config = loop.Config(
    steps=4000, batch_size=1024, learning_rate=1e-2, warmup_steps=50, beta2=0.99
  )
  sizes = np.full(len(tables), tables.shape[1], np.int32)
  job = fleet.Job('all', {'table': tables, 'size': sizes})
  task = lutflow_task.Config()
  (loaded,), _ = fitted.fit(model, config, lutflow_task.sampler(task), [job])
  # An artefact does not say what it was meant to take.
  wanted = dataclasses.replace(loaded.config, budget_bytes=total)
  loaded = loaded._replace(config=wanted)
  variables, _ = lutflow_task.finish(task, loaded, job, print)
  taken = len(lutflow.export(wanted, variables))
  loaded = loaded._replace(variables=variables)
  held = [(loaded, {'lut': np.int32(i)}) for i in range(len(tables))]
  return _score(held, taken / len(tables), tables, rgb)


def _score(
  held: Sequence[tuple[Loaded, Batch]],
  size_bytes: float,
  tables: np.ndarray,
  rgb: Array,
) -> Score:
  means = []
  for (loaded, more), table in zip(held, tables):
    compare = _compared(loaded.model.apply, loaded.config)
    means.append(float(compare(loaded.variables, {'rgb': rgb, **more}, table)))
  return Score(size_bytes, float(np.mean(means)), max(means))


@functools.cache
def _compared(apply: Callable[..., Array], config: object) -> Callable[..., Array]:
  @jax.jit
  def compare(variables: object, batch: Batch, table: Array) -> Array:
    want = interpolate.trilinear(table, batch['rgb'])
    got = apply(config, variables, batch)
    return jnp.mean(metrics.colour_errors(got, want).cie76)

  return compare
