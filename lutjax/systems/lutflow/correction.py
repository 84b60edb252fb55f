"""Correcting the residuals of a LutFlow within the rest of its budget."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import progress
from lutjax.fit import mesh
from lutjax.lut import interpolate, lattice
from lutjax.nn import residual_flow
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import residual_correction
from lutjax.types import Array, PyTree, Variables

# Levels that looks are corrected at; 0 is not at all.
LEVELS = (1, 3, 5, 7, 9, 11)
# The same where a look has `_AMPLE` bytes or more: closer, and none that is coarse.
FINE_LEVELS = (4, 5, 6, 7, 8, 9, 11)
_AMPLE = 100
_ITERATIONS = 60
# Bytes that a corrected look takes at least, in a good choice.
_LEAST_BYTES = 40


def correct(
  model: lutflow.Config,
  variables: Variables,
  data: PyTree,
  say: Callable[[str], None],
  *,
  shares: Array | None = None,
) -> tuple[Variables, dict[str, Any]]:
  """Adds the residual correction that fits into the budget.

  Args:
    model: Its config, with the labels of its looks.
    variables: Host arrays.
    data: `table` `[L, M, M, M, 3]` and `size` `[L]`.
    say: Told what was spent, and which looks miss the target.
    shares: `[33, 33, 33]`, what each node counts (`residual_correction.shares_of`);
      the part of the cube that it stands for unless given.

  Returns:
    The model, its `stats` with `correction`; and, where looks were corrected, `curve`:
    bytes of the artefact and mean CIE76 at nodes, for smaller and larger corrections;
    or `unmet`, a line, where the network alone takes more than the budget.
  """
  bare = len(lutflow.export(model, variables))
  left = model.total_bytes - bare
  if not model.mended or left < 64:
    if left >= 0 or model.precision != 'learned':
      return variables, {}
    unmet = (
      f'{bare} bytes without residual correction, {-left} more than budget_bytes='
      f'{model.total_bytes}'
    )
    say(unmet)
    return variables, {'unmet': unmet}
  candidates = search_levels(
    model,
    variables,
    data,
    levels=levels_for(left, len(model.looks)),
    most=looks_for(left),
    shares=shares,
  )
  corrected = allocate(model, variables, candidates, left, say)
  curve = residual_correction.curve(
    candidates, functools.partial(_size_of, candidates), target=model.target_cie76
  )
  return corrected, {'curve': [(bare + size, error) for size, error in curve]}


def levels_for(budget_bytes: int, looks: int) -> tuple[int, ...]:
  """Returns the levels worth searching where so many looks share a budget.

  Args:
    budget_bytes: For the corrections of all looks.
    looks: Number of looks.
  """
  return FINE_LEVELS if budget_bytes >= _AMPLE * looks else LEVELS


def looks_for(budget_bytes: int) -> int:
  """Returns how many looks are worth searching where all share a budget."""
  return -(-budget_bytes // _LEAST_BYTES)


def search_levels(
  model: lutflow.Config,
  variables: Variables,
  data: PyTree,
  *,
  levels: tuple[int, ...] = LEVELS,
  most: int | None = None,
  shares: Array | None = None,
) -> residual_correction.Candidates:
  """Searches looks' spectra at every level, on all devices.

  Args:
    model: Its config.
    variables: Host arrays.
    data: As `correct` takes it.
    levels: Levels searched.
    most: Looks that are searched, at least 1, those with the largest errors; others
      get no candidate but the first. All of them by default.
    shares: As `correct` takes them.

  Returns:
    What there is to choose from.
  """
  flow, codes = lutflow.codes_of(model, variables)
  steps = jnp.array(levels, jnp.float32)

  def before(flow: PyTree, code: Array, table: Array, size: Array) -> Array:
    base = residual_flow.tabulate(model.flow, flow, code, residual_correction.SIZE)
    return residual_correction.error_of(base, at_size(table, size), shares)

  def search(flow: PyTree, code: Array, table: Array, size: Array) -> tuple:
    base = residual_flow.tabulate(model.flow, flow, code, residual_correction.SIZE)
    target = at_size(table, size)

    def at_level(level: Array) -> tuple:
      return residual_correction.search(
        base, target, level, iterations=_ITERATIONS, shares=shares
      )

    return jax.lax.map(at_level, steps)

  each = functools.partial(_each, flow, np.asarray(codes), data)
  count, order = codes.shape[0], residual_correction.ORDER
  shape = (len(levels) + 1, count)
  errors = np.tile(each(np.arange(count), before, 'measuring'), (shape[0], 1))
  spectra = np.zeros((*shape, order, order, order, 3), np.int16)
  size_bytes = np.zeros(shape)
  worst = np.argsort(-errors[0])[:most]
  found = jax.tree.map(
    lambda leaf: leaf.swapaxes(0, 1), each(worst, search, 'correction')
  )
  spectra[1:, worst], errors[1:, worst], size_bytes[1:, worst] = found
  return residual_correction.Candidates(
    np.array([0, *levels]), spectra, errors, size_bytes
  )


def _each(
  flow: PyTree,
  codes: np.ndarray,
  data: PyTree,
  looks: np.ndarray,
  function: Callable[..., PyTree],
  told: str,
) -> PyTree:
  """Calls a function for each of `looks` `[K]`, one on each device at a time."""
  devices = mesh.make_mesh(jax.local_devices()[: len(looks)])
  many = jax.jit(mesh.over_models(function, devices, 1))
  flows = jax.tree.map(lambda leaf: jnp.stack([leaf] * devices.size), flow)
  flows, found = mesh.place(flows, devices), []
  with progress.bar(total=len(looks), desc=told, unit='look') as bar:
    for start in range(0, len(looks), devices.size):
      # The last devices may have to do a look again.
      some = np.resize(looks[start : start + devices.size], devices.size)
      asked = (codes[some], data['table'][some], data['size'][some])
      found.append(jax.device_get(many(flows, *mesh.place(asked, devices))))
      bar.update(min(devices.size, len(looks) - start))
  return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(looks)], *found)


def allocate(
  model: lutflow.Config,
  variables: Variables,
  candidates: residual_correction.Candidates,
  budget_bytes: int,
  say: Callable[[str], None],
) -> Variables:
  """Chooses a candidate for each look within a number of bytes.

  Args:
    model: Its config, with the labels of its looks.
    variables: Host arrays.
    candidates: From `search_levels`.
    budget_bytes: For the corrections of all looks.
    say: Told how many looks were corrected, and which miss the target.

  Returns:
    The model, its `stats` with `correction`.
  """
  looks = np.arange(candidates.errors.shape[1])
  chosen = residual_correction.choose(
    candidates,
    functools.partial(_size_of, candidates),
    budget_bytes=budget_bytes,
    target=model.target_cie76,
  )
  errors = candidates.errors[chosen, looks]
  aim = model.target_cie76 or 2.0 * float(errors.mean())
  missed = [model.looks[i].name for i in np.argsort(-errors) if errors[i] > aim]
  listed = ', '.join(missed[:8]) + (', ...' if len(missed) > 8 else '')
  say(
    f'{int((chosen > 0).sum())} of {len(looks)} looks corrected; mean CIE76 at nodes '
    f'{candidates.errors[0].mean():.3f} before, {errors.mean():.3f} after; '
    f'{len(missed)} above {aim:.2f}' + (f': {listed}' if missed else '')
  )
  stats = {**variables.stats, 'correction': _chosen(candidates, chosen)}
  return variables._replace(stats=stats)


def _chosen(candidates: residual_correction.Candidates, chosen: np.ndarray) -> PyTree:
  spectra = candidates.spectra[chosen, np.arange(len(chosen))]
  return {'levels': candidates.levels[chosen], 'spectra': spectra}


def _size_of(candidates: residual_correction.Candidates, chosen: np.ndarray) -> int:
  return residual_correction.size_of(_chosen(candidates, chosen))


def at_size(table: Array, size: Array) -> Array:
  """Resamples a look to the lattice of the residual correction.

  Args:
    table: `[M, M, M, 3]`, padded; the first `size` nodes per axis count.
    size: Scalar integer, nodes per axis of the look.

  Returns:
    `[33, 33, 33, 3]`.
  """
  nodes = jnp.asarray(lattice.identity(residual_correction.SIZE))
  scale = (size - 1) / (table.shape[0] - 1)
  return interpolate.trilinear(table, nodes * scale)
