"""Scoring models that restore pictures, on sets of pictures, beside what else there is.

Every picture is restored by each model in turn, so that figures and times of all come
from one run. Beside them stands what a user has without a model.
"""

import dataclasses
import functools
import os
import pathlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from lutjax import artefacts, errors, progress
from lutjax import config as config_lib
from lutjax.data import degradations
from lutjax.restoration import image_sets, score_rows, scores
from lutjax.types import Restorer

Role = Literal['baseline', 'rival', 'ours', 'published']
Say = Callable[[str], None]

_BASELINES = {'bicubic': 'bicubic', 'noise': 'noisy input', 'jpeg': 'JPEG input'}
_UNCUT = 'noisy input, not cut'
# Names of rows that no model may have.
TAKEN = (*_BASELINES.values(), _UNCUT)


@dataclasses.dataclass(frozen=True)
class Config:
  """What is scored, and how.

  Attributes:
    kind: Of what pictures suffer; `auto` is what the model undoes.
    strengths: Several for a table each: sigma of noise, quality of JPEG; that of the
      model where there is none. Of pairs it says what was done, one at most.
    seed: Of the noise of the first picture of a set; the next has the next.
    rivals: Models that are run beside it: paths or names, separated by commas.
    repeats: Runs per picture that are timed, after one that is not; 0 for no times.
  """

  kind: Literal['auto', 'bicubic', 'noise', 'jpeg'] = 'auto'
  strengths: tuple[int, ...] = ()
  seed: int = 0
  rivals: str = ''
  repeats: int = 1

  def __post_init__(self):
    config_lib.check_ranges(self, seed='[0, 4294967295]', repeats='[0, 100]')


class Method(NamedTuple):
  """A model that is scored.

  Attributes:
    name: In tables.
    role: `ours` or `rival`.
    opened: The model.
  """

  name: str
  role: Role
  opened: artefacts.Opened


class Shown(NamedTuple):
  """The picture that a model gains most on.

  Attributes:
    title: Its set and name.
    note: What was undone.
    panels: `[H, W, 1 or 3]` uint8 by their labels, the original last.
  """

  title: str
  note: str
  panels: Mapping[str, np.ndarray]


class Evaluation(NamedTuple):
  """What came of it.

  Attributes:
    figures: For JSON; `score_table` renders them.
    problems: A line for each picture that could not be scored.
    shown: A picture of each table.
  """

  figures: dict[str, Any]
  problems: list[str]
  shown: list[Shown]


def evaluate(
  ours: Method,
  rivals: Sequence[Method],
  config: Config,
  sets: Sequence[image_sets.ImageSet],
  *,
  pairs: bool = False,
  say: Say = print,
) -> Evaluation:
  """Scores models on sets of pictures.

  Args:
    ours: The model.
    rivals: Others that undo the same.
    config: See `Config`.
    sets: From `image_sets`.
    pairs: Whether the sets are pairs, which are degraded already.
    say: Told of conversions.

  Returns:
    Figures of each degradation, by method and set, with the mean over sets.

  Raises:
    InputError: when nothing could be scored, or rivals and config do not fit.
  """
  wanted = degradations_of(ours, config, pairs=pairs)
  for rival in rivals:
    _check_rival(rival, wanted[0])
  methods = [_Timed(one, _timer(one, config.repeats)) for one in (*rivals, ours)]
  counts = [len(one.examples) for one in sets]
  problems, tables, shown = [], [], []
  # What is said of a picture is said once, not for each strength.
  say = functools.cache(say)
  with progress.bar(total=sum(counts) * len(wanted), unit='picture') as bar:
    for degradation in wanted:
      table, failed, best = _table(degradation, methods, config, sets, pairs, bar, say)
      problems += [line for line in failed if line not in problems]
      tables.append(table)
      shown += best
  not_run = {one.name: one.not_run or 'no picture could be scored' for one in sets}
  for name in tables[0]['pictures']:
    del not_run[name]
  if len(not_run) == len(sets):
    reasons = [*problems, *(f'{name}: {why}' for name, why in not_run.items())]
    raise errors.InputError(f'found no picture to score: {reasons[0]}')
  figures = {
    'model': ours.name,
    'processor': processor(),
    'repeats': config.repeats,
    'models': [_described(method) for method in (ours, *rivals)],
    'sets': [
      {
        'name': one.name,
        'source': one.source,
        'pictures': len(tables[0]['pictures'].get(one.name, ())),
        'not_run': not_run.get(one.name, ''),
      }
      for one in sets
    ],
    'tables': tables,
  }
  return Evaluation(figures, problems, shown)


def degradations_of(
  method: Method, config: Config, *, pairs: bool = False
) -> list[degradations.Degradation]:
  """Returns what a model is to undo.

  Args:
    method: The model.
    config: May ask for another kind, and for several strengths.
    pairs: Whether pictures are degraded already: one way.

  Raises:
    InputError: when the model cannot undo what is asked for.
  """
  own = _restorer(method).degradation(method.opened.loaded.config)
  kind = own.kind if config.kind == 'auto' else config.kind
  strengths = config.strengths or (own.strength,)
  if kind != own.kind and not config.strengths:
    raise errors.InputError(
      f'--set=kind={kind}: found no strengths beside it, expected some: the model '
      f'undoes {own}'
    )
  if pairs and len(strengths) > 1:
    raise errors.InputError(
      f'--set=strengths={",".join(map(str, strengths))}: nothing to do with --pairs, '
      'which are degraded already; expected one at most'
    )
  try:
    found = [degradations.Degradation(kind, strength) for strength in strengths]
  except ValueError as error:
    raise errors.InputError(f'--set=strengths: {error}') from error
  for degradation in found:
    if degradation.scale != own.scale:
      raise errors.InputError(
        f'--set=kind and strengths: found {degradation}, expected the factor of '
        f'{own}, which the model undoes'
      )
  return found


