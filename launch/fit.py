"""Fits small networks to looks.

  python -m launch.fit --config=configs/nilut.py --luts=FOLDER --out=RUN

RUN gets the artefacts, `report.html`, `metrics.jsonl` and the checkpoints. The
same command resumes a run that was stopped. SIGTERM stops it once the segment or the
images at hand are saved, and at once when it is sent twice.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from . import binary, stopping

if TYPE_CHECKING:
  from lutjax.fit import cluster

_CONFIG = flags.DEFINE_string(
  'config',
  'configs/nilut.py',
  'File with get_config(), or the name of a file in configs/.',
  allow_override=True,
)
_LUTS = binary.define_paths('luts', 'LUT files, folders, globs or .npz archives.')
_IMAGES = binary.define_paths('images', 'Image files, folders or globs.')
_PAIRS = binary.define_paths(
  'pairs', 'Pictures in place of LUTs: FOLDER, or BEFORE,AFTER.'
)
_OUT = flags.DEFINE_string(
  'out', None, 'Run folder.', required=True, allow_override=True
)
_SEED = flags.DEFINE_integer(
  'seed', None, 'Seed of all random draws.', allow_override=True
)
_GROUP_SIZE = flags.DEFINE_integer(
  'group_size',
  0,
  'Models fitted together on a device by vmap; 0 gives 1 on a CPU, 64 elsewhere.',
  lower_bound=0,
  allow_override=True,
)
_PRECISION = flags.DEFINE_string(
  'precision',
  None,
  "Precision of the artefact's weights: fp32, bf16 or int8.",
  allow_override=True,
)
_ENGINE = flags.DEFINE_enum(
  'engine',
  'local',
  ['local', 'ray'],
  'Who fits models that do not depend on each other: this process and its devices, or '
  'actors of the Ray cluster of RAY_ADDRESS or of this host.',
  allow_override=True,
)
_ACTORS = flags.DEFINE_integer(
  'actors',
  None,
  'With --engine=ray: how many, each with a device; by default one for each GPU of the '
  'cluster, or TPU chip, or CPU.',
  lower_bound=1,
  allow_override=True,
)
_RESUME = flags.DEFINE_bool(
  'resume', True, 'Resume the run in --out.', allow_override=True
)
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Remove the run in --out first.', allow_override=True
)
_FALLBACK = flags.DEFINE_bool(
  'fallback',
  False,
  'Remove a checkpoint that cannot be read, and go on from the one before.',
  allow_override=True,
)
_STRICT = flags.DEFINE_bool(
  'strict', False, 'Treat warnings about a LUT file as errors.', allow_override=True
)
_ALLOW_NONFINITE = flags.DEFINE_bool(
  'allow_nonfinite', False, 'Read LUTs with NaN or infinity.', allow_override=True
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator',
  None,
  'Of several processes that run this command together: HOST:PORT of process 0, or '
  'auto, to ask SLURM, Open MPI, the TPU pod or Kubernetes.',
  allow_override=True,
)
_NUM_PROCESSES = flags.DEFINE_integer(
  'num_processes',
  None,
  'How many there are; with --coordinator=HOST:PORT.',
  lower_bound=1,
  allow_override=True,
)
_PROCESS_ID = flags.DEFINE_integer(
  'process_id',
  None,
  'Which of them this is, from 0; with --coordinator=HOST:PORT.',
  lower_bound=0,
  allow_override=True,
)
_PEER_SECONDS = flags.DEFINE_integer(
  'peer_seconds',
  100,
  'After which a process that is silent counts as dead; with --coordinator.',
  lower_bound=1,
  allow_override=True,
)
_START_SECONDS = flags.DEFINE_integer(
  'start_seconds',
  300,
  'For how long processes wait for all others to start; with --coordinator.',
  lower_bound=1,
  allow_override=True,
)
_SET = flags.DEFINE_multi_string(
  'set', [], 'Config field, as key=value; may be repeated.', allow_override=True
)


def main() -> Sequence[str]:
  """Runs the experiment; returns what failed."""
  # Here, not above: `--help` and refusals of flags need none of it.
  from lutjax import config, errors, experiment, systems
  from lutjax.commands import fit
  from lutjax.fit import hosts
  from lutjax.looks import pairs

  settings: experiment.Experiment = config.load(_CONFIG.value, [binary.CONFIGS])
  named = {'seed': _SEED.value, 'precision': _PRECISION.value}
  given = [f'{key}={value}' for key, value in named.items() if value is not None]
  if _PAIRS.value and 'pairs' not in systems.task_of(settings.task).sources:
    settings = dataclasses.replace(settings, task=pairs.from_looks(settings.task))
  _refuse_idle_flags(settings.task)
  settings = config.override(settings, given, flag='--')
  settings = config.override(settings, _SET.value)
  binary.refuse_urls()
  engine = _engine(settings.task)
  _join()
  sources = experiment.Sources(
    luts=_LUTS.value,
    images=_IMAGES.value,
    pairs=_PAIRS.value,
    strict=_STRICT.value,
    allow_nonfinite=_ALLOW_NONFINITE.value,
  )
  try:
    problems = fit.fit(
      settings,
      sources,
      _OUT.value,
      resume=_RESUME.value,
      overwrite=_OVERWRITE.value,
      fallback=_FALLBACK.value,
      group_size=_GROUP_SIZE.value,
      engine=engine,
      stopping=stopping.defer(),
    )
  except errors.Stopped:
    # All processes have found that one was asked.
    hosts.leave()
    raise
  hosts.leave()
  return problems


def _engine(config: Any) -> 'cluster.Engine | None':
  """Returns who fits the models, None for this process."""
  import jax

  from lutjax import errors, systems
  from lutjax.fit import cluster

  if _ENGINE.value == 'local':
    binary.refuse_beside('--engine=local', ['actors'])
    return None
  mode = '--pairs' if _PAIRS.value else f'--config={_CONFIG.value}'
  if not systems.task_of(config).on_ray:
    raise errors.InputError(
      f'--engine=ray: nothing to do with {mode}: Ray fits models that do not depend on '
      'each other'
    )
  binary.refuse_beside('--engine=ray', ['coordinator'])
  cluster.check_installed()
  # Devices of this host are for the actors.
  jax.config.update('jax_platforms', 'cpu')
  return cluster.Engine(_ACTORS.value)


def _join() -> None:
  """Connects this process to the others, if there are any."""
  from lutjax import errors
  from lutjax.fit import hosts

  coordinator, count, index = (
    _COORDINATOR.value,
    _NUM_PROCESSES.value,
    _PROCESS_ID.value,
  )
  counted, waits = ['num_processes', 'process_id'], ['peer_seconds', 'start_seconds']
  if coordinator is None:
    binary.refuse_beside('a fit without --coordinator', [*counted, *waits])
    return
  if coordinator == 'auto':
    binary.refuse_beside('--coordinator=auto', counted)
  else:
    if not re.fullmatch(r'.+:\d{1,5}', coordinator):
      raise errors.InputError(
        f'--coordinator: found {coordinator!r}, expected HOST:PORT or auto'
      )
    if count is None or index is None:
      raise errors.InputError(
        '--coordinator=HOST:PORT: expected --num_processes and --process_id beside it'
      )
    if index >= count:
      raise errors.InputError(
        f'--process_id: found {index}, expected a number below --num_processes={count}'
      )
  hosts.join(
    coordinator,
    count,
    index,
    out=_OUT.value,
    peer_seconds=_PEER_SECONDS.value,
    start_seconds=_START_SECONDS.value,
  )


def _refuse_idle_flags(config: Any) -> None:
  """Refuses flags that the task of `config` does not read."""
  from lutjax import systems

  task = systems.task_of(config)
  mode = '--pairs' if _PAIRS.value else f'--config={_CONFIG.value}'
  idle = [*binary.unread(task.sources), *task.idle_flags]
  binary.refuse_beside(mode, idle)
  if not _LUTS.value:
    binary.refuse_beside('a fit without --luts', ['strict', 'allow_nonfinite'])


def run() -> None:
  """Console entry."""
  binary.run(main)


if __name__ == '__main__':
  run()
