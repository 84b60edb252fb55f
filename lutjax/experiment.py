"""An experiment: one frozen value that holds everything a run depends on."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from lutjax.codec import labels
from lutjax.fit import fleet, loop
from lutjax.types import Loaded


@dataclasses.dataclass(frozen=True)
class Experiment:
  """What a config file's `get_config()` returns.

  Attributes:
    model: Config of a registered model.
    task: Config of a registered task.
    fit: How each model is moved.
    pictures: Looks that the report draws: `auto` (worst 12, median 6, best
      6), `all` or `none`.
    seed: Of every random draw, 32 bits.
  """

  model: Any
  task: Any
  fit: loop.Config = loop.Config()  # noqa: RUF009
  pictures: Literal['auto', 'all', 'none'] = 'auto'
  seed: int = 0

  def __post_init__(self):
    if not 0 <= self.seed < 1 << 32:
      raise ValueError(f'Expected a seed from 0 to {(1 << 32) - 1}, got {self.seed}.')


class Sources(NamedTuple):
  """What the user pointed at, empty where nothing was given.

  Attributes:
    luts: Files, folders, globs of `--luts`.
    images: Those of `--images`.
    pairs: Those of `--pairs`.
    strict: Whether what is odd in a file is an error.
    allow_nonfinite: Whether NaN and infinity in a LUT are let in.
  """

  luts: Sequence[str] = ()
  images: Sequence[str] = ()
  pairs: Sequence[str] = ()
  strict: bool = False
  allow_nonfinite: bool = False


class Gathered(NamedTuple):
  """What a task made of the sources.

  Attributes:
    jobs: One per model, shaped alike.
    inputs: SHA-256 of each input, by name.
    problems: One line per input that was left out because it is broken.
    single: Whether there is one model, which goes to `model.lutjax`.
    labels: Of the looks of each job, by its name; none of models without looks.
    context: What scoring needs beyond the job.
    system: Name of the model that is fitted, for the report; set by the command.
    start: Path and content of an artefact that training goes on from.
    settings: Numbers in [0, 1] that samples have beside colours.
  """

  jobs: Sequence[fleet.Job]
  inputs: Mapping[str, str]
  problems: Sequence[str]
  single: bool
  labels: Mapping[str, tuple[labels.Label, ...]]
  context: Any
  system: str = ''
  start: tuple[str, bytes] | None = None
  settings: int = 0


def labelled(model: Any, gathered: Gathered, name: str) -> Any:
  """Returns a model's config with the looks that its artefact will hold, if any.

  Args:
    model: Config of a model, with a field `looks` where there are any.
    gathered: Names the looks.
    name: Of the job.
  """
  if name not in gathered.labels:
    return model
  return dataclasses.replace(model, looks=gathered.labels[name])


class Finished(NamedTuple):
  """A run whose jobs are done, for the report.

  Attributes:
    experiment: What was run.
    folder: The run folder.
    records: Of the models that are done, as `metrics.jsonl` has them.
    gathered: What the task made of the sources.
    problems: One line per input or model that failed.
    load: Decodes an artefact: `(content, name for messages) -> Loaded`.
  """

  experiment: Experiment
  folder: pathlib.Path
  records: Sequence[Mapping[str, Any]]
  gathered: Gathered
  problems: Sequence[str]
  load: Callable[[bytes, str], Loaded]