def processor() -> str:
  """Describes what computes: processor or accelerator, number of cores, JAX."""
  cores = os.cpu_count() or 1
  name = platform.processor() or platform.machine()
  listed = pathlib.Path('/proc/cpuinfo')
  if listed.is_file():
    lines = listed.read_text(errors='replace').splitlines()
    named = [line.partition(':')[2] for line in lines if line.startswith('model name')]
    name = ' '.join(named[0].split()) if named else name
  device = jax.devices()[0]
  beside = '' if device.platform == 'cpu' else f'{device.device_kind}, beside '
  return f'{beside}{name}, {cores} cores, jax {jax.__version__}'


class _Timed(NamedTuple):
  """A model ready to run.

  Attributes:
    method: The model.
    process: Restores a picture; also returns milliseconds, if it is timed.
  """

  method: Method
  process: Callable[[np.ndarray], tuple[np.ndarray, float | None]]


def _timer(
  method: Method, repeats: int
) -> Callable[[np.ndarray], tuple[np.ndarray, float | None]]:
  loaded = method.opened.loaded
  process = _restorer(method).process(loaded.config, loaded.variables)

  def run(pixels: np.ndarray) -> tuple[np.ndarray, float | None]:
    restored = process(pixels)  # May compile.
    times = []
    for _ in range(repeats):
      start = time.perf_counter()
      process(pixels)
      times.append(1e3 * (time.perf_counter() - start))
    return restored, float(np.median(times)) if times else None

  return run


def _table(
  degradation: degradations.Degradation,
  methods: Sequence[_Timed],
  config: Config,
  sets: Sequence[image_sets.ImageSet],
  pairs: bool,
  bar: progress.Bar,
  say: Say,
) -> tuple[dict[str, Any], list[str], list[Shown]]:
  """Scores all sets; returns the table, problems and the picture gained most on."""
  problems: list[str] = []
  pictures: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
  best, most = [], -np.inf
  for one in sets:
    for example in one.examples:
      bar.set_description(one.name[:24])
      try:
        sample = image_sets.load(example, degradation, config.seed, say)
      except errors.InputError as error:
        problems.append(str(error))
        bar.update()
        continue
      found, panels = _scored(degradation, methods, sample)
      pictures.setdefault(one.name, {})[example.name] = found
      gain = _gain(degradation, found, methods[-1].method.name)
      if gain > most:
        title = f'{one.name}: {example.name}'
        best, most = [Shown(title, f'{degradation}', panels)], gain
      bar.update()
  described = {timed.method.name: _described(timed.method) for timed in methods}
  # How strongly pairs suffer is not known unless it is said.
  known = not pairs or degradation.kind == 'bicubic' or bool(config.strengths)
  table = {
    'degradation': str(degradation),
    'kind': degradation.kind,
    'strength': degradation.strength,
    'pairs': pairs,
    'measures': list(scores.MEASURES[degradation.kind]),
    'defined': scores.describe(degradation),
    'rows': score_rows.rows(degradation, described, pictures, published=known),
    'pictures': pictures,
  }
  return table, problems, best


def _scored(
  degradation: degradations.Degradation,
  methods: Sequence[_Timed],
  sample: image_sets.Sample,
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
  """Returns the scores of a picture by method, and the pictures by labels."""
  plain = degradations.undone(degradation, sample.low)
  baseline = _BASELINES[degradation.kind]
  found = {}
  if sample.uncut is not None:
    found[_UNCUT] = scores.score(degradation, sample.uncut, sample.high)
  found[baseline] = scores.score(degradation, plain, sample.high)
  panels = {baseline: plain}
  for timed in methods:
    name = timed.method.name
    restored, milliseconds = timed.process(sample.low)
    found[name] = scores.score(degradation, restored, sample.high)
    if milliseconds is not None:
      found[name]['ms'] = milliseconds
    panels[name] = restored
  main = scores.MAIN[degradation.kind]
  labelled = {
    f'{name}, {found[name][main]:.2f} dB': pixels for name, pixels in panels.items()
  }
  return found, labelled | {'original': sample.high}


def _gain(
  degradation: degradations.Degradation,
  found: Mapping[str, Mapping[str, float]],
  name: str,
) -> float:
  main = scores.MAIN[degradation.kind]
  ours, baseline = found[name][main], found[_BASELINES[degradation.kind]][main]
  return 0.0 if ours == baseline else ours - baseline


def _described(method: Method) -> dict[str, Any]:
  loaded = method.opened.loaded
  return {
    'name': method.name,
    'role': method.role,
    'system': loaded.model.name,
    'path': str(method.opened.path),
    'size_bytes': method.opened.size_bytes,
    'table_bytes': _restorer(method).table_bytes(loaded.config, loaded.variables),
  }


def _check_rival(rival: Method, degradation: degradations.Degradation) -> None:
  own = _restorer(rival).degradation(rival.opened.loaded.config)
  if own.scale != degradation.scale:
    raise errors.InputError(
      f'--set=rivals: {rival.opened.path} undoes {own}, expected the factor of '
      f'{degradation}'
    )


def _restorer(method: Method) -> Restorer:
  restorer = method.opened.loaded.model.restorer
  if restorer is None:
    raise ValueError(f'Expected a model that restores, got {method.opened.path}.')
  return restorer
