"""Coding looks as they are: for models that take a lattice and are not trained.

As `tasks.looks`, but after no steps at all the look itself is handed over.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from lutjax import models
from lutjax.fit import fleet
from lutjax.tasks import looks
from lutjax.types import Variables

# Flags of a fit that nothing comes of: nothing is drawn.
IDLE_FLAGS = ('seed',)


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are presented and scored."""


def finish(
  config: Config,
  model: Any,
  variables: Variables,
  job: fleet.Job,
  say: Callable[[str], None],
) -> tuple[Variables, Mapping[str, Any]]:
  """Hands the look over, at its own nodes."""
  del config, variables, say
  return models.module_of(model).from_lattice(model, job.data['table']), {}
