"""Coding looks as they are: for models that take a lattice and are not trained.

As `looks.task`, but with zero steps: the model is made from the look itself.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from lutjax.fit import fleet
from lutjax.looks import task as looks
from lutjax.types import Loaded, Variables


@dataclasses.dataclass(frozen=True)
class Config(looks.Config):
  """How looks are normalised and scored."""

  def on_pictures(self) -> dict[str, Any] | None:
    return None


def finish(
  config: Config, loaded: Loaded, job: fleet.Job, say: Callable[[str], None]
) -> tuple[Variables, Mapping[str, Any]]:
  """Returns the model of the look itself, at its own nodes.

  Args:
    config: Not used.
    loaded: A model that has `from_lattice`.
    job: Its data, `table` `[N, N, N, 3]`.
    say: Not used.
  """
  del config, say
  if loaded.model.from_lattice is None:
    raise ValueError(f'Expected a model of a lattice, got {loaded.model.name}.')
  return loaded.model.from_lattice(loaded.config, job.data['table']), {}


TASK = looks.TASK._replace(
  name='lattices', config=Config, idle_flags=('seed',), finish=finish
)
