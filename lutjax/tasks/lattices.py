"""Coding looks as they are: for models that take a lattice and are not trained.

As `tasks.looks`, but after no steps at all the look itself is handed over.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lutjax import models
from lutjax.fit import fleet, loop
from lutjax.lut import lattice
from lutjax.tasks import experiment, looks
from lutjax.types import Variables


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are presented and scored."""


def gather(
  config: Config, sources: experiment.Sources, say: Callable[[str], None]
) -> experiment.Gathered:
  """Reads the looks of `sources.luts`; see `looks.gather`."""
  return looks.gather(config, sources, say)


def sampler(config: Config) -> loop.Sampler:
  """Returns what draws colours, for a fit that takes steps all the same."""
  return looks.sampler(config)


def finish(
  config: Config,
  model: Any,
  variables: Variables,
  job: fleet.Job,
  say: Callable[[str], None],
) -> Variables:
  """Hands the look over, at its own nodes."""
  del variables, say
  size = int(job.data['size'])
  table = np.asarray(looks.truth(config, job.data, jnp.asarray(lattice.identity(size))))
  return models.module_of(model).from_lattice(model, table)


def scorer(
  config: Config, gathered: experiment.Gathered
) -> Callable[[bytes, fleet.Job], dict[str, Any]]:
  """Returns what scores an artefact against its look; see `looks`."""
  return looks.scorer(config, gathered)


def report(
  wanted: experiment.Experiment,
  folder: pathlib.Path,
  records: Sequence[Mapping[str, Any]],
  gathered: experiment.Gathered,
  problems: Sequence[str],
) -> pathlib.Path:
  """Writes the report of a run; see `looks.report`."""
  return looks.report(wanted, folder, records, gathered, problems)
