"""Spending the rest of a LutFlow's budget on what its network gets wrong."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import tqdm

from lutjax.lut import interpolate, lattice
from lutjax.models import lutflow, lutflow_mend
from lutjax.types import Array, PyTree, Variables

# Levels that looks are mended at; 0 is not at all.
LEVELS = (1, 3, 5, 7, 9, 11)
_ITERATIONS = 40


def mend(
  model: lutflow.Config,
  variables: Variables,
  data: PyTree,
  say: Callable[[str], None],
) -> Variables:
  """Adds the mending that the budget leaves room for.

  Args:
    model: Its config, with the labels of its looks.
    variables: Host arrays.
    data: `table` `[L, M, M, M, 3]` and `size` `[L]`.
    say: Told what was spent, and which looks miss the target.

  Returns:
    The model, its `stats` with `mending`.
  """
  bare = len(lutflow.export(model, variables))
  left = model.total_bytes - bare
  if not model.mended or left < 64:
    if left < 0:
      say(
        f'{bare} bytes without mending, {-left} more than budget_bytes='
        f'{model.total_bytes}'
      )
    return variables
  rungs = climb(model, variables, data)
  return spend(model, variables, rungs, left, say)


def climb(
  model: lutflow.Config, variables: Variables, data: PyTree
) -> lutflow_mend.Rungs:
  """Searches every look's spectrum at every level, on all devices.

  Args:
    model: Its config.
    variables: Host arrays.
    data: As `mend` takes it.

  Returns:
    What there is to choose from.
  """
  flow, codes = lutflow.codes_of(model, variables)
  levels = jnp.array(LEVELS, jnp.float32)

  @jax.jit
  def one(flow: PyTree, code: Array, table: Array, size: Array) -> tuple:
    base = lutflow.raw_lattice(model.flow, flow, code, lutflow_mend.SIZE)
    target = _at_size(table, size)

    def at_level(level: Array) -> tuple:
      return lutflow_mend.search(base, target, level, iterations=_ITERATIONS)

    return lutflow_mend.error_of(base, target), *jax.lax.map(at_level, levels)

  devices = jax.local_devices()
  placed = [jax.device_put((flow, codes), device) for device in devices]
  count = codes.shape[0]
  found = []
  with tqdm.tqdm(total=count, desc='mending', unit='look') as bar:
    for start in range(0, count, len(devices)):
      asked = []
      for i, device in zip(range(start, count), devices):
        look = jax.device_put((data['table'][i], data['size'][i]), device)
        weights, all_codes = placed[i - start]
        asked.append(one(weights, all_codes[i], *look))
      found += jax.device_get(asked)
      bar.update(len(asked))
  first, spectra, errors, sizes = (np.stack(part) for part in zip(*found))
  return lutflow_mend.Rungs(
    levels=np.array([0, *LEVELS]),
    spectra=np.swapaxes(np.concatenate([0 * spectra[:, :1], spectra], 1), 0, 1),
    errors=np.concatenate([first[:, None], errors], 1).T,
    size_bytes=np.concatenate([0 * sizes[:, :1], sizes], 1).T,
  )


def spend(
  model: lutflow.Config,
  variables: Variables,
  rungs: lutflow_mend.Rungs,
  budget_bytes: int,
  say: Callable[[str], None],
) -> Variables:
  """Chooses among the rungs what so many bytes afford; see `mend`."""
  looks = np.arange(rungs.errors.shape[1])

  def chosen_mending(chosen: np.ndarray) -> PyTree:
    return {'levels': rungs.levels[chosen], 'spectra': rungs.spectra[chosen, looks]}

  chosen = lutflow_mend.choose(
    rungs,
    lambda chosen: lutflow_mend.size_of(chosen_mending(chosen)),
    budget_bytes=budget_bytes,
    target=model.target_cie76,
  )
  errors = rungs.errors[chosen, looks]
  aim = model.target_cie76 or 2.0 * float(errors.mean())
  missed = [model.looks[i].name for i in np.argsort(-errors) if errors[i] > aim]
  listed = ', '.join(missed[:8]) + (', ...' if len(missed) > 8 else '')
  say(
    f'{int((chosen > 0).sum())} of {len(looks)} looks mended; mean CIE76 at nodes '
    f'{rungs.errors[0].mean():.3f} before, {errors.mean():.3f} after; '
    f'{len(missed)} above {aim:.2f}' + (f': {listed}' if missed else '')
  )
  stats = {**variables.stats, 'mending': chosen_mending(chosen)}
  return variables._replace(stats=stats)


def _at_size(table: Array, size: Array) -> Array:
  """Returns the look `[M, M, M, 3]`, of `size` nodes, on mending's own lattice."""
  nodes = jnp.asarray(lattice.identity(lutflow_mend.SIZE))
  scale = (size - 1) / (table.shape[0] - 1)
  return interpolate.trilinear(table, nodes * scale)
