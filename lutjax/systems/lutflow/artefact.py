"""The tensors of a LutFlow: floats as they are, integers entropy coded.

Integers come as a step for every column (a byte when learned, else float16),
the lengths of the codes, and the codes in one row of bytes: weights, bias,
codes of the looks, spectra of the residual correction. Decoding uses only integers,
products and tables, so that weights are bit for bit the same everywhere.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from lutjax import config as config_lib
from lutjax import errors
from lutjax.codec import entropy, spectrum
from lutjax.nn import residual_flow, rounding
from lutjax.systems.lutflow import residual_correction
from lutjax.types import PyTree


def flow_to_header(shape: residual_flow.Shape) -> dict[str, Any]:
  """Returns a flow's form as JSON takes it; without settings where there are none.

  Args:
    shape: The form.
  """
  fields: dict[str, Any] = {**dataclasses.asdict(shape)}
  if not shape.settings:
    # So artefacts are what they were before there were settings.
    del fields['settings']
  return fields


def flow_from_header(header: Any) -> residual_flow.Shape:
  """Reads what `flow_to_header` gave.

  Args:
    header: Untrusted.

  Raises:
    ValueError: on a value that no form has; TypeError on another name.
  """
  fields: dict[str, Any] = {
    name: tuple(value) if isinstance(value, list) else value
    for name, value in dict(header).items()
  }
  return config_lib.checked(residual_flow.Shape(**fields))


def to_tensors(precision: str, params: PyTree, stats: PyTree) -> list[np.ndarray]:
  """Returns the tensors that hold a model.

  Args:
    precision: As in `lutflow.Config`.
    params: `flow`, `codes` and, when learned, `steps`.
    stats: `correction`, where looks are corrected.

  Returns:
    Arrays for a container.
  """
  params = jax.tree.map(np.asarray, params)
  matrices = _matrices(params['flow'], params['codes'])
  tensors = [params['flow']['scales']]
  blobs = []
  if precision in ('fp32', 'bf16'):
    dtype = np.float32 if precision == 'fp32' else ml_dtypes.bfloat16
    tensors += [matrix.astype(dtype) for matrix in matrices]
  else:
    kept, columns = _steps(precision, params, matrices)
    tensors.append(np.concatenate([step.ravel() for step in kept]))
    for matrix, step in zip(matrices, columns):
      units = np.rint(matrix / step).astype(np.int64)
      blobs.append(entropy.encode(units, *_by_lane(units.shape[1])))
  if 'correction' in stats:
    correction = jax.tree.map(np.asarray, stats['correction'])
    tensors.append(correction['levels'].astype(np.uint8))
    blobs.append(spectrum.pack(correction['spectra'][correction['levels'] > 0]))
  if blobs:
    tensors.append(np.array([len(blob) for blob in blobs], np.int32))
    tensors.append(np.frombuffer(b''.join(blobs), np.uint8))
  return tensors


def from_tensors(
  precision: str,
  shape: residual_flow.Shape,
  looks: int,
  corrected: bool,
  tensors: Sequence[np.ndarray],
) -> tuple[PyTree, PyTree]:
  """Reads what `to_tensors` made.

  Args:
    precision: As in `lutflow.Config`.
    shape: Of the flow.
    looks: L.
    corrected: Whether there is a residual correction.
    tensors: Untrusted.

  Returns:
    `params` and `stats`, numpy; `params` has `steps` again when learned.

  Raises:
    ArtefactError: when tensors do not fit the shape.
  """
  source = iter(tensors)
  sizes = _sizes(shape, looks)
  scales = _take(source, (shape.blocks, 3), np.float32)
  params: dict[str, Any] = {}
  blobs: Iterator[bytes] = iter(())
  if precision in ('fp32', 'bf16'):
    dtype = np.float32 if precision == 'fp32' else ml_dtypes.bfloat16
    matrices = [_take(source, size, dtype).astype(np.float32) for size in sizes]
    levels = _levels(source, looks) if corrected else None
    blobs = _blobs(source, 1) if corrected else blobs
  else:
    widths = [columns for _, columns in _step_owners(sizes, shape)]
    kept_type = np.int8 if precision == 'learned' else np.float16
    kept = _take(source, (sum(widths),), kept_type)
    levels = _levels(source, looks) if corrected else None
    blobs = _blobs(source, len(sizes) + corrected)
    matrices, params = _integers(precision, sizes, shape, kept, blobs)
  flow = {'scales': scales, **_flow(shape, matrices)}
  params = {**params, 'flow': flow, 'codes': matrices[-1]}
  if levels is None:
    return params, {}
  order = residual_correction.ORDER
  spectra = np.zeros((looks, order, order, order, 3), np.int16)
  used = levels > 0
  spectra[used] = spectrum.unpack(next(blobs), int(used.sum()), order)
  return params, {'correction': {'levels': levels, 'spectra': spectra}}


def step_values(index: np.ndarray) -> np.ndarray:
  """Returns float32 `2^(index / 16)` by products alone, equal on all machines."""
  root = math.sqrt(math.sqrt(math.sqrt(math.sqrt(2.0))))
  within = np.cumprod([1.0, *[root] * (rounding.OCTAVE - 1)])
  whole, part = np.divmod(index.astype(np.int64), rounding.OCTAVE)
  return np.ldexp(within[part], whole).astype(np.float32)


def _matrices(flow: PyTree, codes: np.ndarray) -> list[np.ndarray]:
  weights = [weight for block in flow['weights'] for weight in block]
  bias = [flow['bias'][None]] if 'bias' in flow else []
  return [*weights, *bias, codes]


def _sizes(shape: residual_flow.Shape, looks: int) -> list[tuple[int, int]]:
  bias = [] if shape.small else [(1, shape.code_size)]
  return [*shape.fans * shape.blocks, *bias, (looks, shape.code_size)]


def _flow(shape: residual_flow.Shape, matrices: Sequence[np.ndarray]) -> PyTree:
  each = len(shape.fans)
  weights = [list(matrices[i * each : (i + 1) * each]) for i in range(shape.blocks)]
  flow: dict[str, Any] = {'weights': weights}
  if not shape.small:
    flow['bias'] = matrices[-2][0]
  return flow


def _step_owners(
  sizes: Sequence[tuple[int, int]], shape: residual_flow.Shape
) -> list[tuple[int, int]]:
  """Returns the matrices that carry steps, and their columns; bias uses the codes'."""
  bias = None if shape.small else len(sizes) - 2
  return [(i, size[1]) for i, size in enumerate(sizes) if i != bias]


