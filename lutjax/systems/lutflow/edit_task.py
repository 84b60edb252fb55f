"""The task that adds looks to a finished LutFlow or removes them, in seconds."""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lutjax import artefacts, errors, experiment, files
from lutjax import config as config_lib
from lutjax.codec import labels
from lutjax.fit import fleet
from lutjax.looks import decoding
from lutjax.looks import task as looks
from lutjax.lut import interpolate, lattice
from lutjax.nn import residual_flow, rounding
from lutjax.systems.lutflow import correction, edit, residual_correction
from lutjax.systems.lutflow import model as lutflow
from lutjax.systems.lutflow import task as lutflow_task
from lutjax.types import Array, Loaded, PyTree, Variables

# Nodes per axis that a code is fitted on.
_NODES = 11
_ITERATIONS = 40


@dataclasses.dataclass(frozen=True)
class Config(lutflow_task.Config):
  """What is done to which model.

  Attributes:
    base: Artefact or run folder of a LutFlow.
    remove: Names of looks to leave out.
    target_cie76: A new look is corrected at the coarsest level that reaches this
      mean error, or else at the finest.
  """

  base: str = ''
  remove: tuple[str, ...] = ()
  target_cie76: float = 1.5

  def __post_init__(self):
    super().__post_init__()
    config_lib.check_ranges(self, target_cie76='(0, inf)')


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the new looks of `sources.luts`, which may be none.

  Args:
    config: The task: base artefact, and looks to remove.
    sources: What the user gave.
    say: Told what is skipped.

  Raises:
    InputError: when there is nothing to do, or a new look bears the name of
      one that is kept.
  """
  loaded = _open(config)
  kept = [loaded.config.looks[i].name for i in _kept(config, loaded.config)]
  if not sources.luts:
    if not config.remove:
      raise errors.InputError('--luts: found nothing, and nothing in --set remove')
    job = fleet.Job('model', {})
    return experiment.Gathered([job], {}, [], True, {'model': ()}, {})
  gathered = looks.gather(config, sources, say)
  for label in gathered.labels['model']:
    if label.name in kept:
      raise errors.InputError(
        f'--luts: {label.name} is in {config.base} already; --set remove takes it out'
      )
  return gathered


def solve(
  config: Config, gathered: experiment.Gathered, say: Callable[[str], None]
) -> tuple[bytes, float, dict[str, Any]]:
  """Makes the new artefact.

  Args:
    config: The task.
    gathered: From `gather`.
    say: Told how well each new look is met.

  Returns:
    The artefact, the seconds it took, and the figures of the new looks.
  """
  loaded = _open(config)
  began = time.perf_counter()
  model, variables = edit.keep(
    loaded.config, loaded.variables, _kept(config, loaded.config)
  )
  (job,) = gathered.jobs
  # Those that are there stay the starts for all new looks: one compilation.
  known = lutflow.codes_of(model, variables)
  for i, label in enumerate(gathered.labels[job.name]):
    one = jax.tree.map(lambda leaf: leaf[i], job.data)  # noqa: B023
    started = time.perf_counter()
    model, variables, error = add_look(
      model, variables, known, label, one, config.target_cie76
    )
    say(
      f'{label.name}: mean CIE76 {error:.3f} at nodes, '
      f'{time.perf_counter() - started:.2f} s'
    )
  content = lutflow.export(model, variables)
  seconds = time.perf_counter() - began
  shipped = artefacts.load_as(lutflow.MODEL, content, job.name)
  return content, seconds, looks.scorer(config, gathered)(shipped, len(content), job)


def add_look(
  model: lutflow.Config,
  variables: Variables,
  known: tuple[PyTree, Array],
  label: labels.Label,
  data: PyTree,
  target: float,
) -> tuple[lutflow.Config, Variables, float]:
  """Fits and adds one look.

  Args:
    model: The model's config.
    variables: The model.
    known: Its flow, and codes to start from (`lutflow.codes_of`).
    label: Of the look.
    data: `table` `[M, M, M, 3]` and its `size`.
    target: Mean CIE76 that it should reach, by residual correction unless the
      model is invertible.

  Returns:
    The model with the look, and the mean CIE76 of the look at nodes.
  """
  plain = dataclasses.replace(model, looks=())
  step = None
  if model.precision == 'learned':
    step = rounding.step_of(jnp.asarray(variables.params['steps']['codes']))
  code, error, base, target_table = _fit_code(plain, *known, step, data)
  order = residual_correction.ORDER
  level, spectra = 0, np.zeros((order, order, order, 3), np.int16)
  for wished in () if model.coefficient else correction.LEVELS:
    if error <= target:
      break
    found, left, _ = _search(base, target_table, float(wished))
    level, spectra, error = wished, np.asarray(found), left
  model, variables = edit.add(model, variables, label, np.asarray(code), level, spectra)
  return model, variables, float(error)


def report(finished: experiment.Finished) -> pathlib.Path:
  """Returns the artefact: the scores of an addition are printed."""
  return finished.folder / f'model{artefacts.SUFFIX}'


TASK = lutflow_task.TASK._replace(
  name='lutflow_add',
  config=Config,
  sources=('luts',),
  idle_flags=('seed', 'precision', 'group_size', 'coordinator', 'fallback'),
  gather=gather,
  solve=solve,
  report=report,
)


@jax.jit
def _search(
  base: Array, target_table: Array, level: Array
) -> tuple[Array, Array, Array]:
  return residual_correction.search(base, target_table, level, iterations=_ITERATIONS)


def _fit_code_of(
  model: lutflow.Config, flow: PyTree, codes: Array, step: Array | None, data: PyTree
) -> tuple[Array, Array, Array, Array]:
  shape = model.flow
  target_table = correction.at_size(data['table'], data['size'])
  rgb = jnp.asarray(lattice.identity(_NODES)).reshape(-1, 3)
  target = interpolate.trilinear(target_table, rgb)
  code, _ = edit.fit_code(shape, flow, codes, rgb, target, step=step)
  base = residual_flow.tabulate(shape, flow, code, residual_correction.SIZE)
  return code, residual_correction.error_of(base, target_table), base, target_table


_fit_code = jax.jit(_fit_code_of, static_argnums=0)


def _open(config: Config) -> Loaded:
  if not config.base:
    raise errors.InputError('--set base: found nothing, expected a LutFlow artefact')
  found = artefacts.find(config.base)
  if len(found) != 1:
    raise errors.InputError(f'--set base={config.base}: expected one LutFlow artefact')
  content = files.read_bytes(found[0], error=errors.ArtefactError)
  loaded = artefacts.load_as(lutflow.MODEL, content, str(found[0]))
  decoding.check_colours_alone(lutflow.MODEL, loaded.config)
  return loaded


def _kept(config: Config, model: lutflow.Config) -> list[int]:
  gone = {labels.find(model.looks, name, '--set=remove') for name in config.remove}
  return [i for i in range(len(model.looks)) if i not in gone]