def _steps(
  precision: str, params: PyTree, matrices: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
  """Returns the steps as kept, once each, and as they apply to each matrix."""
  count = len(jax.tree.leaves(params['flow']['weights']))
  if precision == 'learned':
    exponents = [*jax.tree.leaves(params['steps']['weights']), params['steps']['codes']]
    kept = [np.asarray(rounding.index_of(exponent)) for exponent in exponents]
    values = [step_values(index) for index in kept]
  else:
    bits = int(precision.removeprefix('int'))
    owners = [*matrices[:count], matrices[-1]]
    kept = [
      np.asarray(rounding.column_step(jnp.asarray(owner), bits))[0].astype(np.float16)
      for owner in owners
    ]
    kept = [np.maximum(step, np.finfo(np.float16).tiny) for step in kept]
    values = [step.astype(np.float32) for step in kept]
  columns = [*values[:count], *[values[-1]] * (len(matrices) - count)]
  return kept, columns


def _integers(
  precision: str,
  sizes: Sequence[tuple[int, int]],
  shape: residual_flow.Shape,
  kept: np.ndarray,
  blobs: Iterator[bytes],
) -> tuple[list[np.ndarray], dict[str, Any]]:
  owners = _step_owners(sizes, shape)
  ends = np.cumsum([columns for _, columns in owners])
  parts = np.split(kept, ends[:-1])
  learned = precision == 'learned'
  values = [step_values(p) if learned else p.astype(np.float32) for p in parts]
  steps = {i: step for (i, _), step in zip(owners, values)}
  matrices = []
  for i, size in enumerate(sizes):
    units = entropy.decode(next(blobs), size, *_by_lane(size[1]))
    matrices.append(units.astype(np.float32) * steps.get(i, values[-1]))
  if not learned:
    return matrices, {}
  exponents = [rounding.exponent_of_index(part) for part in parts]
  each = len(shape.fans)
  weights = [exponents[i * each : (i + 1) * each] for i in range(shape.blocks)]
  return matrices, {'steps': {'weights': weights, 'codes': exponents[-1]}}


def _by_lane(lanes: int) -> tuple[entropy.Contexts, int]:
  return entropy.by_lane, lanes


def _take(source: Iterator[np.ndarray], shape: tuple, dtype: Any) -> np.ndarray:
  tensor = next(source, None)
  if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
    found = 'nothing' if tensor is None else f'{tensor.dtype} {tensor.shape}'
    raise errors.ArtefactError(
      f'lutflow tensors: found {found}, expected {np.dtype(dtype)} {shape}'
    )
  return tensor


def _levels(source: Iterator[np.ndarray], looks: int) -> np.ndarray:
  levels = _take(source, (looks,), np.uint8)
  if levels.max(initial=0) > residual_correction.LEVELS:
    raise errors.ArtefactError(
      f'lutflow tensors: found level {levels.max()}, expected at most '
      f'{residual_correction.LEVELS}'
    )
  return levels


def _blobs(source: Iterator[np.ndarray], count: int) -> Iterator[bytes]:
  lengths = _take(source, (count,), np.int32).astype(np.int64)
  joined = _take(source, (int(lengths.sum()),), np.uint8).tobytes()
  ends = np.cumsum(lengths)
  return iter([joined[end - size : end] for end, size in zip(ends, lengths)])
